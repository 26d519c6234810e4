use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
};

use http::HeaderMap;

/// The longest `tracestate` and `baggage` that are passed on, in bytes. W3C Baggage, section
/// 3.3.2, has platforms propagate 8192; Trace Context asks for no more than 512.
const LONGEST_LIST: usize = 8192;

/// Where a call stands in a distributed trace, as its client has told with the W3C's
/// `traceparent`, `tracestate` and `baggage`.
///
/// The three stand in a request's `_meta` (2026-07-28, Tracing); where they do not, a binding
/// over HTTP takes them from the headers of the same names. Without a valid `traceparent` there is
/// no trace context; a `tracestate` or a `baggage` that is invalid is left out.
///
/// The call is a span of its own, with an identifier that is made up when the call begins. What
/// the call sends onward carries that identifier as the parent: [`Self::traceparent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    ids: TraceIds,
    flags: u8,
    tracestate: Option<Box<str>>,
    baggage: Option<Box<str>>,
    /// The call's span has begun, outside of the dispatch.
    has_begun: bool,
}

/// The identifiers of a call in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceIds {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    pub(crate) parent: SpanId,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceId(u128);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanId(u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TraceContext {
    /// Reads the three values; `None` without a valid `traceparent`.
    pub fn parse(
        traceparent: &str,
        tracestate: Option<&str>,
        baggage: Option<&str>,
    ) -> Option<Self> {
        let (trace, parent, flags) = parse_traceparent(traceparent)?;
        let list = |text: Option<&str>| {
            let text = text?.trim_matches([' ', '\t']);
            let is_valid = !text.is_empty()
                && text.len() <= LONGEST_LIST
                && text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
                && text.contains('=');
            is_valid.then(|| text.into())
        };
        Some(Self {
            ids: TraceIds { trace, parent, span: SpanId::new() },
            flags,
            tracestate: list(tracestate),
            baggage: list(baggage),
            has_begun: false,
        })
    }

    /// The trace of a call for which a layer has begun a span of its own, with the identifiers of
    /// that one: what the call logs and sends onward then belongs to it. `client` is what the
    /// client has told, if anything; without it the span is the first of its trace.
    ///
    /// The layer puts it into the request's extensions.
    pub fn of_span(client: Option<Self>, trace_id: u128, span_id: u64, is_sampled: bool) -> Self {
        let parent = client.as_ref().map_or(SpanId(0), |client| client.ids.parent);
        let (tracestate, baggage) =
            client.map_or((None, None), |client| (client.tracestate, client.baggage));
        Self {
            ids: TraceIds { trace: TraceId(trace_id), span: SpanId(span_id), parent },
            flags: is_sampled.into(),
            tracestate,
            baggage,
            has_begun: true,
        }
    }

    /// Reads the headers `traceparent`, `tracestate` and `baggage` of a request over HTTP.
    ///
    /// A binding puts the result into the request's extensions.
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut traceparents = headers.get_all("traceparent").iter();
        let traceparent = traceparents.next()?.to_str().ok()?;
        if traceparents.next().is_some() {
            return None;
        }
        // Lists may be split over several headers (W3C Trace Context, section 3.3).
        let list = |name: &str| {
            let parts: Option<Vec<&str>> =
                headers.get_all(name).iter().map(|value| value.to_str().ok()).collect();
            parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join(","))
        };
        Self::parse(traceparent, list("tracestate").as_deref(), list("baggage").as_deref())
    }

    /// The trace's identifier: 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        self.ids.trace.to_string()
    }

    /// The identifier of the client's span: 16 hexadecimal digits, all of them 0 where the client
    /// has told of none.
    pub fn parent_span_id(&self) -> String {
        self.ids.parent.to_string()
    }

    /// The identifier of the call's own span: 16 hexadecimal digits.
    pub fn span_id(&self) -> String {
        self.ids.span.to_string()
    }

    /// Whether the client may have recorded its span, and asks for the same.
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// The `traceparent` of what the call sends onward: the client's trace, with the call's span
    /// as the parent.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.ids.trace, self.ids.span, self.flags)
    }

    /// The `tracestate`, to be sent onward as it is.
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// The `baggage`, to be sent onward as it is. It comes from the client: never trust it.
    pub fn baggage(&self) -> Option<&str> {
        self.baggage.as_deref()
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    pub(crate) fn ids(&self) -> TraceIds {
        self.ids
    }
}

impl SpanId {
    /// The standard library's hasher has random keys, which is as much chance as a span needs.
    fn new() -> Self {
        loop {
            let span = RandomState::new().hash_one(std::thread::current().id());
            if span != 0 {
                return Self(span);
            }
        }
    }
}

/// W3C Trace Context, section 3.2.
fn parse_traceparent(text: &str) -> Option<(TraceId, SpanId, u8)> {
    let text = text.trim_matches([' ', '\t']);
    let (known, rest) = text.split_at_checked(55)?;
    let mut parts = known.split('-');
    let [version, trace, parent, flags] =
        [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    let is_hex = |part: &str, length: usize| {
        part.len() == length
            && part.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
    };
    let fits = is_hex(version, 2) && is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    // Versions to come may add fields; 00 has none, and ff is no version.
    let ends = rest.is_empty() || (version != "00" && rest.starts_with('-'));
    if !fits || !ends || version == "ff" {
        return None;
    }
    let trace = u128::from_str_radix(trace, 16).ok()?;
    let parent = u64::from_str_radix(parent, 16).ok()?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    (trace != 0 && parent != 0).then_some((TraceId(trace), SpanId(parent), flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_trace_goes_on_with_a_span_of_its_own() {
        let trace = TraceContext::parse(VALID, Some("a=1,b=2"), Some("user=7")).unwrap();
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.parent_span_id(), "b7ad6b7169203331");
        assert!(trace.is_sampled());
        assert_ne!(trace.span_id(), trace.parent_span_id());
        assert_eq!(
            trace.traceparent(),
            format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", trace.span_id())
        );
        assert_eq!((trace.tracestate(), trace.baggage()), (Some("a=1,b=2"), Some("user=7")));
        let onward = TraceContext::parse(&trace.traceparent(), None, None).unwrap();
        assert_eq!(onward.parent_span_id(), trace.span_id());
    }

    #[test]
    fn spans_differ() {
        let spans: std::collections::HashSet<u64> = (0..1000).map(|_| SpanId::new().0).collect();
        assert_eq!(spans.len(), 1000);
    }

    #[test]
    fn an_invalid_traceparent_is_no_trace() {
        for text in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
            "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
            "+0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c8031é9-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::parse(text, None, None), None, "{text}");
        }
    }

    #[test]
    fn versions_to_come_are_read_as_far_as_known() {
        let text = "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-what-else";
        assert!(!TraceContext::parse(text, None, None).unwrap().is_sampled());
    }

    #[test]
    fn invalid_lists_are_left_out() {
        for text in ["", "novalue", "a=\u{1}", "a=é", &"a=1,".repeat(3000)] {
            let trace = TraceContext::parse(VALID, Some(text), Some(text)).unwrap();
            assert_eq!((trace.tracestate(), trace.baggage()), (None, None), "{text}");
        }
    }

    #[test]
    fn headers_are_joined_and_several_parents_are_none() {
        let mut headers = HeaderMap::new();
        assert_eq!(TraceContext::from_headers(&headers), None);
        headers.insert("traceparent", VALID.parse().unwrap());
        headers.append("tracestate", "a=1".parse().unwrap());
        headers.append("tracestate", "b=2".parse().unwrap());
        let trace = TraceContext::from_headers(&headers).unwrap();
        assert_eq!((trace.tracestate(), trace.baggage()), (Some("a=1,b=2"), None));
        headers.append("traceparent", VALID.parse().unwrap());
        assert_eq!(TraceContext::from_headers(&headers), None);
    }
}
