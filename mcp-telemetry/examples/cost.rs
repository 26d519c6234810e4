//! What telemetry costs a call: `cargo run --release -p mcp-telemetry --features otlp --example
//! cost`. Time and allocations of a modern `tools/call` of `add` inside the process, without a
//! transport, and what each way adds to it.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "a measurement is for whoever asks for it")]

use std::{future::Future, hint::black_box, pin::pin, task::Poll, time::Instant};

use mcp_core::{Message, Server, tool};
use mcp_telemetry::Telemetry;

/// Adds two integers.
#[tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

const CALLS: u32 = 200_000;
const MESSAGE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;

fn call(server: &Server, message: &bytes::Bytes) {
    let Ok(Message::Request(request)) = Message::parse(message.clone()) else {
        panic!("no request");
    };
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(response) = pin!(server.call(request).response()).poll(&mut cx) else {
        panic!("the call waits");
    };
    black_box(response);
}

fn measure(what: &str, telemetry: Telemetry) {
    let server = Server::builder("cost", "1").tool::<add>().build();
    let server = telemetry.measure(server);
    let message = bytes::Bytes::from_static(MESSAGE.as_bytes());
    for _ in 0..CALLS / 10 {
        call(&server, &message);
    }
    let allocations = allocation_counter::measure(|| call(&server, &message)).count_total;
    let began = Instant::now();
    for _ in 0..CALLS {
        call(&server, &message);
    }
    let nanoseconds = began.elapsed().as_nanos() / u128::from(CALLS);
    println!("{what:<28} {nanoseconds:>6} ns {allocations:>4} allocations");
}

fn main() {
    let server = Server::builder("cost", "1").tool::<add>().build();
    let message = bytes::Bytes::from_static(MESSAGE.as_bytes());
    let allocations = allocation_counter::measure(|| call(&server, &message)).count_total;
    let began = Instant::now();
    for _ in 0..CALLS {
        call(&server, &message);
    }
    let nanoseconds = began.elapsed().as_nanos() / u128::from(CALLS);
    println!("{:<28} {nanoseconds:>6} ns {allocations:>4} allocations", "nothing");
    measure("a layer that records nothing", Telemetry::new());
    measure("Prometheus", Telemetry::new().prometheus());
    #[cfg(feature = "otlp")]
    for (what, sampler) in [
        ("OTLP, no span sampled", opentelemetry_sdk::trace::Sampler::AlwaysOff),
        ("OTLP, every span sampled", opentelemetry_sdk::trace::Sampler::AlwaysOn),
    ] {
        use opentelemetry_sdk::{
            metrics::{InMemoryMetricExporter, SdkMeterProvider},
            trace::{InMemorySpanExporter, SdkTracerProvider},
        };
        let tracers = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_batch_exporter(InMemorySpanExporter::default())
            .build();
        let meters = SdkMeterProvider::builder()
            .with_periodic_exporter(InMemoryMetricExporter::default())
            .build();
        measure(what, Telemetry::new().otlp(tracers, meters));
    }
}
