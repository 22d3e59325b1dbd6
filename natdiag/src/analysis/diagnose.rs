//! From all that is known to a diagnosis: whose findings are shown, and in which order.

use std::{cmp::Reverse, net::IpAddr};

use natdiag_common::{
    Address,
    counter::{Counter, FragmentPosition, FragmentProtocol},
};

use super::{
    Analysis,
    close_up::CloseUp,
    conversation::ConversationSums,
    counters::counters,
    diagnosis::{Cause, Diagnosis, Finding, RemoteDiagnosis, Severity},
    fares::Fares,
    fates::{SynSums, neighbours::Neighbours},
    fragments::Datagrams,
    ranking::Ranking,
    table::{Counts, Remote},
    tracker::Networks,
    verdict::{self, Case, LeftOut, Together},
};
use crate::event::Timestamp;

/// Remotes with findings that are shown whatever number is asked for.
pub const MIN_FINDINGS: usize = 1000;

/// Remote hosts of a diagnosis that are looked at closely, at up to a kibioctet each.
const CLOSE_UPS: usize = 1000;

/// Counters of a remote host of which nothing was counted.
static UNCOUNTED: Counts = Counts::ZERO;

impl Analysis {
    /// Says what is known at `now`; `top` bounds the remotes without findings. Of those with findings the worst are
    /// shown, as many as `top` and at least [`MIN_FINDINGS`].
    #[must_use]
    pub fn diagnose(&self, now: Timestamp, top: usize) -> Diagnosis {
        let mut with_findings = Ranking::of(top.max(MIN_FINDINGS));
        let mut busiest = Ranking::of(top);
        for remote in self.table.remotes() {
            let syns = self.tracker.sums(remote.address.into());
            let symptoms = syns.map_or(0, |syns| syns.all().dropped);
            let packets = remote.counts.packets();
            match self.severity(remote, syns, now) {
                Some(severity) => {
                    with_findings.push((Reverse((severity, symptoms, packets)), remote.address));
                }
                None => busiest.push((Reverse(packets), remote.address)),
            }
        }
        let uncounted: Vec<Remote> = self.uncounted(now).collect();
        for remote in &uncounted {
            let address = remote.address;
            if let Some(severity) = self.severity(remote, None, now) {
                with_findings.push((Reverse((severity, 0, 0)), address));
            }
        }
        let others = self.others(now);
        let with_findings = with_findings.in_order().into_iter();
        let mut remotes: Vec<_> = with_findings
            .filter_map(|(_, address)| self.remote(address, &others, now))
            .collect();
        remotes.sort_by_key(|remote| (Reverse(worst(remote)), remote.address));
        let busiest = busiest.in_order().into_iter();
        remotes.reserve_exact(busiest.len());
        remotes.extend(busiest.filter_map(|(_, address)| self.remote(address, &others, now)));
        for remote in remotes.iter_mut().take(CLOSE_UPS) {
            remote.close_up = self.close_up(remote.address);
        }
        let (overflow, overflow_remotes) = self.table.overflow();
        let charged = self.totals.value(Counter::Charged);
        let mut findings = self.about_source(charged, now);
        findings.extend(self.about_all(&others, now));
        Diagnosis {
            totals: self.totals,
            remotes_known: self.table.remotes().len() + uncounted.len(),
            remotes,
            overflow: counters(overflow, None, self.overflow_datagrams),
            overflow_remotes,
            turned_away: self.table.turned_away(),
            syns_not_followed: self.tracker.left_out(),
            findings,
        }
    }

    /// Remote hosts of which nothing was counted, as all connections with them are older than the watch, and which have
    /// symptoms all the same.
    fn uncounted(&self, now: Timestamp) -> impl Iterator<Item = Remote> {
        let symptomatic = self.conversations.with_symptoms();
        symptomatic
            .filter(|address| self.table.get(*address).is_none())
            .map(move |address| Remote {
                address,
                last_seen: now,
                counts: Counts::ZERO,
            })
    }

    fn known(&self, remote: IpAddr) -> Option<&Remote> {
        self.table.get(remote.into())
    }

    /// How the connections to a remote host have fared.
    #[must_use]
    pub fn fares(&self, remote: IpAddr) -> Fares {
        let known = self.known(remote);
        let fragmented = known.map_or(0, |known| {
            known
                .counts
                .fragments(FragmentProtocol::Tcp, FragmentPosition::First)
        });
        Fares::of(self.tracker.sums(remote), fragmented)
    }

    /// What belongs to no single remote host.
    fn about_source(&self, charged: u64, now: Timestamp) -> Vec<Finding> {
        let mut findings = verdict::about_source(
            charged,
            self.records,
            self.missed_share(),
            self.narrowed.unmatched(),
        );
        findings.extend(verdict::left_out(&LeftOut {
            charged,
            turned_away: self.table.turned_away(),
            missed: self.totals.value(Counter::MissedRemotes),
            syns: self.tracker.left_out(),
        }));
        let packets =
            self.totals.value(Counter::PacketsIngress) + self.totals.value(Counter::PacketsEgress);
        let has_seen_nothing = charged == 0 && self.records == 0;
        findings.extend(verdict::not_looked_into(
            self.unread,
            packets,
            has_seen_nothing,
        ));
        let sides = self.tracker.sides();
        let one_sided = verdict::one_sided(&sides, now);
        if one_sided.is_none() {
            let data = self.conversations.data_segments();
            findings.extend(verdict::middle_unseen(self.middle, &sides, data));
        }
        findings.extend(one_sided);
        let junk = self
            .datagrams
            .values()
            .filter(|datagrams| verdict::is_junk(datagrams))
            .count();
        findings.extend(verdict::scattered_flood(junk as u64));
        findings
    }

    /// What other hosts do, for each host.
    pub(super) fn others(&self, now: Timestamp) -> Others {
        let is_seen = !self.tracker.sides().lacks_answers(now);
        Others {
            networks: self.tracker.networks(),
            together: is_seen
                .then(|| Together::of(self.tracker.hosts()))
                .flatten(),
        }
    }

    /// What is said once where nearly all hosts fail together.
    fn about_all(&self, others: &Others, now: Timestamp) -> Option<Finding> {
        let together = others.together.as_ref()?;
        let is_out_of_ports = |address: &IpAddr| {
            let Some((syns, remote)) = self.tracker.sums(*address).zip(self.known(*address)) else {
                return false;
            };
            let case = self.case_without_datagrams(remote.address, &remote.counts, Some(syns), now);
            verdict::findings(&case)
                .iter()
                .any(|finding| finding.cause == Cause::NatPortExhaustion)
        };
        let out_of_ports = together.failing().filter(is_out_of_ports).count();
        Some(together.finding(out_of_ports))
    }

    pub(super) fn remote(
        &self,
        address: Address,
        others: &Others,
        now: Timestamp,
    ) -> Option<RemoteDiagnosis> {
        let counts = match self.table.get(address) {
            Some(remote) => &remote.counts,
            None => self.conversations.get(address).map(|_| &UNCOUNTED)?,
        };
        let syns = self.tracker.sums(address.into());
        let neighbours = syns.map(|syns| others.beside(address.into(), syns));
        let case = Case {
            neighbours: neighbours.unwrap_or_default(),
            ..self.case(address, counts, syns, now)
        };
        Some(RemoteDiagnosis {
            address: address.into(),
            counters: if self.tracker.sides().lacks_answers(now) {
                counters(counts, syns, case.datagrams).with_fates_unknown()
            } else {
                counters(counts, syns, case.datagrams)
            },
            established: case.conversations.map(ConversationSums::sums),
            findings: verdict::findings(&case),
            hit_by: Vec::new(),
            close_up: None,
        })
    }

    /// The worst that may be said about a remote host.
    pub(super) fn severity(
        &self,
        remote: &Remote,
        syns: Option<&SynSums>,
        now: Timestamp,
    ) -> Option<Severity> {
        let counts = &remote.counts;
        // Datagrams make it a warning at most. Of a large table they are far away.
        let case = self.case_without_datagrams(remote.address, counts, syns, now);
        let without = verdict::severity(&case);
        let has_fragments = FragmentPosition::ALL
            .iter()
            .any(|position| counts.fragments_at(*position) > 0);
        if without >= Some(Severity::Warning) || !has_fragments {
            return without;
        }
        verdict::severity(&self.case(remote.address, counts, syns, now))
    }

    /// A closer look, where there is anything to see.
    fn close_up(&self, address: IpAddr) -> Option<Box<CloseUp>> {
        let syns = self.tracker.sums(address);
        let datagrams = self.datagrams.get(&address);
        let close_up = CloseUp {
            syns: syns.map(|syns| syns.recent.to_vec()).unwrap_or_default(),
            fragment_sizes: datagrams
                .map(|datagrams| datagrams.sizes)
                .unwrap_or_default(),
        };
        (close_up != CloseUp::default()).then(|| Box::new(close_up))
    }

    fn case<'a>(
        &'a self,
        address: Address,
        counts: &'a Counts,
        syns: Option<&'a SynSums>,
        now: Timestamp,
    ) -> Case<'a> {
        let datagrams = self.datagrams.get(&address.into());
        Case {
            datagrams: datagrams.copied().unwrap_or_default(),
            ..self.case_without_datagrams(address, counts, syns, now)
        }
    }

    fn case_without_datagrams<'a>(
        &'a self,
        address: Address,
        counts: &'a Counts,
        syns: Option<&'a SynSums>,
        now: Timestamp,
    ) -> Case<'a> {
        // Of a far side that cannot be seen nothing is known: what it has not answered, and what was sent again.
        let is_seen = !self.tracker.sides().lacks_answers(now);
        Case {
            counts,
            syns: syns.filter(|_| is_seen),
            established: self.established.get(address).filter(|_| is_seen),
            conversations: self.conversations.get(address).filter(|_| is_seen),
            datagrams: Datagrams::default(),
            is_ipv6: IpAddr::from(address).is_ipv6(),
            neighbours: Neighbours::default(),
            missed_share: self.missed_share(),
            now,
        }
    }

    /// Share of all records that did not fit the ring.
    #[expect(clippy::cast_precision_loss, reason = "a share of counts")]
    fn missed_share(&self) -> f64 {
        let missed = self.totals.value(Counter::MissedRecordsRing);
        if missed == 0 {
            0.0
        } else {
            missed as f64 / (missed + self.records) as f64
        }
    }
}

/// What is known of all hosts and bears on each.
pub(super) struct Others {
    networks: Networks,
    together: Option<Together>,
}

impl Others {
    /// What the others do, beside one.
    fn beside(&self, address: IpAddr, syns: &SynSums) -> Neighbours {
        let together = self.together.as_ref();
        Neighbours {
            fail_together: together.is_some_and(|together| together.includes(address)),
            ..self.networks.neighbours(address, syns)
        }
    }
}

fn worst(remote: &RemoteDiagnosis) -> Option<Severity> {
    remote.findings.iter().map(|finding| finding.severity).max()
}
