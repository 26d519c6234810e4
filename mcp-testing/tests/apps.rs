//! Tools with apps (`io.modelcontextprotocol/ui`), over every transport and in both eras.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use mcp_core::{BuildError, Server, apps::App, model, tool};
use mcp_testing::Harness;
use serde_json::{Value, json};

const URI: &str = "ui://weather/day";

/// The temperatures of a day, in °C.
#[tool(read_only, ui = "ui://weather/day")]
async fn temperatures() -> Vec<f64> {
    vec![17.5, 18.0]
}

/// The next temperatures, in °C.
#[tool(read_only, ui = "ui://weather/day", app_only)]
async fn more_temperatures() -> Vec<f64> {
    vec![18.5]
}

/// Says hello.
#[tool]
async fn hello() -> &'static str {
    "Hello."
}

fn app() -> App {
    App::new(URI, "day", "<!doctype html><title>A day</title>")
        .title("A day")
        .description("The temperatures of a day.")
        .connects_to("https://api.example.com")
        .loads_from("https://*.example.com")
        .embeds("https://video.example.com")
        .base_uri("https://example.com")
        .permission("geolocation")
        .domain("a.example.com")
        .prefers_border(false)
}

fn server() -> Server {
    Server::builder("weather", "1.0")
        .tool::<hello>()
        .tool::<temperatures>()
        .tool::<more_temperatures>()
        .app(app())
        .build()
}

/// `_meta.ui` of each tool that is listed.
async fn listed(mcp: &Harness) -> Vec<(String, Value)> {
    let ui = |tool: model::Tool| {
        let tool = serde_json::to_value(tool).unwrap();
        (tool["name"].as_str().unwrap().to_owned(), tool["_meta"]["ui"].clone())
    };
    mcp.list_tools().await.into_iter().map(ui).collect()
}

#[mcp_testing::test(server())]
async fn a_client_that_shows_apps_is_told_of_them(mcp: Harness) {
    assert_eq!(
        listed(&mcp).await,
        [
            ("hello".to_owned(), Value::Null),
            ("temperatures".to_owned(), json!({ "resourceUri": URI })),
            ("more_temperatures".to_owned(), json!({ "resourceUri": URI, "visibility": ["app"] })),
        ]
    );
    let meta = json!({ "ui": {
        "csp": {
            "connectDomains": ["https://api.example.com"],
            "resourceDomains": ["https://*.example.com"],
            "frameDomains": ["https://video.example.com"],
            "baseUriDomains": ["https://example.com"],
        },
        "permissions": { "geolocation": {} },
        "domain": "a.example.com",
        "prefersBorder": false,
    }});
    let resources = serde_json::to_value(mcp.list_resources().await).unwrap();
    assert_eq!(resources[0]["uri"], URI);
    assert_eq!(resources[0]["mimeType"], "text/html;profile=mcp-app");
    assert_eq!(resources[0]["_meta"], meta);
    let contents = serde_json::to_value(mcp.read_resource(URI).await).unwrap();
    assert_eq!(
        contents,
        json!([{
            "uri": URI,
            "mimeType": "text/html;profile=mcp-app",
            "text": "<!doctype html><title>A day</title>",
            "_meta": meta,
        }])
    );
    // What the app calls, and what it shows.
    let more = mcp.try_call("more_temperatures", json!({})).await.unwrap();
    assert_eq!(more.text(), "[18.5]");
}

#[tokio::test]
async fn a_client_that_does_not_show_apps_sees_tools_for_models_alone() {
    let none = model::ClientCapabilities::default();
    for connect in [Harness::in_memory(server()), Harness::in_memory(server()).legacy()] {
        let mcp = connect.capabilities(none.clone()).await;
        let expected = ["hello", "temperatures"].map(|name| (name.to_owned(), Value::Null));
        assert_eq!(listed(&mcp).await, expected);
    }
}

#[mcp_testing::test(server())]
async fn the_extension_is_declared(mcp: Harness) {
    let capabilities = mcp.server_capabilities();
    let extensions = capabilities.extensions.unwrap();
    assert_eq!(extensions["io.modelcontextprotocol/ui"], serde_json::Map::new());
}

#[tokio::test]
async fn a_server_without_apps_declares_nothing() {
    let mcp = Harness::in_memory(Server::builder("hello", "1.0").tool::<hello>().build()).await;
    assert!(mcp.server_capabilities().extensions.is_none());
}

#[test]
fn a_tool_whose_app_is_missing_cannot_be_built() {
    let built = Server::builder("weather", "1.0").tool::<temperatures>().try_build();
    let error = built.unwrap_err();
    assert!(matches!(&error, BuildError::MissingApp { uri, .. } if uri == URI), "{error}");
    assert!(error.to_string().contains(r#"App::new("ui://weather/day""#), "{error}");
}
