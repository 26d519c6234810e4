//! What requests are really like: from a server's metrics, or from calls of a tool.

use std::{
    env,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use indicatif::ProgressBar;
use rmcp::model::{CallToolRequestParams, JsonObject};
use serde::Serialize;

use crate::{
    args::{Cost, EraChoice, Server},
    commands::{Conversation, runtime},
    connect::{self, chain},
    exit::Failure,
    user::User,
};

/// A month of 730 hours, as the estimator has it.
const MONTH: f64 = 730.0 * 3600.0;
/// How long a server may take to hand out its metrics, or an answer.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Measured {
    pub(super) requests_per_month: Option<u64>,
    /// The mean.
    pub(super) duration_ms: Option<u32>,
    /// The mean.
    pub(super) payload_kb: Option<f64>,
    /// In words.
    pub(super) how: Option<String>,
}

pub(super) fn run(cost: &Cost) -> Result<Measured, Failure> {
    if let Some(url) = &cost.metrics {
        return runtime()?.block_on(metrics(cost, url));
    }
    match (&cost.load, &cost.tool) {
        (Some(_), Some(tool)) => runtime()?.block_on(load(cost, tool)),
        _ => Ok(Measured::default()),
    }
}

/// Requests since the server has started, and the seconds that they took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counted {
    requests: f64,
    seconds: f64,
}

async fn metrics(cost: &Cost, url: &str) -> Result<Measured, Failure> {
    let mut headers = HeaderMap::new();
    let credentials = [
        (HeaderName::from_static("x-api-key"), env::var("MCP_API_KEY").ok()),
        (header::AUTHORIZATION, env::var("MCP_BEARER").ok().map(|token| format!("Bearer {token}"))),
    ];
    for (name, secret) in credentials {
        let Some(secret) = secret else { continue };
        let mut value = HeaderValue::from_str(&secret).map_err(|_| {
            Failure::usage(format!("what goes into {name} cannot stand in a header"))
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let client = reqwest::Client::builder()
        .default_headers(headers)
        // A redirect would carry credentials to wherever it leads.
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .map_err(|error| Failure::local(format!("cannot speak HTTP here: {}", chain(&error))))?;
    let first = scrape(&client, url).await?;
    if cost.requests.is_some() {
        return measured(first, None)
            .ok_or_else(|| Failure::answered(format!("{url} has counted no request yet")));
    }
    let begun = Instant::now();
    let bar = ProgressBar::new_spinner().with_message("counting requests");
    bar.enable_steady_tick(Duration::from_millis(200));
    tokio::time::sleep(cost.over).await;
    bar.finish_and_clear();
    let second = scrape(&client, url).await?;
    let between = Counted {
        requests: second.requests - first.requests,
        seconds: second.seconds - first.seconds,
    };
    measured(between, Some(begun.elapsed())).ok_or_else(|| {
        Failure::answered(format!(
            "{url} has counted no request in {} s; --over counts for longer, --requests says how \
             many there are",
            cost.over.as_secs_f64()
        ))
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "neither negative nor beyond the limits of a workload"
)]
fn measured(counted: Counted, over: Option<Duration>) -> Option<Measured> {
    if counted.requests < 1.0 || counted.seconds < 0.0 {
        return None;
    }
    let milliseconds = counted.seconds / counted.requests * 1000.0;
    let a_month = over.map(|over| counted.requests / over.as_secs_f64() * MONTH);
    let when = over.map_or_else(
        || "since the server started".to_owned(),
        |over| format!("in {:.0} s", over.as_secs_f64()),
    );
    Some(Measured {
        requests_per_month: a_month.map(|requests| requests.clamp(0.0, 1e12) as u64),
        duration_ms: Some(milliseconds.clamp(1.0, 86_400_000.0).ceil() as u32),
        payload_kb: None,
        how: Some(format!(
            "Measured {when}: {} requests of {milliseconds:.2} ms on average",
            counted.requests
        )),
    })
}

async fn scrape(client: &reqwest::Client, url: &str) -> Result<Counted, Failure> {
    let answer = client.get(url).send().await.map_err(|error| {
        Failure::unreachable(format!("cannot read the metrics of {url}: {}", chain(&error)))
    })?;
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    if !status.is_success() {
        return Err(Failure::unreachable(format!(
            "{url} answers {status} instead of metrics; a server with the feature `telemetry` has them \
             with --metrics, for callers whom MCP_API_KEY or MCP_BEARER let in"
        )));
    }
    counted(&text).ok_or_else(|| {
        Failure::unreachable(format!("{url} has no metrics of an MCP server of this framework"))
    })
}

/// The sums over all methods and tools of a text of OpenMetrics.
fn counted(text: &str) -> Option<Counted> {
    const NAME: &str = "mcp_server_operation_duration_seconds";
    let sum = |suffix: &str| -> f64 {
        let name = format!("{NAME}_{suffix}");
        let lines = text.lines().filter_map(|line| {
            let rest = line.strip_prefix(&name)?;
            // Labels may hold spaces; a value does not.
            let value = match rest.rsplit_once('}') {
                Some((_, value)) => value,
                None => rest,
            };
            value.split_whitespace().next()?.parse::<f64>().ok()
        });
        lines.sum()
    };
    // Before the first request there is nothing but how many are being worked on.
    let is_ours = text.contains("mcp_server_active_operations") || text.contains(NAME);
    is_ours.then(|| Counted { requests: sum("count"), seconds: sum("sum") })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "within the limits of a workload"
)]
async fn load(cost: &Cost, tool: &str) -> Result<Measured, Failure> {
    let Some(target) = &cost.load else { return Ok(Measured::default()) };
    let arguments: JsonObject = serde_json::from_str(&cost.args)
        .map_err(|error| Failure::usage(format!("--args: expected a JSON object: {error}")))?;
    let server = Server {
        target: target.clone(),
        header: Vec::new(),
        api_key: env::var("MCP_API_KEY").ok(),
        bearer: env::var("MCP_BEARER").ok(),
        sigv4: None,
        era: EraChoice::Auto,
        connect_timeout: Duration::from_secs(15),
        timeout: PATIENCE,
        answer: None,
    };
    let client = connect::connect(&server, User::new(None)?).await?;
    let peer = Conversation { client, timeout: PATIENCE };
    let request = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
    let (mut bytes, mut time) = (0, Duration::ZERO);
    let bar = ProgressBar::new(u64::from(cost.calls));
    // The first call finds a server that has just started.
    for call in 0..=cost.calls {
        let begun = Instant::now();
        let answer = peer.ask("tools/call", peer.client.call_tool(request.clone())).await?;
        let took = begun.elapsed();
        if answer.is_error == Some(true) {
            let said = serde_json::to_string(&answer.content).unwrap_or_default();
            return Err(Failure::answered(format!("{tool} answers that it failed: {said}")));
        }
        if call > 0 {
            time += took;
            bytes += serde_json::to_vec(&answer).map_or(0, |answer| answer.len());
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let calls = f64::from(cost.calls);
    let milliseconds = time.as_secs_f64() * 1000.0 / calls;
    let size = bytes as f64 / 1024.0 / calls;
    Ok(Measured {
        requests_per_month: None,
        duration_ms: Some(milliseconds.clamp(1.0, 86_400_000.0).ceil() as u32),
        payload_kb: Some(size),
        how: Some(format!(
            "Measured: {calls} calls of {tool}, {milliseconds:.2} ms and {size:.2} KB on average, as \
             seen by their client"
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_of_all_methods_are_summed() {
        let text = "# TYPE mcp_server_operation_duration_seconds histogram\n\
                    mcp_server_operation_duration_seconds_sum{mcp_method_name=\"tools/call\",gen_ai_tool_name=\"a b\"} 1.5\n\
                    mcp_server_operation_duration_seconds_count{mcp_method_name=\"tools/call\"} 3\n\
                    mcp_server_operation_duration_seconds_bucket{le=\"0.1\"} 3\n\
                    mcp_server_operation_duration_seconds_sum{mcp_method_name=\"tools/list\"} 0.5\n\
                    mcp_server_operation_duration_seconds_count{mcp_method_name=\"tools/list\"} 1\n";
        let found = counted(text).expect("metrics");
        assert_eq!(found, Counted { requests: 4.0, seconds: 2.0 });
        let workload = measured(found, Some(Duration::from_secs(1))).expect("requests");
        assert_eq!(workload.duration_ms, Some(500));
        assert_eq!(workload.requests_per_month, Some(4 * 730 * 3600));
        assert_eq!(measured(Counted::default(), None), None);
        assert_eq!(counted("up 1\n"), None);
    }
}
