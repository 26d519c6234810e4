//! The floor: `tools/call` by hand, with hyper, tokio-tungstenite and `serde_json` and nothing else;
//! and `tools/list` of a hundred tools, whose bytes are there and only have to be written.
//!
//! It parses the request into types, looks at the method and the tool's name, does the tool's work,
//! and writes the same bytes that our server answers. It validates no header and no schema, has no
//! deadline, no cancellation, no log, no limits and no errors worth the name: what a framework costs is
//! what it costs beyond this.

use std::{borrow::Cow, convert::Infallible, io::Write as _, net::SocketAddr, sync::LazyLock};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _, stream};
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Frame, Incoming},
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
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

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
    #[serde(borrow)]
    arguments: Option<Arguments<'a>>,
    #[serde(rename = "_meta", borrow)]
    meta: Option<Meta<'a>>,
}

#[derive(Deserialize)]
struct Arguments<'a> {
    a: Option<i64>,
    b: Option<i64>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
    n: Option<u32>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion")]
    protocol_version: Option<&'a str>,
    #[serde(rename = "progressToken", borrow)]
    progress_token: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct CallResponse<'a> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    result: CallResult<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallResult<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    content: [Text<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_content: Option<i64>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<ResultMeta>,
}

#[derive(Serialize)]
struct Text<'a> {
    r#type: &'static str,
    text: Cow<'a, str>,
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

/// What is said in answer to a message.
enum Answer {
    One(Vec<u8>),
    /// So many steps under a token, and then this.
    Steps {
        token: String,
        steps: u32,
        last: Vec<u8>,
    },
}

/// The answer to one message, or `None` if it is none of those that are known.
fn answer(message: &[u8]) -> Option<Answer> {
    let request: CallRequest<'_> = serde_json::from_slice(message).ok()?;
    if request.jsonrpc != "2.0" {
        return None;
    }
    match request.method {
        "tools/list" => return Some(Answer::One(list(request.id))),
        "tools/call" => {}
        _ => return None,
    }
    let meta = request.params.meta.as_ref();
    let modern = match meta.and_then(|meta| meta.protocol_version) {
        Some("2026-07-28") => true,
        Some(_) => return None,
        None => false,
    };
    let arguments = request.params.arguments?;
    let (mut sum, mut steps) = (None, None);
    let text = match request.params.name? {
        "add" => {
            let added = arguments.a?.saturating_add(arguments.b?);
            sum = modern.then_some(added);
            added.to_string().into()
        }
        "echo" => arguments.text?,
        "stream" => {
            steps = arguments.n;
            format!("streamed {}", steps?).into()
        }
        _ => return None,
    };
    let capacity = text.len() + text.len() / 16 + 256;
    let response = CallResponse {
        jsonrpc: "2.0",
        id: request.id,
        result: CallResult {
            result_type: modern.then_some("complete"),
            content: [Text { r#type: "text", text }],
            structured_content: sum,
            meta: modern.then_some(ResultMeta {
                server_info: ServerInfo { name: "bench", version: env!("CARGO_PKG_VERSION") },
            }),
        },
    };
    let mut json = Vec::with_capacity(capacity);
    serde_json::to_writer(&mut json, &response).ok()?;
    Some(match steps.zip(meta.and_then(|meta| meta.progress_token)) {
        Some((steps, token)) => Answer::Steps { token: token.get().to_owned(), steps, last: json },
        None => Answer::One(json),
    })
}

/// Appends the notification of a step.
fn write_step(out: &mut Vec<u8>, token: &str, step: u32, steps: u32) {
    // Writing to memory does not fail.
    let _ = write!(
        out,
        r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{step},"total":{steps},"message":"step {step}"}}}}"#
    );
}

impl Answer {
    /// All that is said, one message after the other.
    fn messages(self) -> impl Iterator<Item = Vec<u8>> {
        let (token, steps, last) = match self {
            Self::One(last) => (String::new(), 0, last),
            Self::Steps { token, steps, last } => (token, steps, last),
        };
        let step = move |step| {
            let mut out = Vec::with_capacity(160);
            write_step(&mut out, &token, step, steps);
            out
        };
        (1..=steps).map(step).chain([last])
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Listen::from_args() {
        Listen::Stdio => stdio().await,
        Listen::Http { listen } => http(listen).await,
        Listen::Ws { listen } => web_sockets(listen).await,
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

type Responded = Response<Either<Full<Bytes>, StreamBody<Events>>>;
type Events = stream::Iter<Box<dyn Iterator<Item = Result<Frame<Bytes>, Infallible>> + Send>>;

async fn respond(request: Request<Incoming>) -> Result<Responded, Infallible> {
    let answer = match request.into_body().collect().await {
        Ok(body) => answer(&body.to_bytes()),
        Err(_) => None,
    };
    let mut response = Response::new(Either::Left(Full::default()));
    let kind = match answer {
        Some(Answer::One(json)) => {
            *response.body_mut() = Either::Left(json.into());
            "application/json"
        }
        Some(steps) => {
            let events = steps.messages().map(|message| {
                let event = [b"data: ", &*message, b"\n\n"].concat();
                Ok(Frame::data(event.into()))
            });
            let events: Box<dyn Iterator<Item = _> + Send> = Box::new(events);
            *response.body_mut() = Either::Right(StreamBody::new(stream::iter(events)));
            "text/event-stream"
        }
        None => {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Ok(response);
        }
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

/// All messages that have come together are answered in one write.
async fn web_sockets(listen: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut socket = tokio_tungstenite::accept_async(stream).await?;
            while let Some(message) = socket.next().await {
                let mut next = Some(message?);
                while let Some(message) = next.take() {
                    if let Message::Text(text) = message
                        && let Some(answer) = answer(text.as_bytes())
                    {
                        for message in answer.messages() {
                            let text = Utf8Bytes::try_from(Bytes::from(message))?;
                            socket.feed(Message::Text(text)).await?;
                        }
                    }
                    next = socket.next().now_or_never().flatten().transpose()?;
                }
                socket.flush().await?;
            }
            anyhow::Ok(())
        });
    }
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
            let last = match answer(&line) {
                None => continue,
                Some(Answer::One(json)) => json,
                Some(Answer::Steps { token, steps, last }) => {
                    for step in 1..=steps {
                        write_step(&mut output, &token, step, steps);
                        output.push(b'\n');
                    }
                    last
                }
            };
            output.extend_from_slice(&last);
            output.push(b'\n');
        }
        stdout.write_all(&output).await?;
        output.clear();
        input.reserve(64 * 1024);
    }
    Ok(())
}
