//! Tasks over every transport, message by message: what a client that knows them sees.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::net::SocketAddr;

use mcp_core::{Message, Server, ToolContext, ToolResult, Transport as _, tool};
use mcp_transport_sse::HttpTransport;
use mcp_transport_stdio::{StreamOptions, serve_stream};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{
        AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream,
        ReadHalf, WriteHalf,
    },
    net::TcpStream,
};
use tokio_util::sync::{CancellationToken, DropGuard};

#[derive(Deserialize, JsonSchema)]
struct Destination {
    /// Where to go.
    to: String,
}

/// Travels where the user wants to.
#[tool(task = "required")]
async fn travel(cx: &ToolContext) -> ToolResult<String> {
    cx.progress(0.1, "packing").await;
    let destination = cx.question("destination").elicit::<Destination>("Where to?").await?;
    let to = destination.accepted().map_or_else(|| "home".to_owned(), |accepted| accepted.to);
    Ok(format!("arrived in {to}"))
}

/// Waits for ever.
#[tool(task)]
async fn wait() -> u32 {
    std::future::pending().await
}

fn server() -> Server {
    Server::builder("test", "1").tool::<travel>().tool::<wait>().build()
}

/// A way to a server.
#[allow(dead_code, reason = "a server stops when its guard is dropped")]
enum Place {
    Memory(Server),
    Stdio(BufReader<ReadHalf<DuplexStream>>, WriteHalf<DuplexStream>, DropGuard),
    Http(SocketAddr, DropGuard),
}

impl Place {
    fn memory() -> Self {
        Self::Memory(server())
    }

    fn stdio() -> Self {
        let stop = CancellationToken::new();
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (input, output) = tokio::io::split(theirs);
        tokio::spawn(serve_stream(server(), input, output, StreamOptions::default(), stop.clone()));
        let (input, output) = tokio::io::split(ours);
        Self::Stdio(BufReader::new(input), output, stop.drop_guard())
    }

    async fn http() -> Self {
        let stop = CancellationToken::new();
        let transport = HttpTransport::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = transport.local_addr().unwrap();
        tokio::spawn(transport.serve(server(), stop.clone()));
        Self::Http(address, stop.drop_guard())
    }

    /// Sends one request and returns its response, and its status over HTTP.
    async fn send(&mut self, name: &str, message: &Value) -> (u16, Value) {
        let text = message.to_string();
        match self {
            Self::Memory(server) => {
                let Ok(Message::Request(request)) = Message::parse(text) else {
                    panic!("not a request")
                };
                let response = server.call(request).response().await;
                let status = response.http_status();
                (status, serde_json::from_slice(&response.into_bytes()).unwrap())
            }
            Self::Stdio(input, output, _) => {
                output.write_all(format!("{text}\n").as_bytes()).await.unwrap();
                let mut line = String::new();
                input.read_line(&mut line).await.unwrap();
                (0, serde_json::from_str(&line).unwrap())
            }
            Self::Http(address, _) => {
                let method = message["method"].as_str().unwrap();
                let head = format!(
                    "POST /mcp HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
                     Content-Type: application/json\r\nContent-Length: {}\r\n\
                     MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n\
                     Mcp-Name: {name}\r\n\r\n",
                    text.len()
                );
                let mut stream = TcpStream::connect(*address).await.unwrap();
                stream.write_all((head + &text).as_bytes()).await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                let (head, body) = answer.split_once("\r\n\r\n").unwrap();
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                (status, serde_json::from_str(body).unwrap())
            }
        }
    }

    /// Sends a request of a client that knows tasks.
    async fn ask(&mut self, method: &str, params: Value) -> Value {
        let name = params["name"].as_str().or(params["taskId"].as_str()).unwrap_or_default();
        let name = name.to_owned();
        let capabilities = json!({
            "elicitation": {},
            "extensions": { "io.modelcontextprotocol/tasks": {} },
        });
        let (_, response) = self.send(&name, &message(method, params, &capabilities)).await;
        response["result"].clone()
    }

    async fn until(&mut self, id: &str, status: &str) -> Value {
        loop {
            let task = self.ask("tasks/get", json!({ "taskId": id })).await;
            assert_eq!(task["resultType"], "complete", "{task}");
            if task["status"] == status {
                return task;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn message(method: &str, mut params: Value, capabilities: &Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

async fn a_task_lives(mut place: Place) {
    let capabilities = place.ask("server/discover", json!({})).await["capabilities"].clone();
    assert_eq!(capabilities["extensions"], json!({ "io.modelcontextprotocol/tasks": {} }));

    let created = place.ask("tools/call", json!({ "name": "travel" })).await;
    assert_eq!((&created["resultType"], &created["status"]), (&json!("task"), &json!("working")));
    let id = created["taskId"].as_str().unwrap();
    let task = place.until(id, "input_required").await;
    assert_eq!(task["statusMessage"], "packing");
    assert_eq!(task["inputRequests"]["destination"]["params"]["message"], "Where to?");

    let responses = json!({ "destination": { "action": "accept", "content": { "to": "Dallas" } } });
    let params = json!({ "taskId": id, "inputResponses": responses });
    let acknowledged = place.ask("tasks/update", params).await;
    assert_eq!(acknowledged["resultType"], "complete");
    let task = place.until(id, "completed").await;
    assert_eq!(task["result"]["content"][0]["text"], "arrived in Dallas");

    let created = place.ask("tools/call", json!({ "name": "wait" })).await;
    let id = created["taskId"].as_str().unwrap();
    let acknowledged = place.ask("tasks/cancel", json!({ "taskId": id })).await;
    assert_eq!(acknowledged["resultType"], "complete");
    place.until(id, "cancelled").await;

    for (method, name, params) in [
        ("tools/call", "travel", json!({ "name": "travel" })),
        ("tasks/get", id, json!({ "taskId": id })),
    ] {
        let (status, refused) = place.send(name, &message(method, params, &json!({}))).await;
        assert_eq!(refused["error"]["code"], -32021, "{refused}");
        assert!(matches!(status, 0 | 400), "{status}");
    }
    if let Place::Http(..) = place {
        let get = message("tasks/get", json!({ "taskId": id }), &json!({}));
        let (status, refused) = place.send("another", &get).await;
        assert_eq!((status, &refused["error"]["code"]), (400, &json!(-32020)));
    }
}

#[tokio::test]
async fn a_task_lives_in_memory() {
    a_task_lives(Place::memory()).await;
}

#[tokio::test]
async fn a_task_lives_over_stdio() {
    a_task_lives(Place::stdio()).await;
}

#[tokio::test]
async fn a_task_lives_over_http() {
    a_task_lives(Place::http().await).await;
}
