//! The connection to AWS that tools share.

mod action;
#[cfg(feature = "cost")]
mod billed;
mod client;
mod gate;
mod policy;
mod whoami;

pub(crate) use self::action::Action;
#[cfg(feature = "cost")]
pub(crate) use self::{action::cost_explorer_requests, client::Explorer};
pub use self::{
    client::Aws,
    policy::iam_policy,
    whoami::{Identity, Whoami},
};
#[cfg(feature = "waste")]
pub(crate) use self::{gate::Gate, whoami::is_region};
