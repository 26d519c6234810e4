//! HTTP/2 on the listener's port, and clients that take nothing of a stream.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Response,
    body::Incoming,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use support::{Listening, call, call_with_progress, modern, start, start_with, within};
use tokio::{net::TcpStream, task::JoinHandle};

/// A connection, and whether it still is one.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<hyper::Result<()>>,
}

impl Connection {
    async fn open(server: &Listening) -> Self {
        Self::with_window(server, 65_535).await
    }

    /// One whose server may send this many bytes of each stream that are not yet read.
    async fn with_window(server: &Listening, window: u32) -> Self {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .initial_connection_window_size(1024 * 1024)
            .handshake(TokioIo::new(stream))
            .await
            .unwrap();
        Self { sender, task: tokio::spawn(connection) }
    }

    fn request(
        &mut self,
        host: &str,
        params: Value,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
        let (headers, body) = modern("tools/call", params);
        let mut request = http::Request::post(format!("http://{host}/mcp"));
        for line in headers.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        self.sender.send_request(request.body(Full::new(Bytes::from(body))).unwrap())
    }

    async fn call(&mut self, params: Value) -> Response<Incoming> {
        within(self.request("localhost", params)).await.unwrap()
    }

    async fn echoes(&mut self) {
        let response = self.call(call("echo", json!({"text": "two"}))).await;
        assert!(text(response).await.contains("two"));
    }
}

async fn text(response: Response<Incoming>) -> String {
    let body = within(response.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn http_2_is_served_on_the_same_port() {
    let server = start().await;
    let mut client = Connection::open(&server).await;
    client.echoes().await;
    let foreign = client.request("evil.example", call("echo", json!({"text": "two"})));
    assert_eq!(within(foreign).await.unwrap().status(), 403);

    // A stream that the client resets cancels its call.
    let mut call = Box::pin(client.request("localhost", call("step", json!({"steps": 1}))));
    tokio::select! {
        _ = &mut call => panic!("answered without a step"),
        () = server.gate.running(1) => {}
    }
    drop(call);
    server.gate.ended(1).await;
}

#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let server = start().await;
    let mut client = Connection::open(&server).await;
    let response = client.call(call("big", json!({"length": 1_000_000}))).await;
    let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let text = text(response).await;
    assert_eq!(text.len(), length);
    assert_eq!(text.matches('x').count() / 1_000_000, 1);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_given_up_and_the_others_go_on() {
    let server = start_with(|transport| transport.write_timeout(Duration::from_millis(200))).await;
    let mut client = Connection::with_window(&server, 20_000).await;
    // Events without an end, and one large answer.
    let rush = call_with_progress("rush", json!({"steps": 100_000_000}));
    let events = client.call(rush).await;
    let large = client.call(call("big", json!({"length": 1_000_000}))).await;
    // The call is cancelled.
    server.gate.ended(1).await;
    // The other answer has waited for as long, but for a moment.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for response in [events, large] {
        let read = within(response.into_body().collect()).await;
        let error = read.map(|body| body.to_bytes().len()).unwrap_err();
        assert!(format!("{error:?}").contains("CANCEL"), "{error:?}");
    }
    client.echoes().await;
    assert!(!client.task.is_finished());
}

#[tokio::test]
async fn a_stream_that_is_read_slowly_goes_on() {
    let server = start_with(|transport| transport.write_timeout(Duration::from_secs(4))).await;
    let mut client = Connection::with_window(&server, 16_384).await;
    let response = client.call(call("big", json!({"length": 250_000}))).await;
    let mut body = response.into_body();
    let mut length = 0;
    while let Some(frame) = within(body.frame()).await {
        length += frame.unwrap().into_data().unwrap().len();
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    assert!(length > 250_000, "{length}");
}

#[tokio::test]
async fn an_idle_connection_is_closed_although_the_end_of_an_answer_was_never_read() {
    let server = start_with(|transport| {
        transport
            .header_timeout(Duration::from_secs(2))
            .idle_timeout(Duration::from_secs(2))
            .write_timeout(Duration::from_secs(2))
    })
    .await;
    let mut client = Connection::with_window(&server, 10).await;
    let unread = client.call(call("echo", json!({"text": "never read"}))).await;
    assert_eq!(unread.status(), 200);
    let _ = within(client.task).await.unwrap();
    drop(unread);
}
