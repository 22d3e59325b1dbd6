//! Plays one test: builds the network, starts the server and the company, runs natdiag, and looks at what is left.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    Outcome, Play, Stage, Vantage,
    bystander::{Bystander, Counts, Kind},
    case::{Case, Test},
    company::Company,
    cure, judge, killing,
    name::{HostsFile, NAME},
    service::Service,
    state::State,
    wire::BothEnds,
};
use crate::lab::{
    interrupt,
    mechanism::Installed,
    namespace::Namespace,
    network::{ETH0, Network, PUBLIC, SERVER, SERVER_V6},
    parameters::Parameters,
    random::Random,
};

/// How long a bystander connects before natdiag comes, and counts what it loses anyway.
const ALONE: Duration = Duration::from_secs(3);

/// Plays a test.
pub(super) fn play(play: Play, stage: &Stage) -> Outcome {
    let mut outcome = Outcome {
        play,
        said: String::new(),
        notes: Vec::new(),
        connections: 0,
        elapsed: Duration::ZERO,
        differences: Vec::new(),
    };
    if let Err(error) = rehearse(&mut outcome, stage) {
        outcome.differences.push(format!("{error:#}"));
    }
    outcome
}

/// The network and the server of a test.
struct Scene {
    // Dropped in this order: the network last.
    _services: Vec<Service>,
    _installed: Vec<Installed>,
    network: Network,
    port: u16,
    /// Places of the client that tests, and of its neighbour.
    tester: usize,
    neighbour: usize,
}

impl Scene {
    fn build(play: Play, random: &mut Random) -> Result<Self> {
        let Play {
            case,
            seed,
            vantage,
        } = play;
        let parameters = Parameters::draw(random, None);
        let name = format!("p{seed}{vantage}-{}", case.name);
        let network = Network::build(&name, &parameters, case.is_name_of_two, false)?;
        let installed = case
            .mechanisms
            .iter()
            .map(|mechanism| mechanism.install(&network, &parameters))
            .collect::<Result<_>>()?;
        if let Some(rule) = case.router {
            network.router.nft(rule)?;
        }
        let port = if case.is_guarded {
            parameters.guarded_port
        } else {
            parameters.open_port
        };
        let last = parameters.clients - 1;
        // Clocks of the clients fall: the first one's is the highest.
        let (tester, neighbour) = if case.tester_is_ahead {
            (0, last)
        } else {
            (last, 0)
        };
        Ok(Self {
            _services: network
                .servers()
                .map(|host| Service::start(host, port, case.service))
                .collect::<Result<_>>()?,
            _installed: installed,
            network,
            port,
            tester,
            neighbour,
        })
    }

    /// Where natdiag runs, and the interface that it uses.
    fn stage(&self, play: Play) -> Result<(&Namespace, &'static str)> {
        Ok(match (play.vantage, play.case.test) {
            (Vantage::Inside, Test::Timestamps | Test::Fragments) => (self.tester()?, ETH0),
            (Vantage::Public, _) | (_, Test::Remedy(_)) => (&self.network.nat, PUBLIC),
        })
    }

    fn tester(&self) -> Result<&Namespace> {
        self.network.client(self.tester)
    }

    fn neighbour(&self) -> Result<&Namespace> {
        self.network.client(self.neighbour)
    }
}

fn rehearse(outcome: &mut Outcome, stage: &Stage) -> Result<()> {
    let case = outcome.play.case;
    let mut random = Random::new(outcome.play.seed, case.name);
    let scene = Scene::build(outcome.play, &mut random)?;
    let (host, interface) = scene.stage(outcome.play)?;
    let (neighbour, port) = (scene.neighbour()?, scene.port);
    let others = Others::start(case, &scene, neighbour, port)?;
    let _all_others = match case.test {
        Test::Remedy(_) => Some(Bystander::start(scene.tester()?, port, Kind::Polite)?),
        Test::Timestamps | Test::Fragments => None,
    };
    let alone = others.wait_alone()?;
    let before = State::of(host)?;
    // A test that is killed comes to no verdict that could be compared.
    let company = (case.is_watched && stage.kill_on.is_none())
        .then(|| Company::start(host, interface, &stage.natdiag))
        .transpose()?;
    let hosts = case.is_name_of_two.then(HostsFile::write).transpose()?;
    let natdiag = || {
        let mut command = command(case, port, &stage.natdiag, host)?;
        if let Some(hosts) = &hosts {
            hosts.show_to(&mut command);
        }
        Ok(command)
    };
    let mut said = None;
    if let Some(hook) = &stage.kill_on {
        let moment = Duration::from_millis(u64::from(random.between(50, 6_000)));
        killing::kill(outcome, &natdiag, hook, moment)?;
    } else {
        let start = Instant::now();
        let output = natdiag()?.output().context("cannot run natdiag")?;
        outcome.elapsed = start.elapsed();
        said = Some(judge::judge(outcome, &output)?);
    }
    if let Some(company) = company {
        company.judge(outcome)?;
    }
    let after = State::of(host)?;
    outcome.differences.extend(before.differences(&after));
    others.judge(outcome, alone)?;
    if let Some(finding) = said.filter(|_| case.is_cured && outcome.differences.is_empty()) {
        let failed = cure::try_out(&finding, host, &natdiag)?;
        outcome.differences.extend(failed);
    }
    Ok(())
}

/// Who else connects from behind the NAT while natdiag tests, and what is captured of it.
struct Others {
    bystander: Option<Bystander>,
    both_ends: Option<BothEnds>,
}

impl Others {
    fn start(case: &Case, scene: &Scene, neighbour: &Namespace, port: u16) -> Result<Self> {
        let both_ends = case
            .is_compared
            .then(|| BothEnds::capture(neighbour, &scene.network.router, port))
            .transpose()?;
        let bystander = case
            .bystander
            .map(|kind| Bystander::start(neighbour, port, kind))
            .transpose()?;
        Ok(Self {
            bystander,
            both_ends,
        })
    }

    /// Leaves the bystander alone for a while, and says what it loses then.
    fn wait_alone(&self) -> Result<Option<Counts>> {
        if self.bystander.is_some() {
            interrupt::wait(ALONE)?;
        }
        Ok(self.bystander.as_ref().map(Bystander::counts))
    }

    /// Compares how the bystander fared with natdiag and `alone`, and its packets at both ends.
    fn judge(self, outcome: &mut Outcome, alone: Option<Counts>) -> Result<()> {
        if let (Some(bystander), Some(alone)) = (self.bystander, alone) {
            let all = bystander.finish();
            outcome.notes.push(format!(
                "bystander: lost {} of {} SYNs before, {} of {} with natdiag",
                alone.lost,
                alone.tried,
                all.lost - alone.lost,
                all.tried - alone.tried
            ));
            if outcome.play.case.bystander_is_safe && all.lost > 0 {
                outcome
                    .differences
                    .push("the bystander lost SYNs".to_owned());
            }
        }
        if let Some(both_ends) = self.both_ends {
            let compared = both_ends.compare()?;
            outcome.notes.push(compared.summary);
            outcome.differences.extend(compared.differences);
        }
        Ok(())
    }
}

/// natdiag, about to test.
fn command(case: &Case, port: u16, natdiag: &Path, host: &Namespace) -> Result<Command> {
    let target = if case.is_name_of_two {
        format!("{NAME}:{port}")
    } else if case.is_v6 {
        format!("[{SERVER_V6}]:{port}")
    } else {
        format!("{SERVER}:{port}")
    };
    let scheme = if case.service.is_encrypted() {
        "https"
    } else {
        "http"
    };
    let mut command = Command::new(natdiag);
    match case.test {
        Test::Timestamps if case.service.is_encrypted() => {
            command.args(["probe", "timestamps", &format!("{scheme}://{target}/")])
        }
        Test::Timestamps => command.args(["probe", "timestamps", &target]),
        Test::Fragments => command.args(["probe", "fragments", &format!("{scheme}://{target}/")]),
        Test::Remedy(remedy) => command
            .args(["watch", "-i", PUBLIC, "--duration", "30s"])
            .args(["--trial-time", "12s", "--remedy-trial"])
            .arg(format!("{SERVER},{remedy}")),
    };
    command.args(case.arguments);
    command.args(["--output", "json"]);
    host.put_in(&mut command)?;
    Ok(command)
}
