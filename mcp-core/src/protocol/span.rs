use std::ops::Range;

use bytestring::ByteString;
use serde_json::value::RawValue;

/// A place inside a message's text. Unlike a slice it can live beside the text that it
/// points into, so a request owns its text and is still parsed without copying.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The span of `part`, which must be a slice of `whole`.
    pub(crate) fn of(part: &str, whole: &str) -> Self {
        let start = part.as_ptr() as usize - whole.as_ptr() as usize;
        let end = start + part.len();
        debug_assert!(end <= whole.len());
        // Messages are limited to 4 GiB at the door (`Message::parse`).
        Self { start: start as u32, end: end as u32 }
    }

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(crate) fn str(self, whole: &ByteString) -> &str {
        &whole[self.range()]
    }
}

/// A JSON string inside a message: a span where it is spelled plainly, a copy where it has
/// escapes.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Plain(Span),
    Unescaped(Box<str>),
}

impl Text {
    /// Reads a JSON string; `None` if the raw value is of another type.
    pub(crate) fn parse(raw: &RawValue, whole: &str) -> Option<Self> {
        let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            return serde_json::from_str::<Box<str>>(raw.get()).ok().map(Self::Unescaped);
        }
        Some(Self::Plain(Span::of(inner, whole)))
    }

    pub(crate) fn as_str<'a>(&'a self, whole: &'a ByteString) -> &'a str {
        match self {
            Self::Plain(span) => span.str(whole),
            Self::Unescaped(text) => text,
        }
    }
}
