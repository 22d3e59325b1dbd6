//! `natdiag probe fragments`: responses of a server with segments of several sizes, under the eyes of the programs that
//! watch.

mod watcher;

use std::io::Write;

use self::watcher::Watcher;
use super::{
    ProbeError, find, link_type,
    progress::{self, Progress},
    tls_of, write,
};
use crate::{
    analysis::diagnosis::Diagnosis,
    bpf::{order::HOLD_BACK_NS, probe::ProbeProgram},
    cli::probe::FragmentsArgs,
    clock::Clock,
    host::{address, path::Path},
    privilege,
    probe::{
        connector::ConnectError,
        echo::{Echoes, exchange::Exchange},
        fetch::Source,
        fragments::{FragmentsRecord, Response, Sighting, answer::answer},
        plan::shortest_pause_ns,
        socket::Signals,
        survey::{ProbeSurvey, Tested},
        tls::Tls,
    },
    report::{
        exit_code::ExitStatus,
        probe::plan::{self, Fetch},
    },
    survey::{SourceSurvey, Survey},
    value::hook::TcHook,
};

/// What was dropped before an interface with private addresses only.
const BEHIND_NAT: &str = "fragments that a NAT gateway dropped before this host";
/// How long the last packets of a response are waited for: longer than records are held back.
const SETTLING_NS: u64 = 2 * HOLD_BACK_NS;

/// Tests, reports, and says how it ended.
///
/// # Errors
/// The test cannot be made. Whatever is attached is detached.
pub(super) fn run(args: &FragmentsArgs, out: &mut dyn Write) -> Result<ExitStatus, ProbeError> {
    let tls = tls_of(&args.target)?;
    let targets = find(&args.target.addresses()?)?;
    if args.dry_run {
        let fetch = Fetch {
            target: &args.target,
            payload_octets: args.payload.as_ref().map(|payload| payload.0.len()),
            connections: args.limits.max_connections,
            rate: args.limits.rate,
            icmp: args.icmp,
        };
        plan::write_fragments(out, fetch, &targets).map_err(ProbeError::Output)?;
        return Ok(ExitStatus::Clear);
    }
    privilege::check("probe")?;
    let signals = Signals::new().map_err(ProbeError::Signals)?;
    let request = request(args);
    let clock = Clock::start();
    let mut test = Test {
        args,
        clock,
        signals: &signals,
        progress: Progress::start(targets.len()),
        probed: ProbeSurvey {
            survey: Survey {
                start: clock.now(),
                ..Survey::default()
            },
            tested: Vec::new(),
        },
    };
    for (remote, path) in targets {
        let source = Source {
            remote,
            request: &request,
            tls: tls.as_ref(),
            clock,
            signals: &signals,
        };
        if test.run(&source, &path)?.is_interrupted() {
            break;
        }
    }
    let Test {
        progress,
        mut probed,
        ..
    } = test;
    drop(progress);
    probed.survey.end = clock.now();
    write(out, args.output, &probed)?;
    Ok(ExitStatus::of(&probed.survey))
}

fn request(args: &FragmentsArgs) -> Vec<u8> {
    if let Some(payload) = &args.payload {
        return payload.0.clone();
    }
    let path = args.target.path.as_deref().unwrap_or("/");
    format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: natdiag/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        args.target.host,
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes()
}

/// How the test of an address has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    ByItself,
    Interrupted,
}

impl Ended {
    fn is_interrupted(self) -> bool {
        self == Self::Interrupted
    }
}

/// The test of one address after the other.
struct Test<'a> {
    args: &'a FragmentsArgs,
    clock: Clock,
    signals: &'a Signals,
    progress: Progress,
    probed: ProbeSurvey,
}

impl Test<'_> {
    /// Tests one address and adds it to the survey.
    fn run(&mut self, source: &Source, path: &Path) -> Result<Ended, ProbeError> {
        let mut program = ProbeProgram::attach(&path.link, link_type(path)?, TcHook::Auto)?;
        let mut watcher = Watcher::attach(path, source.remote, self.clock)?;
        let mut record = FragmentsRecord {
            address: source.remote.ip(),
            responses: Vec::new(),
        };
        let mut ended = self.fetch(source, &mut program, &mut watcher, &mut record)?;
        let (sighting, mut survey) = watcher.finish(path)?;
        survey.notes.extend(program.notes().iter().cloned());
        let mut echoes = None;
        if self.args.icmp && !ended.is_interrupted() {
            self.progress.say(source.remote, "sending ICMP echoes");
            let exchanged = Exchange::open(source.remote.ip(), self.clock, self.signals)
                .and_then(|exchange| exchange.run());
            match exchanged {
                Ok(all) => echoes = Some(all),
                Err(error) if error.is_interruption() => ended = Ended::Interrupted,
                // What was found about TCP is not lost for it.
                Err(error) => survey.notes.push(error.to_string()),
            }
        }
        self.add(source, path, record, (sighting, survey), echoes);
        Ok(ended)
    }

    /// Fetches responses until nothing is left to ask.
    fn fetch(
        &mut self,
        source: &Source,
        program: &mut ProbeProgram,
        watcher: &mut Watcher,
        record: &mut FragmentsRecord,
    ) -> Result<Ended, ProbeError> {
        let limits = &self.args.limits;
        let most = usize::try_from(limits.max_connections).unwrap_or(usize::MAX);
        let pause_ns = shortest_pause_ns(limits.rate);
        while record.responses.len() < most
            && let Some(mss) = record.next()
        {
            let stand = progress::of_fragments(record, mss);
            self.progress.say(source.remote, &stand);
            let began_ns = self.clock.monotonic_ns();
            let fetched = source.fetch(mss, program, &mut || watcher.turn());
            let settled_ns = self.clock.monotonic_ns() + SETTLING_NS;
            let fetched = fetched.and_then(|fetched| {
                let until_ns = settled_ns.max(began_ns + pause_ns);
                self.signals.sleep_until(self.clock, until_ns)?;
                Ok(fetched)
            });
            match fetched {
                Ok(fetched) => {
                    watcher.turn();
                    let (fragments, largest_fragment_octets) = watcher.take_fragments(fetched.port);
                    record.responses.push(Response {
                        mss,
                        octets: fetched.octets,
                        ending: fetched.ending,
                        fragments,
                        largest_fragment_octets,
                    });
                }
                Err(ConnectError::Interrupted) => return Ok(Ended::Interrupted),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Ended::ByItself)
    }

    fn add(
        &mut self,
        source: &Source,
        path: &Path,
        record: FragmentsRecord,
        (sighting, survey): (Sighting, SourceSurvey),
        echoes: Option<Echoes>,
    ) {
        let probed = &mut self.probed;
        let addresses = address::of_interface(&path.link.name).unwrap_or_default();
        let sighting = Sighting {
            is_behind_nat: address::is_behind_nat(&addresses, source.remote.ip()),
            ..sighting
        };
        if sighting.is_behind_nat && probed.survey.blind_to.is_empty() {
            probed.survey.blind_to.push(BEHIND_NAT.to_owned());
        }
        let answer = answer(&record, &sighting);
        let tested = Tested::of_fragments(source.remote, record, answer, echoes);
        let mut notes = survey.notes;
        notes.extend(source.tls.iter().flat_map(|tls| Tls::notes(tls)));
        probed.survey.sources.push(SourceSurvey {
            diagnosis: Diagnosis {
                remotes_known: 1,
                remotes: vec![tested.diagnosis()],
                totals: survey.diagnosis.totals,
                ..Diagnosis::default()
            },
            notes,
            ..survey
        });
        probed.tested.push(tested);
    }
}
