use std::{collections::HashMap, io, pin::pin};

use futures_util::{Sink, Stream, StreamExt as _, future::ready, sink};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
};
use sse_stream::SseStream;

use crate::{
    connect::{
        chain,
        texts::{self, Heard},
    },
    exit::Failure,
};

/// Opens the event stream of the transport of 2024-11-05; messages are posted to where its first
/// event says.
pub(crate) async fn connect(
    client: reqwest::Client,
    url: &str,
    headers: HashMap<HeaderName, HeaderValue>,
    heard: &Heard,
) -> Result<
    (
        impl Sink<TxJsonRpcMessage<RoleClient>, Error = io::Error> + Send + Unpin + 'static,
        impl Stream<Item = RxJsonRpcMessage<RoleClient>> + Send + Unpin + 'static,
    ),
    Failure,
> {
    let headers: HeaderMap = headers.into_iter().collect();
    let response = client
        .get(url)
        .headers(headers.clone())
        .header(header::ACCEPT, "text/event-stream")
        .send()
        .await
        .map_err(|error| unreachable(url, &error))?;
    let status = response.status();
    if status == StatusCode::UNAUTHORIZED {
        let message = format!("{url} asks for credentials: pass --api-key, --bearer or --header");
        return Err(Failure::unreachable(message));
    }
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if !status.is_success() || !is_stream {
        return Err(Failure::unreachable(format!(
            "{url} has no event stream: it answered {status}; a server of today has its address \
             at /mcp"
        )));
    }
    let base = response.url().clone();
    let mut events = Box::pin(SseStream::from_bytes_stream(response.bytes_stream()));
    let path = loop {
        match pin!(events.next()).await {
            Some(Ok(event)) if event.event.as_deref() == Some("endpoint") => {
                break event.data.unwrap_or_default();
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => {
                let message = format!("{url} ended its event stream before it said where to post");
                return Err(Failure::unreachable(message));
            }
        }
    };
    let endpoint = base
        .join(path.trim())
        .ok()
        // Credentials go nowhere else.
        .filter(|endpoint| endpoint.origin() == base.origin())
        .ok_or_else(|| {
            Failure::unreachable(format!("{url} says to post to {path:?}, which is elsewhere"))
        })?;
    let posts = (client, endpoint, headers);
    let sink = sink::unfold(posts, |posts, message: TxJsonRpcMessage<RoleClient>| async move {
        let (client, endpoint, headers) = &posts;
        let request = client
            .post(endpoint.clone())
            .headers(headers.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(texts::text(&message)?);
        let response = request.send().await.map_err(io::Error::other)?;
        response.error_for_status().map_err(io::Error::other)?;
        Ok::<_, io::Error>(posts)
    });
    let texts = events.filter_map(|event| {
        ready(
            event
                .ok()
                .filter(|event| event.event.as_deref().is_none_or(|kind| kind == "message"))
                .and_then(|event| event.data),
        )
    });
    Ok((Box::pin(sink), Box::pin(heard.messages(texts))))
}

fn unreachable(url: &str, error: &reqwest::Error) -> Failure {
    let url = url.split('?').next().unwrap_or_default();
    Failure::unreachable(if error.is_connect() {
        format!("nothing answers at {url}: is the server running?")
    } else {
        format!("cannot connect to {url}: {}", chain(error))
    })
}
