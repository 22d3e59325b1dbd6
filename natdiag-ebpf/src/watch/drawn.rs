//! Segments of connections that were drawn go on to a program of the object `sample`, which hands them over.

use aya_ebpf::{EbpfContext, btf_maps::ProgramArray};
use natdiag_common::sample::{self, Plain};
use natdiag_ebpf::{frame::Frame, link};

use crate::maps;

/// Goes on with the program that hands the segment over, if there is one and the packet may belong to a connection that
/// was drawn. That program passes the packet on.
#[inline(always)]
pub(crate) fn hand_over(ctx: &impl EbpfContext, frame: &Frame, sampler: &ProgramArray<1>) {
    let one_in = maps::sample_one_in();
    let may_be_drawn = match sample::plain(frame, link::link_type()) {
        Plain::Segment(hash) => sample::is_drawn(hash, one_in),
        Plain::Other => false,
        Plain::Unclear => one_in > 0,
    };
    if may_be_drawn {
        // SAFETY: nothing here has to be dropped.
        unsafe { sampler.tail_call(ctx, 0) };
    }
}
