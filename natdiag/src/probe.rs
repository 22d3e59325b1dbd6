//! Active tests: experiments on a remote host with connections of their own. `plan` chooses what to send and `outcome`
//! says what the answers mean, both pure; `connector` is the trait behind which sockets are; `experiment` joins them.

pub mod connection;
pub mod connector;
mod conversation;
pub mod echo;
pub mod experiment;
pub mod fetch;
pub mod finding;
pub mod fragments;
pub mod hypothesis;
pub mod outcome;
pub mod payload;
pub mod plan;
mod series;
pub mod socket;
pub mod survey;
pub mod target;
pub mod tls;
