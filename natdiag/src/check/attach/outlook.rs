//! What would happen on each rung of the ladder. Pure: from what was read and tried without attaching.

use natdiag_common::Direction;

use crate::{
    bpf::{
        inspect::Tcx,
        ladder::{Circumstances, Refusal, Rung, ladder, xdp_costs_offloads},
    },
    host::link::Link,
    value::hook::HookChoice,
};

/// What would happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It is the first that works.
    Chosen,
    /// It would work, and an earlier one is taken.
    Works,
    /// It would be refused.
    Refused,
    /// It is not tried unless asked for.
    NotTried,
}

impl Outlook {
    /// Its name in the report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Works => "works",
            Self::Refused => "refused",
            Self::NotTried => "not tried",
        }
    }
}

/// One rung.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which packets.
    pub direction: Direction,
    /// The hook.
    pub rung: Rung,
    /// What would happen.
    pub outlook: Outlook,
    /// Why.
    pub why: String,
}

/// What decides.
#[derive(Clone, Debug)]
pub struct Grounds {
    /// Capabilities that this process lacks.
    pub missing: Vec<&'static str>,
    /// Whether the verifier takes the program of each rung, and what it said if not.
    pub refused_programs: Vec<(Rung, Direction, String)>,
    /// What the driver and others have there.
    pub circumstances: Circumstances,
    /// What TCX says for received and for sent packets.
    pub tcx: [Tcx; 2],
    /// The qdisc in the place of clsact.
    pub qdisc: Option<String>,
}

/// The rungs that `--hook auto` tries, with what would happen on each.
#[must_use]
pub fn steps(link: &Link, grounds: &Grounds) -> Vec<Step> {
    let mut steps = Vec::new();
    for direction in [Direction::Ingress, Direction::Egress] {
        let tried = ladder(HookChoice::Auto, direction, link);
        let mut is_taken = false;
        for rung in tried {
            let (outlook, why) = match refusal(*rung, direction, link, grounds) {
                Some(why) => (Outlook::Refused, why),
                None if is_taken => (Outlook::Works, works(*rung)),
                None => {
                    is_taken = true;
                    (Outlook::Chosen, works(*rung))
                }
            };
            steps.push(Step {
                direction,
                rung: *rung,
                outlook,
                why,
            });
        }
        if direction == Direction::Ingress && xdp_costs_offloads(link) {
            let kind = link.kind.as_deref().unwrap_or("this device");
            steps.push(Step {
                direction,
                rung: Rung::XdpNative,
                outlook: Outlook::NotTried,
                why: format!("would cost {kind} its segmentation offload; `--hook xdp` forces it"),
            });
        }
    }
    steps
}

/// Why a rung would be refused.
fn refusal(rung: Rung, direction: Direction, link: &Link, grounds: &Grounds) -> Option<String> {
    if link.link_type().is_none() {
        return Some(format!(
            "its frames (device type {}) are neither Ethernet nor raw IP",
            link.device_type
        ));
    }
    if !grounds.missing.is_empty() {
        return Some(format!(
            "it is not permitted: {} missing",
            grounds.missing.join(", ")
        ));
    }
    let refused = grounds.refused_programs.iter();
    let mut of_rung = refused.filter(|(of, way, _)| *of == rung && *way == direction);
    if let Some((_, _, why)) = of_rung.next() {
        return Some(why.clone());
    }
    let explain = |errno| Some(Refusal::explain(rung, errno, &grounds.circumstances).reason);
    let has_xdp = !grounds.circumstances.xdp_programs.is_empty();
    match rung {
        Rung::XdpNativeFrags | Rung::XdpNative if has_xdp => explain(libc::EBUSY),
        Rung::XdpGeneric if has_xdp => explain(libc::EEXIST),
        Rung::XdpNativeFrags | Rung::XdpNative | Rung::XdpGeneric => None,
        Rung::Tcx => {
            let [ingress, egress] = grounds.tcx;
            let tcx = match direction {
                Direction::Ingress => ingress,
                Direction::Egress => egress,
            };
            match tcx {
                Tcx::There => None,
                Tcx::Refused(errno) => explain(errno),
            }
        }
        Rung::Clsact => match grounds.qdisc.as_deref() {
            None | Some("clsact") => None,
            Some(kind) => Some(format!("the qdisc `{kind}` is in its place and stays")),
        },
    }
}

fn works(rung: Rung) -> String {
    match rung {
        Rung::XdpNativeFrags | Rung::XdpNative => {
            "no other XDP program is there; whether the driver takes one at this MTU shows only when it is attached"
        }
        Rung::Tcx => "the kernel has it; natdiag would come before other programs, which stay",
        Rung::Clsact => "a filter, in a clsact qdisc that goes with natdiag where it is not there yet",
        Rung::XdpGeneric => "behind the driver, so that it works with any",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(kind: Option<&str>, parent: Option<&str>) -> Link {
        Link {
            index: 2,
            name: "eth0".to_owned(),
            device_type: 1,
            mtu: 9001,
            kind: kind.map(str::to_owned),
            parent: parent.map(str::to_owned),
            xdp_program_ids: Vec::new(),
        }
    }

    fn grounds() -> Grounds {
        Grounds {
            missing: Vec::new(),
            refused_programs: Vec::new(),
            circumstances: Circumstances {
                mtu: 9001,
                xdp_programs: Vec::new(),
            },
            tcx: [Tcx::There; 2],
            qdisc: None,
        }
    }

    fn outlooks(link: &Link, grounds: &Grounds) -> Vec<(Rung, Outlook)> {
        let steps = steps(link, grounds);
        steps.iter().map(|step| (step.rung, step.outlook)).collect()
    }

    #[test]
    fn first_rung_that_works_is_chosen() {
        use Outlook::{Chosen, NotTried, Refused, Works};
        let veth = link(Some("veth"), None);
        let sent = [(Rung::Tcx, Chosen), (Rung::Clsact, Works)];
        assert_eq!(
            outlooks(&veth, &grounds()),
            [
                &[
                    (Rung::Tcx, Chosen),
                    (Rung::Clsact, Works),
                    (Rung::XdpGeneric, Works),
                    (Rung::XdpNative, NotTried),
                ][..],
                &sent
            ]
            .concat()
        );
        let old = Grounds {
            tcx: [Tcx::Refused(libc::EINVAL); 2],
            ..grounds()
        };
        let found = steps(&veth, &old);
        assert_eq!((found[0].rung, found[0].outlook), (Rung::Tcx, Refused));
        assert_eq!(found[0].why, "this kernel has no tcx (EINVAL)");
        assert_eq!((found[1].rung, found[1].outlook), (Rung::Clsact, Chosen));
    }

    #[test]
    fn slot_that_is_taken_is_refused_and_names_its_holder() {
        let mut taken = grounds();
        taken.circumstances.xdp_programs = vec!["42 `xdp_dispatcher`".to_owned()];
        let found = steps(&link(None, Some("0000:00:05.0")), &taken);
        assert_eq!(found[0].rung, Rung::XdpNativeFrags);
        assert_eq!(
            found[0].why,
            "XDP program 42 `xdp_dispatcher` is attached and stays (EBUSY)"
        );
        assert_eq!(
            (found[2].rung, found[2].outlook),
            (Rung::Tcx, Outlook::Chosen)
        );
    }

    #[test]
    fn nothing_works_without_capabilities_or_with_a_strange_link_layer() {
        let helpless = Grounds {
            missing: vec!["CAP_BPF"],
            ..grounds()
        };
        let strange = Link {
            device_type: 778,
            ..link(None, None)
        };
        for (link, grounds, why) in [
            (
                link(Some("veth"), None),
                helpless,
                "it is not permitted: CAP_BPF missing",
            ),
            (
                strange,
                grounds(),
                "its frames (device type 778) are neither Ethernet nor raw IP",
            ),
        ] {
            for step in steps(&link, &grounds) {
                if step.outlook != Outlook::NotTried {
                    assert_eq!((step.outlook, step.why.as_str()), (Outlook::Refused, why));
                }
            }
        }
    }

    #[test]
    fn other_qdisc_and_refused_program_are_told() {
        let grounds = Grounds {
            qdisc: Some("ingress".to_owned()),
            refused_programs: vec![(Rung::Tcx, Direction::Ingress, "the verifier".to_owned())],
            ..grounds()
        };
        let found = steps(&link(Some("veth"), None), &grounds);
        assert_eq!(found[0].why, "the verifier");
        assert_eq!(
            found[1].why,
            "the qdisc `ingress` is in its place and stays"
        );
        assert_eq!(found[2].outlook, Outlook::Chosen);
    }
}
