//! What a cost tool adds to the round trip of the SDK that it asks with: `round_trip [TIMES]`, 200 unless
//! given.
//!
//! The same question goes to a server on loopback, by turns from the SDK alone and through a tool. Once
//! each with clients that are new, as for the first answer of a process, and once with clients that are
//! connected. It prints medians of time, of processor time of the thread that asks, and of how often
//! that thread waited, which does not depend on how busy the machine is. Run it with `--release`.

use std::{
    error::Error,
    fs,
    hint::black_box,
    io::{self, Write as _},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_costexplorer::types::{DateInterval, Granularity, GroupDefinition};
use bytes::Bytes;
use chrono::{Days, NaiveDate, Utc};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use mcp_core::{Message, ReplyPart, Server};
use mcp_tools_aws::{Aws, cost_pack};
use serde_json::{Value, json};

/// The answer: a month of days by twenty services.
const DAYS: u64 = 30;
const SERVICES: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let times = std::env::args().nth(1).map_or(Ok(200), |times| times.parse())?;
    let url = serve()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&url, times))
}

async fn measure(url: &str, times: u64) -> Result<(), Box<dyn Error>> {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(url)
        .retry_config(RetryConfig::standard())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "AKIDTEST", "secret", None, None, "test",
        )))
        .build();
    let sdk = || {
        let config = config.to_builder().http_client(mcp_aws::connector()).build();
        aws_sdk_costexplorer::Client::new(&config)
    };
    let server =
        || Server::builder("cost", "1").pack(cost_pack(Aws::with_config(config.clone()))).build();
    let mut out = io::stdout();
    for (what, new) in [("with new clients", true), ("connected", false)] {
        let (client, tools) = (sdk(), server());
        let (mut alone, mut through) = (Vec::new(), Vec::new());
        for question in 0..times {
            // The first of each is not counted.
            let watch = Watch::start();
            let answer =
                if new { ask(&sdk(), question).await? } else { ask(&client, question).await? };
            alone.extend((question > 0).then(|| watch.stop()));
            black_box(answer);
            // What is new is what connects; a server is there before its first question.
            let fresh = new.then(&server);
            let watch = Watch::start();
            let answer = call(fresh.as_ref().unwrap_or(&tools), question).await;
            through.extend((question > 0).then(|| watch.stop()));
            black_box(answer?);
        }
        let of = [|it: &Used| it.time, |it: &Used| it.processor];
        for (of, kind) in of.into_iter().zip(["time", "processor"]) {
            let [alone, through] = [&alone, &through].map(|used| median(used, of));
            let added = through.as_secs_f64() - alone.as_secs_f64();
            writeln!(
                out,
                "{what}, {kind}: SDK {alone:.2?}, tool {through:.2?}, added {:.2} ms",
                1e3 * added
            )?;
        }
        let [alone, through] = [&alone, &through].map(|used| median(used, |it| it.waits));
        writeln!(out, "{what}, waits: SDK {alone}, tool {through}")?;
    }
    Ok(())
}

/// A question that has not been asked before, so that nothing answers it from what is kept.
fn period(question: u64) -> (NaiveDate, NaiveDate) {
    let to = Utc::now().date_naive() - Days::new(1 + question % 300);
    (to - Days::new(DAYS + question / 300), to)
}

async fn ask(
    client: &aws_sdk_costexplorer::Client,
    question: u64,
) -> Result<
    aws_sdk_costexplorer::operation::get_cost_and_usage::GetCostAndUsageOutput,
    Box<dyn Error>,
> {
    let (from, to) = period(question);
    let period = DateInterval::builder().start(from.to_string()).end(to.to_string()).build()?;
    let group = GroupDefinition::builder().r#type("DIMENSION".into()).key("SERVICE").build();
    let request = client
        .get_cost_and_usage()
        .time_period(period)
        .granularity(Granularity::Daily)
        .metrics("UnblendedCost")
        .group_by(group);
    Ok(request.send().await?)
}

/// A call as it comes from a transport: bytes to bytes.
async fn call(server: &Server, question: u64) -> Result<Bytes, Box<dyn Error>> {
    let (from, to) = period(question);
    let call = json!({
        "jsonrpc": "2.0", "id": question, "method": "tools/call",
        "params": {
            "name": "get_cost_breakdown",
            "arguments": { "from": from.to_string(), "to": to.to_string() },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": "measure", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    });
    let Ok(Message::Request(request)) = Message::parse(call.to_string()) else {
        return Err("the question is no request".into());
    };
    let mut reply = server.call(request);
    while let Some(part) = reply.next().await {
        if let ReplyPart::Response(response) = part {
            let bytes = response.into_bytes();
            let answer: Value = serde_json::from_slice(&bytes)?;
            if answer["result"]["structuredContent"]["billed"]["requests"] != 1 {
                return Err(format!("not what was asked for: {answer}").into());
            }
            return Ok(bytes);
        }
    }
    Err("there was no answer".into())
}

/// What a question took: time, the processor time of this thread, and how often it waited.
struct Used {
    time: Duration,
    processor: Duration,
    waits: u64,
}

struct Watch {
    start: Instant,
    processor: Duration,
    waits: u64,
}

impl Watch {
    fn start() -> Self {
        Self { waits: waits(), processor: processor(), start: Instant::now() }
    }

    fn stop(&self) -> Used {
        let (time, processor) = (self.start.elapsed(), processor() - self.processor);
        Used { time, processor, waits: waits() - self.waits }
    }
}

/// As Linux counts it, in nanoseconds; nothing elsewhere.
fn processor() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

/// How often Linux has seen this thread wait; nothing elsewhere.
fn waits() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let waits = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    waits.and_then(|waits| waits.trim().parse().ok()).unwrap_or_default()
}

fn median<T: Ord + Copy + Default>(measured: &[Used], of: impl Fn(&Used) -> T) -> T {
    let mut measured: Vec<T> = measured.iter().map(of).collect();
    measured.sort_unstable();
    measured.get(measured.len() / 2).copied().unwrap_or_default()
}

/// Answers every request alike, on a thread of its own, until the process ends.
fn serve() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = Bytes::from(answer().to_string());
    thread::spawn(move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let answer = answer.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let answer = answer.clone();
                    async move {
                        request.into_body().collect().await?;
                        let answer = Response::builder()
                            .header("content-type", "application/x-amz-json-1.1")
                            .body(Full::new(answer));
                        Ok::<_, Box<dyn Error + Send + Sync>>(answer?)
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
            #[expect(unreachable_code, reason = "names the type of the errors")]
            io::Result::Ok(())
        })
    });
    Ok(url)
}

/// What Cost Explorer answers in its documented form.
fn answer() -> Value {
    let first = Utc::now().date_naive() - Days::new(DAYS);
    let groups: Vec<Value> = (0..SERVICES)
        .map(|service| {
            let cost = json!({ "Amount": format!("{service}.0123456789"), "Unit": "USD" });
            json!({ "Keys": [format!("AWS Service {service}")], "Metrics": { "UnblendedCost": cost } })
        })
        .collect();
    let days: Vec<Value> = (0..DAYS)
        .map(|day| {
            let (from, to) = (first + Days::new(day), first + Days::new(day + 1));
            json!({
                "TimePeriod": { "Start": from.to_string(), "End": to.to_string() },
                "Total": {},
                "Groups": groups,
                "Estimated": false,
            })
        })
        .collect();
    json!({ "ResultsByTime": days })
}
