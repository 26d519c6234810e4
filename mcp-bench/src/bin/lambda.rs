//! Measures functions of AWS Lambda: start, memory, size, processor time per warm invocation against a
//! hand-written handler, and how soon a streamed event is there.
//!
//! Expects the other programs beside itself, as `cargo xtask bench` builds them; those that are not
//! there are left out.

#![allow(clippy::print_stdout, reason = "the tables are what this program is for")]

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use clap::Parser;
use mcp_bench::Function;
use serde_json::json;
use tokio::process::Command;

#[derive(Debug, Parser)]
#[command(about = "Measure functions of AWS Lambda")]
struct Options {
    /// Fewer and shorter rounds, to see that everything runs.
    #[arg(long)]
    quick: bool,
}

/// Programs whose start is measured.
const PROGRAMS: [&str; 5] =
    ["lambda-floor", "hello", "lambda-server", "sales-server", "cost-server"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let quick = Options::parse().quick;
    let (starts, rounds, calls, streams) = if quick { (5, 1, 200, 10) } else { (41, 5, 4000, 200) };
    let programs = std::env::current_exe()?.parent().map(PathBuf::from).unwrap_or_default();

    println!("| program | exec to first `next`, p50 / p90 | RSS then | program | zipped |");
    println!("|---|---|---|---|---|");
    for name in PROGRAMS {
        let path = programs.join(name);
        if path.exists() {
            println!("{}", start(name, &path, starts).await?);
        }
    }

    let mut best = [Duration::MAX; 2];
    for _ in 0..rounds {
        // One after the other within a round, so that both meet the same machine.
        for (best, name) in best.iter_mut().zip(["lambda-floor", "lambda-server"]) {
            *best = (*best).min(warm(&programs.join(name), calls).await?);
        }
    }
    let [floor, ours] = best.map(|time| time.as_secs_f64() * 1e6);
    println!(
        "\nCPU of a warm invocation: {ours:.1} us, by hand {floor:.1} us: {:.2} times",
        ours / floor
    );

    let mut delays = stream(&programs.join("lambda-server"), streams).await?;
    delays.sort_unstable();
    println!(
        "a tool's first notification to the streamed event: p50 {:.2} ms, p90 {:.2} ms",
        millis(quantile(&delays, 50)),
        millis(quantile(&delays, 90)),
    );
    Ok(())
}

fn function(path: &Path, mode: &str) -> Command {
    let mut command = Command::new(path);
    command
        .env("MCP_ALLOW_ANONYMOUS", "true")
        .env("MCP_LAMBDA_RESPONSE", mode)
        .env("MCP_STATE_KEY", "ab".repeat(32))
        .env("RUST_LOG", "warn");
    command
}

async fn start(name: &str, path: &Path, times: usize) -> anyhow::Result<String> {
    let (mut took, mut resident) = (Vec::new(), 0);
    for _ in 0..times {
        let function = Function::start(function(path, "buffered")).await?;
        took.push(function.start_time());
        resident = resident.max(function.memory()?.resident);
    }
    took.sort_unstable();
    let program = std::fs::read(path)?;
    Ok(format!(
        "| {name} | {:.2} / {:.2} ms | {:.1} MB | {:.2} MB | {:.2} MB |",
        millis(quantile(&took, 50)),
        millis(quantile(&took, 90)),
        megabytes(resident),
        megabytes(program.len() as u64),
        megabytes(deflated(&program)? as u64),
    ))
}

/// The event of a Function URL, as a client's call of `tool` makes it.
fn event(tool: &str, arguments: serde_json::Value) -> Bytes {
    let message = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": { "name": tool, "arguments": arguments, "_meta": { "progressToken": "p" } },
    });
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/mcp",
        "rawQueryString": "",
        "headers": {
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "host": "abcdefghijklmnopqrstuvwxyz012345.lambda-url.us-east-1.on.aws",
            "user-agent": "bench",
            "x-amzn-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "abcdefghijklmnopqrstuvwxyz012345",
            "domainName": "abcdefghijklmnopqrstuvwxyz012345.lambda-url.us-east-1.on.aws",
            "domainPrefix": "abcdefghijklmnopqrstuvwxyz012345",
            "http": {
                "method": "POST",
                "path": "/mcp",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "bench",
            },
            "requestId": "e1506fd5-9e7b-434f-bd42-4f8fa224b599",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2026:19:03:58 +0000",
            "timeEpoch": 1_773_342_238_000_u64,
        },
        "body": message.to_string(),
        "isBase64Encoded": false,
    })
    .to_string()
    .into()
}

/// The processor time of one invocation among many.
async fn warm(path: &Path, calls: u32) -> anyhow::Result<Duration> {
    let mut function = Function::start(function(path, "buffered")).await?;
    let event = event("add", json!({ "a": 2, "b": 40 }));
    for _ in 0..calls / 10 {
        let parts = function.invoke(event.clone()).await?;
        let text: Vec<u8> = parts.into_iter().flat_map(|(_, part)| part).collect();
        let text = String::from_utf8(text)?;
        ensure!(text.contains("42") && text.contains(r#""statusCode":200"#), "wrong: {text}");
    }
    let before = function.usage()?;
    for _ in 0..calls {
        function.invoke(event.clone()).await?;
    }
    Ok(function.usage()?.cpu_since(&before) / calls)
}

/// How long after a tool's first notification its event is at the Runtime API.
async fn stream(path: &Path, calls: u32) -> anyhow::Result<Vec<Duration>> {
    let mut function = Function::start(function(path, "stream")).await?;
    let event = event("stamp", json!({}));
    let mut delays = Vec::new();
    for _ in 0..calls {
        let parts = function.invoke(event.clone()).await?;
        let stamped = parts.iter().find_map(|(at, part)| {
            let text = String::from_utf8_lossy(part);
            let (_, stamp) = text.split_once("stamp ")?;
            let (stamp, _) = stamp.split_once('.')?;
            let stamp = SystemTime::UNIX_EPOCH + Duration::from_nanos(stamp.parse().ok()?);
            Some(at.duration_since(stamp).unwrap_or_default())
        });
        delays.push(stamped.context("no event")?);
    }
    Ok(delays)
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Millions of bytes.
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The size in a zip, whose compression is gzip's.
fn deflated(program: &[u8]) -> anyhow::Result<usize> {
    let mut gzip = std::process::Command::new("gzip")
        .arg("-9")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start gzip")?;
    let mut input = gzip.stdin.take().context("no pipe")?;
    let program = program.to_vec();
    let writing = std::thread::spawn(move || input.write_all(&program));
    let output = gzip.wait_with_output()?;
    writing.join().map_err(|_| anyhow::anyhow!("gzip cannot be written to"))??;
    Ok(output.stdout.len())
}
