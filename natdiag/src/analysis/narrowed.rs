//! What is looked at, and whether any of it was seen: of a filter that nothing has matched, silence says nothing.

use serde::{Deserialize, Serialize};

use super::filter::Filter;
use crate::event::Event;

/// A filter, and whether anything has matched it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Narrowed {
    #[serde(skip)]
    filter: Filter,
    has_matched: bool,
}

impl Narrowed {
    /// Looks only at what a filter admits. One that takes the place of another begins anew; what was saved goes on.
    pub(super) fn set(&mut self, filter: Filter) {
        if self.filter.is_on() && self.filter != filter {
            self.has_matched = false;
        }
        self.filter = filter;
    }

    /// Notes that something was counted for a remote host that the filter admits.
    pub(super) fn note_remote(&mut self) {
        self.has_matched |= self.filter.is_about_remotes();
    }

    /// Notes an event that the filter admits.
    pub(super) fn note(&mut self, event: &Event) {
        self.has_matched |= self.filter.is_matched(event);
    }

    /// The filter, if nothing has matched it.
    pub(super) fn unmatched(&self) -> Option<&Filter> {
        (self.filter.is_on() && !self.has_matched).then_some(&self.filter)
    }
}
