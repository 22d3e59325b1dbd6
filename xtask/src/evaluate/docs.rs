//! `docs/evaluation.md`: what people wrote in it stays, the tables are those of the last evaluation.

use std::{fs, process::Command};

use anyhow::{Context as _, Result};

use super::report::Section;
use crate::exec;

/// The file, from the root of the repository.
const FILE: &str = "docs/evaluation.md";

/// The commit that is evaluated, and whether something has changed since.
pub(crate) fn commit() -> Result<String> {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(exec::checkout());
        exec::read(&mut command)
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Ok(if changes.trim().is_empty() {
        commit.trim().to_owned()
    } else {
        format!("{} with changes", commit.trim())
    })
}

/// Puts sections in place of those with the same heading.
pub(crate) fn update(sections: &[Section]) -> Result<()> {
    let path = exec::checkout().join(FILE);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {FILE}"))?;
    let text = sections
        .iter()
        .fold(text, |text, section| replace(&text, section));
    fs::write(&path, text).with_context(|| format!("cannot write {FILE}"))
}

/// A section ends where the next one of its level begins.
fn replace(text: &str, section: &Section) -> String {
    let heading = format!("## {}", section.title);
    let mut lines = text.lines();
    let before: Vec<&str> = lines.by_ref().take_while(|line| *line != heading).collect();
    let after: Vec<&str> = lines.skip_while(|line| !line.starts_with("## ")).collect();
    let mut text = format!("{}\n\n{section}", before.join("\n").trim_end());
    if !after.is_empty() {
        text.push('\n');
        text.push_str(&after.join("\n"));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(title: &'static str) -> Section {
        Section {
            title,
            body: "new\n".to_owned(),
        }
    }

    #[test]
    fn section_takes_the_place_of_its_predecessor() {
        let text = "# Title\n\nwords\n\n## First\n\nold\n\n## Second\n\nold too\n";
        assert_eq!(
            replace(text, &section("First")),
            "# Title\n\nwords\n\n## First\n\nnew\n\n## Second\n\nold too\n"
        );
        assert_eq!(
            replace(text, &section("Second")),
            "# Title\n\nwords\n\n## First\n\nold\n\n## Second\n\nnew\n"
        );
    }

    #[test]
    fn section_that_was_not_there_comes_last() {
        assert_eq!(
            replace("# Title\n\nwords\n", &section("Third")),
            "# Title\n\nwords\n\n## Third\n\nnew\n"
        );
    }
}
