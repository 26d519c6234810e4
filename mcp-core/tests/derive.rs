//! What `#[derive(Tool)]` and `#[tool]` make of what is documented, in a crate that is as strict
//! as crates get.
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    clippy::pedantic
)]

mod support;

use mcp_core::{
    Call, OrToolError as _, Server, Tool, ToolContext, ToolErrorKind, ToolPack, ToolResult, tool,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{call, listed};

/// How to rank.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum By {
    Revenue,
    Units,
}

/// When.
#[derive(Debug, Deserialize, JsonSchema)]
struct Period {
    /// The first day.
    from: Option<String>,
}

/// Ranks products.
///
/// Never changes anything.
#[derive(Debug, Deserialize, JsonSchema, Tool)]
#[serde(rename_all = "camelCase")]
#[tool(read_only, open_world = false, title = "Rank products")]
#[tool(scopes = ["sales:read", "sales:rank"], timeout = "250ms")]
#[tool(icons = ["https://example.com/rank.png", "data:image/png;base64,AA=="])]
struct RankHTTPProducts {
    /// How many.
    #[schemars(range(min = 1))]
    how_many: u32,
    /// Where.
    #[tool(header = "Region")]
    sales_region: Option<String>,
    /// What kind.
    #[serde(rename = "kind")]
    #[tool(header = "Kind")]
    r#type: String,
    /// By what.
    #[serde(default = "by_revenue")]
    by: By,
    #[serde(flatten)]
    period: Period,
    #[serde(skip)]
    internal: u8,
    /// Never there.
    #[cfg(any())]
    absent: NoSuchType,
}

fn by_revenue() -> By {
    By::Revenue
}

impl Call<()> for RankHTTPProducts {
    type Output = String;

    async fn call(self, (): &(), _: &ToolContext) -> ToolResult<String> {
        let Self { how_many, sales_region, r#type, by, period, internal } = self;
        Ok(format!("{how_many} {sales_region:?} {type} {by:?} {:?} {internal}", period.from))
    }
}

#[tokio::test]
async fn all_that_is_derived_is_listed() {
    let server = Server::builder("test", "1").tool::<RankHTTPProducts>().build();
    let tool = &listed(&server).await[0];
    assert_eq!(tool["name"], "rank_http_products");
    assert_eq!(tool["title"], "Rank products");
    assert_eq!(tool["description"], "Ranks products.\n\nNever changes anything.");
    assert_eq!(tool["annotations"], json!({ "readOnlyHint": true, "openWorldHint": false }));
    assert_eq!(
        tool["icons"],
        json!([{ "src": "https://example.com/rank.png" }, { "src": "data:image/png;base64,AA==" }])
    );
    let schema = &tool["inputSchema"];
    let properties = schema["properties"].as_object().unwrap();
    let mut names: Vec<_> = properties.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["by", "from", "howMany", "kind", "salesRegion"]);
    let described = |value: &Value| value["description"].is_string();
    assert!(properties.values().all(described), "{schema:#}");
    assert_eq!(properties["salesRegion"]["x-mcp-header"], "Region");
    assert_eq!(properties["kind"]["x-mcp-header"], "Kind");
    assert_eq!(properties["howMany"]["minimum"], 1);
    assert_eq!(schema["required"], json!(["howMany", "kind"]));
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["type"], "object");
    let params = server.header_params("rank_http_products");
    let headers: Vec<_> = params.iter().map(|param| (param.argument(), param.header())).collect();
    assert_eq!(headers, [("salesRegion", "mcp-param-region"), ("kind", "mcp-param-kind")]);
}

#[tokio::test]
async fn serde_attributes_count_for_arguments() {
    let server = Server::builder("test", "1").tool::<RankHTTPProducts>().build();
    let arguments = json!({ "howMany": 2, "kind": "chair", "from": "2017-01-01" });
    assert_eq!(
        call(&server, "rank_http_products", arguments).await.text(),
        r#"2 None chair Revenue Some("2017-01-01") 0"#
    );
}

/// Greets.
#[derive(Debug, Deserialize, JsonSchema, Tool)]
#[tool(name = "Greet.v2-beta", idempotent, destructive)]
struct NoArguments {}

impl Call<()> for NoArguments {
    type Output = &'static str;

    async fn call(self, (): &(), _: &ToolContext) -> ToolResult<&'static str> {
        Ok("hello")
    }
}

#[tokio::test]
async fn a_tool_needs_no_arguments() {
    let server = Server::builder("test", "1").tool::<NoArguments>().build();
    let tool = &listed(&server).await[0];
    assert_eq!(tool["name"], "Greet.v2-beta");
    assert_eq!(tool["annotations"], json!({ "idempotentHint": true, "destructiveHint": true }));
    assert_eq!(
        tool["inputSchema"],
        json!({ "type": "object", "properties": {}, "additionalProperties": false })
    );
    assert_eq!(call(&server, "Greet.v2-beta", json!({})).await.text(), "hello");
}

struct Greeting(String);

/**
 * Greets by name.
 *
 * Politely.
 */
#[tool(idempotent)]
async fn greet(
    /// Whom to greet.
    name: String,
    /// How they are addressed.
    #[serde(default)]
    r#type: Option<String>,
    #[serde(rename = "loud")] _is_loud: bool,
    _type_: u8,
    #[allow(unused_mut, reason = "attributes and `mut` stay with their argument")] mut twice: bool,
    #[state] greeting: &Greeting,
    cx: &ToolContext,
) -> ToolResult<String> {
    let _ = (cx.deadline(), twice);
    if name.is_empty() {
        None::<()>.or_tool_error(ToolErrorKind::InvalidArguments, "a name is not empty")?;
    }
    Ok(format!("{}, {}{name}", greeting.0, r#type.map(|title| title + " ").unwrap_or_default()))
}

#[tokio::test]
async fn a_function_takes_arguments_state_and_context() {
    let pack = ToolPack::new("greetings", Greeting("Hello".into())).tool::<greet>();
    let server = Server::builder("test", "1").pack(pack).build();
    let tool = &listed(&server).await[0];
    assert_eq!(tool["description"], "Greets by name.\n\nPolitely.");
    let properties = tool["inputSchema"]["properties"].as_object().unwrap();
    let mut names: Vec<_> = properties.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["loud", "name", "twice", "type", "type_"]);
    assert_eq!(properties["name"]["description"], "Whom to greet.");
    assert_eq!(properties["loud"]["description"], Value::Null);

    let arguments =
        json!({ "name": "Ada", "type": "Countess", "loud": true, "type_": 1, "twice": false });
    assert_eq!(call(&server, "greet", arguments).await.text(), "Hello, Countess Ada");
}

#[tokio::test]
async fn the_function_itself_stays_callable() {
    let greeting = Greeting("Hi".into());
    let text = greet("Ada".into(), None, true, 1, true, &greeting, &ToolContext::detached()).await;
    assert_eq!(text.unwrap(), "Hi, Ada");
    let arguments =
        greet { name: "Ada".into(), r#type: None, is_loud: true, type_: 1, twice: true };
    assert_eq!(serde_json::to_value(arguments).unwrap()["loud"], true);
}

/// Both the tools' functions and their types can be exported.
pub mod exported {
    use mcp_core::tool;

    /// Adds two integers.
    ///
    /// For [`other`](super) modules.
    #[tool(name = "sum", read_only)]
    pub async fn add(a: i64, b: i64) -> i64 {
        a + b
    }

    /// Only in the crate.
    #[tool]
    pub(crate) async fn nothing() {}

    /// Of no use to anyone any more.
    #[tool]
    #[deprecated = "use `add`"]
    pub async fn increment(a: i64) -> Result<i64, std::num::TryFromIntError> {
        Ok(a + i64::try_from(1_u64)?)
    }

    /// Not in this build.
    #[tool]
    #[cfg(any())]
    pub async fn add(a: NoSuchType) -> i64 {
        a
    }

    /// Not in this build either.
    #[cfg(any())]
    #[tool]
    pub async fn add(a: NoSuchType) -> i64 {
        a
    }

    /// Has names that Rust does not like.
    #[tool]
    #[allow(non_snake_case, reason = "the name is what is tested")]
    pub async fn shout(firstName: String) -> String {
        firstName.to_uppercase()
    }
}

#[tokio::test]
async fn tools_can_be_used_from_other_modules() {
    let server = Server::builder("test", "1")
        .tool::<exported::add>()
        .tool::<exported::nothing>()
        .tool::<exported::shout>()
        .build();
    assert_eq!(server.tool_names(), ["sum", "nothing", "shout"]);
    assert_eq!(call(&server, "sum", json!({ "a": 1, "b": 2 })).await.text(), "3");
    assert_eq!(call(&server, "nothing", json!({})).await.result["content"], json!([]));
    assert_eq!(call(&server, "shout", json!({ "firstName": "ada" })).await.text(), "ADA");
}

#[test]
fn tools_can_stand_in_a_function_body() {
    /// Halves.
    #[tool]
    async fn halve(n: f64) -> f64 {
        n / 2.0
    }

    /// Doubles.
    #[derive(Debug, Deserialize, JsonSchema, Tool)]
    struct Double {
        /// What to double.
        n: f64,
    }

    impl Call<()> for Double {
        type Output = f64;

        async fn call(self, (): &(), _: &ToolContext) -> ToolResult<f64> {
            Ok(self.n * 2.0)
        }
    }

    let server = Server::builder("test", "1").tool::<halve>().tool::<Double>().build();
    assert_eq!(server.tool_names(), ["halve", "double"]);
}

/// An attribute macro of another crate would do the same: it sees the function, and only it.
macro_rules! tools {
    ($($name:ident: $ty:ty = $body:expr;)*) => {
        $(
            /// Made by a macro.
            #[tool]
            async fn $name(value: $ty) -> $ty {
                let body: fn($ty) -> $ty = $body;
                body(value)
            }
        )*
    };
}

tools! {
    negate: i64 = |value| -value;
    invert: bool = |value| !value;
}

#[tokio::test]
async fn macros_can_write_tools() {
    let server = Server::builder("test", "1").tool::<negate>().tool::<invert>().build();
    assert_eq!(call(&server, "negate", json!({ "value": 2 })).await.text(), "-2");
    assert_eq!(call(&server, "invert", json!({ "value": true })).await.text(), "false");
}

/// A point in the plane.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Point {
    x: i32,
    y: i32,
}

/// Mirrors a point.
#[tool]
async fn mirror(point: Point) -> Point {
    Point { x: -point.x, y: point.y }
}

#[tokio::test]
async fn arguments_and_outputs_can_be_types_of_their_own() {
    let server = Server::builder("test", "1").tool::<mirror>().build();
    let reply = call(&server, "mirror", json!({ "point": { "x": 1, "y": 2 } })).await;
    assert_eq!(reply.result["structuredContent"], json!({ "x": -1, "y": 2 }));
}
