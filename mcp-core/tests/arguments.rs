//! What a model is told of arguments that do not fit: which, where, and what was expected.
#![allow(dead_code, reason = "what counts of the types is their schema")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::collections::BTreeMap;

use mcp_core::{
    Call, CallResult, DynTool, Server, Tool, ToolContext, ToolDefinition, ToolResult, model, tool,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::support::{call, modern, modern_call, send};

/// A day, as its text has to be in a way that no schema tells.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
struct Day(#[schemars(with = "String")] String);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "panic" => panic!("a bug in Deserialize"),
            text if text.len() == 10 => {}
            _ => return Err(serde::de::Error::custom("expected a day such as 2017-01-31")),
        }
        Ok(Self(text))
    }
}

/// An order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Order {
    /// The largest last.
    Ascending,
    /// The largest first.
    Descending,
}

/// A column.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum By {
    Revenue,
    Units,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Filter {
    Name { equals: String },
    Price { min: f64, max: f64 },
}

/// A number or a name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Key {
    Number(u32),
    Name(String),
}

/// Ranks.
#[derive(Debug, Deserialize, JsonSchema, Tool)]
struct Rank {
    /// How many.
    #[schemars(range(min = 1, max = 1000))]
    n: u32,
    /// By what.
    by: Option<By>,
    /// In which order.
    order: Option<Order>,
    /// The first day.
    from: Option<Day>,
    /// Which.
    #[schemars(length(min = 2, max = 5))]
    #[serde(default)]
    name: Option<String>,
    /// All of these.
    #[serde(default)]
    filters: Vec<Filter>,
    /// One.
    key: Option<Key>,
    /// Whatever else.
    #[serde(default)]
    labels: BTreeMap<String, bool>,
}

impl Call<()> for Rank {
    type Output = String;

    async fn call(self, (): &(), _: &ToolContext) -> ToolResult<String> {
        Ok(format!("{self:?}"))
    }
}

/// Takes what does not fit into the schema's integers.
#[tool]
async fn small(n: u8, big: Option<u64>, signed: Option<i64>) -> String {
    format!("{n} {big:?} {signed:?}")
}

/// Takes nothing.
#[tool]
async fn nothing() -> &'static str {
    "done"
}

fn server() -> Server {
    Server::builder("test", "1").tool::<Rank>().tool::<small>().tool::<nothing>().build()
}

async fn faults(arguments: Value) -> Vec<String> {
    let answer = call(&server(), "rank", arguments).await;
    let mut lines = answer.tool_error().lines().map(ToOwned::to_owned);
    assert!(lines.next().unwrap().starts_with("The arguments of `rank` do not fit"));
    lines.collect()
}

#[track_caller]
fn assert_same(found: &[String], expected: &[&str]) {
    let mut found: Vec<_> = found.iter().map(String::as_str).collect();
    found.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn every_fault_is_told_at_once() {
    assert_same(
        &faults(json!({
            "by": "profit",
            "order": "up",
            "name": 5,
            "labels": { "a": 1, "b": true },
            "filters": {},
            "nn": 1,
        }))
        .await,
        &[
            "- `n`: required, but missing",
            r#"- `by`: expected one of "revenue", "units", null, found "profit""#,
            r#"- `order`: expected one of "ascending", "descending" or null, found "up""#,
            "- `name`: expected null or string, found 5",
            "- `labels.a`: expected boolean, found 1",
            "- `filters`: expected array, found {}",
            "- `nn`: no such argument; expected one of by, filters, from, key, labels, n, name, order",
        ],
    );
}

#[tokio::test]
async fn limits_are_told_with_what_was_found() {
    for (arguments, fault) in [
        (json!({ "n": 0 }), "- `n`: expected at least 1, found 0"),
        (json!({ "n": 1001 }), "- `n`: expected at most 1000, found 1001"),
        (json!({ "n": -1 }), "- `n`: expected at least 1, found -1"),
        (json!({ "n": 1.5 }), "- `n`: expected integer, found 1.5"),
        (json!({ "n": "1" }), r#"- `n`: expected integer, found "1""#),
        (json!({ "n": null }), "- `n`: expected integer, found null"),
        (json!({ "n": true }), "- `n`: expected integer, found true"),
        (json!({ "n": 1, "name": "a" }), r#"- `name`: expected at least 2 characters, found "a""#),
        (
            json!({ "n": 1, "name": "abcdef" }),
            r#"- `name`: expected at most 5 characters, found "abcdef""#,
        ),
    ] {
        assert_same(&faults(arguments).await, &[fault]);
    }
}

#[tokio::test]
async fn faults_inside_of_alternatives_are_told_where_they_are() {
    let name = json!({ "kind": "name", "equals": 1 });
    let price = json!({ "kind": "price", "min": 1 });
    let other = json!({ "kind": "size", "min": 1 });
    assert_same(
        &faults(json!({ "n": 1, "filters": [name, price, other, 7] })).await,
        &[
            "- `filters[0].equals`: expected string, found 1",
            "- `filters[1].max`: required, but missing",
            r#"- `filters[2].kind`: expected one of "name", "price", found "size""#,
            "- `filters[3]`: expected object, found 7",
        ],
    );
    assert_same(
        &faults(json!({ "n": 1, "key": [] })).await,
        &["- `key`: expected integer or string or null, found []"],
    );
}

#[tokio::test]
async fn what_the_schema_lets_through_and_the_type_does_not_is_told_too() {
    assert_same(
        &faults(json!({ "n": 1, "from": "tomorrow" })).await,
        &["- `from`: expected a day such as 2017-01-31"],
    );
    for arguments in [
        json!({ "n": 256 }),
        json!({ "n": 1, "big": -1 }),
        json!({ "n": 1, "signed": u64::MAX }),
        json!({ "n": 1.0 }),
    ] {
        let answer = call(&server(), "small", arguments.clone()).await;
        assert!(answer.tool_error().contains('`'), "{arguments}: {}", answer.text());
    }
}

#[tokio::test]
async fn numbers_fit_up_to_their_limits() {
    let arguments = json!({ "n": 255, "big": u64::MAX, "signed": i64::MIN });
    assert_eq!(
        call(&server(), "small", arguments).await.text(),
        "255 Some(18446744073709551615) Some(-9223372036854775808)"
    );
    let beyond = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"small","arguments":{{"n":{}}}}}}}"#,
        "9".repeat(300)
    );
    assert_eq!(send(&server(), beyond).await.result["isError"], true);
}

#[tokio::test]
async fn arguments_may_be_left_out_where_none_are_needed() {
    for params in [json!({ "name": "nothing" }), json!({ "name": "nothing", "arguments": null })] {
        assert_eq!(send(&server(), modern("tools/call", params)).await.text(), "done");
    }
    assert_eq!(
        send(&server(), modern("tools/call", json!({ "name": "rank" }))).await.tool_error(),
        "The arguments of `rank` do not fit its schema:\n- `n`: required, but missing"
    );
    assert_eq!(
        call(&server(), "nothing", json!({ "a": 1 })).await.tool_error(),
        "The arguments of `nothing` do not fit its schema:\n- `a`: no such argument; the tool takes none"
    );
}

#[tokio::test]
async fn arguments_that_are_no_object_are_invalid_params() {
    for arguments in [json!([]), json!([1]), json!("a"), json!(1), json!(true)] {
        let answer = call(&server(), "nothing", arguments).await;
        assert_eq!((answer.code(), answer.kind.unwrap().http_status()), (-32602, 400));
        assert!(answer.error_message().contains("`params.arguments` must be an object"));
    }
}

#[tokio::test]
async fn an_argument_given_twice_is_invalid_params() {
    for twice in [r#""n":1,"n":2"#, r#""n":1,"n":1"#, r#""\u006e":1,"n":2"#] {
        let text = modern_call("small", json!({ "n": 1 })).replace(r#""n":1"#, twice);
        let answer = send(&server(), text).await;
        assert_eq!((answer.code(), &answer.message["id"]), (-32602, &json!(1)));
        assert!(answer.error_message().contains("`n` is given twice"));
    }
}

#[tokio::test]
async fn many_and_long_faults_are_cut_short() {
    let many: Vec<Value> = (0..1000).map(|_| json!("x".repeat(10_000))).collect();
    let lines = faults(json!({ "n": 1, "filters": many })).await;
    assert_eq!(lines.len(), 21);
    assert_eq!(lines[20], "- and 980 more");
    assert!(lines.iter().all(|line| line.len() < 200), "{lines:?}");

    let mut unknown: BTreeMap<String, Value> =
        (0..1000).map(|n| (format!("{n}{}", "y".repeat(1000)), json!(1))).collect();
    unknown.insert("n".into(), json!(1));
    let lines = faults(json!(unknown)).await;
    assert_eq!(lines.len(), 21);
    assert!(lines.iter().all(|line| line.len() < 250), "{lines:?}");

    let day = faults(json!({ "n": 1, "from": "x".repeat(10_000) })).await;
    assert!(day.concat().len() < 1000);
    let text = modern_call("small", json!({ "n": "x".repeat(100_000) }));
    assert!(send(&server(), text).await.text().len() < 1000);
}

#[tokio::test]
async fn a_panic_in_deserialize_is_an_internal_error_of_that_call() {
    let server = server();
    let answer = call(&server, "rank", json!({ "n": 1, "from": "panic" })).await;
    assert_eq!((answer.code(), answer.error_message()), (-32603, "internal error in `rank`"));
    assert_eq!(call(&server, "nothing", json!({})).await.text(), "done");
}

/// A tool of a stranger, whose schema doubles the work of a check with each of its levels.
struct Branching(&'static str);

impl DynTool for Branching {
    fn definition(&self) -> ToolDefinition {
        let levels = (0..60).map(|level| {
            let next = json!({ "$ref": format!("#/$defs/{}", level + 1) });
            (level.to_string(), json!({ self.0: [&next, &next] }))
        });
        let mut levels: Map<_, _> = levels.collect();
        levels.insert("60".to_owned(), json!({ "type": "integer" }));
        let schema = json!({ "type": "object", "$defs": levels, "properties": {
            "n": { "$ref": "#/$defs/0" },
        } });
        let Value::Object(schema) = schema else { unreachable!() };
        model::Tool::new("branching", "Takes a number.", schema).into()
    }

    async fn call(&self, _: Map<String, Value>, _: &ToolContext) -> ToolResult<CallResult> {
        panic!("what was not checked is not passed on")
    }
}

#[tokio::test]
async fn a_strangers_schema_that_would_take_for_ever_is_an_answer_for_the_model() {
    for applicator in ["allOf", "oneOf"] {
        let server = Server::builder("test", "1").dyn_tool(Branching(applicator)).build();
        let answer = call(&server, "branching", json!({ "n": 1 })).await;
        let text = answer.tool_error();
        assert!(text.contains("to check this against the schema is too much work"), "{text}");
    }
}
