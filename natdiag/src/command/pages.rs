//! `natdiag completions` and `natdiag man`: what the definition of the command line says, in other forms.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use thiserror::Error;

use crate::{
    cli::Cli,
    report::{exit_code::ExitStatus, outlet::outlet},
};

/// The section of commands for administrators (man-pages(7)).
const SECTION: &str = "8";

/// Why nothing was written.
#[derive(Debug, Error)]
pub enum PagesError {
    /// Standard output cannot be written.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// A page cannot be written.
    #[error("cannot write the manual page `{}`", .path.display())]
    Page {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Prints what a shell needs to complete arguments.
///
/// # Errors
/// Standard output cannot be written.
pub fn completions(shell: Shell) -> Result<ExitStatus, PagesError> {
    let mut text = Vec::new();
    write_completions(shell, &mut text);
    print(&text)
}

/// Prints the manual page, or writes a page per command into a folder, which is made where it is missing.
///
/// # Errors
/// A page cannot be written.
pub fn man(folder: Option<&Path>) -> Result<ExitStatus, PagesError> {
    let mut root = Cli::command();
    root.build();
    let Some(folder) = folder else {
        return print(&page("natdiag", &root).map_err(PagesError::Output)?);
    };
    write_page(folder, "natdiag", &root)?;
    Ok(ExitStatus::Clear)
}

fn print(text: &[u8]) -> Result<ExitStatus, PagesError> {
    let mut out = outlet();
    out.write_all(text)
        .and_then(|()| out.flush())
        .map_err(PagesError::Output)?;
    Ok(ExitStatus::Clear)
}

fn write_completions(shell: Shell, out: &mut Vec<u8>) {
    clap_complete::generate(shell, &mut Cli::command(), "natdiag", out);
}

/// Writes the page of a command, and those of its subcommands.
fn write_page(folder: &Path, name: &str, command: &clap::Command) -> Result<(), PagesError> {
    let path = folder.join(format!("{name}.{SECTION}"));
    let written = fs::create_dir_all(folder)
        .and_then(|()| page(name, command))
        .and_then(|page| fs::write(&path, page));
    if let Err(source) = written {
        return Err(PagesError::Page { path, source });
    }
    for subcommand in command
        .get_subcommands()
        .filter(|command| command.get_name() != "help")
    {
        write_page(
            folder,
            &format!("{name}-{}", subcommand.get_name()),
            subcommand,
        )?;
    }
    Ok(())
}

/// The page of a command.
fn page(name: &str, command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let command = command.clone().display_name(name);
    let title = name.to_uppercase();
    Man::new(command)
        .section(SECTION)
        .title(title)
        .render(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_learns_the_commands_and_options() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut text = Vec::new();
            write_completions(shell, &mut text);
            let text = String::from_utf8(text).unwrap();
            for word in ["watch", "replay", "server", "attach", "interface", "remote"] {
                assert!(text.contains(word), "{shell} {word}");
            }
        }
        let mut text = Vec::new();
        write_completions(Shell::Fish, &mut text);
        insta::assert_snapshot!("completions_fish", String::from_utf8(text).unwrap());
    }

    #[test]
    fn each_command_has_its_page() {
        let folder = tempfile::tempdir().unwrap();
        let pages = folder.path().join("man8");
        man(Some(&pages)).unwrap();
        let mut names: Vec<_> = fs::read_dir(&pages)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        for name in [
            "natdiag.8",
            "natdiag-check-nat.8",
            "natdiag-check-server.8",
            "natdiag-replay.8",
            "natdiag-watch.8",
        ] {
            assert!(names.iter().any(|found| found == name), "{names:?}");
        }
        let text = fs::read_to_string(pages.join("natdiag-check-server.8")).unwrap();
        insta::assert_snapshot!(
            "man_check_server",
            text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
        );
    }

    #[test]
    fn folder_that_cannot_be_written_is_named() {
        let error = man(Some(Path::new("/proc/no/folder")))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "cannot write the manual page `/proc/no/folder/natdiag.8`"
        );
    }
}
