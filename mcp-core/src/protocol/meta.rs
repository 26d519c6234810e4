use std::{fmt, marker::PhantomData};

use bytestring::ByteString;
use rmcp::model::{ClientCapabilities, Implementation};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    ErrorKind, LogLevel, ProgressToken, RpcError, TraceContext,
    span::{Span, Text},
    wire::{Key, Keyed, present},
};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const CLIENT: &str = "io.modelcontextprotocol/clientInfo";
const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
const PROGRESS_TOKEN: &str = "progressToken";
const TRACEPARENT: &str = "traceparent";

/// What a request says about itself in `_meta`.
///
/// Only what every call needs is read at once; the rest is parsed when asked for.
#[derive(Clone, Copy)]
pub struct RequestMeta<'a> {
    spans: &'a MetaSpans,
    text: &'a ByteString,
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
}

/// `_meta` as it stands on the wire.
#[derive(Default)]
pub(super) struct WireMeta<'a> {
    /// Kept even if it is `null`: whoever names a version is modern.
    version: Option<&'a RawValue>,
    capabilities: Option<&'a RawValue>,
    client: Option<&'a RawValue>,
    log_level: Option<&'a RawValue>,
    progress_token: Option<&'a RawValue>,
    traceparent: Option<&'a RawValue>,
    fault: Option<MetaFault>,
}

/// What is told once the request's identifier is known.
#[derive(Clone, Copy)]
enum MetaFault {
    NotAnObject,
    Twice(&'static str),
}

/// The members of [`WireMeta`].
pub(super) const KNOWN_META_KEYS: [&str; 6] =
    [VERSION, CAPABILITIES, CLIENT, LOG_LEVEL, PROGRESS_TOKEN, TRACEPARENT];

impl<'de, K: Key<'de>> Deserialize<'de> for Keyed<WireMeta<'de>, K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MetaVisitor<K>(PhantomData<K>);

        impl<K> MetaVisitor<K> {
            fn no_object<'de, E>() -> Result<Keyed<WireMeta<'de>, K>, E> {
                let fault = Some(MetaFault::NotAnObject);
                Ok(Keyed::new(WireMeta { fault, ..WireMeta::default() }))
            }
        }

        impl<'de, K: Key<'de>> Visitor<'de> for MetaVisitor<K> {
            type Value = Keyed<WireMeta<'de>, K>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`_meta` to be an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut meta = WireMeta::default();
                while let Some(whole_key) = map.next_key::<K>()? {
                    let key = whole_key.as_bytes();
                    let (slot, name) = if key == VERSION.as_bytes() {
                        (&mut meta.version, VERSION)
                    } else if key == CAPABILITIES.as_bytes() {
                        (&mut meta.capabilities, CAPABILITIES)
                    } else if key == CLIENT.as_bytes() {
                        (&mut meta.client, CLIENT)
                    } else if key == LOG_LEVEL.as_bytes() {
                        (&mut meta.log_level, LOG_LEVEL)
                    } else if key == PROGRESS_TOKEN.as_bytes() {
                        (&mut meta.progress_token, PROGRESS_TOKEN)
                    } else if key == TRACEPARENT.as_bytes() {
                        (&mut meta.traceparent, TRACEPARENT)
                    } else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    if slot.is_some() {
                        meta.fault = Some(MetaFault::Twice(name));
                    }
                    *slot = Some(map.next_value()?);
                }
                Ok(Keyed::new(meta))
            }

            /// As absent as any other member that is `null`.
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Keyed::new(WireMeta::default()))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Self::no_object()
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Self::no_object()
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Self::no_object()
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Self::no_object()
            }

            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Self::no_object()
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Self::no_object()
            }
        }

        deserializer.deserialize_any(MetaVisitor(PhantomData))
    }
}

impl MetaSpans {
    /// Reads what stands in the message `text`.
    pub(super) fn read(wire: &WireMeta<'_>, text: &str) -> Result<Self, RpcError> {
        let malformed = |message: String| RpcError::new(ErrorKind::MalformedParams, message);
        match wire.fault {
            None => {}
            Some(MetaFault::NotAnObject) => {
                return Err(malformed("`_meta` must be an object".into()));
            }
            Some(MetaFault::Twice(name)) => {
                return Err(malformed(format!("`_meta` is malformed: duplicate field `{name}`")));
            }
        }
        let object = |name: &str, raw: Option<&RawValue>| match present(raw) {
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
        let progress_token = present(wire.progress_token)
            .map(|raw| {
                ProgressToken::parse(raw).ok_or_else(|| {
                    malformed("`_meta.progressToken` must be a string or an integer".into())
                })
            })
            .transpose()?;
        let log_level = present(wire.log_level)
            .map(|raw| {
                serde_json::from_str(raw.get()).map_err(|_| {
                    malformed(format!(
                        "`_meta.{LOG_LEVEL}` is {}, expected one of debug, \
                         info, notice, warning, error, critical, alert, emergency",
                        raw.get().chars().take(40).collect::<String>()
                    ))
                })
            })
            .transpose()?;
        Ok(Self {
            version,
            capabilities: object(CAPABILITIES, wire.capabilities)?,
            client: object(CLIENT, wire.client)?,
            progress_token,
            log_level,
            has_traceparent: present(wire.traceparent).is_some(),
        })
    }

    /// Sets what the session has asked for instead of the request.
    pub(super) fn set_log_level(&mut self, level: Option<LogLevel>) {
        self.log_level = level;
    }

    pub(super) fn version<'a>(&'a self, text: &'a ByteString) -> Option<&'a str> {
        self.version.as_ref().map(|version| version.as_str(text))
    }
}

impl<'a> RequestMeta<'a> {
    pub(super) fn new(spans: &'a MetaSpans, text: &'a ByteString) -> Self {
        Self { spans, text }
    }

    /// The protocol version that the request itself names, as modern requests do; in a legacy
    /// session `initialize` has named one for all.
    pub fn protocol_version(self) -> Option<&'a str> {
        self.spans.version(self.text)
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
        serde_json::from_str(self.spans.client?.str(self.text)).ok()
    }

    /// What the client says it can do.
    pub fn client_capabilities(self) -> Option<ClientCapabilities> {
        serde_json::from_str(self.spans.capabilities?.str(self.text)).ok()
    }

    /// Reads any member of `_meta`, such as `traceparent`. The message is parsed once more for it.
    pub fn get<T: serde::de::DeserializeOwned>(self, key: &str) -> Option<T> {
        use std::collections::BTreeMap;

        #[derive(Deserialize)]
        struct Envelope {
            params: Params,
        }
        #[derive(Deserialize)]
        struct Params {
            #[serde(rename = "_meta")]
            meta: BTreeMap<String, Box<RawValue>>,
        }

        let mut envelope: Envelope = serde_json::from_str(self.text).ok()?;
        serde_json::from_str(envelope.params.meta.remove(key)?.get()).ok()
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
