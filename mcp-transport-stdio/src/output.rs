//! Messages to bytes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, BufMut as _, BytesMut};
use tokio::io::AsyncWrite;

/// How much may wait for the client to read before nothing more is done for it.
const FULL: usize = 256 * 1024;

/// What is yet to be written, as whole lines.
#[derive(Debug, Default)]
pub(crate) struct Output {
    buffer: BytesMut,
    unflushed: bool,
}

impl Output {
    /// Whether there is room for more. One message may go beyond it.
    pub(crate) fn has_room(&self) -> bool {
        self.buffer.len() < FULL
    }

    /// Adds a message.
    pub(crate) fn push(&mut self, message: &[u8]) {
        self.buffer.reserve(message.len() + 1);
        self.buffer.put_slice(message);
        self.buffer.put_u8(b'\n');
    }

    /// Writes as much as the client takes; ready when everything is written and flushed.
    pub(crate) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        writer: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.buffer.is_empty() {
            let length = ready!(Pin::new(&mut *writer).poll_write(cx, &self.buffer))?;
            if length == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.buffer.advance(length);
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(writer).poll_flush(cx))?;
            self.unflushed = false;
            if self.buffer.capacity() > 2 * FULL {
                self.buffer = BytesMut::new();
            }
        }
        Poll::Ready(Ok(()))
    }
}
