//! What is said where this host's own NAT or filter drops SYNs, be it for a race or for a full table.

use super::trouble::Words;
use crate::analysis::diagnosis::Cause;

pub(super) static LOCAL: Words = Words {
    cause: Cause::LocalNat,
    summary: "this machine's own NAT or filter drops them",
    remedy: "`conntrack -S` (insert_failed, drop) and `dmesg | grep conntrack` say why; raise `net.netfilter.nf_conntrack_max` where the table is full",
    why_left_beside: Some("a rule of this machine for just this host would do the same"),
    why_left: "the table of connections may be full",
};
