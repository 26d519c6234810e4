//! Bytes to lines.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::AsyncRead;

/// How much is read at once.
const READ: usize = 64 * 1024;
/// From this length on a line keeps the buffer that it was read into instead of being copied.
const LARGE: usize = READ;

/// One line of the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Its text, without the line break.
    Text(Bytes),
    /// It is longer than the limit. Its text is not kept.
    TooLong,
}

/// Cuts what is read into lines.
#[derive(Debug)]
pub(crate) struct Input {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line break.
    scanned: usize,
    max_line: usize,
    /// Whether the rest of a line that was too long is yet to come.
    skipping: bool,
    ended: bool,
}

impl Input {
    pub(crate) fn new(max_line: usize) -> Self {
        Self { buffer: BytesMut::new(), scanned: 0, max_line, skipping: false, ended: false }
    }

    pub(crate) fn max_line(&self) -> usize {
        self.max_line
    }

    /// Whether nothing more will be read.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether no line can come any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.ended && self.buffer.is_empty()
    }

    /// Stops reading. What was read up to the last line break is still there; what comes after is
    /// no message yet.
    pub(crate) fn stop(&mut self) {
        if !self.ended {
            self.ended = true;
            let end = memchr::memrchr(b'\n', &self.buffer).map_or(0, |at| at + 1);
            self.buffer.truncate(end);
            self.scanned = self.scanned.min(end);
        }
    }

    /// Reads once. Only to be called when [`Self::next`] has no line left, for what is read adds
    /// to what is there.
    pub(crate) fn poll_read<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.buffer.capacity() - self.buffer.len() < READ / 8 {
            self.buffer.reserve(READ);
        }
        let read = tokio_util::io::poll_read_buf(Pin::new(reader), cx, &mut self.buffer);
        read.map_ok(|length| self.ended = length == 0)
    }

    /// The next line that is not blank.
    pub(crate) fn next(&mut self) -> Option<Line> {
        loop {
            let Some(at) = memchr::memchr(b'\n', &self.buffer[self.scanned..]) else {
                return self.rest();
            };
            let end = self.scanned + at;
            self.scanned = 0;
            if std::mem::take(&mut self.skipping) {
                self.buffer.advance(end + 1);
                continue;
            }
            let line = self.take(end);
            self.buffer.advance(1);
            if line.is_some() {
                return line;
            }
        }
    }

    /// What there is to say while the line that has begun has no end.
    fn rest(&mut self) -> Option<Line> {
        if self.skipping {
            self.forget();
            return None;
        }
        // A line of the greatest length may be followed by two bytes of a line break.
        if self.buffer.len() > self.max_line + 1 {
            self.forget();
            self.skipping = true;
            return Some(Line::TooLong);
        }
        if self.ended {
            self.scanned = 0;
            return self.take(self.buffer.len());
        }
        self.scanned = self.buffer.len();
        None
    }

    fn forget(&mut self) {
        self.scanned = 0;
        if self.buffer.capacity() > 2 * READ {
            self.buffer = BytesMut::new();
        } else {
            self.buffer.clear();
        }
    }

    /// Takes a line of this length from the front; `None` if it is blank.
    fn take(&mut self, length: usize) -> Option<Line> {
        let text = &self.buffer[..length];
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let kept = text.len();
        if text.iter().all(u8::is_ascii_whitespace) {
            self.buffer.advance(length);
            None
        } else if kept > self.max_line {
            self.buffer.advance(length);
            Some(Line::TooLong)
        } else if kept < LARGE {
            // A call that waits must not keep all that was read along with it.
            let text = Bytes::copy_from_slice(text);
            self.buffer.advance(length);
            Some(Line::Text(text))
        } else {
            let rest = BytesMut::from(&self.buffer[length..]);
            let mut text = std::mem::replace(&mut self.buffer, rest);
            text.truncate(kept);
            Some(Line::Text(text.freeze()))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure is a failed test")]
mod tests {
    use std::task::Waker;

    use super::*;

    /// All lines of what arrives in chunks of the given size.
    fn lines(text: &[u8], max_line: usize, chunk: usize) -> Vec<Line> {
        let mut input = Input::new(max_line);
        let mut cx = Context::from_waker(Waker::noop());
        let mut lines = Vec::new();
        for mut chunk in text.chunks(chunk).chain([&[][..]]) {
            assert!(input.poll_read(&mut chunk, &mut cx).is_ready());
            lines.extend(std::iter::from_fn(|| input.next()));
            assert!(input.buffer.len() <= max_line + 1, "{}", input.buffer.len());
        }
        lines
    }

    fn text(text: &str) -> Line {
        Line::Text(text.to_owned().into())
    }

    #[test]
    fn lines_do_not_depend_on_how_they_arrive() {
        for chunk in 1..20 {
            assert_eq!(
                lines(
                    b"a\n\r\n  \nbb\r\nccccc\nccccc\r\nddddddddddddd\r\n\ne\n\nfffffff\ng",
                    5,
                    chunk
                ),
                [
                    text("a"),
                    text("bb"),
                    text("ccccc"),
                    text("ccccc"),
                    Line::TooLong,
                    text("e"),
                    Line::TooLong,
                    text("g")
                ],
                "in chunks of {chunk}"
            );
        }
    }

    #[test]
    fn a_last_line_needs_no_line_break() {
        for chunk in 1..20 {
            assert_eq!(lines(b"a\nbb\r", 5, chunk), [text("a"), text("bb")]);
            assert_eq!(lines(b"a\nbbbbbb", 5, chunk), [text("a"), Line::TooLong]);
            assert_eq!(lines(b"a\nbbbbbbbbbbb", 5, chunk), [text("a"), Line::TooLong]);
            assert_eq!(lines(b"a\n ", 5, chunk), [text("a")]);
        }
    }

    #[test]
    fn a_large_line_does_not_keep_the_buffer_large() {
        let mut input = Input::new(1 << 24);
        let mut cx = Context::from_waker(Waker::noop());
        let mut message = vec![b'x'; 1 << 23];
        message.extend_from_slice(b"\ny");
        let mut source = &message[..];
        let line = loop {
            assert!(input.poll_read(&mut source, &mut cx).is_ready());
            if let Some(line) = input.next() {
                break line;
            }
        };
        assert!(matches!(line, Line::Text(text) if text.len() == 1 << 23));
        assert_eq!(&input.buffer[..], b"y");
        assert!(input.buffer.capacity() <= READ);
    }

    #[test]
    fn what_follows_the_last_line_break_is_no_line_after_a_stop() {
        let mut input = Input::new(100);
        let mut source = &b"a\nb\nc"[..];
        assert!(input.poll_read(&mut source, &mut Context::from_waker(Waker::noop())).is_ready());
        input.stop();
        assert!(input.has_ended());
        assert_eq!(std::iter::from_fn(|| input.next()).collect::<Vec<_>>(), [text("a"), text("b")]);
    }
}
