//! The paths by name.

use std::{
    hint::black_box,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::header;
use http_body_util::{BodyExt as _, Full};
use mcp_core::{Message, Reply, ReplyPart, Request, Server};
use mcp_http::{HttpConfig, HttpService};
use mcp_transport_stdio::{StreamOptions, serve_stream};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use crate::tools::server;

type Path = fn(usize) -> anyhow::Result<()>;

/// Every path, with the name under which its count is kept.
pub(crate) const ALL: &[(&str, Path)] = &[
    ("parse", |rounds| {
        let text = Bytes::from(modern("tools/call", ADD));
        for _ in 0..rounds {
            black_box(request(&text)?);
        }
        Ok(())
    }),
    ("call", |rounds| answer(rounds, &modern("tools/call", ADD), r#""structuredContent":3"#)),
    ("call with nested arguments", |rounds| {
        answer(rounds, &modern("tools/call", ORDER), r#""price":1700"#)
    }),
    ("call that is refused", |rounds| {
        let arguments = r#""name":"add","arguments":{"a":1,"b":"2"}"#;
        answer(rounds, &modern("tools/call", arguments), r#""isError":true"#)
    }),
    ("call with 64 KiB", |rounds| {
        let text = "All work and no play.\\n".repeat(3_000);
        let arguments = format!(r#""name":"echo","arguments":{{"text":"{text}"}}"#);
        answer(rounds, &modern("tools/call", &arguments), "no play")
    }),
    ("legacy call", |rounds| answer(rounds, &message("tools/call", ADD), r#""text":"3""#)),
    ("list of 100 tools", |rounds| answer(rounds, &modern("tools/list", ""), "tool99")),
    ("session call", session),
    ("100 progress events", events),
    ("HTTP call", http),
    ("stdio line", |rounds| lines(rounds, &modern("tools/call", ADD))),
    ("stdio line of a session", |rounds| lines(rounds, &message("tools/call", ADD))),
];

const ADD: &str = r#""name":"add","arguments":{"a":1,"b":2}"#;
const ORDER: &str = r#""name":"order","arguments":{"address":{"street":"Main Street 1","country":"US"},"items":[{"name":"cup","count":2,"price":350},{"name":"pot","count":1,"price":500}],"speed":"express"}"#;
const META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"counts","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}"#;

fn message(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#)
}

fn modern(method: &str, params: &str) -> String {
    let comma = if params.is_empty() { "" } else { "," };
    message(method, &format!(r#"{params}{comma}"_meta":{{{META}}}"#))
}

fn request(text: &Bytes) -> anyhow::Result<Request> {
    match Message::parse(text.clone()) {
        Ok(Message::Request(request)) => Ok(request),
        _ => anyhow::bail!("not a request"),
    }
}

/// Runs a future that has nothing to wait for, without a runtime.
fn ready<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let mut future = pin!(future);
    // Some give way once before they go on.
    for _ in 0..8 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Ok(value);
        }
    }
    anyhow::bail!("the future has to wait")
}

/// Answers the same request again and again; the first answer has to have this in it.
fn answer(rounds: usize, text: &str, part: &str) -> anyhow::Result<()> {
    let server = server();
    let text = Bytes::from(text.to_owned());
    let answer = || anyhow::Ok(ready(server.call(request(&text)?).response())?.into_bytes());
    has(&answer()?, part)?;
    for _ in 0..rounds {
        black_box(answer()?);
    }
    Ok(())
}

fn has(answer: &[u8], part: &str) -> anyhow::Result<()> {
    let answer = String::from_utf8_lossy(answer);
    ensure!(answer.contains(part), "no {part} in {}", &answer[..answer.len().min(1000)]);
    Ok(())
}

fn session(rounds: usize) -> anyhow::Result<()> {
    let initialize = Bytes::from(message("initialize", INITIALIZE));
    let session = server()
        .open_session(&request(&initialize)?)
        .map_err(|error| anyhow::anyhow!("no session: {}", error.message()))?;
    ready(session.call(request(&initialize)?).response())?;
    let text = Bytes::from(message("tools/call", ADD));
    let answer = || anyhow::Ok(ready(session.call(request(&text)?).response())?.into_bytes());
    has(&answer()?, r#""text":"3""#)?;
    for _ in 0..rounds {
        black_box(answer()?);
    }
    Ok(())
}

const INITIALIZE: &str = r#""protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"counts","version":"1"}"#;

fn events(rounds: usize) -> anyhow::Result<()> {
    let server = server();
    let params = r#""name":"stream","arguments":{"n":100}"#;
    let meta = format!(r#"{params},"_meta":{{"progressToken":"p",{META}}}"#);
    let text = Bytes::from(message("tools/call", &meta));
    // The events are written down, as a binding does it.
    async fn go(mut reply: Reply) -> anyhow::Result<usize> {
        let (mut written, mut count) = (Vec::with_capacity(32 * 1024), 0);
        loop {
            match reply.next().await {
                Some(ReplyPart::Notification(event)) => event.write_to(&mut written),
                Some(ReplyPart::Response(_)) => return Ok(count),
                _ => anyhow::bail!("a reply without a response"),
            }
            count += 1;
        }
    }
    // A timer is armed where a call has to wait, which is once the channel is full.
    in_runtime(async {
        ensure!(go(server.call(request(&text)?)).await? == 100, "not a hundred events");
        for _ in 0..rounds {
            black_box(go(server.call(request(&text)?)).await?);
        }
        Ok(())
    })
}

fn http(rounds: usize) -> anyhow::Result<()> {
    let mut service = HttpService::new(server(), HttpConfig::new());
    let body = Bytes::from(modern("tools/call", ADD));
    let mut answer = || {
        let request = http::Request::post("/mcp")
            .header(header::HOST, "127.0.0.1:8000")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header(header::CONTENT_LENGTH, body.len())
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", "add")
            .body(Full::new(body.clone()))?;
        let response = ready(service.call(request))??;
        let mut body = response.into_body();
        anyhow::Ok(ready(Pin::new(&mut body).collect())??.to_bytes())
    };
    has(&answer()?, r#""structuredContent":3"#)?;
    for _ in 0..rounds {
        black_box(answer()?);
    }
    Ok(())
}

/// As many lines as rounds, which come together.
fn lines(rounds: usize, line: &str) -> anyhow::Result<()> {
    let server: Server = server();
    // No two of them are in flight at once, so that they may have one name.
    let input = message("initialize", INITIALIZE) + "\n" + &format!("{line}\n").repeat(rounds);
    let mut output = Vec::with_capacity(rounds * 256 + 1024);
    in_runtime(async {
        let (reader, options) = (input.as_bytes(), StreamOptions::new());
        let served = serve_stream(server, reader, &mut output, options, CancellationToken::new());
        served.await.context("the stream failed")
    })?;
    let answers = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    ensure!(answers == rounds + 1, "{answers} answers to {rounds} calls");
    Ok(())
}

fn in_runtime<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(future)
}
