//! Spans and metrics as a collector gets them, over a socket.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_telemetry::Telemetry;
use opentelemetry_otlp::{MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value as Any},
    metrics::v1::metric::Data,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use opentelemetry_sdk::{
    metrics::SdkMeterProvider,
    trace::{Sampler, SdkTracerProvider},
};
use prost::Message as _;
use serde_json::json;
use support::{all_outcomes, answer, call, request, server};

/// The path and the body of each request.
type Bodies = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A collector on a free port, for as long as the process lives.
#[derive(Clone)]
struct Collector {
    url: String,
    bodies: Bodies,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let bodies = Bodies::default();
        let collector = Self { url, bodies };
        let accepting = collector.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let collector = accepting.clone();
                std::thread::spawn(move || collector.serve(stream.unwrap()));
            }
        });
        collector
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut head = Vec::new();
        loop {
            let mut byte = [0];
            if stream.read_exact(&mut byte).is_err() {
                return;
            }
            head.push(byte[0]);
            if !head.ends_with(b"\r\n\r\n") {
                continue;
            }
            let text = String::from_utf8(std::mem::take(&mut head)).unwrap().to_lowercase();
            let path = text.split(' ').nth(1).unwrap().to_owned();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.unwrap().parse().unwrap()];
            stream.read_exact(&mut body).unwrap();
            self.bodies.lock().unwrap().push((path, body));
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        }
    }

    fn telemetry(&self, sampler: Sampler) -> Telemetry {
        let spans = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/traces", self.url))
            .build()
            .unwrap();
        let metrics = MetricExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/metrics", self.url))
            .build()
            .unwrap();
        Telemetry::new().otlp(
            SdkTracerProvider::builder().with_sampler(sampler).with_batch_exporter(spans).build(),
            SdkMeterProvider::builder().with_periodic_exporter(metrics).build(),
        )
    }

    fn bodies(&self, path: &str) -> Vec<Vec<u8>> {
        let bodies = self.bodies.lock().unwrap();
        bodies.iter().filter(|(to, _)| to == path).map(|(_, body)| body.clone()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.bodies("/v1/traces").into_iter();
        let requests = requests.map(|body| ExportTraceServiceRequest::decode(&*body).unwrap());
        let scopes = requests.flat_map(|request| request.resource_spans);
        scopes.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }
}

fn attribute<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some(text),
        other => panic!("{name} is no text: {other:?}"),
    }
}

async fn shutdown(telemetry: Telemetry) {
    tokio::task::spawn_blocking(move || telemetry.shutdown(Duration::from_secs(20))).await.unwrap();
}

#[tokio::test]
async fn requests_are_spans_and_durations_by_the_conventions_of_mcp() {
    let collector = Collector::start();
    let telemetry = collector.telemetry(Sampler::AlwaysOn);
    all_outcomes(&telemetry.measure(server())).await;
    shutdown(telemetry).await;

    let spans = collector.spans();
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    let expected = [
        "tools/call add",
        "tools/call add",
        "tools/call fail",
        "tools/call",
        "tools/list",
        "_OTHER",
        "tools/call hang",
    ];
    assert_eq!(names, expected);
    let added = &spans[0];
    assert_eq!(added.kind, SpanKind::Server as i32);
    for (name, value) in [
        ("mcp.method.name", "tools/call"),
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "add"),
        ("mcp.protocol.version", "2026-07-28"),
        ("jsonrpc.request.id", "7"),
    ] {
        assert_eq!(attribute(&added.attributes, name), Some(value));
    }
    assert_eq!(attribute(&added.attributes, "error.type"), None);
    let errors = ["tool_error", "tool_error", "-32602"];
    for (span, error) in spans[1..4].iter().zip(errors) {
        assert_eq!(attribute(&span.attributes, "error.type"), Some(error));
        assert_eq!(span.status.as_ref().unwrap().code, StatusCode::Error as i32);
    }
    assert_eq!(attribute(&spans[3].attributes, "rpc.response.status_code"), Some("-32602"));
    assert_eq!(attribute(&spans[6].attributes, "error.type"), Some("cancelled"));

    let body = collector.bodies("/v1/metrics").pop().unwrap();
    let metrics = ExportMetricsServiceRequest::decode(&*body).unwrap();
    let metric = &metrics.resource_metrics[0].scope_metrics[0].metrics[0];
    assert_eq!((&*metric.name, &*metric.unit), ("mcp.server.operation.duration", "s"));
    let Some(Data::Histogram(histogram)) = &metric.data else { panic!("{metric:?}") };
    assert_eq!(histogram.data_points.iter().map(|point| point.count).sum::<u64>(), 7);
    assert_eq!(histogram.data_points[0].explicit_bounds.len(), 14);
    for point in &histogram.data_points {
        // What differs from request to request is nothing for a metric.
        assert_eq!(attribute(&point.attributes, "jsonrpc.request.id"), None);
    }
    for (_, body) in collector.bodies.lock().unwrap().iter() {
        let text = String::from_utf8_lossy(body);
        assert!(!text.contains("secret") && !text.contains("made"), "{text}");
    }
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_span_is_part_of_its_clients_trace_and_parent_of_what_the_call_sends_onward() {
    let collector = Collector::start();
    let telemetry = collector.telemetry(Sampler::AlwaysOn);
    let server = telemetry.measure(server());
    let place = |answer: serde_json::Value| {
        answer["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    };
    let params = json!({
        "name": "place", "arguments": {},
        "_meta": {"traceparent": format!("00-{TRACE}-{PARENT}-01")},
    });
    let onward = place(answer(&server, request("tools/call", params)).await);
    let root = place(answer(&server, call("place", json!({}))).await);
    shutdown(telemetry).await;

    let spans = collector.spans();
    assert_eq!(
        (hex(&spans[0].trace_id), hex(&spans[0].parent_span_id)),
        (TRACE.into(), PARENT.into())
    );
    assert_eq!(onward, format!("00-{TRACE}-{}-01", hex(&spans[0].span_id)));
    // Without a client's trace the span is the first of its own.
    assert_eq!(hex(&spans[1].parent_span_id).trim_matches('0'), "");
    assert_eq!(root, format!("00-{}-{}-01", hex(&spans[1].trace_id), hex(&spans[1].span_id)));
}

#[tokio::test]
async fn what_is_not_sampled_is_not_sent_and_says_so_onward() {
    let collector = Collector::start();
    let telemetry = collector.telemetry(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)));
    let server = telemetry.measure(server());
    let params = |flags: &str| {
        json!({
            "name": "place", "arguments": {},
            "_meta": {"traceparent": format!("00-{TRACE}-{PARENT}-{flags}")},
        })
    };
    let text = |answer: serde_json::Value| {
        answer["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    };
    assert!(text(answer(&server, request("tools/call", params("00"))).await).ends_with("-00"));
    assert!(text(answer(&server, call("place", json!({}))).await).ends_with("-00"));
    assert!(text(answer(&server, request("tools/call", params("01"))).await).ends_with("-01"));
    shutdown(telemetry).await;
    assert_eq!(collector.spans().len(), 1);
}

#[tokio::test]
async fn a_collector_that_is_gone_costs_no_call() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let collector = Collector { url: format!("http://{gone}"), bodies: Arc::default() };
    let telemetry = collector.telemetry(Sampler::AlwaysOn);
    let server = telemetry.measure(server());
    for _ in 0..100 {
        let answer = answer(&server, call("add", json!({"a": 1, "b": 2}))).await;
        assert_eq!(answer["result"]["content"][0]["text"], "3");
    }
    shutdown(telemetry).await;
}
