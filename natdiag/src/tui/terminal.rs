//! The terminal while a screen is on it. It is given back on every way out: an end, an error, a signal (which ends the
//! run in good order), and a panic.

use std::{
    io::{self, BufWriter, IsTerminal, Stdout},
    mem::ManuallyDrop,
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver},
    },
    thread,
};

use crossterm::clipboard::CopyToClipboard;
use nix::sys::signal::{Signal, raise};
use ratatui::{
    Frame, Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        event::{self, Event},
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
    layout::{Position, Rect},
};

use crate::log;

/// Octets of a frame that are written at once.
const FRAME_OCTETS: usize = 1 << 16;

/// Whether the terminal is to be given back.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// A screen on the terminal. Dropping it gives the terminal back.
pub(super) struct Screen {
    /// Never dropped: where the terminal is gone it would print that to standard error, and panic if that is gone too.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<BufWriter<Stdout>>>>,
    events: Receiver<Event>,
}

impl Screen {
    /// Takes the terminal.
    pub(super) fn take() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let hook = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                give_back();
                hook(panic);
            }));
        });
        enter()?;
        let out = BufWriter::with_capacity(FRAME_OCTETS, io::stdout());
        let screen = Terminal::new(CrosstermBackend::new(out)).and_then(|terminal| {
            Ok(Self {
                terminal: ManuallyDrop::new(terminal),
                events: listen()?,
            })
        });
        if screen.is_err() {
            give_back();
        }
        screen
    }

    /// Draws what has changed.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame)) -> io::Result<()> {
        self.terminal.draw(draw)?;
        Ok(())
    }

    /// Forgets what is on the screen: the next frame is drawn as a whole.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        // `Terminal::clear` would ask the terminal for the place of the cursor, and the thread of keys takes the
        // answer.
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))
    }

    /// What was typed since the last call.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn events(&mut self) -> io::Result<impl Iterator<Item = Event>> {
        if io::stdout().is_terminal() {
            Ok(self.events.try_iter())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    /// Asks the terminal to put a text into its clipboard; whether it does is its own affair.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let terminal = self.terminal.backend_mut();
        execute!(terminal, CopyToClipboard::to_clipboard_from(text))
    }

    /// Gives the terminal back, stops the process, and takes it again when the process goes on.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        give_back();
        raise(Signal::SIGTSTP)?;
        enter()?;
        self.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn enter() -> io::Result<()> {
    log::hold();
    IS_TAKEN.store(true, Ordering::SeqCst);
    let entered = enable_raw_mode().and_then(|()| execute!(io::stdout(), EnterAlternateScreen));
    if entered.is_err() {
        give_back();
    }
    entered
}

/// Gives the terminal back, once.
fn give_back() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        // A terminal that is gone needs nothing.
        let _ = disable_raw_mode();
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        log::let_go();
    }
}

/// Reads keys in a thread of its own: half an escape sequence would keep everything waiting for the other half.
fn listen() -> io::Result<Receiver<Event>> {
    let (sender, events) = mpsc::channel();
    thread::Builder::new()
        .name("keys".to_owned())
        .spawn(move || {
            while let Ok(event) = event::read() {
                if sender.send(event).is_err() {
                    return;
                }
            }
        })?;
    Ok(events)
}
