//! The live screen: keys to actions, actions and surveys to the app, the app to the terminal. It shows what was
//! decided elsewhere.

mod app;
mod causes;
mod filter;
mod history;
mod keymap;
mod order;
mod terminal;
mod view;
mod window;

use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use ratatui::crossterm::event::Event;

use self::{
    app::{App, Effect},
    terminal::Screen,
    view::theme::Theme,
};
use crate::{
    event::Timestamp,
    report::{
        markdown,
        view::{View, Wish},
    },
    survey::Survey,
};

/// Reports of one second that find a name.
const MOST_OF_A_SECOND: usize = 100;

/// Shows a run on the whole terminal, and the report when that is over.
pub struct Tui {
    app: App,
    theme: Theme,
    screen: Option<Screen>,
    report: Box<dyn View>,
    rows: Option<usize>,
}

impl Tui {
    /// A screen that is not up yet. `report` comes after it; `rows` bounds the table of reports that are exported.
    #[must_use]
    pub fn new(report: Box<dyn View>, rows: Option<usize>) -> Self {
        Self {
            app: App::default(),
            theme: Theme::from_environment(),
            screen: None,
            report,
            rows,
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let screen = match &mut self.screen {
            Some(screen) => screen,
            none => none.insert(Screen::take()?),
        };
        let (app, theme) = (&mut self.app, self.theme);
        screen.draw(|frame| view::draw(frame, app, theme))
    }

    /// Copies the note about the chosen remote host, and says so.
    fn copy(&mut self) -> io::Result<String> {
        let told = view::detail::told(&self.app);
        let Some(screen) = self.screen.as_mut().filter(|_| !told.is_empty()) else {
            return Ok("nothing was found here that a note could tell".to_owned());
        };
        let mut note = Vec::new();
        markdown::write_excerpt(self.app.survey(), &told, &mut note)?;
        screen.copy(&String::from_utf8_lossy(&note))?;
        Ok(
            "note copied, if the terminal takes OSC 52; else e writes the report to a file"
                .to_owned(),
        )
    }

    /// Does what an event asks for. Returns whether the run is to end.
    fn take(&mut self, event: &Event) -> io::Result<Wish> {
        let Event::Key(key) = event else {
            return Ok(Wish::GoOn);
        };
        let Some(action) = keymap::lookup(*key, self.app.mode()) else {
            return Ok(Wish::GoOn);
        };
        match self.app.update(action) {
            Effect::None => {}
            Effect::End => return Ok(Wish::End),
            Effect::Redraw => {
                if let Some(screen) = &mut self.screen {
                    screen.clear()?;
                }
            }
            Effect::Suspend => {
                if let Some(screen) = &mut self.screen {
                    screen.suspend()?;
                }
            }
            Effect::Copy => {
                let message = self.copy()?;
                self.app.say(message);
            }
            Effect::Export => {
                let message = match export(self.app.survey(), self.rows, Path::new("")) {
                    Ok(file) => format!("report written to {}", file.display()),
                    Err(error) => format!("cannot write the report here: {error}"),
                };
                self.app.say(message);
            }
        }
        Ok(Wish::GoOn)
    }
}

impl View for Tui {
    fn begin(&mut self, survey: Survey) -> io::Result<()> {
        self.app.show(survey, false);
        self.draw()
    }

    fn interim(&mut self, survey: Survey) -> io::Result<()> {
        self.app.show(survey, true);
        self.draw()
    }

    fn may_be_late(&self) -> bool {
        true
    }

    fn attend(&mut self) -> io::Result<Wish> {
        let Some(screen) = &mut self.screen else {
            return Ok(Wish::GoOn);
        };
        let mut events = screen.events()?.peekable();
        if events.peek().is_none() {
            return Ok(Wish::GoOn);
        }
        for event in events.collect::<Vec<_>>() {
            if self.take(&event)? == Wish::End {
                return Ok(Wish::End);
            }
        }
        self.draw()?;
        Ok(Wish::GoOn)
    }

    fn release(&mut self) {
        self.screen = None;
    }

    fn finish(&mut self, survey: &Survey) -> io::Result<()> {
        self.release();
        self.report.finish(survey)
    }
}

/// Writes the report to a new file in `directory`, named by the time of the survey, and returns its name.
fn export(survey: &Survey, rows: Option<usize>, directory: &Path) -> io::Result<PathBuf> {
    let time = file_time(survey.end);
    let mut place = 1;
    let (path, file) = loop {
        let name = match place {
            1 => format!("natdiag-{time}.md"),
            place => format!("natdiag-{time}-{place}.md"),
        };
        let path = directory.join(name);
        // Nothing that is there is ever written over or followed.
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists && place < MOST_OF_A_SECOND => {}
            file => break (path, file?),
        }
        place += 1;
    };
    let mut file = BufWriter::new(file);
    markdown::write(survey, &mut file, rows)?;
    file.flush()?;
    Ok(path)
}

/// The time in seconds, in UTC, for the name of a file.
fn file_time(time: Timestamp) -> String {
    let seconds = i64::try_from(time.0 / 1_000_000_000).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| time.0.to_string(),
        |time| time.strftime("%Y%m%dT%H%M%SZ").to_string(),
    )
}

#[cfg(test)]
mod tests;
