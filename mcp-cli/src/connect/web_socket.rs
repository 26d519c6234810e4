use std::collections::HashMap;

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _, future::ready};
use http::{HeaderName, HeaderValue};
use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

use crate::{
    connect::{
        chain,
        texts::{self, Heard},
    },
    exit::Failure,
};

/// Connects to a URL such as `ws://127.0.0.1:8000/ws`.
pub(crate) async fn connect(
    url: &str,
    headers: HashMap<HeaderName, HeaderValue>,
    heard: &Heard,
) -> Result<
    (
        impl Sink<TxJsonRpcMessage<RoleClient>, Error = Error> + Send + Unpin + 'static,
        impl Stream<Item = RxJsonRpcMessage<RoleClient>> + Send + Unpin + 'static,
    ),
    Failure,
> {
    let mut request = url
        .into_client_request()
        .map_err(|error| Failure::usage(format!("{url} is no address of a WebSocket: {error}")))?;
    request.headers_mut().extend(headers);
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mcp"));
    let (socket, _) = connect_async(request).await.map_err(|error| refused(url, &error))?;
    let (sink, stream) = socket.split();
    let sink = sink.with(|message: TxJsonRpcMessage<RoleClient>| {
        let text = texts::text(&message).map_err(|error| Error::Io(error.into()));
        ready(text.map(|text| Message::Text(text.into())))
    });
    let texts = stream.filter_map(|message| {
        ready(match message {
            Ok(Message::Text(text)) => Some(text.as_str().to_owned()),
            _ => None,
        })
    });
    Ok((sink, Box::pin(heard.messages(texts))))
}

fn refused(url: &str, error: &Error) -> Failure {
    let url = url.split('?').next().unwrap_or_default();
    Failure::unreachable(match error {
        Error::Http(response) if response.status() == 401 => {
            format!("{url} asks for credentials: pass --api-key, --bearer or --header")
        }
        Error::Http(response) => {
            format!("{url} does not take WebSockets: it answered {}", response.status())
        }
        Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            format!("nothing answers at {url}: is the server running?")
        }
        error => format!("cannot connect to {url}: {}", chain(error)),
    })
}
