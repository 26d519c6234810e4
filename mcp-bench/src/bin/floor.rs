//! The floor: `tools/call` of `add` by hand, with hyper and `serde_json` and nothing else; and
//! `tools/list` of a hundred tools, whose bytes are there and only have to be written.
//!
//! It parses the request into types, looks at the method and the tool's name, adds, and writes the
//! same bytes that our server answers. It validates no header and no schema, knows one tool, has no
//! deadline, no log, no limits and no errors worth the name: what a framework costs is what it
//! costs beyond this.

use std::{convert::Infallible, net::SocketAddr, sync::LazyLock};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use mcp_bench::{LISTED_TOOLS, Listen};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, unix::pipe},
};

#[derive(Deserialize)]
struct CallRequest<'a> {
    jsonrpc: &'a str,
    #[serde(borrow)]
    id: &'a RawValue,
    method: &'a str,
    params: Params<'a>,
}

#[derive(Deserialize)]
struct Params<'a> {
    name: Option<&'a str>,
    arguments: Option<Add>,
    #[serde(rename = "_meta", borrow)]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    protocol_version: Option<&'a str>,
}

#[derive(Serialize)]
struct CallResponse<'a> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    result: CallResult,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    content: [Text; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_content: Option<i64>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<ResultMeta>,
}

#[derive(Serialize)]
struct Text {
    r#type: &'static str,
    text: String,
}

#[derive(Serialize)]
struct ResultMeta {
    #[serde(rename = "io.modelcontextprotocol/serverInfo")]
    server_info: ServerInfo,
}

#[derive(Serialize)]
struct ServerInfo {
    name: &'static str,
    version: &'static str,
}

/// The list of our `bench-server` with so many tools: everything behind the identifier.
static LIST: LazyLock<String> = LazyLock::new(|| {
    let tool = |name: &str, description: &str, properties: &str, required: &str, more: &str| {
        format!(
            r#"{{"annotations":{{"idempotentHint":true,"readOnlyHint":true}},"description":"{description}","inputSchema":{{"additionalProperties":false,"properties":{{{properties}}},"required":[{required}],"type":"object"}},"name":"{name}"{more}}}"#
        )
    };
    let addends = r#""a":{"description":"The first addend.","format":"int64","type":"integer"},"b":{"description":"The second addend.","format":"int64","type":"integer"}"#;
    let sum = r#","outputSchema":{"format":"int64","type":"integer"}"#;
    let text = r#""text":{"description":"The text to repeat.","type":"string"}"#;
    let steps = r#""n":{"description":"How many steps to report.","format":"uint32","minimum":0,"type":"integer"}"#;
    let query = r#""limit":{"description":"How many to return at most.","format":"uint32","maximum":100,"minimum":1,"type":["integer","null"]},"query":{"description":"What to look for.","type":"string"}"#;
    let mut tools = vec![
        tool("add", "Adds two integers.", addends, r#""a","b""#, sum),
        tool("echo", "Repeats a text exactly.", text, r#""text""#, ""),
        tool("stream", "Reports n steps as progress, one event each.", steps, r#""n""#, ""),
    ];
    tools.extend((4..=LISTED_TOOLS).map(|number| {
        let name = format!("tool{number:03}_generated");
        let description = "One of many tools that are there to be listed and to be looked past.";
        tool(&name, description, query, r#""query""#, "")
    }));
    let (version, tools) = (env!("CARGO_PKG_VERSION"), tools.join(","));
    format!(
        r#","result":{{"_meta":{{"io.modelcontextprotocol/serverInfo":{{"name":"bench","version":"{version}"}}}},"cacheScope":"public","resultType":"complete","tools":[{tools}],"ttlMs":300000}}}}"#
    )
});

/// The answer to `tools/list`.
fn list(id: &RawValue) -> Vec<u8> {
    let mut answer = Vec::with_capacity(LIST.len() + id.get().len() + 24);
    answer.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    answer.extend_from_slice(id.get().as_bytes());
    answer.extend_from_slice(LIST.as_bytes());
    answer
}

/// The answer to one message, or `None` if it is neither a call of `add` nor `tools/list`.
fn answer(message: &[u8]) -> Option<Vec<u8>> {
    let request: CallRequest<'_> = serde_json::from_slice(message).ok()?;
    if request.jsonrpc == "2.0" && request.method == "tools/list" {
        return Some(list(request.id));
    }
    if request.jsonrpc != "2.0"
        || request.method != "tools/call"
        || request.params.name != Some("add")
    {
        return None;
    }
    let Add { a, b } = request.params.arguments?;
    let modern = match request.params.meta.and_then(|meta| meta.protocol_version) {
        Some("2026-07-28") => true,
        Some(_) => return None,
        None => false,
    };
    let sum = a.saturating_add(b);
    let response = CallResponse {
        jsonrpc: "2.0",
        id: request.id,
        result: CallResult {
            result_type: modern.then_some("complete"),
            content: [Text { r#type: "text", text: sum.to_string() }],
            structured_content: modern.then_some(sum),
            meta: modern.then_some(ResultMeta {
                server_info: ServerInfo { name: "bench", version: env!("CARGO_PKG_VERSION") },
            }),
        },
    };
    serde_json::to_vec(&response).ok()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Listen::from_args() {
        Listen::Stdio => stdio().await,
        Listen::Http { listen } => http(listen).await,
    }
}

async fn http(listen: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(respond));
        tokio::spawn(connection);
    }
}

async fn respond(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = match request.into_body().collect().await {
        Ok(body) => answer(&body.to_bytes()),
        Err(_) => None,
    };
    let mut response = Response::new(Full::default());
    match answer {
        Some(json) => {
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *response.body_mut() = json.into();
        }
        None => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    Ok(response)
}

/// All complete lines of a read are answered in one write.
async fn stdio() -> anyhow::Result<()> {
    use std::os::fd::AsFd as _;

    let stdin = std::io::stdin().as_fd().try_clone_to_owned()?;
    let stdout = std::io::stdout().as_fd().try_clone_to_owned()?;
    let mut stdin = pipe::Receiver::from_owned_fd(stdin)?;
    let mut stdout = pipe::Sender::from_owned_fd(stdout)?;
    let mut input = BytesMut::with_capacity(64 * 1024);
    let mut output = Vec::with_capacity(64 * 1024);
    while stdin.read_buf(&mut input).await? > 0 {
        while let Some(end) = memchr::memchr(b'\n', &input) {
            let line = input.split_to(end + 1);
            if let Some(json) = answer(&line) {
                output.extend_from_slice(&json);
                output.push(b'\n');
            }
        }
        stdout.write_all(&output).await?;
        output.clear();
        input.reserve(64 * 1024);
    }
    Ok(())
}
