//! A program on a terminal that keeps in mind what it shows.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, Command},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    pty::{OpenptyResult, Winsize, openpty},
};

use crate::lab::{interrupt, namespace::Namespace};

/// How long a program may take to end when asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// A terminal with a program on it.
pub(super) struct Terminal {
    child: Child,
    keys: File,
    shown: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Starts a program on a new terminal, inside a namespace and in a folder.
    pub(super) fn start(
        host: &Namespace,
        program: &Path,
        arguments: &[&str],
        folder: &Path,
        rows: u16,
        columns: u16,
    ) -> Result<Self> {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let OpenptyResult { master, slave } = openpty(&size, None).context("no terminal")?;
        // Else the program has our end too.
        fcntl(&master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).context("no terminal")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(folder)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .stdin(slave.try_clone()?)
            .stdout(slave.try_clone()?)
            .stderr(slave);
        host.put_in(&mut command)?;
        let child = command
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let shown = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let keys = File::from(master);
        let mut output = keys.try_clone()?;
        let parser = Arc::clone(&shown);
        thread::spawn(move || {
            let mut octets = [0; 4096];
            // It ends with an error when nobody has the other end any more.
            while let Ok(number) = output.read(&mut octets) {
                let octets = octets.get(..number).unwrap_or_default();
                let mut parser = parser.lock().unwrap_or_else(PoisonError::into_inner);
                parser.process(octets);
            }
        });
        Ok(Self { child, keys, shown })
    }

    /// Types.
    pub(super) fn write(&mut self, keys: &str) -> Result<()> {
        self.keys
            .write_all(keys.as_bytes())
            .context("the terminal takes no keys")
    }

    /// Looks at what is shown, which must be a screen of its own.
    pub(super) fn look<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> Result<T> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let screen = shown.screen();
        ensure!(
            screen.alternate_screen(),
            "natdiag shows no screen, but:\n{}",
            screen.contents()
        );
        Ok(look(screen))
    }

    /// Types Ctrl-C, and waits for the end.
    pub(super) fn end(mut self) -> Result<()> {
        self.write("\u{3}")?;
        interrupt::wait_until("natdiag does not end", PATIENCE, || {
            Ok(self.child.try_wait()?.is_some())
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            // It was started here and has not been waited for, so its number is still its own.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
