//! What the screen shows and what the person has chosen, without any terminal: `update` takes an action, `show` takes
//! a survey.

use std::net::IpAddr;

use crate::{
    analysis::diagnosis::RemoteDiagnosis,
    report::{
        live::pace::{Pace, Rates},
        table::Topic,
    },
    survey::Survey,
    tui::{
        causes::causes,
        filter::Filter,
        history::History,
        keymap::{Action, Mode},
        order::{Entry, Order, Sort},
        window::Window,
    },
};

/// What fills the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pane {
    /// All remote hosts.
    #[default]
    List,
    /// One of them.
    Detail,
    /// What was found, by cause.
    Causes,
    /// What the keys do.
    Help,
}

/// What is to be done outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing but drawing.
    None,
    /// The terminal is to be drawn from nothing.
    Redraw,
    /// The report is to be written to a file.
    Export,
    /// The note about the chosen remote host is to be copied.
    Copy,
    /// The process is to go to the background.
    Suspend,
    /// The run is to end.
    End,
}

/// Whom the cursor is on.
type Chosen = (usize, Option<IpAddr>);

/// Everything that the screen shows.
#[derive(Debug, Default)]
pub(crate) struct App {
    survey: Survey,
    rates: Vec<Rates>,
    cost_permille: Option<u64>,
    /// The newest survey, while another one is held on the screen.
    newest: Option<(Survey, Vec<Rates>)>,
    is_paused: bool,
    pace: Pace,
    cpu_before: Option<(u64, u64)>,
    history: History,
    order: Order,
    sort: Sort,
    is_reversed: bool,
    topic: Topic,
    filter: Filter,
    /// The filter before the one being typed.
    typing_over: Option<Filter>,
    pane: Pane,
    /// What the help was opened from.
    behind_help: Pane,
    chosen: Option<Chosen>,
    message: Option<String>,
    /// First line shown, of each pane.
    pub(crate) list: Window,
    pub(crate) detail: Window,
    pub(crate) causes: Window,
    pub(crate) help: Window,
}

impl App {
    /// Shows a survey, or keeps it for later where the screen is held still. `is_interval` says whether an interval
    /// has passed.
    pub(crate) fn show(&mut self, survey: Survey, is_interval: bool) {
        let mut rates = Vec::new();
        if is_interval {
            rates = self.pace.rates(&survey);
            self.history.note(&survey);
            self.note_cost(&survey);
        }
        if self.is_paused {
            self.newest = Some((survey, rates));
        } else {
            (self.survey, self.rates) = (survey, rates);
            self.put_in_order();
        }
    }

    /// Does what a key asks for.
    pub(crate) fn update(&mut self, action: Action) -> Effect {
        self.message = None;
        match action {
            Action::End => return Effect::End,
            Action::Redraw => return Effect::Redraw,
            Action::Suspend => return Effect::Suspend,
            Action::Export => return Effect::Export,
            Action::Copy => return Effect::Copy,
            Action::Quit if self.pane == Pane::List => return Effect::End,
            Action::Back if self.pane == Pane::List => {
                self.filter = Filter::default();
                self.put_in_order();
            }
            Action::Back | Action::Quit => self.go_back(),
            Action::Open => self.open(),
            Action::Help if self.pane == Pane::Help => self.pane = self.behind_help,
            Action::Help => {
                self.behind_help = self.pane;
                self.help.line = 0;
                self.pane = Pane::Help;
            }
            Action::Causes if self.pane == Pane::Causes => self.pane = Pane::List,
            Action::Causes => self.pane = Pane::Causes,
            Action::Next => self.step(1),
            Action::Previous => self.step(-1),
            Action::Filter => {
                self.pane = Pane::List;
                self.typing_over = Some(std::mem::take(&mut self.filter));
                self.put_in_order();
            }
            Action::Sort => {
                (self.sort, self.is_reversed) = (self.sort.next(), false);
                self.put_in_order();
            }
            Action::Reverse => {
                self.is_reversed = !self.is_reversed;
                self.put_in_order();
            }
            Action::Topic => self.topic = self.topic.next(),
            Action::Pause => self.pause(),
            Action::Keep => self.typing_over = None,
            Action::Cancel => {
                self.filter = self.typing_over.take().unwrap_or_default();
                self.put_in_order();
            }
            Action::Letter(letter) => self.edit(|text| text.push(letter)),
            Action::Erase => self.edit(|text| {
                text.pop();
            }),
            Action::EraseAll => self.edit(String::clear),
            Action::Up
            | Action::Down
            | Action::PageUp
            | Action::PageDown
            | Action::Top
            | Action::Bottom => self.go(action),
        }
        Effect::None
    }

    /// What the person is doing.
    pub(crate) const fn mode(&self) -> Mode {
        if self.typing_over.is_some() {
            Mode::Type
        } else {
            Mode::Look
        }
    }

    /// Says something until the next key.
    pub(crate) fn say(&mut self, message: String) {
        self.message = Some(message);
    }

    /// What is said.
    pub(crate) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The survey on the screen.
    pub(crate) const fn survey(&self) -> &Survey {
        &self.survey
    }

    /// Packets per second of each source.
    pub(crate) fn rates(&self) -> &[Rates] {
        &self.rates
    }

    /// CPU time that natdiag used in the last interval, in thousandths of a core.
    pub(crate) const fn cost_permille(&self) -> Option<u64> {
        self.cost_permille
    }

    /// How busy remote hosts were.
    pub(crate) const fn history(&self) -> &History {
        &self.history
    }

    /// How long the screen has been held still, in nanoseconds.
    pub(crate) fn held_ns(&self) -> Option<u64> {
        let newest = self.newest.as_ref().map_or(self.survey.end, |(s, _)| s.end);
        self.is_paused.then(|| newest.since(self.survey.end))
    }

    /// The lines of the list.
    pub(crate) const fn order(&self) -> &Order {
        &self.order
    }

    /// How they are sorted, and whether the other way round.
    pub(crate) const fn sort(&self) -> (Sort, bool) {
        (self.sort, self.is_reversed)
    }

    /// What the columns are about.
    pub(crate) const fn topic(&self) -> Topic {
        self.topic
    }

    /// The words that the hosts shown have.
    pub(crate) const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What fills the screen.
    pub(crate) const fn pane(&self) -> Pane {
        self.pane
    }

    /// The entry that the cursor is on.
    pub(crate) fn chosen(&self) -> Option<Entry> {
        self.order.entries().get(self.list.line).copied()
    }

    /// The remote host of an entry.
    pub(crate) fn remote(&self, entry: Entry) -> Option<&RemoteDiagnosis> {
        let source = self.survey.sources.get(entry.source)?;
        source.diagnosis.remotes.get(entry.remote?)
    }

    fn put_in_order(&mut self) {
        let busy = |source, address| self.history.newest(source, address);
        self.order = Order::new(
            &self.survey,
            &self.filter,
            self.sort,
            self.is_reversed,
            &busy,
        );
        // The cursor stays on its host, wherever that has gone.
        let place = self.chosen.and_then(|(source, address)| {
            self.order.entries().iter().position(|entry| {
                entry.source == source && self.remote(*entry).map(|r| r.address) == address
            })
        });
        if let Some(place) = place {
            self.list.line = place;
        } else if self.pane == Pane::Detail {
            // The host is gone from the list, and must not become another one under the eyes of the reader.
            self.pane = Pane::List;
        }
        self.list.line = self
            .list
            .line
            .min(self.order.entries().len().saturating_sub(1));
        if place.is_none() {
            self.remember_choice();
        }
    }

    fn remember_choice(&mut self) {
        // At the top the cursor stays at the top: the worst is what one wants to see.
        self.chosen = self
            .chosen()
            .filter(|_| self.list.line > 0 || self.pane == Pane::Detail)
            .map(|entry| (entry.source, self.remote(entry).map(|r| r.address)));
    }

    fn go(&mut self, action: Action) {
        let window = match self.pane {
            Pane::List => &mut self.list,
            Pane::Detail => &mut self.detail,
            Pane::Causes => &mut self.causes,
            Pane::Help => &mut self.help,
        };
        if let Some(line) = window.moved(action) {
            window.line = line;
        }
        if self.pane == Pane::List {
            let last = self.order.entries().len().saturating_sub(1);
            self.list.line = self.list.line.min(last);
            self.remember_choice();
        }
    }

    fn step(&mut self, by: isize) {
        let last = self.order.entries().len().saturating_sub(1);
        self.list.line = self.list.line.saturating_add_signed(by).min(last);
        self.detail.line = 0;
        self.remember_choice();
    }

    fn open(&mut self) {
        match self.pane {
            Pane::List if self.chosen().is_some() => {
                self.detail.line = 0;
                self.pane = Pane::Detail;
                self.remember_choice();
            }
            Pane::Causes => {
                let causes = causes(&self.survey);
                if let Some(found) = causes.get(self.causes.line) {
                    self.filter = Filter::cause(found.cause);
                    self.pane = Pane::List;
                    self.put_in_order();
                }
            }
            Pane::List | Pane::Detail | Pane::Help => {}
        }
    }

    fn go_back(&mut self) {
        self.pane = match self.pane {
            Pane::Help => self.behind_help,
            Pane::List | Pane::Detail | Pane::Causes => Pane::List,
        };
        self.remember_choice();
    }

    fn edit(&mut self, change: impl FnOnce(&mut String)) {
        let mut text = self.filter.text().to_owned();
        change(&mut text);
        self.filter = Filter::new(&text);
        self.put_in_order();
    }

    fn pause(&mut self) {
        self.is_paused = !self.is_paused;
        if let Some((survey, rates)) = self.newest.take() {
            (self.survey, self.rates) = (survey, rates);
            self.put_in_order();
        }
    }

    fn note_cost(&mut self, survey: &Survey) {
        let Some(cpu_ns) = survey.own_cpu_ns else {
            return;
        };
        if let Some((at, before)) = self.cpu_before {
            let wall_ns = survey.end.0.saturating_sub(at);
            let used_ns = cpu_ns.saturating_sub(before);
            self.cost_permille = used_ns.saturating_mul(1000).checked_div(wall_ns);
        }
        self.cpu_before = Some((survey.end.0, cpu_ns));
    }
}
