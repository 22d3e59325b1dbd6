//! What must be absent from the sources, so that dependencies point one way: circles of files, ways from a lower floor
//! to a higher one, and words that a folder may not hold.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail by a panic"
)]

mod example;
mod graph;
mod imports;
mod tree;
mod words;

use std::path::{Path, PathBuf};

use self::{graph::Graph, tree::Tree};

/// Where each program and each library begins, and the name by which others import it.
const ROOTS: &[(&str, &str)] = &[
    ("natdiag_common", "natdiag-common/src/lib.rs"),
    ("natdiag_ebpf", "natdiag-ebpf/src/lib.rs"),
    ("", "natdiag-ebpf/src/watch/main.rs"),
    ("", "natdiag-ebpf/src/follow/main.rs"),
    ("", "natdiag-ebpf/src/sample/main.rs"),
    ("", "natdiag-ebpf/src/probe/main.rs"),
    ("", "natdiag-ebpf/src/lab/main.rs"),
    ("", "natdiag-ebpf/src/bench/main.rs"),
    ("natdiag", "natdiag/src/lib.rs"),
    ("", "natdiag/src/main.rs"),
    ("", "natdiag/build/main.rs"),
    ("", "xtask/src/main.rs"),
];

/// What the files under a folder may not need, be it by way of others.
struct Floor {
    folder: &'static str,
    /// Other folders and files.
    files: &'static [&'static str],
    /// Modules of other packages.
    packages: &'static [&'static str],
    why: &'static str,
}

const FLOORS: &[Floor] = &[
    Floor {
        folder: "natdiag/src/analysis/tracker",
        files: &["natdiag/src/analysis/verdict"],
        packages: &[],
        why: "what is known of a connection is below what is concluded from it",
    },
    Floor {
        folder: "natdiag/src/analysis",
        files: &[],
        packages: &[
            "clap",
            "aya",
            "tokio",
            "nix",
            "tracing",
            "serde_json",
            "std::env",
            "std::fs",
            "std::io",
            "std::process",
            "std::thread",
        ],
        why: "`analysis` is pure, and knows neither the command line nor the kernel",
    },
    Floor {
        folder: "natdiag/src/capture",
        files: &[
            "natdiag/src/bpf",
            "natdiag/src/command",
            "natdiag/src/report",
            "natdiag/src/tui",
        ],
        packages: &["aya", "tokio"],
        why: "a capture is read where there is no kernel to ask",
    },
    Floor {
        folder: "natdiag/src/report",
        files: &[
            "natdiag/src/command",
            "natdiag/src/metrics",
            "natdiag/src/tui",
        ],
        packages: &[],
        why: "`report` shows what it is given",
    },
];

#[test]
fn no_files_need_each_other_in_a_circle() {
    let circles = Graph::of(&Tree::read(&checkout(), ROOTS)).circles();
    assert!(circles.is_empty(), "\n{}", circles.join("\n"));
}

#[test]
fn no_floor_needs_what_is_above_it() {
    let graph = Graph::of(&Tree::read(&checkout(), ROOTS));
    let mut found = Vec::new();
    for floor in FLOORS {
        let reached = graph.needed_by(Path::new(floor.folder));
        assert!(!reached.is_empty(), "no sources under {}", floor.folder);
        for way in &reached {
            let file = way.last().unwrap();
            let is_above = floor.files.iter().any(|above| lies_in(file, above));
            let package = floor.packages.iter().find(|it| graph.names(file, it));
            if is_above || package.is_some() {
                let way: Vec<_> = way.iter().map(|it| it.display().to_string()).collect();
                let package = package.map_or_else(String::new, |it| format!(" ({it})"));
                found.push(format!("{}{package}, but {}", way.join(" -> "), floor.why));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_source_is_part_of_a_program_or_a_library() {
    let checkout = checkout();
    let tree = Tree::read(&checkout, ROOTS);
    let read = tree.files();
    let mut unread = Vec::new();
    for folder in [
        "natdiag-common/src",
        "natdiag-ebpf/src",
        "natdiag/src",
        "xtask/src",
    ] {
        for file in words::sources(&checkout.join(folder)) {
            let file = file.strip_prefix(&checkout).unwrap();
            if !read.contains(file) {
                unread.push(file.display().to_string());
            }
        }
    }
    assert_eq!(unread, Vec::<String>::new());
}

/// Where the checkout is.
fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Whether a file is a module or belongs to it: `a/b` stands for `a/b.rs` and all that is under `a/b/`.
fn lies_in(file: &Path, module: &str) -> bool {
    file.starts_with(module) || file.with_extension("") == Path::new(module)
}
