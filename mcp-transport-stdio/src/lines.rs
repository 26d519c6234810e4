use std::{
    io,
    task::{Context, Poll},
};

use bytes::Bytes;
use mcp_connection::{Incoming, Wire};
use mcp_core::{ErrorKind, RpcError};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    input::{Input, Line},
    output::Output,
};

/// A pair of byte streams that carry one message a line.
pub(crate) struct Lines<R, W> {
    reader: R,
    writer: W,
    input: Input,
    output: Output,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Lines<R, W> {
    pub(crate) fn new(reader: R, writer: W, max_line: usize) -> Self {
        Self { reader, writer, input: Input::new(max_line), output: Output::default() }
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Wire for Lines<R, W> {
    fn next_message(&mut self) -> Option<Incoming> {
        Some(match self.input.next()? {
            Line::Text(text) => Incoming::Text(text),
            Line::TooLong => {
                let limit = self.input.max_line();
                let message = format!("the line is longer than {limit} bytes");
                Incoming::Refused(RpcError::new(ErrorKind::PayloadTooLarge, message))
            }
        })
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.input.poll_read(&mut self.reader, cx)
    }

    fn stop(&mut self) {
        self.input.stop();
    }

    fn has_ended(&self) -> bool {
        self.input.has_ended()
    }

    fn is_drained(&self) -> bool {
        self.input.is_empty()
    }

    fn has_room(&self) -> bool {
        self.output.has_room()
    }

    fn push(&mut self, message: impl AsRef<[u8]> + Into<Bytes>) {
        self.output.push(message.as_ref());
    }

    fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.output.push_with(write);
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.output.poll_write(&mut self.writer, cx)
    }
}
