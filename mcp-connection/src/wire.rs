use std::{
    io,
    task::{Context, Poll},
};

use bytes::Bytes;
use mcp_core::RpcError;

/// What carries the messages of one connection.
///
/// Framing and delivery are its own affair; it knows nothing of what the messages mean. It is used
/// from one task only, and every method that takes a context wakes it.
pub trait Wire {
    /// The next message of those that have been read.
    fn next_message(&mut self) -> Option<Incoming>;

    /// Reads more. Only called when [`Self::next_message`] has nothing left.
    ///
    /// # Errors
    ///
    /// When nothing can be read any more. A [disconnect](io::ErrorKind::ConnectionReset) does not
    /// keep the answers from being written.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Stops reading. Messages that have been read as a whole are still there.
    fn stop(&mut self);

    /// Whether nothing more will be read.
    fn has_ended(&self) -> bool;

    /// Whether nothing more will be read, and [`Self::next_message`] has nothing left.
    fn is_drained(&self) -> bool;

    /// Whether there is room for one more message to be written, however long it is. While there is
    /// none, the connection neither reads nor works.
    fn has_room(&self) -> bool;

    /// Adds a message to those that are to be written.
    fn push(&mut self, message: impl AsRef<[u8]> + Into<Bytes>);

    /// Adds a message that is yet to be written down.
    fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut message = Vec::with_capacity(160);
        write(&mut message);
        self.push(message);
    }

    /// Writes as much as the client takes; ready when everything is written and flushed.
    ///
    /// # Errors
    ///
    /// When nothing can be written any more, which ends the connection.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// What the client has sent.
#[derive(Debug)]
pub enum Incoming {
    /// The text of a message.
    Text(Bytes),
    /// Something that the wire does not take for a message, and the error to answer it with.
    Refused(RpcError),
}
