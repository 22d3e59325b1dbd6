//! The programs that follow connections of suspects, on one interface: there while somebody is under suspicion.

use std::error::Error;

use natdiag_common::{Address, LinkType};

use crate::{
    analysis::Analysis,
    bpf::follow::{Follower, NOBODY_FOLLOWED},
    cost::{Fill, Runs},
    error::in_full,
    host::link::Link,
};

/// Who is followed, if that can be.
#[derive(Default)]
pub(super) struct Following {
    follower: Option<Box<Follower>>,
    /// Why somebody was not.
    refusal: Option<String>,
    /// Whether that is of the suspicions that last.
    is_refused: bool,
}

impl Following {
    /// Follows these suspects and nobody else. What is refused once is not tried again before the next suspicion.
    pub(super) fn set(&mut self, suspects: &[Address], link: &Link, link_type: LinkType) {
        if suspects.is_empty() {
            self.follower = None;
            self.is_refused = false;
            return;
        }
        if self.follower.is_none() && !self.is_refused {
            match Follower::attach(link, link_type) {
                Ok(follower) => self.follower = Some(Box::new(follower)),
                Err(error) => self.refuse(&error),
            }
        }
        if let Some(follower) = &mut self.follower
            && let Err(error) = follower.set(suspects)
        {
            self.refuse(&error);
        }
    }

    /// Passes on what has been counted.
    pub(super) fn read(&mut self, analysis: &mut Analysis) {
        match self.follower.as_ref().map(|follower| follower.read()) {
            Some(Ok(all)) => {
                for (remote, counts) in all {
                    analysis.followed(remote, counts);
                }
            }
            Some(Err(error)) => self.refuse(&error),
            None => {}
        }
    }

    /// Follows nobody any more.
    pub(super) fn end(&mut self) {
        self.follower = None;
    }

    /// What is to be known about it.
    pub(super) fn note(&self) -> Option<String> {
        let why = self.refusal.as_ref()?;
        Some(format!("established connections are not followed: {why}"))
    }

    /// How many of the places for suspects are taken.
    pub(super) fn occupied(&self) -> Fill {
        let follower = self.follower.as_ref();
        follower.map_or(NOBODY_FOLLOWED, |follower| follower.occupied())
    }

    /// What the programs have taken so far, where the kernel measures it.
    pub(super) fn runs(&self) -> Vec<Runs> {
        let follower = self.follower.as_ref();
        follower.map(|follower| follower.runs()).unwrap_or_default()
    }

    /// Goes on without what established connections would tell.
    fn refuse(&mut self, error: &dyn Error) {
        self.follower = None;
        self.refusal = Some(in_full(error));
        self.is_refused = true;
    }
}
