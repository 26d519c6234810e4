//! The connection to AWS that tools share.

mod action;
#[cfg(any(feature = "operations", feature = "waste"))]
mod api;
#[cfg(feature = "cost")]
mod billed;
mod client;
mod gate;
mod policy;
mod whoami;

pub(crate) use self::action::Action;
#[cfg(feature = "waste")]
pub(crate) use self::client::Unanswered;
#[cfg(feature = "cost")]
pub(crate) use self::{action::cost_explorer_requests, client::Explorer};
#[cfg(any(feature = "operations", feature = "waste"))]
pub(crate) use self::{api::Api, whoami::is_region};
pub use self::{
    client::Aws,
    policy::iam_policy,
    whoami::{Identity, Whoami},
};
