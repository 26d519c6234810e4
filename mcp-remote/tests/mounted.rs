//! Tools of a server that listens for HTTP, called through another, over every transport and in
//! both eras.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/listening.rs"]
mod listening;
mod support;

use std::{sync::Arc, time::Duration};

use listening::Listening;
use mcp_core::{BuildError, Message, Notification, ReplyPart, Server};
use mcp_remote::Remote;
use mcp_testing::{__private::block_on, Failure, Harness};
use serde_json::{Value, json};
use support::{CONTENT, NAMES, STRUCTURED, Seen, Traced, heavy, legacy_heavy, raw};

/// A server with the tools of another mounted; the other lives as long as the test's runtime.
async fn gateway() -> Server {
    mount(Listening::start(heavy(&Arc::default())).await).await
}

async fn legacy_gateway() -> Server {
    mount(Listening::start(legacy_heavy(&Arc::default())).await).await
}

async fn mount(listening: Listening) -> Server {
    let remote = Remote::http(listening.url()).connect().await.unwrap();
    std::mem::forget(listening);
    Server::builder("gateway", "1.0").mount("heavy", remote).build()
}

#[mcp_testing::test(gateway().await)]
async fn tools_are_listed_as_their_server_describes_them(mcp: Harness) {
    let tools = mcp.list_tools().await;
    let names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, NAMES);
    let exact = tools.last().unwrap();
    assert_eq!(exact.title.as_deref(), Some("Exactly"));
    assert_eq!(exact.description.as_deref(), Some("Answers exactly this."));
    assert_eq!(exact.input_schema["properties"]["n"]["description"], "How many.");
    assert_eq!(exact.icons.as_ref().unwrap()[0].src, "https://icons.example/exact.png");
    let annotations = exact.annotations.as_ref().unwrap();
    assert_eq!(
        (annotations.read_only_hint, annotations.open_world_hint),
        (Some(true), Some(false))
    );
    assert!(exact.output_schema.is_some());
}

#[mcp_testing::test(gateway().await)]
async fn progress_arrives_in_order_and_before_the_answer(mcp: Harness) {
    let outcome = mcp.try_call("heavy_count", json!({"n": 100})).await.unwrap();
    assert_eq!(outcome.text(), "counted to 100");
    let steps: Vec<f64> = outcome.progress().iter().map(|step| step.progress).collect();
    assert_eq!(steps, (1..=100).map(f64::from).collect::<Vec<_>>());
    assert_eq!(outcome.progress()[6].message.as_deref(), Some("step 7"));
    assert_eq!(outcome.progress()[6].total, Some(100.0));
}

#[mcp_testing::test(legacy_gateway().await)]
async fn a_server_that_knows_only_the_handshake_is_mounted_too(mcp: Harness) {
    let outcome = mcp.try_call("heavy_count", json!({"n": 20})).await.unwrap();
    assert_eq!(outcome.text(), "counted to 20");
    let steps: Vec<f64> = outcome.progress().iter().map(|step| step.progress).collect();
    assert_eq!(steps, (1..=20).map(f64::from).collect::<Vec<_>>());
    let text = mcp.try_call("heavy_fail", json!({})).await.unwrap().tool_error();
    assert_eq!(text, "there is no such thing");
    let failure = mcp.try_call("heavy_refuse", json!({})).await.unwrap_err();
    assert_eq!(failure, Failure { code: -31999, message: "not today".into() });
}

#[mcp_testing::test(gateway().await)]
async fn failures_keep_their_kind_text_and_code(mcp: Harness) {
    let text = mcp.try_call("heavy_fail", json!({})).await.unwrap().tool_error();
    assert_eq!(text, "there is no such thing");
    let failure = mcp.try_call("heavy_refuse", json!({})).await.unwrap_err();
    assert_eq!(failure, Failure { code: -31999, message: "not today".into() });
}

#[mcp_testing::test(gateway().await)]
async fn structured_content_and_meta_reach_the_client(mcp: Harness) {
    // Where it learns which arguments are mirrored into headers, over both hops.
    mcp.list_tools().await;
    let outcome = mcp.try_call("heavy_exact", json!({"n": 2, "region": "eu"})).await.unwrap();
    let result = serde_json::to_value(outcome.result()).unwrap();
    assert_eq!(result["structuredContent"], serde_json::from_str::<Value>(STRUCTURED).unwrap());
    assert_eq!(result["_meta"]["example/kept"], 1.0);
}

#[test]
fn content_of_every_kind_is_kept_byte_for_byte() {
    block_on(async {
        let server = gateway().await;
        let text = raw(&server, "heavy_exact", &json!({"n": 1}), &json!({})).await;
        for part in [
            format!(r#""content":{CONTENT}"#),
            format!(r#""structuredContent":{STRUCTURED}"#),
            r#""example/kept":1.0"#.to_owned(),
            r#""io.modelcontextprotocol/serverInfo":{"name":"gateway","version":"1.0"}"#.to_owned(),
        ] {
            assert!(text.contains(&part), "no {part} in {text}");
        }
        let failure = raw(&server, "heavy_refuse", &json!({}), &json!({})).await;
        let failure: Value = serde_json::from_str(&failure).unwrap();
        assert_eq!(
            failure["error"],
            json!({"code": -31999, "message": "not today", "data": {"day": 1.5}})
        );
    });
}

#[test]
fn arguments_that_do_not_fit_never_leave() {
    block_on(async {
        let seen = Arc::<Seen>::default();
        let server = mount(Listening::start(heavy(&seen)).await).await;
        let text = raw(&server, "heavy_count", &json!({"n": 1001, "m": 1}), &json!({})).await;
        assert!(
            text.contains("expected at most 1000") && text.contains("no such argument"),
            "{text}"
        );
        assert_eq!(seen.calls.load(std::sync::atomic::Ordering::Relaxed), 0);
    });
}

#[test]
fn a_call_goes_on_in_the_clients_trace() {
    block_on(async {
        let server = gateway().await;
        let traced = async |meta: Value| {
            let text = raw(&server, "heavy_trace", &json!({}), &meta).await;
            let response: Value = serde_json::from_str(&text).unwrap();
            let content = response["result"]["structuredContent"].clone();
            serde_json::from_value::<Option<Traced>>(content).unwrap()
        };
        let trace = traced(json!({
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "tracestate": "vendor=1",
            "baggage": "user=7",
        }))
        .await
        .unwrap();
        assert_eq!(trace.trace_id, "0af7651916cd43dd8448eb211c80319c");
        assert_ne!(trace.parent_span_id, "b7ad6b7169203331");
        assert_eq!(trace.tracestate.as_deref(), Some("vendor=1"));
        assert_eq!(trace.baggage.as_deref(), Some("user=7"));
        for meta in [json!({}), json!({"traceparent": "00-nonsense"}), json!({"traceparent": 7})] {
            assert_eq!(traced(meta).await, None);
        }
    });
}

#[test]
fn a_name_clash_is_a_build_error() {
    block_on(async {
        let listening = Listening::start(heavy(&Arc::default())).await;
        let remote = async || Remote::http(listening.url()).connect().await.unwrap();
        let clash = Server::builder("gateway", "1.0")
            .mount("heavy", remote().await)
            .mount("heavy", remote().await)
            .try_build();
        let Err(BuildError::DuplicateTool { tool, first, second }) = clash else { panic!() };
        assert_eq!((&*tool, &*first, &*second), ("heavy_count", "heavy", "heavy"));

        let chosen = remote().await.retain(|tool| tool.name == "fail");
        let server = Server::builder("gateway", "1.0").mount("a", chosen).build();
        assert_eq!(server.tool_names(), ["a_fail"]);
    });
}

#[test]
fn a_hundred_calls_share_a_connection() {
    block_on(async {
        let server = gateway().await;
        let calls: Vec<_> = (0..100)
            .map(|n| {
                let server = server.clone();
                tokio::spawn(async move {
                    raw(&server, "heavy_count", &json!({"n": n}), &json!({"progressToken": n}))
                        .await
                })
            })
            .collect();
        for (n, call) in calls.into_iter().enumerate() {
            let text = call.await.unwrap();
            assert!(text.contains(&format!("counted to {n}\"")), "{text}");
        }
    });
}

#[test]
fn the_other_server_is_told_when_a_call_is_dropped() {
    block_on(async {
        for make in [heavy, legacy_heavy] {
            for meta in [json!({}), json!({"progressToken": "p"})] {
                let seen = Arc::<Seen>::default();
                let server = mount(Listening::start(make(&seen)).await).await;
                let call = tokio::spawn({
                    let server = server.clone();
                    async move { raw(&server, "heavy_hang", &json!({}), &meta).await }
                });
                seen.begun.notified().await;
                call.abort();
                seen.dropped.notified().await;
                // And goes on to serve others.
                let text = raw(&server, "heavy_count", &json!({"n": 1}), &json!({})).await;
                assert!(text.contains("counted to 1"), "{text}");
            }
        }
    });
}

#[test]
fn a_call_that_takes_too_long_is_cancelled_there() {
    block_on(async {
        let seen = Arc::<Seen>::default();
        let listening = Listening::start(heavy(&seen)).await;
        let remote = Remote::http(listening.url()).timeout(Duration::from_secs(3));
        let server = Server::builder("gateway", "1.0")
            .mount("heavy", remote.connect().await.unwrap())
            .build();
        let text = raw(&server, "heavy_hang", &json!({}), &json!({})).await;
        assert!(text.contains("-31504") && text.contains("`heavy_hang` was cancelled"), "{text}");
        seen.dropped.notified().await;
    });
}

#[test]
fn a_server_that_is_down_makes_calls_unavailable_until_it_is_back() {
    block_on(async {
        for make in [heavy, legacy_heavy] {
            let listening = Listening::start(make(&Arc::default())).await;
            let address = listening.address;
            let remote = Remote::http(listening.url()).connect().await.unwrap();
            let server = Server::builder("gateway", "1.0").mount("heavy", remote).build();
            let count = async || raw(&server, "heavy_count", &json!({"n": 3}), &json!({})).await;
            assert!(count().await.contains("counted to 3"));

            listening.kill().await;
            for _ in 0..3 {
                let text = count().await;
                assert!(text.contains(r#""isError":true"#), "{text}");
                assert!(text.contains("`count` is not available at the moment"), "{text}");
                assert!(!text.contains(&address.to_string()), "{text}");
            }

            let _listening = Listening::start_at(make(&Arc::default()), address).await;
            while !count().await.contains("counted to 3") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
}

#[test]
fn a_call_under_way_when_its_server_dies_is_unavailable() {
    block_on(async {
        // Without progress it waits for one answer, with it on a stream; a legacy stream could
        // go on after a break.
        type Make = fn(&Arc<Seen>) -> Server;
        for (make, meta) in [
            (heavy as Make, json!({})),
            (heavy, json!({"progressToken": "p"})),
            (legacy_heavy, json!({"progressToken": "p"})),
        ] {
            let seen = Arc::<Seen>::default();
            let listening = Listening::start(make(&seen)).await;
            let remote = Remote::http(listening.url()).connect().await.unwrap();
            let server = Server::builder("gateway", "1.0").mount("heavy", remote).build();
            let call =
                tokio::spawn(async move { raw(&server, "heavy_hang", &json!({}), &meta).await });
            seen.begun.notified().await;
            listening.kill().await;
            let text = call.await.unwrap();
            assert!(text.contains("broke before the answer"), "{text}");
        }
    });
}

#[test]
fn a_server_that_is_down_from_the_start_is_an_error_of_connect() {
    block_on(async {
        let listening = Listening::start(heavy(&Arc::default())).await;
        let url = listening.url();
        listening.kill().await;
        let error = Remote::http(url.as_str()).connect().await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot connect to {url}: ")), "{error}");
        let error = Remote::http("ftp://nowhere").connect().await.unwrap_err().to_string();
        assert!(error.contains("must start with http:// or https://"), "{error}");
        let command = std::process::Command::new("no-such-program-anywhere");
        let error = Remote::command(command).connect().await.unwrap_err().to_string();
        assert!(error.starts_with("cannot connect to no-such-program-anywhere: "), "{error}");
    });
}

#[test]
fn progress_keeps_its_order_on_many_threads() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let told = runtime.block_on(async {
        let server = gateway().await;
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "heavy_count", "arguments": {"n": 1000}, "_meta": {"progressToken": "p"}}});
        let Ok(Message::Request(request)) = Message::parse(message.to_string()) else { panic!() };
        let mut reply = server.call(request);
        let told = tokio::spawn(async move {
            let mut told = Vec::new();
            while let Some(part) = reply.next().await {
                match part {
                    ReplyPart::Notification(Notification::Progress { progress, .. }) => {
                        told.push(progress);
                    }
                    ReplyPart::Response(_) => told.push(f64::INFINITY),
                    _ => {}
                }
            }
            told
        });
        told.await.unwrap()
    });
    let expected: Vec<f64> = (1..=1000).map(f64::from).chain([f64::INFINITY]).collect();
    assert_eq!(told, expected);
}
