//! The connection to AWS that tools share.

mod action;
mod client;
mod error;
mod gate;
mod policy;
mod whoami;

pub(crate) use self::{
    action::{Action, cost_explorer_requests},
    client::Explorer,
};
pub use self::{
    client::Aws,
    policy::iam_policy,
    whoami::{Identity, Whoami},
};
