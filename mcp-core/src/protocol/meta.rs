use std::fmt;

use bytes::Bytes;
use rmcp::model::{ClientCapabilities, Implementation};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{
    ErrorKind, LogLevel, ProgressToken, RpcError, TraceContext,
    span::{Span, Text},
};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// What a request says about itself in `_meta`.
///
/// Only what every call needs is read at once; the rest is parsed when asked for.
#[derive(Clone, Copy)]
pub struct RequestMeta<'a> {
    spans: &'a MetaSpans,
    text: &'a Bytes,
}

/// Where the members of `_meta` stand in the request's text. A request keeps these beside its
/// text rather than a second handle of the text.
#[derive(Clone, Debug, Default)]
pub(super) struct MetaSpans {
    version: Option<Text>,
    capabilities: Option<Span>,
    client: Option<Span>,
    progress_token: Option<ProgressToken>,
    log_level: Option<LogLevel>,
    has_traceparent: bool,
    whole: Option<Span>,
}

/// The members of `_meta` that the protocol reserves.
#[derive(Deserialize)]
struct Wire<'a> {
    /// Kept even if it is `null`: whoever names a version is modern.
    #[serde(
        borrow,
        default,
        rename = "io.modelcontextprotocol/protocolVersion",
        deserialize_with = "some"
    )]
    version: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientCapabilities")]
    capabilities: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientInfo")]
    client: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/logLevel")]
    log_level: Option<&'a RawValue>,
    #[serde(borrow, rename = "progressToken")]
    progress_token: Option<&'a RawValue>,
    #[serde(borrow)]
    traceparent: Option<&'a RawValue>,
}

fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl MetaSpans {
    /// Reads `raw`, a part of the message `text`.
    pub(super) fn parse(raw: &RawValue, text: &str) -> Result<Self, RpcError> {
        let malformed = |message: String| RpcError::new(ErrorKind::MalformedParams, message);
        if !raw.get().starts_with('{') {
            return Err(malformed("`_meta` must be an object".into()));
        }
        let wire: Wire<'_> = serde_json::from_str(raw.get())
            .map_err(|error| malformed(format!("`_meta` is malformed: {error}")))?;
        let object = |name: &str, raw: Option<&RawValue>| match raw {
            Some(raw) if !raw.get().starts_with('{') => {
                Err(malformed(format!("`_meta.{name}` must be an object")))
            }
            raw => Ok(raw.map(|raw| Span::of(raw.get(), text))),
        };
        let version = wire
            .version
            .map(|raw| {
                Text::parse(raw, text)
                    .ok_or_else(|| malformed(format!("`_meta.{VERSION}` must be a string")))
            })
            .transpose()?;
        let progress_token = wire
            .progress_token
            .map(|raw| {
                ProgressToken::parse(raw).ok_or_else(|| {
                    malformed("`_meta.progressToken` must be a string or an integer".into())
                })
            })
            .transpose()?;
        let log_level = wire
            .log_level
            .map(|raw| {
                serde_json::from_str(raw.get()).map_err(|_| {
                    malformed(format!(
                        "`_meta.io.modelcontextprotocol/logLevel` is {}, expected one of debug, \
                         info, notice, warning, error, critical, alert, emergency",
                        raw.get().chars().take(40).collect::<String>()
                    ))
                })
            })
            .transpose()?;
        Ok(Self {
            version,
            capabilities: object(CAPABILITIES, wire.capabilities)?,
            client: object("io.modelcontextprotocol/clientInfo", wire.client)?,
            progress_token,
            log_level,
            has_traceparent: wire.traceparent.is_some(),
            whole: Some(Span::of(raw.get(), text)),
        })
    }

    /// Sets what the session has asked for instead of the request.
    pub(super) fn set_log_level(&mut self, level: Option<LogLevel>) {
        self.log_level = level;
    }

    pub(super) fn has_version(&self) -> bool {
        self.version.is_some()
    }
}

impl<'a> RequestMeta<'a> {
    pub(super) fn new(spans: &'a MetaSpans, text: &'a Bytes) -> Self {
        Self { spans, text }
    }

    /// The protocol version that the request is written in; `None` in the legacy era.
    pub fn protocol_version(self) -> Option<&'a str> {
        self.spans.version.as_ref().map(|version| version.as_str(self.text))
    }

    /// The token under which the client wants to hear of progress, if it does.
    pub fn progress_token(self) -> Option<&'a ProgressToken> {
        self.spans.progress_token.as_ref()
    }

    /// The least severe level of log messages that the client wants, if it wants any.
    pub fn log_level(self) -> Option<LogLevel> {
        self.spans.log_level
    }

    /// The client's self-reported name and version. Unverified: for display and logs only.
    pub fn client_info(self) -> Option<Implementation> {
        serde_json::from_slice(self.spans.client?.bytes(self.text)).ok()
    }

    /// What the client says it can do.
    pub fn client_capabilities(self) -> Option<ClientCapabilities> {
        serde_json::from_slice(self.spans.capabilities?.bytes(self.text)).ok()
    }

    /// Reads any member of `_meta`, such as `traceparent`.
    pub fn get<T: serde::de::DeserializeOwned>(self, key: &str) -> Option<T> {
        use std::collections::BTreeMap;
        let mut members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(self.spans.whole?.bytes(self.text)).ok()?;
        serde_json::from_str(members.remove(key)?.get()).ok()
    }

    /// The trace that the client tells of, if it does so validly.
    pub(crate) fn trace_context(self) -> Option<TraceContext> {
        if !self.spans.has_traceparent {
            return None;
        }
        let list = |name: &str| self.get::<String>(name);
        TraceContext::parse(
            &list("traceparent")?,
            list("tracestate").as_deref(),
            list("baggage").as_deref(),
        )
    }

    /// Whether the members that a modern request must have are there.
    pub(crate) fn require_modern(self) -> Result<(), RpcError> {
        let missing = match (self.spans.version.is_none(), self.spans.capabilities.is_none()) {
            (false, false) => return Ok(()),
            (true, true) => format!("`{VERSION}` and `{CAPABILITIES}`"),
            (true, false) => format!("`{VERSION}`"),
            (false, true) => format!("`{CAPABILITIES}`"),
        };
        Err(RpcError::new(
            ErrorKind::MalformedParams,
            format!("`params._meta` must have {missing}"),
        ))
    }
}

impl fmt::Debug for RequestMeta<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMeta")
            .field("protocol_version", &self.protocol_version())
            .field("progress_token", &self.progress_token())
            .field("log_level", &self.log_level())
            .finish_non_exhaustive()
    }
}
