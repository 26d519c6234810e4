//! Modern requests (2026-07-28) over a socket.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::{Value, json};
use support::{Reply, call, call_with_progress, meta, modern, start, start_with};

#[tokio::test]
async fn a_result_that_comes_first_is_one_json_body() {
    let server = start().await;
    let reply = server.modern("tools/call", call("add", json!({"a": 1, "b": 2}))).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-length").unwrap(), reply.body.len().to_string());
    let message = reply.json();
    assert_eq!(message["id"], 1);
    assert_eq!(message["result"]["content"][0]["text"], "3");
    assert_eq!(message["result"]["resultType"], "complete");
}

#[tokio::test]
async fn discovery_and_lists_are_served() {
    let server = start().await;
    let discovered = server.modern("server/discover", json!({})).await.json();
    assert_eq!(discovered["result"]["supportedVersions"][0], "2026-07-28");
    let identity = &discovered["result"]["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!(identity, &json!({"name": "test-server", "version": "1.2.3"}));
    let listed = server.modern("tools/list", json!({})).await.json();
    assert_eq!(listed["result"]["tools"][0]["name"], "echo");
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let server = start().await;
    let mut client = server.connect().await;
    for n in 0..50 {
        let (headers, body) = modern("tools/call", call("add", json!({"a": n, "b": 1})));
        client.post(&headers, body).await;
        let reply = client.reply().await.json();
        assert_eq!(reply["result"]["content"][0]["text"], (n + 1).to_string());
    }
}

#[tokio::test]
async fn requests_can_be_pipelined() {
    let server = start().await;
    let mut client = server.connect().await;
    for n in 0..10 {
        let (headers, body) = modern("tools/call", call("add", json!({"a": n, "b": 0})));
        client.post(&headers, body).await;
    }
    for n in 0..10 {
        assert_eq!(client.reply().await.json()["result"]["content"][0]["text"], n.to_string());
    }
}

#[tokio::test]
async fn accept_decides_between_json_and_events() {
    let server = start().await;
    let plain = || call("echo", json!({"text": "x"}));
    let noisy = || call_with_progress("rush", json!({"steps": 2}));
    for (accept, params, is_stream) in [
        ("accept: application/json, text/event-stream", plain(), false),
        ("accept: */*", plain(), false),
        ("accept:", plain(), false),
        ("accept: application/json", plain(), false),
        ("accept: text/html", plain(), false),
        ("accept: application/json, text/event-stream", noisy(), true),
        ("accept: text/event-stream", noisy(), true),
        ("accept: */*", noisy(), true),
        ("accept: application/json", noisy(), false),
    ] {
        let (headers, body) = modern("tools/call", params);
        let reply = server.post(&format!("{headers}{accept}\r\n"), body).await;
        assert_eq!(reply.status, 200, "{accept}");
        let last = if is_stream {
            let events = reply.events();
            assert_eq!(events.len(), 3, "{accept}");
            events.into_iter().next_back().unwrap()
        } else {
            reply.json()
        };
        assert_eq!(last["id"], 1, "{accept}");
        assert!(last["result"]["content"][0]["text"].is_string(), "{accept}");
    }
}

#[tokio::test]
async fn no_accept_header_is_as_good_as_any() {
    let server = start().await;
    let (headers, body) = modern("tools/call", call("echo", json!({"text": "x"})));
    let mut client = server.connect().await;
    let length = body.len();
    client
        .write(format!(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        ))
        .await;
    assert_eq!(client.reply().await.json()["result"]["content"][0]["text"], "x");
}

#[tokio::test]
async fn an_event_stream_asks_proxies_not_to_hold_it_back() {
    let server = start().await;
    let reply = server.modern("tools/call", call_with_progress("rush", json!({"steps": 1}))).await;
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    assert_eq!(reply.header("cache-control"), Some("no-cache"));
    assert_eq!(reply.header("x-accel-buffering"), Some("no"));
}

#[tokio::test]
async fn an_event_is_sent_before_the_next_one_exists() {
    let server = start().await;
    let mut client = server.connect().await;
    let (headers, body) = modern("tools/call", call_with_progress("step", json!({"steps": 3})));
    client.post(&headers, body).await;
    server.gate.running(1).await;
    for step in 1..=3 {
        server.gate.steps.add_permits(1);
        if step == 1 {
            assert_eq!(client.head().await.status, 200);
        }
        let event = client.event().await;
        assert_eq!(event["method"], "notifications/progress");
        assert_eq!(event["params"]["progressToken"], "p");
        assert_eq!(event["params"]["progress"], step);
        if step < 3 {
            assert_eq!(*server.gate.ended.borrow(), 0);
        } else {
            // The result may share a chunk with the last step.
            server.gate.ended(1).await;
        }
    }
}

#[tokio::test]
async fn no_event_is_ever_dropped() {
    let server = start().await;
    let params = call_with_progress("rush", json!({"steps": 2_000}));
    let events = server.modern("tools/call", params).await.events();
    assert_eq!(events.len(), 2_001);
    for (step, event) in events.iter().take(2_000).enumerate() {
        assert_eq!(event["params"]["progress"], step + 1);
    }
    assert_eq!(events[2_000]["result"]["content"][0]["text"], "took 2000 steps");
}

#[tokio::test]
async fn a_quiet_event_stream_carries_comments() {
    let server = start_with(|transport| {
        transport
            .config(mcp_http::HttpConfig::new().keep_alive(std::time::Duration::from_millis(20)))
    })
    .await;
    let mut client = server.connect().await;
    let (headers, body) = modern("tools/call", call_with_progress("step", json!({"steps": 2})));
    client.post(&headers, body).await;
    server.gate.steps.add_permits(1);
    client.head().await;
    client.event().await;
    for _ in 0..3 {
        assert_eq!(client.chunk().await.unwrap(), b":\n\n");
    }
    server.gate.steps.add_permits(1);
    let last = loop {
        let event = client.event().await;
        if event.get("result").is_some() {
            break event;
        }
    };
    assert_eq!(last["id"], 1);
    assert_eq!(client.chunk().await, None);
}

#[tokio::test]
async fn large_results_arrive_whole() {
    let server = start().await;
    for size in [0, 1, 8_000, 100_000, 3_000_000] {
        let reply = server.modern("tools/call", call("big", json!({"length": size}))).await;
        let text = &reply.json()["result"]["content"][0]["text"];
        assert_eq!(text.as_str().unwrap().len(), size);
    }
}

#[tokio::test]
async fn a_client_that_disconnects_cancels_its_call() {
    let server = start().await;
    for (params, events) in [
        (call("step", json!({"steps": 1})), 0),
        (call_with_progress("step", json!({"steps": 2})), 1),
    ] {
        let ended = *server.gate.ended.borrow();
        let mut client = server.connect().await;
        let (headers, body) = modern("tools/call", params);
        client.post(&headers, body).await;
        server.gate.running(ended + 1).await;
        if events == 1 {
            server.gate.steps.add_permits(1);
            client.head().await;
            client.event().await;
        }
        drop(client);
        server.gate.ended(ended + 1).await;
    }
    assert_eq!(server.gate.steps.available_permits(), 0);
}

#[tokio::test]
async fn a_panic_is_an_error_of_its_call_alone() {
    let server = start().await;
    let mut client = server.connect().await;
    for _ in 0..2 {
        let (headers, body) = modern("tools/call", call("panics", json!({})));
        client.post(&headers, body).await;
        client.reply().await.assert_error(200, -32603, json!(1));
    }
}

#[tokio::test]
async fn a_version_that_is_not_supported_gets_the_list_of_those_that_are() {
    let server = start().await;
    let mut params = call("echo", json!({"text": "x"}));
    params["_meta"] = meta();
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2099-01-01".into();
    let (headers, body) = modern("tools/call", params);
    for headers in [
        headers.replace("2026-07-28", "2099-01-01"),
        "mcp-protocol-version: 2099-01-01\r\n".to_owned(),
        String::new(),
    ] {
        let error = server.post(&headers, &body).await.assert_error(400, -32022, json!(1));
        assert_eq!(error["error"]["data"]["requested"], "2099-01-01", "{headers}");
        assert_eq!(error["error"]["data"]["supported"][0], "2026-07-28");
    }
    // Where only the header names it.
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let reply = server.post("mcp-protocol-version: 1.0\r\n", body).await;
    let error = reply.assert_error(400, -32022, json!(1));
    assert_eq!(error["error"]["data"]["requested"], "1.0");
}

#[tokio::test]
async fn missing_meta_keys_are_malformed_params() {
    let server = start().await;
    let header = "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/list\r\n";
    for (params, lacks) in [
        (json!({}), "protocolVersion"),
        (json!({"_meta": {}}), "clientCapabilities"),
        (
            json!({"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}),
            "clientCapabilities",
        ),
        (json!({"_meta": {"io.modelcontextprotocol/clientCapabilities": {}}}), "protocolVersion"),
    ] {
        let body = json!({"jsonrpc": "2.0", "id": "a", "method": "tools/list", "params": params});
        let error = server.post(header, body.to_string()).await;
        let error = error.assert_error(400, -32602, json!("a"));
        assert!(error["error"]["message"].as_str().unwrap().contains(lacks), "{error}");
    }
    let reply = server.post("", r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#).await;
    reply.assert_error(400, -32602, json!(1));
}

#[tokio::test]
async fn an_unknown_method_is_not_found() {
    let server = start().await;
    server.modern("tools/guess", json!({})).await.assert_error(404, -32601, json!(1));
    server.modern("initialize", json!({})).await.assert_error(404, -32601, json!(1));
}

#[tokio::test]
async fn an_unknown_tool_is_an_answer() {
    let server = start().await;
    server.modern("tools/call", call("nope", json!({}))).await.assert_error(200, -32602, json!(1));
}

#[tokio::test]
async fn headers_and_body_have_to_agree() {
    const VERSION: &str = "mcp-protocol-version: 2026-07-28\r\n";
    const METHOD: &str = "mcp-method: tools/call\r\n";
    const NAME: &str = "mcp-name: echo\r\n";
    let server = start().await;
    let (_, body) = modern("tools/call", call("echo", json!({"text": "x"})));
    for headers in [
        format!("{METHOD}{NAME}"),
        format!("{VERSION}{NAME}"),
        format!("{VERSION}{METHOD}"),
        format!("mcp-protocol-version: 2025-11-25\r\n{METHOD}{NAME}"),
        format!("mcp-protocol-version: 2099-01-01\r\n{METHOD}{NAME}"),
        format!("{VERSION}{VERSION}{METHOD}{NAME}"),
        format!("{VERSION}{METHOD}{METHOD}{NAME}"),
        format!("{VERSION}{METHOD}{NAME}{NAME}"),
        format!("{VERSION}{METHOD}{NAME}mcp-name: add\r\n"),
        format!("{VERSION}mcp-method: tools/list\r\n{NAME}"),
        format!("{VERSION}mcp-method: Tools/Call\r\n{NAME}"),
        format!("{VERSION}mcp-method:\r\n{NAME}"),
        format!("{VERSION}{METHOD}mcp-name: add\r\n"),
        format!("{VERSION}{METHOD}mcp-name: Echo\r\n"),
        format!("{VERSION}{METHOD}mcp-name: =?base64?ZWNobw?=\r\n"),
        format!("{VERSION}{METHOD}mcp-name: =?base64?YWRk?=\r\n"),
        format!("{VERSION}{METHOD}mcp-name: ech\u{f6}\r\n"),
    ] {
        let reply = server.post(&headers, &body).await;
        let error = reply.assert_error(400, -32020, json!(1));
        let message = error["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("header mismatch: the "), "{headers}: {message}");
    }
    for headers in [
        format!("{VERSION}{METHOD}{NAME}"),
        "MCP-Protocol-Version:  2026-07-28  \r\nMCP-METHOD: tools/call\r\nMcp-Name:\techo \r\n"
            .to_owned(),
        format!("{VERSION}{METHOD}mcp-name: =?base64?ZWNobw==?=\r\n"),
        // Nothing of the legacy era matters to a modern request.
        format!("{VERSION}{METHOD}{NAME}mcp-session-id: x\r\nlast-event-id: 7\r\n"),
    ] {
        assert_eq!(server.post(&headers, &body).await.status, 200, "{headers}");
    }
}

#[tokio::test]
async fn mirrored_arguments_have_to_agree() {
    let server = start().await;
    for (arguments, headers, agrees) in [
        (json!({}), "", true),
        (json!({"region": null}), "", true),
        (json!({"region": "us-west1"}), "mcp-param-region: us-west1\r\n", true),
        (json!({"region": "us-west1"}), "MCP-Param-Region: us-west1\r\n", true),
        (json!({"region": "Zürich"}), "mcp-param-region: =?base64?WsO8cmljaA==?=\r\n", true),
        (json!({"region": " x "}), "mcp-param-region: =?base64?IHgg?=\r\n", true),
        (json!({"region": "SGVsbG8="}), "mcp-param-region: SGVsbG8=\r\n", true),
        (json!({"region": ""}), "mcp-param-region:\r\n", true),
        (json!({"limit": 42}), "mcp-param-limit: 42\r\n", true),
        (json!({"limit": 42}), "mcp-param-limit: 42.0\r\n", true),
        (json!({"limit": -7}), "mcp-param-limit: -7\r\n", true),
        (json!({"dry_run": true}), "mcp-param-dry-run: true\r\n", true),
        (json!({"dry_run": false}), "mcp-param-dry-run: false\r\n", true),
        (json!({}), "mcp-param-unknown: x\r\n", true),
        (json!({"region": "us-west1"}), "", false),
        (json!({"region": "us-west1"}), "mcp-param-region: us-east1\r\n", false),
        (json!({"region": "us-west1"}), "mcp-param-region: US-WEST1\r\n", false),
        (json!({"region": "a"}), "mcp-param-region: a\r\nmcp-param-region: a\r\n", false),
        (json!({"region": "Hello"}), "mcp-param-region: =?base64?SGVsbG8?=\r\n", false),
        (json!({"region": "Hello"}), "mcp-param-region: =?base64?SGVs!!!bG8=?=\r\n", false),
        (json!({"region": "Zürich"}), "mcp-param-region: Zürich\r\n", false),
        (json!({}), "mcp-param-region: us-west1\r\n", false),
        (json!({"region": null}), "mcp-param-region: null\r\n", false),
        (json!({"limit": 42}), "mcp-param-limit: 43\r\n", false),
        (json!({"limit": 42}), "mcp-param-limit: forty-two\r\n", false),
        (json!({"limit": 42}), "mcp-param-limit: NaN\r\n", false),
        (json!({"dry_run": true}), "mcp-param-dry-run: True\r\n", false),
        (json!({"dry_run": true}), "mcp-param-dry-run: 1\r\n", false),
    ] {
        let (standard, body) = modern("tools/call", call("query", arguments.clone()));
        let reply = server.post(&format!("{standard}{headers}"), body).await;
        if agrees {
            let text = &reply.json()["result"]["content"][0]["text"];
            assert_eq!(text, "queried", "{arguments} with {headers}");
        } else {
            let error = reply.assert_error(400, -32020, json!(1));
            assert!(error["error"]["message"].as_str().unwrap().contains("mcp-param-"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_value_that_no_header_can_carry_is_left_to_the_schema() {
    let server = start().await;
    let reply = server.modern("tools/call", call("query", json!({"region": ["a"]}))).await.json();
    assert_eq!(reply["result"]["isError"], true, "{reply}");
}

#[tokio::test]
async fn a_call_without_a_name_is_malformed() {
    let server = start().await;
    let reply = server.modern("tools/call", json!({"arguments": {}})).await;
    reply.assert_error(400, -32602, json!(1));
}

#[tokio::test]
async fn a_notification_is_accepted_without_a_body() {
    let server = start().await;
    for (headers, method) in [
        ("mcp-protocol-version: 2026-07-28\r\n", "notifications/cancelled"),
        ("", "notifications/initialized"),
        ("mcp-protocol-version: 2026-07-28\r\n", "notifications/unheard-of"),
    ] {
        let body = json!({"jsonrpc": "2.0", "method": method});
        let reply = server.post(headers, body.to_string()).await;
        assert_eq!((reply.status, reply.text()), (202, ""), "{method}");
    }
}

#[tokio::test]
async fn a_response_from_a_client_is_refused() {
    let server = start().await;
    for body in [
        r#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"x"}}"#,
    ] {
        let reply = server.post("", body).await;
        reply.assert_error(400, -32600, Value::Null);
    }
}

#[tokio::test]
async fn only_post_is_allowed() {
    let server = start().await;
    for method in ["GET", "DELETE", "OPTIONS", "PUT", "PATCH", "HEAD", "BREW"] {
        for headers in [
            "",
            "mcp-protocol-version: 2026-07-28\r\nmcp-session-id: x\r\naccept: text/event-stream\r\n",
        ] {
            let reply = server.bare(method, "/mcp", headers).await;
            assert_eq!(reply.status, 405, "{method}");
            assert_eq!(reply.header("allow"), Some("POST"), "{method}");
            if method != "HEAD" {
                reply.assert_error(405, -32600, Value::Null);
            }
        }
    }
}

#[tokio::test]
async fn the_content_type_is_json_or_not_told() {
    let server = start().await;
    let (headers, body) = modern("tools/list", json!({}));
    for (kind, status) in [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON ;charset=utf-8", 200),
        ("text/plain", 415),
        ("application/jsonl", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ] {
        let reply = server.post(&format!("{headers}content-type: {kind}\r\n"), &body).await;
        assert_eq!(reply.status, status, "{kind}");
        if status == 415 {
            reply.assert_error(415, -32600, Value::Null);
        }
    }
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_forbidden() {
    let server = start().await;
    let (headers, body) = modern("tools/list", json!({}));
    for (head, status) in [
        ("host: localhost\r\n", 200),
        ("host: 127.0.0.1:8000\r\n", 200),
        ("host: [::1]:1\r\n", 200),
        ("host: localhost\r\norigin: http://localhost:5173\r\n", 200),
        ("host: evil.example\r\n", 403),
        ("", 403),
        ("host: localhost\r\norigin: https://evil.example\r\n", 403),
        ("host: localhost\r\norigin: null\r\n", 403),
    ] {
        let mut client = server.connect().await;
        let length = body.len();
        client
            .write(format!(
                "POST /mcp HTTP/1.1\r\n{head}content-length: {length}\r\n{headers}\r\n{body}"
            ))
            .await;
        let reply: Reply = client.reply().await;
        assert_eq!(reply.status, status, "{head}");
        if status == 403 {
            reply.assert_error(403, -32600, Value::Null);
        }
    }
}

#[tokio::test]
async fn public_hosts_and_origins_can_be_allowed() {
    let server = start_with(|transport| {
        let config = mcp_http::HttpConfig::new().allow_host("mcp.example.com").unwrap();
        transport.config(config.allow_origin("https://app.example.com").unwrap())
    })
    .await;
    let (headers, body) = modern("tools/list", json!({}));
    for (host, origin, status) in [
        ("mcp.example.com", "https://app.example.com", 200),
        ("localhost", "https://app.example.com", 200),
        ("mcp.example.com", "http://app.example.com", 403),
        ("app.example.com", "https://app.example.com", 403),
    ] {
        let mut client = server.connect().await;
        let length = body.len();
        client
            .write(format!(
                "POST /mcp HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\n\
                 content-length: {length}\r\n{headers}\r\n{body}"
            ))
            .await;
        assert_eq!(client.reply().await.status, status, "{host} {origin}");
    }
}

#[tokio::test]
async fn a_legacy_revision_that_the_body_names_is_that_of_the_header() {
    let server = start().await;
    let named = json!({"io.modelcontextprotocol/protocolVersion": "2025-06-18"});
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list",
        "params": {"_meta": named}});
    for header in ["", "mcp-protocol-version: 2025-06-18\r\n"] {
        let answer = server.post(header, list.to_string()).await.json();
        assert_eq!(answer["result"].get("resultType"), None, "{header}: {answer}");
        assert!(answer["result"]["tools"].is_array(), "{header}: {answer}");
    }
    for header in [
        "mcp-protocol-version: 2025-11-25\r\n",
        "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/list\r\n",
    ] {
        server.post(header, list.to_string()).await.assert_error(400, -32020, json!(1));
    }
}
