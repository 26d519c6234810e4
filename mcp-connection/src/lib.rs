//! One client on a connection of its own: what stdio, Unix sockets and WebSockets have in common.
//!
//! Depend on this crate to write a transport whose clients each have a connection that carries
//! whole messages in both directions. The transport implements [`Wire`] (framing and delivery);
//! [`serve_connection`] does the rest:
//!
//! - Both protocol eras are served at once. Modern requests, and legacy ones before any
//!   `initialize`, are answered directly; an `initialize` opens the connection's legacy session, to
//!   which legacy messages belong from then on.
//! - Calls run concurrently on one task. A call that can be answered at once costs no task, no
//!   channel and no timer; one that has to wait is kept beside the others, and dropped when the
//!   client sends `notifications/cancelled` for it. Work that keeps a processor busy belongs on
//!   `tokio::task::spawn_blocking`, as in any asynchronous program.
//! - Each message is answered, whatever it holds: text that is no message is refused by the
//!   identifier that it shows, if any, and a request under the identifier of one that is still in
//!   flight is refused while the other goes on.
//! - A client that does not read its answers is not read from, either, once the wire has no room
//!   left. Calls in flight are limited in number, and the texts of their requests in size.

mod calls;
mod connection;
mod options;
mod wire;

pub use crate::{
    connection::serve_connection,
    options::ConnectionOptions,
    wire::{Incoming, Wire},
};
