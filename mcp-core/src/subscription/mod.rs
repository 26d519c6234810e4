//! What clients are told of without having made a call: `subscriptions/listen` (2026-07-28), and
//! what legacy sessions hear of by themselves.
//!
//! Nothing is queued for a client that does not read. A change is noted once for each listener
//! that wants to hear of it, however often it happens before the listener is asked for it: lists
//! that have changed twice have changed, and a resource is read as it is when it is read.

mod filter;
mod hub;
mod limit;
mod listening;
mod notification;
mod stream;

pub(crate) use self::{
    filter::{Filter, Wanted},
    hub::{Change, Hub, Listener},
    stream::Subscription,
};
pub use self::{
    hub::Notifier, limit::SubscriptionLimit, listening::Listening,
    notification::SubscriptionNotification,
};
