use std::{collections::HashMap, io, sync::Arc};

use bytes::Bytes;
use futures_util::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use rmcp::{
    model::{ClientJsonRpcMessage, ServerJsonRpcMessage},
    transport::streamable_http_client::{
        AuthRequiredError, HttpStatusError, SseError, StreamableHttpClient, StreamableHttpError,
        StreamableHttpPostResponse,
    },
};
use sse_stream::{Sse, SseStream};

use crate::inbox::{Calls, Inbox, Rest};

/// The longest answer that is read, in bytes, as in `rmcp`'s own client.
const LONGEST_ANSWER: usize = 16 << 20;
/// The longest refusal.
const LONGEST_REFUSAL: usize = 64 << 10;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

type HttpError = StreamableHttpError<reqwest::Error>;
type Events = BoxStream<'static, Result<Sse, SseError>>;

/// The HTTP side of a connection: `rmcp`'s, but for the answers of calls.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    calls: Arc<Calls>,
}

impl Http {
    pub(crate) fn new(client: reqwest::Client, calls: Arc<Calls>) -> Self {
        Self { client, calls }
    }

    fn post(
        &self,
        uri: &str,
        message: &ClientJsonRpcMessage,
        session: Option<&str>,
        bearer: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<reqwest::RequestBuilder, HttpError> {
        let mut request = self
            .client
            .post(uri)
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header(header::CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(message)?);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        if let Some(session) = session {
            request = request.header(SESSION, session);
        }
        Ok(request)
    }

    async fn call(
        &self,
        request: reqwest::RequestBuilder,
        inbox: Arc<Inbox>,
        has_session: bool,
        longest_event: usize,
    ) -> Result<StreamableHttpPostResponse, HttpError> {
        let response = request.send().await.map_err(StreamableHttpError::Client)?;

        let status = response.status();
        let text_of = |name: HeaderName| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let session = text_of(SESSION);
        let kind = text_of(header::CONTENT_TYPE).unwrap_or_default();
        match status {
            StatusCode::ACCEPTED | StatusCode::NO_CONTENT => {
                return Ok(StreamableHttpPostResponse::Accepted);
            }
            StatusCode::NOT_FOUND if has_session => {
                return Err(StreamableHttpError::SessionExpired);
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let challenge = text_of(header::WWW_AUTHENTICATE)
                    .unwrap_or_else(|| format!("HTTP {status} without a challenge"));
                return Err(StreamableHttpError::AuthRequired(AuthRequiredError::new(challenge)));
            }
            _ => {}
        }
        if status.is_success() && kind.starts_with("text/event-stream") {
            let events = SseStream::from_bytes_stream(bounded(response, longest_event));
            let events = sorted(events.boxed(), Arc::clone(&self.calls), Some(inbox));
            return Ok(StreamableHttpPostResponse::Sse(events, session));
        }
        let is_json = kind.starts_with("application/json");
        if status.is_success() && !is_json {
            return Err(StreamableHttpError::UnexpectedContentType(Some(kind)));
        }
        if !is_json {
            return Err(HttpStatusError::new(status.as_u16(), None).into());
        }
        let longest = if status.is_success() { LONGEST_ANSWER } else { LONGEST_REFUSAL };
        let body = read(response, longest).await?;
        let text = String::from_utf8(body).map_err(|_| {
            StreamableHttpError::UnexpectedServerResponse("the answer is not UTF-8".into())
        })?;
        let (rest, _) = self.calls.sort(&text, Some(&inbox));
        let text = match &rest {
            Rest::Whole(text) => text,
            Rest::Acknowledgement(text) => text.as_str(),
            Rest::Nothing => "",
        };
        match serde_json::from_str::<ServerJsonRpcMessage>(text) {
            Ok(message) => Ok(StreamableHttpPostResponse::Json(message, session)),
            Err(_) if !status.is_success() => {
                Err(HttpStatusError::new(status.as_u16(), None).into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads a body no longer than a limit.
async fn read(mut response: reqwest::Response, longest: usize) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(StreamableHttpError::Client)? {
        if chunk.len() > longest - body.len() {
            return Err(StreamableHttpError::ResponseBodyTooLarge { max_size: longest });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Ends a stream of events where one of them is longer than a limit.
fn bounded(
    response: reqwest::Response,
    longest: usize,
) -> impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static {
    let mut event = 0_usize;
    let mut last = 0_u8;
    response.bytes_stream().map(move |chunk| {
        let chunk = chunk.map_err(io::Error::other)?;
        for &byte in &chunk {
            // An empty line ends an event.
            let is_break = matches!(byte, b'\n' | b'\r');
            event = if is_break && matches!(last, b'\n' | b'\r') { 0 } else { event + 1 };
            last = byte;
            if event > longest {
                return Err(io::Error::other(format!("an event is longer than {longest} bytes")));
            }
        }
        Ok(chunk)
    })
}

/// Takes from a stream what belongs to calls.
fn sorted(events: Events, calls: Arc<Calls>, origin: Option<Arc<Inbox>>) -> Events {
    let sorted = stream::unfold((events, calls, origin), async |(mut events, calls, origin)| {
        let mut event = match events.next().await? {
            Ok(event) => event,
            Err(error) => return Some((Err(error), (events, calls, origin))),
        };
        if let Some(text) = event.data.take() {
            let (rest, note) = calls.sort(&text, origin.as_ref());
            let rest = match rest {
                Rest::Whole(_) => Some(None),
                Rest::Acknowledgement(text) => Some(Some(text)),
                // The event stays: its identifier is where a broken stream goes on.
                Rest::Nothing => None,
            };
            event.data = rest.map(|replaced| replaced.unwrap_or(text));
            match note {
                // A call's own stream waits for the call, and with it the other server.
                Some((notes, note)) if origin.is_some() => drop(notes.send(note).await),
                Some((notes, note)) => drop(notes.try_send(note)),
                None => {}
            }
        }
        Some((Ok(event), (events, calls, origin)))
    });
    sorted.boxed()
}

impl StreamableHttpClient for Http {
    type Error = reqwest::Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        bearer: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, HttpError> {
        self.post_message_with_max_sse_event_size(
            uri,
            message,
            session,
            bearer,
            headers,
            LONGEST_ANSWER,
        )
        .await
    }

    async fn post_message_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        mut message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        bearer: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
        longest_event: usize,
    ) -> Result<StreamableHttpPostResponse, HttpError> {
        match Inbox::address(&mut message) {
            Some(inbox) => {
                let request = self.post(&uri, &message, session.as_deref(), bearer, headers)?;
                self.call(request, inbox, session.is_some(), longest_event).await
            }
            None => {
                self.client
                    .post_message_with_max_sse_event_size(
                        uri,
                        message,
                        session,
                        bearer,
                        headers,
                        longest_event,
                    )
                    .await
            }
        }
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        bearer: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), HttpError> {
        self.client.delete_session(uri, session, bearer, headers).await
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        bearer: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, HttpError> {
        self.get_stream_with_max_sse_event_size(
            uri,
            session,
            last_event,
            bearer,
            headers,
            LONGEST_ANSWER,
        )
        .await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        bearer: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
        longest_event: usize,
    ) -> Result<Events, HttpError> {
        let events = self
            .client
            .get_stream_with_max_sse_event_size(
                uri,
                session,
                last_event,
                bearer,
                headers,
                longest_event,
            )
            .await?;
        Ok(sorted(events, Arc::clone(&self.calls), None))
    }
}
