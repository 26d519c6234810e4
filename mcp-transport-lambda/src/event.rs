//! What an invocation brings: the event, parsed once.

use std::{borrow::Cow, fmt};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{shape::Shape, work::Queue};

/// An event, told apart by what it has.
pub(crate) enum Event<'a> {
    Http(Shape, Box<HttpEvent<'a>>),
    /// Of a connection that a WebSocket API holds.
    Socket(SocketEvent, Box<HttpEvent<'a>>),
    /// One JSON-RPC message: the event itself.
    Message,
    /// Several of them.
    Batch,
    /// The work of a task that another invocation has handed over, or its end without an outcome.
    Task,
    /// The work of tasks from a queue.
    Queue(Queue<'a>),
    /// Of EventBridge, whose only purpose can be to keep the function warm.
    Schedule,
}

/// What has happened to a connection: `requestContext.eventType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketEvent {
    /// A client wants to connect.
    Connect,
    /// It has sent a message.
    Message,
    /// It is gone. API Gateway does not promise to tell.
    Disconnect,
}

/// The members of all HTTP events. Which of them are there depends on the shape.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpEvent<'a> {
    #[serde(borrow)]
    version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) raw_path: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) raw_query_string: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) cookies: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(crate) http_method: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) path: Option<Text<'a>>,
    pub(crate) headers: Option<Headers>,
    pub(crate) multi_value_headers: Option<MultiValueHeaders>,
    #[serde(borrow)]
    pub(crate) query_string_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) multi_value_query_string_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) stage_variables: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) request_context: Option<RequestContext<'a>>,
    #[serde(borrow)]
    pub(crate) body: Option<Text<'a>>,
    #[serde(default)]
    pub(crate) is_base64_encoded: Option<bool>,

    /// What only an authorizer is asked with.
    method_arn: Option<IgnoredAny>,
    jsonrpc: Option<IgnoredAny>,
    mcp_task: Option<IgnoredAny>,
    request_payload: Option<IgnoredAny>,
    #[serde(rename = "Records")]
    records: Option<IgnoredAny>,
    #[serde(rename = "detail-type")]
    detail_type: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequestContext<'a> {
    elb: Option<IgnoredAny>,
    #[serde(borrow)]
    pub(crate) http: Option<Http<'a>>,
    #[serde(borrow)]
    pub(crate) stage: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) domain_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) api_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) request_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) connection_id: Option<Text<'a>>,
    #[serde(borrow)]
    event_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) authorizer: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) identity: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(crate) struct Http<'a> {
    #[serde(borrow)]
    pub(crate) method: Text<'a>,
}

impl<'a> Event<'a> {
    /// Tells an event.
    ///
    /// # Errors
    ///
    /// When it is none that this crate knows.
    pub(crate) fn parse(text: &'a str) -> Result<Self, UnknownEvent> {
        if text.trim_start().starts_with('[') {
            return Ok(Self::Batch);
        }
        let event: HttpEvent<'a> =
            serde_json::from_str(text).map_err(|error| UnknownEvent(Some(error)))?;
        if let Some(happened) = event.socket_event() {
            return Ok(Self::Socket(happened, Box::new(event)));
        }
        if let Some(shape) = event.shape() {
            return Ok(Self::Http(shape, Box::new(event)));
        }
        if event.jsonrpc.is_some() {
            return Ok(Self::Message);
        }
        if event.mcp_task.is_some() || event.request_payload.is_some() {
            return Ok(Self::Task);
        }
        if let Some(queue) = event.records.and_then(|_| Queue::parse(text)) {
            return Ok(Self::Queue(queue));
        }
        if event.detail_type.is_some() {
            return Ok(Self::Schedule);
        }
        Err(UnknownEvent(None))
    }
}

impl HttpEvent<'_> {
    /// Tells the events of a WebSocket API, which can have all that those of a REST API have.
    fn socket_event(&self) -> Option<SocketEvent> {
        let context = self.request_context.as_ref().filter(|_| self.method_arn.is_none())?;
        let is_whole = context.connection_id.is_some()
            && context.domain_name.is_some()
            && context.stage.is_some();
        match context.event_type.as_deref().filter(|_| is_whole)? {
            "CONNECT" => Some(SocketEvent::Connect),
            "MESSAGE" => Some(SocketEvent::Message),
            "DISCONNECT" => Some(SocketEvent::Disconnect),
            _ => None,
        }
    }

    fn shape(&self) -> Option<Shape> {
        let context = self.request_context.as_ref()?;
        let version = self.version.as_deref();
        if context.elb.is_some() {
            return Some(Shape::Alb { multi_value: self.multi_value_headers.is_some() });
        }
        if version == Some("2.0") && context.http.is_some() {
            // `https://ID.lambda-url.REGION.on.aws`; the rest of the event is that of an HTTP API.
            // `localhost` is the Function URL of `cargo lambda watch`.
            let is_url = context.domain_name.as_deref().is_some_and(|name| {
                name == "localhost" || name.split('.').nth(1).is_some_and(|it| it == "lambda-url")
            });
            return Some(if is_url { Shape::FunctionUrl } else { Shape::HttpApi });
        }
        if self.http_method.is_some() && self.path.is_some() {
            let is_http_api = version == Some("1.0");
            return Some(if is_http_api { Shape::HttpApiV1 } else { Shape::RestApi });
        }
        None
    }
}

/// An event of no known kind.
#[derive(Debug)]
pub(crate) struct UnknownEvent(Option<serde_json::Error>);

impl fmt::Display for UnknownEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the event is none that an MCP server answers: expected one of a Function URL, an API \
             Gateway REST, HTTP or WebSocket API, an Application Load Balancer, AgentCore Gateway, an \
             EventBridge schedule, a queue with the work of tasks, or a JSON-RPC message",
        )?;
        match &self.0 {
            Some(error) => write!(f, " ({error})"),
            None => Ok(()),
        }
    }
}

/// A string, borrowed from the event where it has no escapes.
#[derive(Debug)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// `headers`: one value for each name.
pub(crate) struct Headers(pub(crate) HeaderMap);

/// `multiValueHeaders`: a list of values for each name.
pub(crate) struct MultiValueHeaders(pub(crate) HeaderMap);

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeadersVisitor;

        impl<'de> Visitor<'de> for HeadersVisitor {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("headers by their names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut headers = HeaderMap::with_capacity(map.size_hint().unwrap_or(24));
                while let Some((name, value)) = map.next_entry::<Text<'de>, Text<'de>>()? {
                    append(&mut headers, &name, &value);
                }
                Ok(Headers(headers))
            }
        }

        deserializer.deserialize_map(HeadersVisitor)
    }
}

impl<'de> Deserialize<'de> for MultiValueHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeadersVisitor;

        impl<'de> Visitor<'de> for HeadersVisitor {
            type Value = MultiValueHeaders;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("lists of header values by their names")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<MultiValueHeaders, A::Error> {
                let mut headers = HeaderMap::with_capacity(map.size_hint().unwrap_or(24));
                while let Some((name, values)) = map.next_entry::<Text<'de>, Vec<Text<'de>>>()? {
                    for value in &values {
                        append(&mut headers, &name, value);
                    }
                }
                Ok(MultiValueHeaders(headers))
            }
        }

        deserializer.deserialize_map(HeadersVisitor)
    }
}

/// What is no header has not come over HTTP, so that nobody misses it.
fn append(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) =
        (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
    {
        headers.append(name, value);
    }
}
