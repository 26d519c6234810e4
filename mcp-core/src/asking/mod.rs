//! Asking the user, the model or the client from within a call: one way for both eras.
//!
//! A legacy client is asked at once, through its session. A modern client gets an
//! `InputRequiredResult` instead of a result and makes its call again with the answers; what the
//! call knew by then travels in `requestState`, sealed.

mod call;
mod form;
mod memory;
mod question;
mod seal;
mod state_keys;

pub(crate) use self::{
    call::{Asking, Stop},
    memory::Memory,
    seal::Seal,
};
pub use self::{
    question::{Elicited, Question},
    seal::InputRequired,
    state_keys::{StateKeyError, StateKeys},
};
