use futures_util::{Sink, Stream, StreamExt as _, sink, stream};
use reqwest::{Client, StatusCode, header};
use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
};
use sse_stream::SseStream;

/// Connects to a URL such as `http://127.0.0.1:8000/sse`, as a client's transport: one stream to
/// hear from, and an address to post to, which the stream begins with.
pub(crate) async fn connect(
    url: &str,
) -> (
    impl Sink<TxJsonRpcMessage<RoleClient>, Error = reqwest::Error> + Send + Unpin + 'static,
    impl Stream<Item = RxJsonRpcMessage<RoleClient>> + Send + Unpin + 'static,
) {
    let client = Client::new();
    let listening = client.get(url).header(header::ACCEPT, "text/event-stream").send().await;
    let listening = listening.expect("the server listens");
    assert_eq!(listening.status(), StatusCode::OK, "the server speaks HTTP+SSE");
    let mut base = listening.url().clone();
    let events = SseStream::from_bytes_stream(listening.bytes_stream());
    let mut data = Box::pin(events.filter_map(|event| async {
        // A stream that breaks off ends.
        event.ok()?.data
    }));
    let endpoint = data.next().await.expect("the stream begins with an address");
    let (path, query) = endpoint.split_once('?').unwrap_or((&endpoint, ""));
    base.set_path(path);
    base.set_query(Some(query));

    let sink = sink::unfold(client, move |client, message: TxJsonRpcMessage<RoleClient>| {
        let post = client.post(base.clone()).header(header::CONTENT_TYPE, "application/json");
        let text = serde_json::to_vec(&message).expect("a client's message can be written");
        async move {
            post.body(text).send().await?.error_for_status()?;
            Ok(client)
        }
    });
    let messages = stream::unfold(data, async |mut data| {
        let text = data.next().await?;
        let message = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("the server said what is no message ({error}): {text}"));
        Some((message, data))
    });
    (Box::pin(sink), Box::pin(messages))
}
