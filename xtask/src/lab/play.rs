//! Plays one scenario: builds the network, does to it what the scenario says, lets the observers look at the traffic,
//! and judges.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Error, Result, anyhow};

use super::{
    evidence::Keeping,
    expectation, interrupt, judge,
    mechanism::{Installed, Mechanism},
    namespace::Namespace,
    network::{self, BACKUP, ETH0, LAN, Network, PUBLIC, Prefix},
    observer::{Observers, Watched},
    outcome::{Outcome, Verdict},
    parameters::Parameters,
    proof,
    random::Random,
    scenario::{Met, Scenario, Vantage},
    traffic::{self, Experience, Servers},
};

/// Time for the fate of the last SYN to be decided: longer than the 0.5 s after which an unanswered one is dropped.
const SETTLING: Duration = Duration::from_millis(1500);
/// Time for the last packets to be seen.
const ARRIVING: Duration = Duration::from_millis(200);

/// How long a scenario of another lab may take.
const OF_ANOTHER_LAB: Duration = Duration::from_mins(2);

/// What all scenarios of a run share.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Seed of the parameters.
    pub(crate) seed: u64,
    /// How long the traffic goes on, if not as long as the scenario says.
    pub(crate) seconds: Option<u64>,
    /// Whether namespaces stay.
    pub(crate) keep: bool,
    /// Whether natdiag's daemon keeps evidence.
    pub(crate) evidence: bool,
    /// natdiag's program, unless nothing is to be judged.
    pub(crate) natdiag: Option<PathBuf>,
    /// Where captures and reports go, a directory per scenario.
    pub(crate) directory: PathBuf,
}

/// Plays a scenario. What goes wrong is part of the outcome.
pub(crate) fn play(scenario: &'static Scenario, stage: &Stage) -> Outcome {
    let start = Instant::now();
    let verdict = match rehearse(scenario, stage) {
        Ok(played) => played,
        Err(error) => Verdict {
            differences: vec![format!("{error:#}")],
            ..Verdict::default()
        },
    };
    Outcome {
        scenario,
        seed: stage.seed,
        elapsed: start.elapsed(),
        verdict,
    }
}

/// Takes a directory for this run: another lab that plays the scenario meanwhile would write the same files.
fn take(directory: &Path) -> Result<File> {
    let open = File::open(directory)?;
    let what = format!("`{}` is in use by another lab", directory.display());
    interrupt::wait_until(&what, OF_ANOTHER_LAB, || Ok(open.try_lock().is_ok()))?;
    Ok(open)
}

fn rehearse(scenario: &Scenario, stage: &Stage) -> Result<Verdict> {
    let directory = stage.directory.join(scenario.name);
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let _mine = take(&directory)?;
    let mut random = Random::new(stage.seed, scenario.name);
    let parameters = Parameters::draw(&mut random, scenario.clients);
    let two_backends = scenario.network.contains(&Mechanism::TwoBackends);
    let network = Network::build(scenario.name, &parameters, two_backends, stage.keep)?;
    let installed: Vec<Installed> = scenario
        .network
        .iter()
        .map(|mechanism| mechanism.install(&network, &parameters))
        .collect::<Result<_>>()?;
    let servers = Servers::start(&network, &parameters, scenario.service)?;
    let (host, watched) = vantage(scenario, &network)?;
    if scenario.unwatched_seconds > 0 {
        let before = Duration::from_secs(scenario.unwatched_seconds);
        traffic::play(&network, &parameters, scenario.traffic, before, &mut random)?;
    }
    let interfaces: Vec<_> = watched.iter().map(|watched| watched.interface).collect();
    let observers = Observers::start(host, watched, stage.natdiag.as_deref(), &directory)?;
    let keeps = stage.natdiag.as_deref().filter(|_| stage.evidence);
    let keeping = keeps
        .map(|natdiag| {
            Ok::<_, Error>((
                Keeping::start(host, &interfaces, natdiag, &directory)?,
                natdiag,
            ))
        })
        .transpose()?;
    let seconds = stage.seconds.unwrap_or(scenario.seconds);
    let experience = perform(scenario, seconds, &network, &parameters, &mut random)?;
    let observation = observers.finish(host)?;
    drop(servers);
    let mut verdict = Verdict {
        experience,
        capture_drops: observation.capture_drops,
        differences: compare_experience(scenario, experience),
        ..Verdict::default()
    };
    let missing = proof::missing(scenario.proofs, &network, &installed)?;
    verdict.differences.extend(missing);
    if let Some((report, _)) = &observation.report {
        verdict.findings = expectation::list(report);
        verdict.named = report
            .all_findings()
            .map(|(_, finding)| (finding.cause.clone(), finding.confidence))
            .collect();
        verdict.causes =
            expectation::compare_findings(report, scenario.expected, scenario.tolerated);
    }
    if let Some(natdiag) = &stage.natdiag {
        let judged = judge::judge(scenario, natdiag, &observation, &installed)?;
        verdict.differences.extend(judged);
    }
    if let Some((keeping, natdiag)) = keeping {
        verdict.differences.extend(keeping.finish(natdiag)?);
    }
    write_verdict(&directory, &verdict)?;
    Ok(verdict)
}

/// Lets the traffic of a scenario go on while `look` looks at it from the host and the interface that the scenario is
/// watched at.
pub(crate) fn beside<T>(
    scenario: &Scenario,
    duration: Duration,
    look: impl FnOnce(&Namespace, &'static str) -> Result<T>,
) -> Result<T> {
    let mut random = Random::new(1, scenario.name);
    let parameters = Parameters::draw(&mut random, scenario.clients);
    let two_backends = scenario.network.contains(&Mechanism::TwoBackends);
    let network = Network::build(scenario.name, &parameters, two_backends, false)?;
    let _installed: Vec<Installed> = scenario
        .network
        .iter()
        .map(|mechanism| mechanism.install(&network, &parameters))
        .collect::<Result<_>>()?;
    let _servers = Servers::start(&network, &parameters, scenario.service)?;
    let (host, watched) = vantage(scenario, &network)?;
    let first = watched.first().context("nothing is watched")?;
    thread::scope(|scope| {
        let traffic = scope.spawn(|| {
            traffic::play(
                &network,
                &parameters,
                scenario.traffic,
                duration,
                &mut random,
            )
        });
        let seen = look(host, first.interface)?;
        let played = traffic
            .join()
            .map_err(|_| anyhow!("the traffic panicked"))?;
        played.map(|_| seen)
    })
}

/// The host and the interfaces that natdiag watches.
fn vantage<'a>(scenario: &Scenario, network: &'a Network) -> Result<(&'a Namespace, Vec<Watched>)> {
    let uplink = |interface| Watched {
        interface,
        locals: network::nat_addresses(),
    };
    Ok(match scenario.vantage {
        Vantage::Public => (&network.nat, vec![uplink(PUBLIC)]),
        Vantage::BothUplinks => (&network.nat, vec![uplink(PUBLIC), uplink(BACKUP)]),
        Vantage::BothSides => {
            let inside = Watched {
                interface: LAN,
                locals: network::beyond_clients(),
            };
            (&network.nat, vec![uplink(PUBLIC), inside])
        }
        Vantage::FirstClient => {
            let eth0 = Watched {
                interface: ETH0,
                locals: network::client_addresses(0).map(Prefix::from).to_vec(),
            };
            (network.client(0)?, vec![eth0])
        }
    })
}

/// The traffic, and then silence.
fn perform(
    scenario: &Scenario,
    seconds: u64,
    network: &Network,
    parameters: &Parameters,
    random: &mut Random,
) -> Result<Experience> {
    let duration = Duration::from_secs(seconds);
    let experience = traffic::play(network, parameters, scenario.traffic, duration, random)?;
    interrupt::wait(SETTLING + Duration::from_secs(scenario.silence_seconds))?;
    traffic::tick(network, parameters)?;
    interrupt::wait(ARRIVING)?;
    network.hush()?;
    interrupt::wait(ARRIVING)?;
    Ok(experience)
}

/// A scenario whose clients did not meet with what it is about has not been played.
fn compare_experience(scenario: &Scenario, experience: Experience) -> Vec<String> {
    [
        (Met::Complete, experience.complete),
        (Met::Stalled, experience.stalled),
        (Met::Refused, experience.refused),
        (Met::Unanswered, experience.unanswered),
    ]
    .into_iter()
    .filter(|(met, count)| match *count {
        0 => scenario.clients_meet.contains(met),
        _ => !scenario.clients_meet.contains(met) && !scenario.clients_may_meet.contains(met),
    })
    .map(|(met, count)| {
        let (must, may) = (scenario.clients_meet, scenario.clients_may_meet);
        format!("the scenario was not played: {count} times {met:?}, clients must meet {must:?} and may {may:?}")
    })
    .collect()
}

fn write_verdict(directory: &Path, verdict: &Verdict) -> Result<()> {
    let path = directory.join("verdict.txt");
    let text: String = [&verdict.findings]
        .into_iter()
        .chain(&verdict.causes)
        .chain(&verdict.differences)
        .flat_map(|line| [line.as_str(), "\n"])
        .collect();
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
