//! Names of programs, maps and globals in the built object. A test finds each of them there.
//! Program names have 15 characters at most (`BPF_OBJ_NAME_LEN`).

/// What the name of each program begins with.
pub const PROGRAM_PREFIX: &str = "natdiag_";
/// XDP program for devices whose frames fit one buffer.
pub const PROGRAM_XDP: &str = "natdiag_xdp";
/// XDP program for devices that spread jumbo frames over several buffers.
pub const PROGRAM_XDP_FRAGS: &str = "natdiag_xdp_mb";
/// TC program for received packets.
pub const PROGRAM_TC_INGRESS: &str = "natdiag_tc_in";
/// TC program for sent packets.
pub const PROGRAM_TC_EGRESS: &str = "natdiag_tc_out";
/// Per-CPU array with one [`crate::counter::Totals`].
pub const MAP_TOTALS: &str = "TOTALS";
/// Per-CPU array of [`crate::slot::RemoteSlot`]s.
pub const MAP_REMOTE_SLOTS: &str = "REMOTE_SLOTS";
/// Ring buffer of [`crate::slot::Spill`]s.
pub const MAP_SPILLS: &str = "SPILLS";
/// Ring buffer of [`crate::record::Record`]s.
pub const MAP_RECORDS: &str = "RECORDS";
/// Global of one octet: the [`crate::LinkType`] of the watched device.
pub const GLOBAL_LINK_TYPE: &str = "LINK_TYPE";

/// TC program that follows received packets of suspects.
pub const PROGRAM_FOLLOW_INGRESS: &str = "natdiag_fol_in";
/// TC program that follows sent packets of suspects.
pub const PROGRAM_FOLLOW_EGRESS: &str = "natdiag_fol_out";
/// Array of sets of [`crate::Address`]es under suspicion.
pub const MAP_SUSPECTS: &str = "SUSPECTS";
/// Per-CPU array of [`crate::follow::FollowCounts`], one of each place for a suspect.
pub const MAP_FOLLOW_COUNTS: &str = "FOLLOW_COUNTS";
/// Array of [`crate::follow::FollowedFlow`]s.
pub const MAP_FLOWS: &str = "FLOWS_FOLLOWED";

/// XDP program that hands over segments of connections that were drawn, after [`PROGRAM_XDP`].
pub const PROGRAM_SAMPLE_XDP: &str = "natdiag_smp_xdp";
/// XDP program that does so for frames in several buffers, after [`PROGRAM_XDP_FRAGS`].
pub const PROGRAM_SAMPLE_XDP_FRAGS: &str = "natdiag_smp_xmb";
/// TC program that does so after [`PROGRAM_TC_INGRESS`].
pub const PROGRAM_SAMPLE_INGRESS: &str = "natdiag_smp_in";
/// TC program that does so after [`PROGRAM_TC_EGRESS`].
pub const PROGRAM_SAMPLE_EGRESS: &str = "natdiag_smp_out";
/// Array of one number: one connection in so many is drawn, none where it is zero.
pub const MAP_SAMPLE_ONE_IN: &str = "SAMPLE_ONE_IN";
/// Array of the program that [`PROGRAM_XDP`] goes on with.
pub const MAP_SAMPLER_XDP: &str = "SAMPLER_XDP";
/// Array of the program that [`PROGRAM_XDP_FRAGS`] goes on with.
pub const MAP_SAMPLER_XDP_FRAGS: &str = "SAMPLER_XDP_MB";
/// Array of the program that [`PROGRAM_TC_INGRESS`] goes on with.
pub const MAP_SAMPLER_INGRESS: &str = "SAMPLER_TC_IN";
/// Array of the program that [`PROGRAM_TC_EGRESS`] goes on with.
pub const MAP_SAMPLER_EGRESS: &str = "SAMPLER_TC_OUT";
/// Ring buffer of [`crate::sample::Sample`]s.
pub const MAP_SAMPLES: &str = "SAMPLES";
/// Per-CPU array of one number: samples that found no room in the ring.
pub const MAP_SAMPLES_MISSED: &str = "SAMPLES_MISSED";

/// TC program that restores the timestamps that a test's connections receive.
pub const PROGRAM_PROBE_INGRESS: &str = "natdiag_prb_in";
/// TC program that changes the timestamps that a test's connections send.
pub const PROGRAM_PROBE_EGRESS: &str = "natdiag_prb_out";
/// Hash map of [`crate::probe::ProbeConnection`]s by socket cookie.
pub const MAP_PROBE_CONNECTIONS: &str = "CONNECTIONS";
/// Hash map of socket cookies by [`crate::probe::WireEnds`].
pub const MAP_PROBE_ENDS: &str = "ENDS_ON_WIRE";

/// TC program that tries a remedy on sent SYNs.
pub const PROGRAM_TRIAL_EGRESS: &str = "natdiag_try_out";
/// Array of one [`crate::probe::RemedyTrial`].
pub const MAP_TRIALS: &str = "TRIALS";
/// Per-CPU array of one number: SYNs that the trial has changed.
pub const MAP_TRIED_SYNS: &str = "TRIED_SYNS";
