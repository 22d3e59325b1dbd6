//! What the simulation is made of: how many remote hosts, which troubles and how often, how much loss, which clocks,
//! and the seed. The shares of the troubles are the priors of the verdict.

pub(crate) use natdiag::analysis::verdict::SynTrouble;

/// Seed of the hosts by which likelihoods may be mended (`--tuning`).
pub(crate) const TUNING_SEED: u64 = 20_260_101;
/// Seed of the hosts that figures are reported of. Nobody may mend anything by what these show.
pub(crate) const HELD_OUT_SEED: u64 = 77_003_310_514;

/// Seeds under which each scenario of the lab is played.
pub(crate) const LAB_SEEDS: [u64; 5] = [1, 2, 3, 4, 5];

/// Remote hosts that are healthy or lossy, for false verdicts.
pub(crate) const INNOCENT: u64 = 300_000;
/// Remote hosts with tcp_tw_recycle and enough evidence, for missed verdicts.
pub(crate) const GUILTY: u64 = 12_000;
/// How many are played for one of these: somewhat more than are needed.
pub(crate) const PLAYED_FOR_ONE: u64 = 5;
/// SYNs predicted to be dropped, and to pass, that are enough evidence. A prediction is one where it is known what the
/// server remembers: where all hosts that share the address pass the watcher, and no mark may count that was made
/// before it looked. Hosts that have so many only by a mark of which the watcher cannot know whether it is in force are
/// counted apart.
pub(crate) const ENOUGH: u64 = 10;
/// Remote hosts with a trouble, for the matrix and the calibration.
pub(crate) const TROUBLED: u64 = 80_000;
/// Remote hosts with a trouble that natdiag has no hypothesis for.
pub(crate) const UNKNOWN: u64 = 24_000;
/// As many of [`UNKNOWN`] as there may be beside [`TROUBLED`] hosts: one in twenty of all with a trouble.
pub(crate) const UNKNOWN_COUNTED: u64 = TROUBLED / 19;
/// Remote hosts with tcp_tw_recycle of which each SYN is looked at, for the time to a verdict.
pub(crate) const TIMED: u64 = 400;

/// Of the innocent, those with loss.
pub(crate) const LOSSY: f64 = 0.7;
/// Most loss of innocent and of lossy hosts.
pub(crate) const MOST_LOSS: f64 = 0.3;
/// Of hosts with another trouble, those with a little loss beside it, and how much at most.
pub(crate) const BESIDE: (f64, f64) = (0.2, 0.03);

/// Of servers with a full backlog, those whose application accepts at a steady pace; the others stand still at times.
pub(crate) const STEADY: f64 = 0.5;
/// Shortest and longest time that such an application takes for a connection, in seconds.
pub(crate) const PACE_S: (f64, f64) = (0.1, 1.5);
/// Fewest and most connections to one host.
pub(crate) const CONNECTIONS: (f64, f64) = (3.0, 90.0);
/// Shortest and longest mean time between them, in seconds.
pub(crate) const INTERVAL_S: (f64, f64) = (0.05, 3.0);
/// Shortest and longest round trip, in seconds.
pub(crate) const ROUND_TRIP_S: (f64, f64) = (0.001, 0.25);
/// Least and most patience of a client, in seconds.
pub(crate) const PATIENCE_S: (f64, f64) = (1.5, 12.0);

/// Shares of vantage points: the NAT's public address, several public addresses, behind the NAT.
pub(crate) const VANTAGES: [f64; 3] = [0.6, 0.2, 0.2];
/// Shares of closing: always the server, always the client, either.
pub(crate) const CLOSERS: [f64; 3] = [0.45, 0.25, 0.3];
/// Shares of a client's clock: fixed for the host, random per connection, none.
pub(crate) const CLOCKS: [f64; 3] = [0.65, 0.15, 0.2];
/// Share of servers that do not recycle and have one clock for all connections, as before Linux 4.10; the others'
/// offsets are random.
pub(crate) const ONE_CLOCK: f64 = 0.5;
/// Share of hosts behind the NAT that do not pass the watcher.
pub(crate) const UNSEEN: f64 = 0.2;
/// Share of watches that begin when connections have been made already.
pub(crate) const LATE: f64 = 0.2;
