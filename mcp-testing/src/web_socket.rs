use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _, future::ready};
use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    client_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, http::HeaderValue},
};

/// Connects to a URL such as `ws://127.0.0.1:8000/ws`, as a client's transport.
pub(crate) async fn connect(
    url: &str,
) -> (
    impl Sink<TxJsonRpcMessage<RoleClient>, Error = Error> + Send + Unpin + 'static,
    impl Stream<Item = RxJsonRpcMessage<RoleClient>> + Send + Unpin + 'static,
) {
    let mut request = url.into_client_request().expect("this is the URL of a WebSocket");
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("mcp"));
    let authority = request.uri().authority().expect("the URL names a host").to_string();
    let stream = TcpStream::connect(authority).await.expect("the server listens");
    let (socket, _) = client_async(request, stream).await.expect("the server speaks WebSocket");
    let (sink, stream) = socket.split();
    let sink = sink.with(|message: TxJsonRpcMessage<RoleClient>| {
        let text = serde_json::to_string(&message).expect("a client's message can be written");
        ready(Ok::<_, Error>(Message::Text(text.into())))
    });
    let stream = stream.filter_map(|message| {
        ready(match message {
            Ok(Message::Text(text)) => Some(serde_json::from_str(&text).unwrap_or_else(|error| {
                panic!("the server said what is no message ({error}): {text}")
            })),
            _ => None,
        })
    });
    (sink, stream)
}
