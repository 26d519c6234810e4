use std::{fmt, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value, map::Entry, value::RawValue};
use tokio::sync::mpsc;

use super::{
    ClientResponse, Era, ErrorKind, LogLevel, Notification, RequestId, RequestMeta, RpcError,
    TraceContext, TraceIds,
    meta::MetaSpans,
    span::{Span, Text},
    version::legacy_version,
    wire::{Wire, find_id, present},
};
use crate::{app, session::SessionClient, task::TaskLink};

/// One JSON-RPC message from a client.
#[derive(Debug)]
#[non_exhaustive]
pub enum Message {
    /// Wants an answer.
    Request(Request),
    /// Wants none.
    Notification(NotificationMessage),
    /// Answers a request that the server sent; only legacy sessions have these.
    Response(ClientResponse),
}

/// Text that is not a message, with the answer that its sender gets.
#[derive(Debug)]
pub struct Malformed {
    /// The request's identifier, where it could be read.
    pub id: Option<RequestId>,
    /// What is wrong.
    pub error: RpcError,
}

/// A notification from a client.
#[derive(Clone, Debug)]
pub struct NotificationMessage {
    method: Method,
    request_id: Option<RequestId>,
}

impl NotificationMessage {
    /// The notification's method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The request that the client no longer wants answered, if that is what it notifies.
    pub fn cancelled_request(&self) -> Option<&RequestId> {
        (self.method == Method::Cancelled).then_some(self.request_id.as_ref()).flatten()
    }
}

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A JSON-RPC method.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Method {
            $($(#[$doc])* $variant,)*
            /// A method that this crate has no name for.
            Other(Box<str>),
        }

        impl Method {
            fn parse(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)*
                    other => Self::Other(other.into()),
                }
            }

            /// The method as it stands in messages.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other(name) => name,
                }
            }

            /// The same, if it is one that this crate has a name for: nothing that a caller has
            /// made up.
            pub fn well_known(&self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($name),)*
                    Self::Other(_) => None,
                }
            }
        }
    };
}

methods! {
    /// `server/discover`
    Discover = "server/discover",
    /// `tools/list`
    ListTools = "tools/list",
    /// `tools/call`
    CallTool = "tools/call",
    /// `resources/list`
    ListResources = "resources/list",
    /// `resources/templates/list`
    ListResourceTemplates = "resources/templates/list",
    /// `resources/read`
    ReadResource = "resources/read",
    /// `prompts/list`
    ListPrompts = "prompts/list",
    /// `prompts/get`
    GetPrompt = "prompts/get",
    /// `tasks/get` (the extension `io.modelcontextprotocol/tasks`)
    GetTask = "tasks/get",
    /// `tasks/update` (the extension `io.modelcontextprotocol/tasks`)
    UpdateTask = "tasks/update",
    /// `tasks/cancel` (the extension `io.modelcontextprotocol/tasks`)
    CancelTask = "tasks/cancel",
    /// `subscriptions/listen`
    Listen = "subscriptions/listen",
    /// `resources/subscribe` (legacy)
    Subscribe = "resources/subscribe",
    /// `resources/unsubscribe` (legacy)
    Unsubscribe = "resources/unsubscribe",
    /// `completion/complete`
    Complete = "completion/complete",
    /// `initialize` (legacy)
    Initialize = "initialize",
    /// `ping` (legacy)
    Ping = "ping",
    /// `logging/setLevel` (legacy sessions)
    SetLogLevel = "logging/setLevel",
    /// `notifications/cancelled`
    Cancelled = "notifications/cancelled",
    /// `notifications/initialized` (legacy)
    Initialized = "notifications/initialized",
}

/// The arguments of a tool call.
#[derive(Clone, Debug)]
pub struct Arguments(pub(crate) ArgumentsSource);

#[derive(Clone, Debug)]
pub(crate) enum ArgumentsSource {
    /// Not yet parsed: a part of the request's text.
    Raw(Span),
    Absent,
}

/// A request, parsed once and owning its text.
#[derive(Clone, Debug)]
pub struct Request {
    text: ByteString,
    id: RequestId,
    method: Method,
    era: Era,
    /// `params.name`, `params.uri` or `params.taskId`.
    target: Option<Text>,
    cursor: Option<Text>,
    arguments: Arguments,
    meta: MetaSpans,
    extensions: http::Extensions,
    notifications: Option<mpsc::Sender<Notification>>,
    /// Whom a call of a legacy session may ask.
    client: Option<Arc<SessionClient>>,
    /// Where the call is a task, or may become one.
    task: Option<Arc<TaskLink>>,
    /// Only calls that are made again have it.
    input: Option<Box<Input>>,
}

/// What a call that is made again brings along.
#[derive(Clone, Debug)]
struct Input {
    responses: Option<Span>,
    state: Option<Text>,
}

impl Request {
    /// The message as it came.
    pub fn text(&self) -> &Bytes {
        self.text.as_bytes()
    }

    /// The identifier to answer under.
    pub fn id(&self) -> &RequestId {
        &self.id
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The protocol era that the answer has to be written in.
    pub fn era(&self) -> Era {
        self.era
    }

    /// Treats the request as modern even if its `_meta` names no version, because its transport
    /// does (the `MCP-Protocol-Version` header). Its missing `_meta` is then an error.
    pub fn set_modern(&mut self) {
        self.era = Era::Modern;
    }

    /// What is acted on: `params.name` of a tool or prompt, `params.uri` of a resource,
    /// `params.taskId` of a task.
    pub fn name(&self) -> Option<&str> {
        self.target.as_ref().map(|text| text.as_str(&self.text))
    }

    /// The place in a list from which to go on.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_ref().map(|text| text.as_str(&self.text))
    }

    /// What the request says about itself.
    pub fn meta(&self) -> RequestMeta<'_> {
        RequestMeta::new(&self.meta, &self.text)
    }

    /// Facts that a binding or a layer attached: a [`Principal`](crate::Principal), HTTP headers.
    pub fn extensions(&self) -> &http::Extensions {
        &self.extensions
    }

    /// Attach facts for the tool or for inner layers.
    pub fn extensions_mut(&mut self) -> &mut http::Extensions {
        &mut self.extensions
    }

    /// The whole of `params` as a type, for methods that few requests use. The message is parsed
    /// once more for it.
    ///
    /// # Errors
    ///
    /// When the parameters do not have the type's shape.
    pub fn params<T: serde::de::DeserializeOwned>(&self) -> Result<T, RpcError> {
        #[derive(Deserialize)]
        struct Envelope<T> {
            params: T,
        }
        serde_json::from_str::<Envelope<T>>(&self.text).map(|envelope| envelope.params).map_err(
            |error| {
                RpcError::new(
                    ErrorKind::MalformedParams,
                    format!(
                        "`params` of {} are malformed: {}",
                        excerpt(self.method.as_str(), 128),
                        excerpt(&error.to_string(), 200)
                    ),
                )
            },
        )
    }

    /// The arguments of the tool or prompt as JSON; an empty object where the request has none.
    ///
    /// # Errors
    ///
    /// When they are not an object, name an argument twice, or are nested deeper than 128 levels.
    pub fn arguments(&self) -> Result<Value, RpcError> {
        let malformed = |message: String| RpcError::new(ErrorKind::MalformedParams, message);
        match &self.arguments.0 {
            ArgumentsSource::Absent => Ok(Value::Object(Map::new())),
            ArgumentsSource::Raw(span) => {
                let text = span.str(&self.text);
                if !text.starts_with('{') {
                    return Err(malformed("`params.arguments` must be an object".into()));
                }
                serde_json::from_str(text).map(|Members(members)| Value::Object(members)).map_err(
                    |error| malformed(format!("`params.arguments` cannot be read: {error}")),
                )
            }
        }
    }

    /// The arguments as they came, where the request has any.
    pub(crate) fn arguments_text(&self) -> Option<&str> {
        match &self.arguments.0 {
            ArgumentsSource::Absent => None,
            ArgumentsSource::Raw(span) => Some(span.str(&self.text)),
        }
    }

    /// Whether the call is made again, with answers to what it has asked.
    pub fn has_input(&self) -> bool {
        self.input.is_some()
    }

    /// `params.inputResponses` as JSON and `params.requestState`, if there is any of them.
    pub(crate) fn input(&self) -> Option<(Option<&str>, Option<&str>)> {
        let Input { responses, state } = self.input.as_deref()?;
        Some((
            responses.map(|span| span.str(&self.text)),
            state.as_ref().map(|state| state.as_str(&self.text)),
        ))
    }

    /// A call that no client has made, for a context without one.
    pub(crate) fn detached() -> Self {
        Self {
            text: ByteString::new(),
            id: 0.into(),
            method: Method::CallTool,
            era: Era::Legacy,
            target: None,
            cursor: None,
            arguments: Arguments(ArgumentsSource::Absent),
            meta: MetaSpans::default(),
            extensions: http::Extensions::new(),
            notifications: None,
            client: None,
            task: None,
            input: None,
        }
    }

    /// Asks for log messages of this severity in the name of the request's session.
    pub(crate) fn set_log_level(&mut self, level: Option<LogLevel>) {
        self.meta.set_log_level(level);
    }

    /// Whether the client says that it shows apps.
    pub(crate) fn client_shows_apps(&self) -> bool {
        match &self.client {
            Some(client) => app::are_shown_by(&client.capabilities()),
            None => {
                self.meta().client_capabilities().is_some_and(|client| app::are_shown_by(&client))
            }
        }
    }

    /// Begins the call's span in the client's trace, if the client or the binding tells of one. The
    /// tool finds it in the extensions.
    pub(crate) fn begin_trace(&mut self) -> Option<TraceIds> {
        let has_begun = self.extensions.get().is_some_and(TraceContext::has_begun);
        if !has_begun && let Some(trace) = self.meta().trace_context() {
            self.extensions.insert(trace);
        }
        self.trace_ids()
    }

    /// Where the client says that the call stands in a trace: in `_meta`, else in what the binding
    /// was told.
    pub fn trace_context(&self) -> Option<TraceContext> {
        self.meta().trace_context().or_else(|| self.extensions.get().cloned())
    }

    /// Once the trace has begun.
    pub(crate) fn trace_ids(&self) -> Option<TraceIds> {
        self.extensions.get::<TraceContext>().map(TraceContext::ids)
    }

    /// Whether the client has asked for anything to be told before the result.
    pub(crate) fn wants_notifications(&self) -> bool {
        self.meta().progress_token().is_some() || self.meta().log_level().is_some()
    }

    pub(crate) fn notify_through(&mut self, sender: mpsc::Sender<Notification>) {
        self.notifications = Some(sender);
    }

    /// Tells nothing before the result, whatever the client has asked for.
    pub(crate) fn silence(&mut self) {
        self.notifications = None;
    }

    pub(crate) fn set_client(&mut self, client: Arc<SessionClient>) {
        self.client = Some(client);
    }

    /// The client of the request's legacy session.
    pub(crate) fn client(&self) -> Option<&Arc<SessionClient>> {
        self.client.as_ref()
    }

    pub(crate) fn link_to_task(&mut self, link: Arc<TaskLink>) {
        self.task = Some(link);
    }

    pub(crate) fn task(&self) -> Option<&TaskLink> {
        self.task.as_deref()
    }

    pub(crate) fn notifications(&self) -> Option<&mpsc::Sender<Notification>> {
        self.notifications.as_ref()
    }
}

/// An object without a member that stands in it twice: of two values, a gateway in front of the
/// server might have looked at the other one.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some(key) = map.next_key::<String>()? {
                    match members.entry(key) {
                        Entry::Vacant(entry) => drop(entry.insert(map.next_value()?)),
                        Entry::Occupied(entry) => {
                            return Err(serde::de::Error::custom(format_args!(
                                "`{}` is given twice",
                                excerpt(entry.key(), 40)
                            )));
                        }
                    }
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

impl Message {
    /// Parses one message.
    ///
    /// Arguments of any size and depth are passed over, not parsed; nothing is copied.
    ///
    /// # Errors
    ///
    /// When the text is not UTF-8, not JSON, a batch, or not a JSON-RPC message. The
    /// [`Malformed`] holds the identifier to answer under wherever the text shows one.
    pub fn parse(text: impl Into<Bytes>) -> Result<Self, Malformed> {
        let bytes = text.into();
        if u32::try_from(bytes.len()).is_err() {
            return Err(Malformed::anonymous(
                ErrorKind::PayloadTooLarge,
                "the message is over 4 GiB",
            ));
        }
        let whole = ByteString::try_from(bytes).map_err(|error| {
            Malformed::anonymous(ErrorKind::Parse, format!("the message is not UTF-8: {error}"))
        })?;
        let text: &str = &whole;
        let wire = Wire::read(text).map_err(|error| classify(text, &error))?;

        // Whatever its identifier: an answer to an answer would never end.
        if wire.method.is_none() && (wire.result.is_some() || wire.error.is_some()) {
            let response = ClientResponse::new(&whole, wire.id, wire.result, wire.error);
            return Ok(Self::Response(response));
        }
        let id = match wire.id {
            None => None,
            Some(raw) => Some(RequestId::parse(raw).ok_or_else(|| {
                Malformed::anonymous(
                    ErrorKind::InvalidRequest,
                    format!("`id` must be a string or an integer, not {}", excerpt(raw.get(), 40)),
                )
            })?),
        };
        let invalid = |kind: ErrorKind, message: String| Malformed {
            id: id.clone(),
            error: RpcError::new(kind, message),
        };
        if wire.jsonrpc.is_none_or(|raw| raw.get() != r#""2.0""#) {
            return Err(invalid(ErrorKind::InvalidRequest, r#"`jsonrpc` must be "2.0""#.into()));
        }
        let Some(method) = wire.method else {
            return Err(invalid(ErrorKind::InvalidRequest, "`method` is missing".into()));
        };
        let method = match Text::parse(method, text) {
            Some(Text::Plain(span)) => Method::parse(&text[span.range()]),
            Some(Text::Unescaped(name)) => Method::parse(&name),
            None => {
                return Err(invalid(ErrorKind::InvalidRequest, "`method` must be a string".into()));
            }
        };
        let params = wire.params.unwrap_or_default();

        let Some(id) = id else {
            return Ok(Self::Notification(NotificationMessage {
                method,
                request_id: params.request_id.and_then(RequestId::parse),
            }));
        };
        let malformed = |error| Malformed { id: Some(id.clone()), error };
        let string = |name: &str, raw: Option<&RawValue>| {
            present(raw)
                .map(|raw| {
                    Text::parse(raw, text).ok_or_else(|| {
                        malformed(RpcError::new(
                            ErrorKind::MalformedParams,
                            format!("`params.{name}` must be a string"),
                        ))
                    })
                })
                .transpose()
        };
        let target = match method {
            Method::ReadResource | Method::Subscribe | Method::Unsubscribe => {
                string("uri", params.uri)?
            }
            Method::GetTask | Method::UpdateTask | Method::CancelTask => {
                string("taskId", params.task_id)?
            }
            _ => string("name", params.name)?,
        };
        let cursor = string("cursor", params.cursor)?;
        let state = string("requestState", params.request_state)?;
        let responses = present(params.input_responses).map(|raw| Span::of(raw.get(), text));
        let input =
            (state.is_some() || responses.is_some()).then(|| Box::new(Input { responses, state }));
        let meta = match params.meta {
            Some(meta) => MetaSpans::read(&meta, text).map_err(malformed)?,
            None => MetaSpans::default(),
        };
        // The revision that a request names is the one that it is answered in. Only modern ones have
        // `server/discover`, whose answer tells of all.
        let era = match meta.version(&whole) {
            Some(version) if legacy_version(version).is_none() => Era::Modern,
            _ if method == Method::Discover => Era::Modern,
            _ => Era::Legacy,
        };
        let arguments = Arguments(match present(params.arguments) {
            Some(raw) => ArgumentsSource::Raw(Span::of(raw.get(), text)),
            None => ArgumentsSource::Absent,
        });
        Ok(Self::Request(Request {
            id,
            method,
            era,
            target,
            cursor,
            arguments,
            meta,
            extensions: http::Extensions::new(),
            notifications: None,
            client: None,
            task: None,
            input,
            text: whole,
        }))
    }
}

impl Malformed {
    pub(crate) fn anonymous(
        kind: ErrorKind,
        message: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Self {
        Self { id: None, error: RpcError::new(kind, message) }
    }
}

/// Why the text is not a message, and what its identifier is all the same.
#[cold]
fn classify(text: &str, error: &serde_json::Error) -> Malformed {
    // `serde_json` stops at the first fault of the shape, so the rest may still not be JSON; and it
    // takes for a fault of the syntax what is none, such as a number beyond its range.
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Malformed::anonymous(ErrorKind::Parse, format!("the message is not JSON: {error}"));
    }
    if text.trim_start().starts_with('[') {
        return Malformed::anonymous(
            ErrorKind::InvalidRequest,
            "batches are not supported: send one message at a time",
        );
    }
    Malformed {
        id: find_id(text),
        error: RpcError::new(
            ErrorKind::InvalidRequest,
            format!("invalid request: {}", excerpt(&error.to_string(), 200)),
        ),
    }
}

/// Nothing that a client sends is sent back whole: it may be megabytes.
fn excerpt(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
