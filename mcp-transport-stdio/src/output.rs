//! Messages to bytes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

/// How much may wait for the client to read before nothing more is done for it.
const FULL: usize = 256 * 1024;

/// What is yet to be written, as whole lines.
#[derive(Debug, Default)]
pub(crate) struct Output {
    buffer: Vec<u8>,
    /// How much of the buffer is written.
    written: usize,
    unflushed: bool,
}

impl Output {
    /// Whether there is room for more. One message may go beyond it.
    pub(crate) fn has_room(&self) -> bool {
        self.buffer.len() - self.written < FULL
    }

    /// Adds a message.
    pub(crate) fn push(&mut self, message: &[u8]) {
        self.push_with(|out| {
            out.reserve(message.len() + 1);
            out.extend_from_slice(message);
        });
    }

    /// Adds what is written into the buffer, which is one message.
    pub(crate) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        // A client that is never quite done reading must not have all kept that it has read.
        if self.written > FULL {
            self.buffer.drain(..std::mem::take(&mut self.written));
        }
        write(&mut self.buffer);
        self.buffer.push(b'\n');
    }

    /// Writes as much as the client takes; ready when everything is written and flushed.
    pub(crate) fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        writer: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.written < self.buffer.len() {
            let unwritten = &self.buffer[self.written..];
            let length = ready!(Pin::new(&mut *writer).poll_write(cx, unwritten))?;
            if length == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += length;
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(writer).poll_flush(cx))?;
            self.unflushed = false;
            self.written = 0;
            self.buffer.clear();
            if self.buffer.capacity() > 2 * FULL {
                self.buffer = Vec::new();
            }
        }
        Poll::Ready(Ok(()))
    }
}
