//! Which unknown troubles there are, and what is true of each in words.

use natdiag::analysis::diagnosis::Cause;

use crate::evaluate::dice::Dice;

/// What drops SYNs by a rule that natdiag may not know. Each is as frequent as the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(crate) enum Kind {
    /// The first SYN of a connection, or the first few, seldom or always; what is sent again passes.
    FirstSyns,
    /// The first SYN of a client that was quiet for a while; then it is known for some time.
    NewClients,
    /// SYNs with a flag or an option that some clients or some connections ask for.
    Options,
    /// Some clients lose more than others.
    Clients,
    /// Some clients lose more than others where one port is asked for.
    ClientsAndPorts,
    /// Source ports of one parity, or with one remainder.
    SourcePorts,
    /// Some four-tuples, at rates of their own: paths or backends that lose more than others.
    FourTuples,
    /// At certain times, again and again.
    Times,
    /// As many ports of a NAT as there are, counted with those of connections closed a while ago.
    NatPorts,
    /// Several remote hosts at the same times.
    SharedLine,
    /// Timestamps of some values.
    Clocks,
    /// A SYN that comes within milliseconds of another.
    Race,
}

/// All of them.
pub(crate) const KINDS: [Kind; 12] = [
    Kind::FirstSyns,
    Kind::NewClients,
    Kind::Options,
    Kind::Clients,
    Kind::ClientsAndPorts,
    Kind::SourcePorts,
    Kind::FourTuples,
    Kind::Times,
    Kind::NatPorts,
    Kind::SharedLine,
    Kind::Clocks,
    Kind::Race,
];

impl Kind {
    /// Draws one.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let place = dice.below(u32::try_from(KINDS.len()).unwrap_or(1)) as usize;
        KINDS.get(place).copied().unwrap_or(Self::FirstSyns)
    }

    /// Its name in the tables.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::FirstSyns => "FirstSyns",
            Self::NewClients => "NewClients",
            Self::Options => "Options",
            Self::Clients => "Clients",
            Self::ClientsAndPorts => "ClientsAndPorts",
            Self::SourcePorts => "SourcePorts",
            Self::FourTuples => "FourTuples",
            Self::Times => "Times",
            Self::NatPorts => "NatPorts",
            Self::SharedLine => "SharedLine",
            Self::Clocks => "Clocks",
            Self::Race => "Race",
        }
    }

    /// Whether a cause is true of it in words: whoever follows its remedy looks in the right place. Causes go by their
    /// names in the report, because natdiag need not know each.
    pub(crate) fn is_true(self, cause: Cause) -> bool {
        let causes: &[&str] = match self {
            Self::FirstSyns | Self::NewClients => &["syn-authentication"],
            Self::Options => &["syn-option-dropped"],
            // What one client or one way loses at random, or everything for a while, is loss.
            Self::Clients | Self::ClientsAndPorts | Self::Times => &["packet-loss"],
            Self::SourcePorts | Self::FourTuples => &["routing", "packet-loss"],
            Self::NatPorts => &["nat-port-exhaustion"],
            Self::SharedLine => &["nat-port-exhaustion", "local-nat", "packet-loss"],
            // To send none helps.
            Self::Clocks => &["timestamps-filtered"],
            Self::Race => &["nat-port-race"],
        };
        causes.contains(&cause.as_str())
    }
}
