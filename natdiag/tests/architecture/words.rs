//! Words that the sources under a folder may not hold.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::checkout;

/// Words that sources under a folder may not hold, and why.
struct Rule {
    folder: &'static str,
    except: &'static [&'static str],
    words: &'static [&'static str],
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        folder: "natdiag/src",
        except: &["natdiag/src/bpf", "natdiag/src/lib.rs"],
        words: &["aya::"],
        why: "only `bpf` talks to the kernel's BPF",
    },
    Rule {
        folder: "natdiag/src",
        except: &["natdiag/src/seed.rs"],
        words: &["foldhash", "FixedState", "RandomState"],
        why: "keys of tables are chosen by whoever sends packets, so that their seed must be random",
    },
    Rule {
        folder: "natdiag/src/analysis",
        except: &[],
        words: &[
            "async ",
            "std::fs",
            "std::io",
            "std::net::Tcp",
            "std::net::Udp",
            "std::time",
            "Instant::now",
            "SystemTime",
            // That its types can be saved is derived. What is shown has types of its own.
            "serde_json",
            "Serializer",
            "tracing::",
            "tokio::",
            "crate::report",
            "crate::bpf",
            "crate::capture",
            "crate::command",
        ],
        why: "`analysis` is pure",
    },
    Rule {
        folder: "natdiag/src/report",
        except: &[],
        words: &[
            "crate::bpf",
            "crate::capture",
            "crate::command",
            "analysis::verdict",
            "analysis::tracker",
        ],
        why: "`report` shows and does not decide",
    },
    Rule {
        folder: "natdiag/src",
        except: &["natdiag/src/clock.rs"],
        words: &["Instant::now()", "SystemTime::now()"],
        why: "`clock` is the only clock",
    },
    Rule {
        folder: "natdiag-common/src",
        except: &["natdiag-common/src/pod.rs"],
        words: &["unsafe {", "unsafe impl", "unsafe fn"],
        why: "packets are read without `unsafe`",
    },
    Rule {
        folder: "natdiag-ebpf/src",
        except: &["natdiag-ebpf/src/lab", "natdiag-ebpf/src/bench"],
        words: &[
            "XDP_DROP",
            "XDP_TX",
            "XDP_REDIRECT",
            "XDP_ABORTED",
            "TC_ACT_SHOT",
            "TC_ACT_OK",
            "TC_ACT_REDIRECT",
        ],
        why: "a watching program only passes packets on",
    },
];

#[test]
fn what_must_be_absent_is_absent() {
    let root = checkout();
    let mut found = Vec::new();
    for rule in RULES {
        let files = sources(&root.join(rule.folder));
        assert!(!files.is_empty(), "no sources under {}", rule.folder);
        for file in files {
            let name = file.strip_prefix(&root).unwrap();
            if rule.except.iter().any(|except| name.starts_with(except)) {
                continue;
            }
            let text = fs::read_to_string(&file).unwrap();
            for word in rule.words.iter().filter(|word| code(&text).contains(*word)) {
                found.push(format!("{}: `{word}`, but {}", name.display(), rule.why));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

/// A text without its comments.
fn code(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The files of Rust under a folder.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
