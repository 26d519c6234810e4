//! The connection to AWS that tools share.

mod action;
#[cfg(any(feature = "operations", feature = "waste"))]
mod api;
#[cfg(feature = "cost")]
mod billed;
mod client;
#[cfg(any(feature = "operations", feature = "waste"))]
pub(crate) mod ecs;
mod gate;
#[cfg(any(feature = "operations", feature = "waste"))]
mod page;
mod policy;
mod region;
mod whoami;

pub(crate) use self::action::Action;
#[cfg(feature = "waste")]
pub(crate) use self::client::Unanswered;
#[cfg(any(feature = "operations", feature = "refresh", feature = "waste"))]
pub(crate) use self::region::is_region;
#[cfg(feature = "cost")]
pub(crate) use self::{action::cost_explorer_requests, client::Explorer};
#[cfg(any(feature = "operations", feature = "waste"))]
pub(crate) use self::{api::Api, page::page};
pub use self::{
    client::Aws,
    policy::iam_policy,
    whoami::{Identity, Whoami},
};
