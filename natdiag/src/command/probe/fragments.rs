//! `natdiag probe fragments`: responses of a server with segments of several sizes, under the eyes of the programs that
//! watch.

use std::{io::Write, net::SocketAddr};

use natdiag_common::{Direction, wire::tcp::FIN};

use super::{BEHIND_NAT_FRAGMENTS, ProbeError, Progress, find, write};
use crate::{
    analysis::{Analysis, diagnosis::Diagnosis},
    bpf::{
        attach::{Attachment, attach},
        events::{HOLD_BACK_NS, Records},
        load::{LoadOptions, WatchObject},
        maps::Counters,
    },
    cli::probe::FragmentsArgs,
    clock::Clock,
    config::HookChoice,
    event::{Content, Event},
    host::{address, path::Path},
    privilege,
    probe::{
        connector::ConnectError,
        fetch::Source,
        fragments::{FragmentsRecord, Sighting, answer},
        socket::Signals,
        survey::{ProbeSurvey, Tested},
    },
    report::{exit_code::ExitStatus, probe as report},
    survey::{SourceKind, SourceSurvey, Survey},
};

/// Most records and spills that one turn takes.
const PER_TURN: usize = 1 << 14;
/// How long the last packets of a response are waited for: longer than records are held back.
const SETTLING_NS: u64 = 300_000_000;

/// Tests, reports, and says how it ended.
///
/// # Errors
/// The test cannot be made. Whatever is attached is detached.
pub(super) fn run(args: &FragmentsArgs, out: &mut dyn Write) -> Result<ExitStatus, ProbeError> {
    if args.target.tls && args.payload.is_none() {
        return Err(ProbeError::Tls);
    }
    let targets = find(&args.target.addresses()?)?;
    if args.dry_run {
        report::write_fetch_plan(out, &args.target, &targets).map_err(ProbeError::Output)?;
        return Ok(ExitStatus::Clear);
    }
    privilege::check("probe")?;
    let signals = Signals::new().map_err(ProbeError::Signals)?;
    let request = request(args);
    let clock = Clock::start();
    let mut probed = ProbeSurvey {
        survey: Survey {
            start: clock.now(),
            ..Survey::default()
        },
        tested: Vec::new(),
    };
    let mut progress = Progress::start();
    for (remote, path) in targets {
        let source = Source {
            remote,
            request: &request,
            clock,
            signals: &signals,
        };
        let is_interrupted = test(&source, &path, &mut probed, &mut progress)?;
        if is_interrupted {
            break;
        }
    }
    progress.end();
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

/// Tests one address and adds it to the survey. Returns whether it was ended before its time.
fn test(
    source: &Source,
    path: &Path,
    probed: &mut ProbeSurvey,
    progress: &mut Progress,
) -> Result<bool, ProbeError> {
    let mut watcher = Watcher::attach(path, source.remote, source.clock)?;
    let mut record = FragmentsRecord {
        address: source.remote.ip(),
        responses: Vec::new(),
    };
    let mut is_interrupted = false;
    while let Some(mss) = record.next() {
        match source.fetch(mss, &mut || watcher.turn()) {
            Ok(response) => record.responses.push(response),
            Err(ConnectError::Interrupted) => {
                is_interrupted = true;
                break;
            }
            Err(error) => return Err(error.into()),
        }
        progress.say(source.remote, record.responses.len(), "responses");
    }
    let until_ns = source.clock.monotonic_ns() + SETTLING_NS;
    let _ = source.signals.sleep_until(source.clock, until_ns);
    let (sighting, survey) = watcher.finish(path)?;
    let address = address::of_interface(&path.link.name).unwrap_or_default();
    let sighting = Sighting {
        is_behind_nat: address::are_behind_nat(&address),
        ..sighting
    };
    if sighting.is_behind_nat && probed.survey.blind_to.is_empty() {
        probed.survey.blind_to.push(BEHIND_NAT_FRAGMENTS.to_owned());
    }
    let answer = answer(&record, &sighting);
    let tested = Tested::of_fragments(source.remote, record, answer);
    probed.survey.sources.push(SourceSurvey {
        diagnosis: Diagnosis {
            remotes_known: 1,
            remotes: vec![tested.diagnosis()],
            totals: survey.diagnosis.totals,
            ..Diagnosis::default()
        },
        ..survey
    });
    probed.tested.push(tested);
    Ok(is_interrupted)
}

/// The programs that watch, and what they have seen of one remote host.
struct Watcher {
    attachment: Attachment,
    counters: Counters,
    records: Records,
    analysis: Analysis,
    sighting: Sighting,
    remote: SocketAddr,
    clock: Clock,
}

impl Watcher {
    fn attach(path: &Path, remote: SocketAddr, clock: Clock) -> Result<Self, ProbeError> {
        let link = &path.link;
        let link_type = link
            .link_type()
            .ok_or_else(|| ProbeError::UnknownLinkLayer {
                interface: link.name.clone(),
                device_type: link.device_type,
            })?;
        let mut object = WatchObject::open(LoadOptions::new(link_type))?;
        Ok(Self {
            counters: Counters::take(&mut object)?,
            records: Records::take(&mut object)?,
            attachment: attach(&mut object, link, HookChoice::Auto)?,
            analysis: Analysis::default(),
            sighting: Sighting::default(),
            remote,
            clock,
        })
    }

    /// Takes what has come.
    fn turn(&mut self) {
        let began_ns = self.clock.monotonic_ns();
        let now = self.clock.timestamp(began_ns);
        let analysis = &mut self.analysis;
        self.counters.drain_spills(PER_TURN, |increment| {
            analysis.count(increment.remote, &increment.counts, now);
        });
        let is_all = self.records.drain(PER_TURN);
        self.observe(began_ns, is_all);
        if is_all {
            let settled_ns = began_ns.saturating_sub(HOLD_BACK_NS);
            self.analysis.advance(self.clock.timestamp(settled_ns));
        }
    }

    fn observe(&mut self, began_ns: u64, ring_is_empty: bool) {
        for record in self.records.release(began_ns, ring_is_empty) {
            let now = self.clock.timestamp(record.time_ns);
            if let Some(tally) = record.tally() {
                self.analysis.count(tally.remote, &tally.counts(), now);
            }
            if let Some(event) = Event::from_record(&record, self.clock.epoch_ns()) {
                note(&mut self.sighting, self.remote, &event);
                self.analysis.observe(&event);
            }
        }
    }

    /// Detaches, and says what was seen.
    fn finish(mut self, path: &Path) -> Result<(Sighting, SourceSurvey), ProbeError> {
        let survey = SourceSurvey {
            kind: SourceKind::Interface,
            name: path.link.name.clone(),
            hooks: self.attachment.hooks(),
            notes: self.attachment.notes().to_vec(),
            octets: None,
            diagnosis: Diagnosis::default(),
        };
        self.turn();
        self.observe(u64::MAX, true);
        let now = self.clock.now();
        let analysis = &mut self.analysis;
        self.counters.collect(|increment| {
            analysis.count(increment.remote, &increment.counts, now);
        })?;
        self.analysis.set_totals(&self.counters.totals()?, now);
        self.analysis.advance(now);
        let diagnosis = self.analysis.diagnose(now, usize::MAX);
        let mut sighting = self.sighting;
        let remotes = diagnosis.remotes.iter();
        if let Some(remote) = remotes
            .into_iter()
            .find(|remote| remote.address == self.remote.ip())
        {
            sighting.fragments = remote.counters.fragments_tcp;
            sighting.largest_first_fragment_octets = remote.counters.largest_first_fragment_octets;
            sighting.findings.clone_from(&remote.findings);
        }
        Ok((
            sighting,
            SourceSurvey {
                diagnosis,
                ..survey
            },
        ))
    }
}

/// Notes what the analysis has no use for.
fn note(sighting: &mut Sighting, remote: SocketAddr, event: &Event) {
    if event.direction != Direction::Ingress {
        return;
    }
    match &event.content {
        Content::Segment(segment)
            if event.source == remote.ip()
                && segment.source_port == remote.port()
                // A SYN-ACK of Linux forbids fragments also where its data does not.
                && segment.has(FIN)
                && remote.is_ipv4() =>
        {
            sighting.dont_fragment = Some(event.dont_fragment);
        }
        Content::IcmpError(error) => {
            let is_ours = error
                .quoted
                .is_some_and(|quoted| quoted.destination == remote.ip());
            if let Some(mtu) = error.mtu.filter(|_| is_ours) {
                sighting.too_big.push(mtu);
            }
        }
        _ => {}
    }
}
