//! Plays one scenario: builds the network, does to it what the scenario says, lets the observers look at the traffic,
//! and judges.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    expectation, interrupt, judge,
    mechanism::{Installed, Mechanism},
    namespace::Namespace,
    network::{ETH0, NAT, NAT_V6, Network, PUBLIC, client_addresses},
    observer::Observers,
    outcome::{Outcome, Verdict},
    parameters::Parameters,
    random::Random,
    scenario::{Met, Scenario, Vantage},
    traffic::{self, Experience, Servers},
};

/// Time for the fate of the last SYN to be decided: longer than the 0.5 s after which an unanswered one is dropped.
const SETTLING: Duration = Duration::from_millis(1500);
/// Time for the last packets to be seen.
const ARRIVING: Duration = Duration::from_millis(200);

/// What all scenarios of a run share.
#[derive(Debug)]
pub(crate) struct Stage {
    /// Seed of the parameters.
    pub(crate) seed: u64,
    /// How long the traffic goes on, if not as long as the scenario says.
    pub(crate) seconds: Option<u64>,
    /// Whether namespaces stay.
    pub(crate) keep: bool,
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

fn rehearse(scenario: &Scenario, stage: &Stage) -> Result<Verdict> {
    let directory = stage.directory.join(scenario.name);
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let mut random = Random::new(stage.seed, scenario.name);
    let parameters = Parameters::draw(&mut random);
    let network = Network::build(scenario.name, &parameters, stage.keep)?;
    let installed: Vec<Installed> = scenario
        .network
        .iter()
        .map(|mechanism| mechanism.install(&network, &parameters))
        .collect::<Result<_>>()?;
    let fragment = scenario
        .network
        .iter()
        .any(|mechanism| matches!(mechanism, Mechanism::ServerFragments { .. }));
    let servers = Servers::start(&network, &parameters, fragment)?;
    let (host, interface, locals) = vantage(scenario, &network)?;
    let observers = Observers::start(host, interface, stage.natdiag.as_deref(), &directory)?;
    let seconds = stage.seconds.unwrap_or(scenario.seconds);
    let experience = perform(scenario, seconds, &network, &parameters, &mut random)?;
    let observation = observers.finish(host)?;
    drop(servers);
    let mut verdict = Verdict {
        experience,
        capture_drops: observation.capture_drops,
        findings: String::new(),
        differences: compare_experience(scenario, experience),
    };
    if let Some((report, _)) = &observation.report {
        verdict.findings = expectation::list(report);
    }
    if let Some(natdiag) = &stage.natdiag {
        let judged = judge::judge(scenario, natdiag, &observation, &installed, &locals)?;
        verdict.differences.extend(judged);
    }
    write_verdict(&directory, &verdict)?;
    Ok(verdict)
}

/// The host and the interface that natdiag watches, and its addresses.
fn vantage<'a>(
    scenario: &Scenario,
    network: &'a Network,
) -> Result<(&'a Namespace, &'static str, Vec<IpAddr>)> {
    Ok(match scenario.vantage {
        Vantage::Public => (&network.nat, PUBLIC, vec![NAT.into(), NAT_V6.into()]),
        Vantage::FirstClient => (network.client(0)?, ETH0, client_addresses(0).to_vec()),
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
    interrupt::wait(SETTLING)?;
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
    .filter(|(met, count)| scenario.clients_meet.contains(met) != (*count > 0))
    .map(|(met, count)| {
        let expected = scenario.clients_meet;
        format!("the scenario was not played: {count} times {met:?}, expected only {expected:?}")
    })
    .collect()
}

fn write_verdict(directory: &Path, verdict: &Verdict) -> Result<()> {
    let path = directory.join("verdict.txt");
    let text: String = [&verdict.findings]
        .into_iter()
        .chain(&verdict.differences)
        .flat_map(|line| [line.as_str(), "\n"])
        .collect();
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
