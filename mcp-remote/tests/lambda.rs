//! Tools of a server that is a function of AWS Lambda, invoked through the AWS SDK.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_lambda::{Client, config::Credentials};
use mcp_core::{BoxError, Request, Response, Server, tool};
use mcp_remote::Remote;
use mcp_testing::{
    __private::{
        block_on,
        lambda::{serve, this_binary},
    },
    Failure, Harness,
    lambda::{Door, Emulator},
};
use serde_json::{Value, json};
use support::{CONTENT, NAMES, STRUCTURED, Seen, heavy, legacy_heavy, raw};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tower::{ServiceExt as _, service_fn, util::BoxCloneSyncService};

/// Takes the function's process along.
#[tool]
async fn crash() -> String {
    std::process::exit(9)
}

/// Where this binary is run as the function.
#[test]
fn lambda_function() {
    serve(async || heavy(&Arc::default()));
}

/// A function that knows only the handshake of the revisions before 2026-07-28.
#[test]
fn legacy_lambda_function() {
    serve(async || legacy_heavy(&Arc::<Seen>::default()));
}

/// A function that does not live long.
#[test]
fn crashing_lambda_function() {
    serve(async || Server::builder("crashing", "1.0").tool::<crash>().build());
}

fn function(name: &str) -> Emulator {
    this_binary(&format!("{}::{name}", module_path!()))
        .env("MCP_LAMBDA_RESPONSE", "buffered")
        .env("MCP_STATE_KEY", &"ab".repeat(32))
}

/// The address at which the SDK finds Lambda's API.
async fn endpoint(emulator: &Emulator) -> SocketAddr {
    let url = emulator.open(Door::Invoke).await.unwrap();
    let authority = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    authority.parse().unwrap()
}

async fn client(address: SocketAddr) -> Client {
    let credentials = Credentials::new("test", "test", None, None, "test");
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .load()
        .await;
    Client::new(&config)
}

/// A server with the tools of a function, which lives as long as the server.
async fn mount(emulator: Emulator) -> Server {
    let client = client(endpoint(&emulator).await).await;
    let remote = Remote::lambda("function").client(client).connect().await.unwrap();
    let emulator = Arc::new(emulator);
    let keep =
        tower::layer::layer_fn(move |inner: BoxCloneSyncService<Request, Response, BoxError>| {
            let emulator = Arc::clone(&emulator);
            service_fn(move |request| {
                let _kept = &emulator;
                inner.clone().oneshot(request)
            })
        });
    Server::builder("gateway", "1.0").mount("heavy", remote).layer(keep).build()
}

async fn gateway() -> Server {
    mount(function("lambda_function")).await
}

/// A way to Lambda that counts connections, and can be cut.
struct Way {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    carrying: tokio::task::JoinHandle<()>,
}

impl Way {
    async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let carrying = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                open.spawn(async move {
                    let mut far = TcpStream::connect(target).await.unwrap();
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        Self { address, connections, carrying }
    }
}

#[mcp_testing::test(gateway().await)]
async fn tools_are_listed_and_called_as_their_function_has_them(mcp: Harness) {
    let tools = mcp.list_tools().await;
    let names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, NAMES);
    let exact = tools.last().unwrap();
    assert_eq!(exact.title.as_deref(), Some("Exactly"));
    assert_eq!(exact.input_schema["properties"]["n"]["description"], "How many.");
    assert_eq!(exact.annotations.as_ref().unwrap().read_only_hint, Some(true));
    assert!(exact.output_schema.is_some());

    // Asks for progress, of which nothing can arrive.
    let outcome = mcp.try_call("heavy_count", json!({"n": 3})).await.unwrap();
    assert_eq!(outcome.text(), "counted to 3");
    assert!(outcome.progress().is_empty());
    let text = mcp.try_call("heavy_fail", json!({})).await.unwrap().tool_error();
    assert_eq!(text, "there is no such thing");
    let failure = mcp.try_call("heavy_refuse", json!({})).await.unwrap_err();
    assert_eq!(failure, Failure { code: -31999, message: "not today".into() });
}

#[mcp_testing::test(mount(function("legacy_lambda_function")).await)]
async fn a_function_that_knows_only_the_handshake_is_mounted_too(mcp: Harness) {
    let outcome = mcp.try_call("heavy_count", json!({"n": 3})).await.unwrap();
    assert_eq!(outcome.text(), "counted to 3");
    let text = mcp.try_call("heavy_fail", json!({})).await.unwrap().tool_error();
    assert_eq!(text, "there is no such thing");
}

#[test]
fn answers_are_kept_byte_for_byte() {
    block_on(async {
        let server = gateway().await;
        let text = raw(&server, "heavy_exact", &json!({"n": 1}), &json!({})).await;
        for part in [
            format!(r#""content":{CONTENT}"#),
            format!(r#""structuredContent":{STRUCTURED}"#),
            r#""example/kept":1.0"#.to_owned(),
        ] {
            assert!(text.contains(&part), "no {part} in {text}");
        }
        let failure = raw(&server, "heavy_refuse", &json!({}), &json!({})).await;
        let failure: Value = serde_json::from_str(&failure).unwrap();
        assert_eq!(
            failure["error"],
            json!({"code": -31999, "message": "not today", "data": {"day": 1.5}})
        );
        let faults = raw(&server, "heavy_count", &json!({"n": 1001}), &json!({})).await;
        assert!(faults.contains("expected at most 1000"), "{faults}");
    });
}

#[test]
fn a_call_goes_on_in_the_clients_trace() {
    block_on(async {
        let server = gateway().await;
        let meta = json!({
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "tracestate": "vendor=1",
        });
        let text = raw(&server, "heavy_trace", &json!({}), &meta).await;
        let response: Value = serde_json::from_str(&text).unwrap();
        let trace = &response["result"]["structuredContent"];
        assert_eq!(trace["trace_id"], "0af7651916cd43dd8448eb211c80319c");
        assert_ne!(trace["parent_span_id"], "b7ad6b7169203331");
        assert_eq!(trace["tracestate"], "vendor=1");
    });
}

#[test]
fn calls_share_a_pool_of_connections() {
    block_on(async {
        let emulator = function("lambda_function");
        let way = Way::to(endpoint(&emulator).await).await;
        let client = client(way.address).await;
        let remote = Remote::lambda("function").client(client).connect().await.unwrap();
        let server = Server::builder("gateway", "1.0").mount("heavy", remote).build();
        for n in 0..20 {
            let text = raw(&server, "heavy_count", &json!({"n": n}), &json!({})).await;
            assert!(text.contains(&format!("counted to {n}\"")), "{text}");
        }
        // One that has just been used may not be free again in time for the next call.
        let connections = way.connections.load(Ordering::Relaxed);
        assert!(connections < 10, "{connections} connections for 20 calls");
        assert_eq!(emulator.processes(), 1);
    });
}

#[test]
fn a_call_that_broke_off_is_not_made_twice() {
    block_on(async {
        let emulator = function("lambda_function");
        let way = Way::to(endpoint(&emulator).await).await;
        let remote = Remote::lambda("function").client(client(way.address).await);
        let remote = remote.connect().await.unwrap();
        let server = Server::builder("gateway", "1.0").mount("heavy", remote).build();
        let call = tokio::spawn({
            let server = server.clone();
            async move { raw(&server, "heavy_hang", &json!({}), &json!({})).await }
        });
        while emulator.idle() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        way.carrying.abort();
        let text = call.await.unwrap();
        assert!(text.contains("It may or may not have been done"), "{text}");
        assert_eq!(emulator.processes(), 1, "the call was made twice");

        // Nobody listens at that address any more.
        let text = raw(&server, "heavy_count", &json!({"n": 1}), &json!({})).await;
        assert!(text.contains("`count` is not available at the moment"), "{text}");
        assert!(text.contains("does not answer. Try again later"), "{text}");
        assert!(!text.contains("127.0.0.1"), "{text}");
    });
}

#[test]
fn a_function_without_a_free_place_is_unavailable() {
    block_on(async {
        let emulator = function("lambda_function").most_processes(1);
        let address = endpoint(&emulator).await;
        let remote = Remote::lambda("function").client(client(address).await);
        let remote = remote.connect().await.unwrap();
        let server = Server::builder("gateway", "1.0").mount("heavy", remote).build();
        let hanging = tokio::spawn({
            let server = server.clone();
            async move { raw(&server, "heavy_hang", &json!({}), &json!({})).await }
        });
        while emulator.idle() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let text = raw(&server, "heavy_count", &json!({"n": 1}), &json!({})).await;
        assert!(text.contains("has too much to do. Try again later."), "{text}");
        hanging.abort();
    });
}

#[test]
fn a_call_that_takes_too_long_is_given_up() {
    block_on(async {
        let emulator = function("lambda_function");
        let client = client(endpoint(&emulator).await).await;
        let remote = || Remote::lambda("function").client(client.clone());
        let hasty = remote().timeout(Duration::from_millis(100)).connect().await.unwrap();
        let patient = remote().connect().await.unwrap();
        let server = Server::builder("gateway", "1.0").mount("heavy", hasty);
        let server = server.mount("patient", patient).build();
        let text = raw(&server, "heavy_hang", &json!({}), &json!({})).await;
        assert!(text.contains("-31504") && text.contains("`heavy_hang` was cancelled"), "{text}");
        // Others go on, in a process of their own.
        let text = raw(&server, "patient_fail", &json!({}), &json!({})).await;
        assert!(text.contains("there is no such thing"), "{text}");
    });
}

#[test]
fn a_function_that_crashes_fails_the_call_alone() {
    block_on(async {
        let server = mount(function("crashing_lambda_function")).await;
        for _ in 0..2 {
            let text = raw(&server, "heavy_crash", &json!({}), &json!({})).await;
            assert!(text.contains("`crash` is not available at the moment"), "{text}");
            assert!(text.contains("has failed, or took too long"), "{text}");
            assert!(!text.contains("Runtime"), "{text}");
        }
    });
}

#[test]
fn what_cannot_be_mounted_says_why() {
    block_on(async {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let remote = Remote::lambda("function").client(client(address).await).connect().await;
        let error = remote.unwrap_err().to_string();
        assert!(error.starts_with("cannot connect to the Lambda function function: "), "{error}");
        assert!(error.contains("AWS Lambda cannot be reached"), "{error}");
    });
}
