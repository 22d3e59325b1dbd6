//! Why a program is not in the kernel: what aya and the verifier say, in one line.

use std::io;

use aya::{EbpfError, programs::ProgramError};
use thiserror::Error;

/// How the lines begin that the verifier ends its log with (`print_verification_stats`, kernel/bpf/verifier.c).
const STATISTICS: [&str; 3] = ["verification time", "stack depth", "processed "];

/// Why a program is not in the kernel.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The maps could not be made.
    #[error("cannot create the BPF maps{}", lacking(.missing))]
    Maps {
        /// What this kernel lacks.
        missing: Vec<&'static str>,
        /// What aya says.
        #[source]
        source: Box<EbpfError>,
    },
    /// The kernel refused the system call.
    #[error("cannot load the BPF program `{program}`")]
    Refused {
        /// Which.
        program: &'static str,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// The verifier refused the program.
    #[error(
        "the kernel's verifier refuses the BPF program `{program}`: {reason} (`-vv` shows all that it said)"
    )]
    Verifier {
        /// Which.
        program: &'static str,
        /// Why.
        reason: String,
    },
    /// Something else went wrong around it.
    #[error("cannot load the BPF program `{program}`")]
    Program {
        /// Which.
        program: &'static str,
        /// What.
        #[source]
        source: Box<ProgramError>,
    },
    /// The object lacks a program or a map.
    #[error("the BPF object has no `{0}`")]
    Missing(&'static str),
}

/// What the kernel's answer to a program means.
pub(in crate::bpf) fn refusal(program: &'static str, error: ProgramError) -> LoadError {
    let ProgramError::LoadError {
        io_error,
        verifier_log,
    } = error
    else {
        let source = Box::new(error);
        return LoadError::Program { program, source };
    };
    let log = verifier_log.to_string();
    match reason(&log) {
        None => LoadError::Refused {
            program,
            source: io_error,
        },
        Some(reason) => {
            tracing::debug!(program, "the verifier's whole log:\n{log}");
            LoadError::Verifier {
                program,
                reason: reason.to_owned(),
            }
        }
    }
}

/// Why the verifier refuses a program: the last that it says before its statistics.
fn reason(log: &str) -> Option<&str> {
    let lines = log.lines().map(str::trim);
    let mut said = lines
        .filter(|line| !line.is_empty() && !STATISTICS.iter().any(|begin| line.starts_with(begin)));
    said.next_back()
}

fn lacking(missing: &[&str]) -> String {
    if missing.is_empty() {
        String::new()
    } else {
        format!("; this kernel has no {}", missing.join(" and no "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_the_verifier_stands_before_its_statistics() {
        for (log, want) in [
            ("", None),
            ("\n \n", None),
            ("processed 9 insns (limit 1000000)\n", None),
            (
                "0: (bf) r6 = r1\n1: (85) call unknown#160\ninvalid func unknown#160\nverification time 41 usec\n\
                 stack depth 0\nprocessed 2 insns (limit 1000000) max_states_per_insn 0\n\n",
                Some("invalid func unknown#160"),
            ),
            ("the log was cut", Some("the log was cut")),
        ] {
            assert_eq!(reason(log), want, "{log}");
        }
    }
}
