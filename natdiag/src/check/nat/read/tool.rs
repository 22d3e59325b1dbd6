//! Programs that know what the kernel shows in no file. Each only lists.

use std::{io, process::Command};

/// Where programs for administrators are, whatever the `PATH` of a user says.
const FOLDERS: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/bin"];

/// Runs a program and returns what it prints.
///
/// # Errors
/// Why there is nothing, in a sentence: it is not installed, or it may not.
pub(super) fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let mut folders = FOLDERS
        .into_iter()
        .map(|folder| format!("{folder}/{program}"));
    let path = folders
        .find(|path| std::path::Path::new(path).exists())
        .unwrap_or_else(|| program.to_owned());
    let output = Command::new(path)
        .args(arguments)
        .env("LC_ALL", "C")
        .output();
    match output {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        }
        Ok(output) => {
            let error = String::from_utf8_lossy(&output.stderr);
            let why = error.lines().next().unwrap_or("it failed").trim();
            Err(format!("`{program}` says: {why}"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(format!("`{program}` is not installed"))
        }
        Err(error) => Err(format!("`{program}` cannot be run: {error}")),
    }
}
