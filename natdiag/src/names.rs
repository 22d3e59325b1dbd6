//! What remote hosts are called, by reverse DNS. Off unless asked for; only hosts that are shown are asked about;
//! nobody waits for an answer but who says how long. A name is what the owner of the address wrote there, and proves
//! nothing.
//!
//! The resolver of this host is asked (`getnameinfo(3)`), as everybody else here asks it: with its `/etc/hosts`, its
//! servers and its cache. That call blocks, so that a few threads make it.

use std::{
    collections::HashSet,
    net::IpAddr,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::Duration,
};

use crate::recent::Recent;

/// Questions that are asked at once: each may keep its thread for as long as the resolver is patient.
const ASKING: usize = 4;
/// Questions that wait for a thread. What does not fit is asked when it is shown again.
const WAITING: usize = 256;
/// Answers kept in use; that an address has no name is one.
const REMEMBERED: usize = 4096;
/// Longest name (RFC 1035, 2.3.4).
const MAX_LEN: usize = 253;

/// The names of addresses; none where nobody asked for names.
#[derive(Clone, Debug, Default)]
pub struct Names(Option<Asking>);

#[derive(Clone, Debug)]
struct Asking {
    questions: SyncSender<IpAddr>,
    answers: Arc<Answers>,
}

#[derive(Debug)]
struct Answers {
    known: Mutex<Known>,
    /// A question was answered.
    answered: Condvar,
}

#[derive(Debug)]
struct Known {
    names: Recent<IpAddr, Option<Arc<str>>>,
    /// Addresses that were asked about and not answered yet.
    open: HashSet<IpAddr>,
}

impl Names {
    /// Names from this host's resolver.
    #[must_use]
    pub fn of_resolver() -> Self {
        Self::by(look_up)
    }

    /// Names that `look_up` finds.
    pub(crate) fn by(look_up: fn(IpAddr) -> Option<String>) -> Self {
        let (questions, to_ask) = mpsc::sync_channel(WAITING);
        let to_ask = Arc::new(Mutex::new(to_ask));
        let answers = Arc::new(Answers {
            known: Mutex::new(Known {
                names: Recent::new(REMEMBERED),
                open: HashSet::new(),
            }),
            answered: Condvar::new(),
        });
        for _ in 0..ASKING {
            let (to_ask, answers) = (Arc::clone(&to_ask), Arc::clone(&answers));
            let thread = thread::Builder::new().name("names".to_owned());
            let started = thread.spawn(move || {
                while let Some(address) = next(&to_ask) {
                    answers.note(address, look_up(address));
                }
            });
            if let Err(error) = started {
                tracing::warn!(%error, "there are fewer threads to ask for names");
            }
        }
        Self(Some(Asking { questions, answers }))
    }

    /// Whether names were asked for.
    #[must_use]
    pub const fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// What an address is called, if that is known by now. Else it is asked, and may be known later.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<Arc<str>> {
        let asking = self.0.as_ref()?;
        let mut known = asking.answers.known();
        if let Some(answer) = known.names.get(address) {
            return answer;
        }
        if !known.open.contains(&address) && asking.questions.try_send(address).is_ok() {
            known.open.insert(address);
        }
        None
    }

    /// What an address is called, if that is known. Nobody is asked.
    #[must_use]
    pub fn known(&self, address: IpAddr) -> Option<Arc<str>> {
        let asking = self.0.as_ref()?;
        asking.answers.known().names.get(address).flatten()
    }

    /// Waits until every question is answered, but no longer than this.
    pub fn settle(&self, patience: Duration) {
        if let Some(asking) = &self.0 {
            let answers = &asking.answers;
            let waited = answers
                .answered
                .wait_timeout_while(answers.known(), patience, |known| !known.open.is_empty());
            drop(waited);
        }
    }
}

impl Answers {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, address: IpAddr, name: Option<String>) {
        let mut known = self.known();
        known.open.remove(&address);
        known.names.insert(address, name.map(Arc::from));
        self.answered.notify_all();
    }
}

/// The next question, or none when nobody is left who could ask.
fn next(questions: &Mutex<Receiver<IpAddr>>) -> Option<IpAddr> {
    let questions = questions.lock().unwrap_or_else(PoisonError::into_inner);
    questions.recv().ok()
}

/// Asks this host's resolver.
fn look_up(address: IpAddr) -> Option<String> {
    let answer = dns_lookup::lookup_addr(&address).ok()?;
    // An address without a name is answered by itself.
    (is_name(&answer) && answer.parse::<IpAddr>().is_err()).then_some(answer)
}

/// Whether a text is a host name: it comes from a stranger, and goes to a terminal.
fn is_name(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
    (1..=MAX_LEN).contains(&text.len()) && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn address(host: u32) -> IpAddr {
        std::net::Ipv4Addr::from(0x0a00_0000 + host).into()
    }

    #[test]
    fn name_is_known_later_and_asked_for_once() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let names = Names::by(|address| {
            ASKED.fetch_add(1, Ordering::SeqCst);
            Some(format!("host-{address}"))
        });
        assert_eq!(names.known(address(1)), None);
        let _ = names.of(address(1));
        let _ = names.of(address(1));
        names.settle(PATIENCE);
        assert_eq!(names.of(address(1)).as_deref(), Some("host-10.0.0.1"));
        assert_eq!(names.known(address(1)).as_deref(), Some("host-10.0.0.1"));
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn resolver_that_does_not_answer_keeps_nobody_waiting() {
        static HUNG: Mutex<()> = Mutex::new(());
        let hung = HUNG.lock();
        let names = Names::by(|_| {
            drop(HUNG.lock());
            None
        });
        for host in 0..10_000 {
            assert_eq!(names.of(address(host)), None);
        }
        names.settle(Duration::from_millis(1));
        let open = names.0.as_ref().unwrap().answers.known().open.len();
        assert!((1..=WAITING + ASKING).contains(&open), "{open}");
        drop(hung);
        names.settle(PATIENCE);
        assert!(names.0.unwrap().answers.known().open.is_empty());
    }

    #[test]
    fn without_being_asked_for_there_are_no_names() {
        let names = Names::default();
        assert!(!names.are_on());
        assert_eq!(names.of(address(1)), None);
        names.settle(PATIENCE);
    }

    #[test]
    fn name_that_could_steer_a_terminal_is_none() {
        for (text, want) in [
            ("server-1.example", true),
            ("_dmarc.example", true),
            ("", false),
            ("a b", false),
            ("\u{1b}[2J.example", false),
            (&"a".repeat(254), false),
        ] {
            assert_eq!(is_name(text), want, "{text:?}");
        }
    }
}
