//! `natdiag probe timestamps`: the programs that change timestamps, and connections through them.

use std::{io::Write, net::SocketAddr};

use super::{
    ProbeError, find, link_type,
    progress::{self, Progress},
    tls_of, write,
};
use crate::{
    analysis::diagnosis::Diagnosis,
    bpf::probe::ProbeProgram,
    cli::probe::TimestampsArgs,
    clock::Clock,
    host::{address, path::Path},
    privilege,
    probe::{
        experiment::{self, Experiment},
        plan::Bounds,
        socket::{Signals, Sockets},
        survey::{ProbeSurvey, Tested},
        tls::Tls,
    },
    report::{exit_code::ExitStatus, probe::plan},
    survey::{SourceKind, SourceSurvey, Survey},
};

/// What cannot be seen from an interface with private addresses only.
const BEHIND_NAT: &str =
    "which other hosts share the NAT's address, and what they make the server remember";

/// Tests, reports, and says how it ended.
///
/// # Errors
/// The test cannot be made. Whatever is attached is detached.
pub(super) fn run(args: &TimestampsArgs, out: &mut dyn Write) -> Result<ExitStatus, ProbeError> {
    let targets = find(&args.target.addresses()?)?;
    let bounds = Bounds {
        connections: usize::try_from(args.limits.max_connections).unwrap_or(usize::MAX),
        rate: args.limits.rate,
        has_payload: args.payload.is_some(),
        tls: args.target.speaks_tls(),
        is_thorough: args.thorough,
    };
    if args.dry_run {
        plan::write_timestamps(out, &args.target, &targets, bounds).map_err(ProbeError::Output)?;
        return Ok(ExitStatus::Clear);
    }
    privilege::check("probe")?;
    // Before anything is attached that an unexpected signal would leave behind.
    let signals = Signals::new().map_err(ProbeError::Signals)?;
    let survey = test(args, bounds, targets, &signals)?;
    write(out, args.output, &survey)?;
    Ok(ExitStatus::of(&survey.survey))
}

fn test(
    args: &TimestampsArgs,
    bounds: Bounds,
    targets: Vec<(SocketAddr, Path)>,
    signals: &Signals,
) -> Result<ProbeSurvey, ProbeError> {
    let clock = Clock::start();
    let mut probed = ProbeSurvey {
        survey: Survey {
            start: clock.now(),
            ..Survey::default()
        },
        tested: Vec::new(),
    };
    let mut progress = Progress::start(targets.len());
    let tls = tls_of(&args.target)?;
    for (remote, path) in targets {
        let link = &path.link;
        let link_type = link_type(&path)?;
        let mut program = ProbeProgram::attach(link, link_type, args.hook)?;
        let mut sockets = Sockets {
            remote,
            host: &args.target.host,
            payload: args.payload.as_ref().map(|payload| payload.0.as_slice()),
            tls: tls.as_ref(),
            program: &mut program,
            interface: &link.name,
            clock,
            signals,
        };
        let Experiment { interrupted, .. } = {
            let experiment = experiment::run(
                remote.ip(),
                bounds,
                fastrand::Rng::new(),
                &mut sockets,
                &mut |record, pause_ns| {
                    let most = bounds.connections;
                    progress.say(remote, &progress::of_timestamps(record, most, pause_ns));
                },
            )?;
            let tested = Tested::new(remote, experiment.clone());
            let mut notes = program.notes().to_vec();
            notes.extend(tls.iter().flat_map(Tls::notes));
            add(&mut probed, &path, &program, notes, tested);
            experiment
        };
        if interrupted {
            break;
        }
    }
    drop(progress);
    probed.survey.end = clock.now();
    Ok(probed)
}

/// Adds an address to the survey: with a source of its own, as programs were attached for it alone.
fn add(
    probed: &mut ProbeSurvey,
    path: &Path,
    program: &ProbeProgram,
    notes: Vec<String>,
    tested: Tested,
) {
    let addresses = address::of_interface(&path.link.name).unwrap_or_default();
    if address::is_behind_nat(&addresses, tested.remote.ip()) && probed.survey.blind_to.is_empty() {
        probed.survey.blind_to.push(BEHIND_NAT.to_owned());
    }
    probed.survey.sources.push(SourceSurvey {
        kind: SourceKind::Interface,
        name: path.link.name.clone(),
        hooks: program.hooks().to_vec(),
        notes,
        octets: None,
        looked_at: None,
        diagnosis: Diagnosis {
            remotes_known: 1,
            remotes: vec![tested.diagnosis()],
            ..Diagnosis::default()
        },
    });
    probed.tested.push(tested);
}
