//! Whatever the bytes are: no panic, the right code, and the identifier comes back.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use mcp_core::{Era, ErrorKind, Malformed, Message, Method, RequestId, Server, tool};
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::support::{legacy, malformed, modern_call, modern_meta, request, send};

/// Says what it hears.
#[tool]
async fn echo(text: String) -> String {
    text
}

fn server() -> Server {
    Server::builder("test", "1").tool::<echo>().build()
}

fn refused(text: impl AsRef<[u8]>) -> (ErrorKind, Option<String>) {
    let Malformed { id, error } = malformed(text);
    (error.kind(), id.map(|id| id.to_string()))
}

#[test]
fn text_that_is_not_json_is_a_parse_error() {
    let whole = modern_call("echo", json!({ "text": "hi" }));
    for end in 0..whole.len() {
        assert_eq!(refused(&whole[..end]), (ErrorKind::Parse, None), "cut after {end}");
    }
    for text in [
        "",
        " ",
        "nonsense",
        "{",
        "{]",
        r#"{"id":1}}"#,
        r#"{"id":1} {"id":2}"#,
        r#"{"jsonrpc":"2.0","id":NaN,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":Infinity,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":-Infinity,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":01,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":+1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":.5,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping",}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"pi\qng"}"#,
        r#"{'jsonrpc':'2.0','id':1,'method':'ping'}"#,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"pi\nng\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"a\nb\":1}",
        // A byte order mark is no part of JSON (RFC 8259, section 8.1).
        "\u{feff}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}",
    ] {
        assert_eq!(refused(text), (ErrorKind::Parse, None), "{text}");
    }
}

#[test]
fn invalid_utf8_is_a_parse_error() {
    let text = br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"?"}}"#;
    for invalid in [0x80, 0xc0, 0xed, 0xff] {
        let text: Vec<u8> =
            text.iter().map(|byte| if *byte == b'?' { invalid } else { *byte }).collect();
        assert_eq!(refused(text), (ErrorKind::Parse, None));
    }
}

#[test]
fn batches_and_other_values_are_no_requests() {
    for text in ["[]", r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, "1", "null", r#""ping""#] {
        assert_eq!(refused(text), (ErrorKind::InvalidRequest, None), "{text}");
    }
    assert!(malformed("[1]").error.message().contains("batches are not supported"));
    assert_eq!(refused("{}"), (ErrorKind::InvalidRequest, None));
}

#[test]
fn strings_and_integers_are_identifiers() {
    for id in [
        "0",
        "1",
        "-1",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "123456789012345678901234567890",
        r#""""#,
        r#""a""#,
        r#""1""#,
        r#""\"""#,
        r#""ünï""#,
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert_eq!(request(text).id().to_string(), id);
    }
    for (spelled, echoed) in [
        ("-0", "0"),
        (r#""\u0061""#, r#""a""#),
        (r#""a\/b""#, r#""a/b""#),
        (r#""\ud83d\ude00""#, "\"😀\""),
        (r#""\ud83d""#, r#""\ud83d""#),
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{spelled},"method":"ping"}}"#);
        assert_eq!(request(text).id().to_string(), echoed);
    }
}

#[test]
fn other_values_are_no_identifiers() {
    for id in ["null", "true", "1.5", "1.0", "1e3", "1e999", "{}", "[]", r#"{"id":1}"#] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        assert_eq!(refused(&text), (ErrorKind::InvalidRequest, None), "{text}");
    }
}

#[test]
fn a_request_without_identifier_is_a_notification() {
    let Ok(Message::Notification(notification)) = Message::parse(
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#,
    ) else {
        panic!("not a notification")
    };
    assert_eq!(*notification.method(), Method::Cancelled);
    assert_eq!(notification.cancelled_request(), Some(&RequestId::from(7)));
}

#[test]
fn answers_are_never_answered() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":"a","error":{"code":-1,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"x"}}"#,
    ] {
        assert!(matches!(Message::parse(text), Ok(Message::Response(_))), "{text}");
    }
}

#[test]
fn the_shape_of_the_envelope_is_checked_and_the_identifier_kept() {
    for text in [
        r#"{"id":"kept","method":"ping"}"#,
        r#"{"jsonrpc":"1.0","id":"kept","method":"ping"}"#,
        r#"{"jsonrpc":2.0,"id":"kept","method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":"kept"}"#,
        r#"{"jsonrpc":"2.0","id":"kept","method":null}"#,
        r#"{"jsonrpc":"2.0","id":"kept","method":["ping"]}"#,
        r#"{"jsonrpc":"2.0","id":"kept","method":"\ud800"}"#,
        r#"{"jsonrpc":"2.0","id":"kept","method":"ping","params":[1]}"#,
        r#"{"jsonrpc":"2.0","id":"kept","method":"ping","params":"all"}"#,
        r#"{"jsonrpc":"2.0","id":"kept","method":"ping","params":1e999}"#,
        r#"{"jsonrpc":"2.0","id":"kept","method":"ping","params":-1}"#,
        r#"{"jsonrpc":"2.0","params":7,"method":"ping","id":"kept"}"#,
        // Twice the same key, at each level.
        r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":"kept","method":"ping"}"#,
        r#"{"jsonrpc":"2.0","method":"ping","method":"ping","id":"kept"}"#,
        r#"{"jsonrpc":"2.0","\u006dethod":"ping","method":"ping","id":"kept"}"#,
        r#"{"jsonrpc":"2.0","id":"kept","method":"ping","params":{},"params":{}}"#,
        r#"{"jsonrpc":"2.0","id":"kept","method":"tools/call","params":{"name":"a","name":"b"}}"#,
    ] {
        let expected = (ErrorKind::InvalidRequest, Some(r#""kept""#.to_owned()));
        assert_eq!(refused(text), expected, "{text}");
    }
}

#[test]
fn two_identifiers_are_none() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"\u0069d":2,"method":"ping"}"#,
    ] {
        assert_eq!(refused(text), (ErrorKind::InvalidRequest, None), "{text}");
    }
}

#[test]
fn the_shape_of_the_parameters_is_checked_and_the_identifier_kept() {
    for params in [
        json!({ "name": 1 }),
        json!({ "name": ["echo"] }),
        json!({ "name": "echo", "cursor": 5 }),
        json!({ "name": "echo", "_meta": 5 }),
        json!({ "name": "echo", "_meta": [] }),
        json!({ "name": "echo", "_meta": { "progressToken": 1.5 } }),
        json!({ "name": "echo", "_meta": { "progressToken": {} } }),
        json!({ "name": "echo", "_meta": { "io.modelcontextprotocol/protocolVersion": 1 } }),
        json!({ "name": "echo", "_meta": { "io.modelcontextprotocol/protocolVersion": null } }),
        json!({ "name": "echo", "_meta": { "io.modelcontextprotocol/clientCapabilities": [] } }),
        json!({ "name": "echo", "_meta": { "io.modelcontextprotocol/clientInfo": "me" } }),
        json!({ "name": "echo", "_meta": { "io.modelcontextprotocol/logLevel": "loud" } }),
        json!({ "name": "echo", "_meta": { "io.modelcontextprotocol/logLevel": 3 } }),
    ] {
        let text = legacy("tools/call", params);
        assert_eq!(refused(&text), (ErrorKind::MalformedParams, Some("1".into())), "{text}");
    }
    let twice = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":
        {"_meta":{"progressToken":1,"progressToken":2}}}"#;
    assert_eq!(refused(twice), (ErrorKind::MalformedParams, Some("1".into())));
}

#[test]
fn null_stands_for_what_is_left_out() {
    let text = legacy(
        "tools/list",
        json!({ "name": null, "cursor": null, "arguments": null, "_meta": null }),
    );
    let request = request(text);
    assert_eq!((request.name(), request.cursor()), (None, None));
    assert_eq!(request.arguments().unwrap(), json!({}));
    assert_eq!(request.era(), Era::Legacy);
    assert!(Message::parse(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#).is_ok());
}

#[test]
fn unknown_members_are_passed_over() {
    let text = r#"{"x":1e999,"jsonrpc":"2.0","y":{"id":5},"id":1,"method":"tools/call",
        "params":{"name":"echo","zzz":[[["\ud800"]]],"arguments":{}},"\ud800":"\udfff"}"#;
    let request = request(text);
    assert_eq!((request.id().to_string().as_str(), request.name()), ("1", Some("echo")));
}

#[test]
fn escapes_in_keys_and_values_make_no_difference() {
    let text = r#"{"\u006asonrpc":"2.0","\u0069d":1,"\u006dethod":"tools\/call",
        "p\u0061rams":{"n\u0061me":"e\u0063ho","\u005fmeta":
            {"io.modelcontextprotocol\/protocolVersion":"2026-07-28"},"argum\u0065nts":{"text":1}}}"#;
    let request = request(text);
    assert_eq!(request.id().to_string(), "1");
    assert_eq!(*request.method(), Method::CallTool);
    assert_eq!(request.name(), Some("echo"));
    assert_eq!(request.era(), Era::Modern);
    assert_eq!(request.arguments().unwrap(), json!({ "text": 1 }));

    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled",
        "params":{"request\u0049d":7}}"#;
    let Ok(Message::Notification(notification)) = Message::parse(cancel) else {
        panic!("not a notification")
    };
    assert_eq!(notification.cancelled_request(), Some(&RequestId::from(7)));
}

#[test]
fn only_a_resource_is_named_by_its_uri() {
    let call = request(legacy("tools/call", json!({ "uri": "echo" })));
    assert_eq!(call.name(), None);
    let read = request(legacy("resources/read", json!({ "uri": "file:///a", "name": "b" })));
    assert_eq!(read.name(), Some("file:///a"));
}

#[tokio::test]
async fn deep_nesting_is_an_error_wherever_it_stands() {
    let deep = |open: &str, close: &str| open.repeat(20_000) + "1" + &close.repeat(20_000);
    let places: [fn(String) -> String; 6] = [
        |deep| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":{deep}}}}}}}"#
            )
        },
        |deep| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{deep}}}}}"#
            )
        },
        |deep| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{deep}}}}}"#
            )
        },
        |deep| {
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"_meta":{deep}}}}}"#
            )
        },
        |deep| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{deep}}}"#),
        |deep| format!(r#"{{"jsonrpc":"2.0","id":1,"method":{deep}}}"#),
    ];
    let server = server();
    for (place, text) in places.iter().enumerate() {
        for deep in [deep("[", "]"), deep(r#"{"a":"#, "}")] {
            let answer = send(&server, text(deep)).await;
            assert_eq!(answer.message["id"], 1, "place {place}");
            assert!([-32600, -32602].contains(&answer.code()), "place {place}");
        }
    }
    // Where it means nothing, it does no harm.
    let ignored = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","x":{0},"params":{{"name":"echo","y":{0},
            "arguments":{{"text":"hi"}}}}}}"#,
        deep("[", "]")
    );
    assert_eq!(send(&server, ignored).await.text(), "hi");
}

#[tokio::test]
async fn numbers_beyond_all_ranges_in_arguments_are_an_error_with_the_identifier() {
    for number in ["1e999", "-1e999", "1e-999", "-0", "1e400", &"9".repeat(1000)] {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":{number}}}}}}}"#
        );
        let answer = send(&server(), text).await;
        assert_eq!(answer.message["id"], 1);
        assert!(answer.result["isError"] == true || answer.code() == -32602, "{number}");
    }
}

#[tokio::test]
async fn what_is_sent_is_never_sent_back_whole() {
    let long = "x".repeat(1_000_000);
    let server = server();
    for text in [
        legacy(&long, json!({})),
        legacy("tools/call", json!({ "name": long })),
        legacy(
            "tools/call",
            json!({ "name": "echo", "arguments": { "text": 1, long.as_str(): 1 } }),
        ),
        legacy("tools/call", json!({ "name": "echo", "arguments": { "text": [long] } })),
        legacy("tools/list", json!({ "cursor": long })),
        legacy("tools/list", json!({ "_meta": { "io.modelcontextprotocol/logLevel": long } })),
        legacy("tools/list", json!(long)),
        json!({ "jsonrpc": "2.0", "id": [long], "method": "ping" }).to_string(),
        json!({ "jsonrpc": long, "id": 1, "method": "ping" }).to_string(),
    ] {
        let answer = send(&server, text).await;
        assert!(answer.message.to_string().len() < 1000);
    }
    let mut meta = modern_meta();
    meta["io.modelcontextprotocol/protocolVersion"] = json!(long);
    let answer = send(&server, legacy("tools/list", json!({ "_meta": meta }))).await;
    assert_eq!(answer.code(), -32022);
    assert!(answer.message.to_string().len() < 1000);
}

/// Any JSON, with the keys and strings that mean something among the others.
fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("2.0".to_owned()),
        Just("tools/call".to_owned()),
        Just("echo".to_owned()),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any_key(), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("name".to_owned()),
        Just("arguments".to_owned()),
        Just("cursor".to_owned()),
        Just("uri".to_owned()),
        Just("_meta".to_owned()),
        Just("progressToken".to_owned()),
        Just("io.modelcontextprotocol/protocolVersion".to_owned()),
        Just("io.modelcontextprotocol/logLevel".to_owned()),
        ".{0,6}",
    ]
}

/// The members of an envelope, each there or not, and of any type.
fn any_envelope() -> impl Strategy<Value = Vec<(String, Value)>> {
    let member = |name: &'static str, usual: Value| {
        prop::option::weighted(0.9, prop_oneof![3 => Just(usual), 1 => any_json()])
            .prop_map(move |value| value.map(|value| (name.to_owned(), value)))
    };
    (
        member("jsonrpc", json!("2.0")),
        member("method", json!("tools/call")),
        member("params", json!({ "name": "echo", "arguments": { "text": "hi" } })),
        prop::collection::vec((".{0,6}", any_json()), 0..3),
    )
        .prop_map(|(jsonrpc, method, params, mut others)| {
            others.retain(|(key, _)| !["id", "result", "error"].contains(&key.as_str()));
            [jsonrpc, method, params].into_iter().flatten().chain(others).collect()
        })
}

fn is_json(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// What holds of any bytes at all.
fn check(bytes: &[u8]) -> Result<(), TestCaseError> {
    match Message::parse(bytes.to_vec()) {
        Ok(_) => prop_assert!(is_json(bytes)),
        Err(Malformed { id, error }) => {
            let is_json = is_json(bytes);
            prop_assert_eq!(error.kind() == ErrorKind::Parse, !is_json);
            prop_assert!(is_json || id.is_none());
            prop_assert!([-32700, -32600, -32602].contains(&error.kind().code()));
        }
    }
    Ok(())
}

proptest! {
    // What once failed belongs into the tables above, not into a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        check(&bytes)?;
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "[\\[\\]{}\",:\\\\a-eu0-9 .-]{0,64}") {
        check(text.as_bytes())?;
    }

    #[test]
    fn a_damaged_message_is_parsed_or_refused(
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let mut bytes = modern_call("echo", json!({ "text": "hi \u{e9} \"" })).into_bytes();
        for (place, byte, kind) in damages {
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                2 => drop(bytes.remove(place)),
                _ => bytes.extend_from_within(place..),
            }
            bytes.push(b' ');
        }
        check(&bytes)?;
    }

    #[test]
    fn the_identifier_of_any_object_comes_back(
        members in any_envelope(),
        place in any::<prop::sample::Index>(),
        id in prop_oneof![any::<i64>().prop_map(Value::from), ".{0,8}".prop_map(Value::from)],
    ) {
        let mut members = members;
        members.insert(place.index(members.len() + 1), ("id".to_owned(), id.clone()));
        let members: Vec<String> =
            members.iter().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
        let text = format!("{{{}}}", members.join(","));
        let echoed = match Message::parse(text.clone()) {
            Ok(Message::Request(request)) => request.id().to_string(),
            Ok(other) => panic!("{text} is {other:?}"),
            Err(malformed) => malformed.id.expect("an identifier").to_string(),
        };
        prop_assert_eq!(serde_json::from_str::<Value>(&echoed).unwrap(), id);
    }

    #[test]
    fn any_arguments_are_answered(arguments in any_json()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let answer = runtime.block_on(send(&server(), modern_call("echo", arguments)));
        prop_assert_eq!(&answer.message["id"], &json!(1));
        prop_assert!(answer.result.is_object() || answer.code() == -32602);
    }
}
