//! A process's side of the Lambda Runtime API (2018-06-01) and of the Extensions API beside it.
//!
//! `lambda_runtime` has one, too. It leaves Nagle's algorithm on and writes the beginning of a stream in
//! three pieces, so that a first event waits 40 ms for an acknowledgement: see
//! `docs/adr/0006-lambda-runtime-api.md`.

mod api;
mod body;
mod connection;
mod invocation;
mod poll;

pub(crate) use self::{
    api::RuntimeApi,
    body::Outgoing,
    poll::{Invocations, restore, tell_init_error},
};
