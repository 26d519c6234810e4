//! A function behind a WebSocket API, whose clients' messages each may reach another process.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::time::Duration;

use mcp_core::{
    Call, LogLevel, Notifier, Principal, Resource, Server, Tool, ToolContext, ToolPack, ToolResult,
    tool,
};
use mcp_testing::{
    __private::{block_on, lambda::this_binary},
    lambda::{Door, Emulator},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use support::{
    Stage, TABLE,
    fault_proxy::{Fault, FaultProxy},
    function::temporary,
    socket::{Socket, modern},
};
use tokio_tungstenite::tungstenite::Error;

/// Says which process answers, and whom.
#[tool]
async fn who(cx: &ToolContext) -> String {
    format!("{} {:?}", std::process::id(), cx.principal().map(Principal::subject))
}

/// Keeps its process busy until the file is there.
#[tool]
async fn hold(file: String) -> String {
    while !std::fs::exists(&file).unwrap() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    std::process::id().to_string()
}

/// Writes a line to the client's log.
#[tool]
async fn tell(cx: &ToolContext) -> String {
    cx.log(LogLevel::Info, "told").await;
    std::process::id().to_string()
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

/// Asks for a name.
#[tool]
async fn ask(cx: &ToolContext) -> ToolResult<String> {
    let form = cx.elicit::<Name>("Who?").await?.accepted();
    Ok(form.map_or_else(|| "nobody".to_owned(), |form| form.name))
}

/// Never ends.
#[tool]
async fn wait() -> u32 {
    std::future::pending().await
}

/// Never ends, and says so all the time.
#[tool]
async fn tick(cx: &ToolContext) -> u32 {
    loop {
        cx.log(LogLevel::Info, "tick").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// So many letters.
#[tool]
async fn letters(count: usize) -> String {
    "x".repeat(count)
}

/// Takes its process along.
#[tool]
async fn crash() -> u32 {
    std::process::exit(9)
}

/// Changes what can be read.
#[derive(Deserialize, JsonSchema, Tool)]
struct Touch {}

impl Call<Notifier> for Touch {
    type Output = String;

    async fn call(self, notifier: &Notifier, _: &ToolContext) -> ToolResult<String> {
        notifier.resource_updated("state://now");
        Ok(std::process::id().to_string())
    }
}

fn server() -> Server {
    let builder = Server::builder("socket", "1")
        .tool::<who>()
        .tool::<hold>()
        .tool::<tell>()
        .tool::<ask>()
        .tool::<wait>()
        .tool::<tick>()
        .tool::<letters>()
        .tool::<crash>();
    let state = ToolPack::new("state", builder.notifier())
        .tool::<Touch>()
        .resource_fn(Resource::new("state://now", "now"), |_, _| async { Ok("now") });
    builder.pack(state).build()
}

/// Where this binary is run as the function.
#[test]
fn lambda_function() {
    mcp_testing::__private::lambda::serve(async || server());
}

/// A table, and what stands in front of it.
struct Setting {
    stage: Stage,
    proxy: FaultProxy,
}

impl Setting {
    async fn new() -> Self {
        Self { stage: Stage::set().await, proxy: FaultProxy::start().await }
    }

    fn function(&self) -> Emulator {
        let account = &self.stage.account;
        this_binary(concat!(module_path!(), "::lambda_function"))
            .env("MCP_CONNECTION_TABLE", TABLE)
            .env("AWS_ENDPOINT_URL_DYNAMODB", &self.proxy.url)
            .env("AWS_ACCESS_KEY_ID", &account.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &account.secret_access_key)
            .env("AWS_SESSION_TOKEN", &account.session_token)
            .env("MCP_LAMBDA_RESPONSE", "stream")
            .env("MCP_ALLOW_ANONYMOUS", "true")
            .env("MCP_STATE_KEY", &"ab".repeat(32))
    }

    /// How many connections the table has.
    async fn records(&self) -> usize {
        let scan = self.stage.client.scan().table_name(TABLE).send().await.unwrap();
        let keys = scan.items().iter().map(|item| item["sk"].as_s().unwrap());
        keys.filter(|key| *key == "record").count()
    }
}

async fn url(function: &Emulator) -> String {
    function.open(Door::WebSocketApi).await.unwrap()
}

/// Waits until something has come about, which it does within seconds.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..300 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it does not come about: {what}");
}

#[test]
fn a_legacy_session_goes_on_in_any_process() {
    block_on(async {
        let setting = Setting::new().await;
        let function = setting.function();
        let mut socket = Socket::connect(&url(&function).await).await.unwrap();
        socket.initialize().await;
        socket.call("tell", json!({})).await;
        assert_eq!(socket.heard, [Value::Null; 0], "nobody has asked for log messages");
        socket.request("logging/setLevel", json!({ "level": "info" })).await;
        socket.request("resources/subscribe", json!({ "uri": "state://now" })).await;

        // All processes that there are now are busy, so that others go on.
        let files = [temporary("hold-one"), temporary("hold-another")];
        let mut held = Vec::new();
        for file in &files {
            let hold = json!({ "name": "hold", "arguments": { "file": file.0 } });
            held.push(socket.ask("tools/call", hold).await);
        }
        until("two processes are busy", async || function.processes() - function.idle() == 2).await;
        let told = socket.call("tell", json!({})).await;
        assert_eq!(socket.heard.len(), 1, "{:?}", socket.heard);
        assert_eq!(socket.heard[0]["params"]["data"], "told");
        socket.call("touch", json!({})).await;
        let updated = socket.receive().await;
        assert_eq!(updated["method"], "notifications/resources/updated", "{updated}");
        assert_eq!(updated["params"]["uri"], "state://now");
        for (id, file) in held.into_iter().zip(&files) {
            file.says("go on");
            let result = socket.response(id).await;
            assert_ne!(result["result"]["content"][0]["text"], told);
        }

        socket.request("resources/unsubscribe", json!({ "uri": "state://now" })).await;
        socket.heard.clear();
        socket.call("touch", json!({})).await;
        socket.request("ping", json!({})).await;
        assert_eq!(socket.heard, [Value::Null; 0]);
        assert_eq!(function.faults(), [""; 0]);
    });
}

#[test]
fn who_has_connected_holds_for_every_message() {
    block_on(async {
        let setting = Setting::new().await;
        let function = setting.function().authorizer(json!({ "principalId": "ada" }));
        let url = url(&function).await;
        let mut socket = Socket::connect(&url).await.unwrap();
        let call = modern(json!({ "name": "who", "arguments": {} }));
        let result = socket.request("tools/call", call).await;
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.ends_with(r#"Some("ada")"#), "{text}");

        let nobody = setting.function().env("MCP_ALLOW_ANONYMOUS", "false");
        let refused = Socket::connect(&self::url(&nobody).await).await;
        let Err(Error::Http(response)) = refused else { panic!("let in") };
        assert_eq!(response.status(), 401);
    });
}

#[test]
fn who_asks_for_no_mcp_or_is_a_foreign_page_does_not_connect() {
    block_on(async {
        let setting = Setting::new().await;
        let function = setting.function();
        let url = url(&function).await;
        let mcp = ("sec-websocket-protocol", "mcp");
        for (headers, status) in [
            (&[][..], 400),
            (&[("sec-websocket-protocol", "graphql")], 400),
            (&[mcp, ("origin", "https://evil.example")], 403),
        ] {
            match Socket::connect_with(&url, headers).await {
                Err(Error::Http(response)) => assert_eq!(response.status(), status, "{headers:?}"),
                other => panic!("{headers:?}: {:?}", other.err()),
            }
        }
        assert_eq!(setting.records().await, 0);
        assert_eq!(function.faults(), [""; 0]);
    });
}

#[test]
fn an_answer_reaches_the_process_that_asks() {
    block_on(async {
        let setting = Setting::new().await;
        let function = setting.function();
        let mut socket = Socket::connect(&url(&function).await).await.unwrap();
        socket.initialize().await;
        let call = socket.ask("tools/call", json!({ "name": "ask", "arguments": {} })).await;
        let question = socket.receive().await;
        assert_eq!(question["method"], "elicitation/create", "{question}");
        let answer = json!({ "action": "accept", "content": { "name": "Ada" } });
        socket.send(json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer })).await;
        let response = socket.response(call).await;
        assert_eq!(response["result"]["content"][0]["text"], "Ada", "{response}");
        assert!(function.processes() > 1, "another process has received the answer");
        assert_eq!(function.faults(), [""; 0]);
    });
}

#[test]
fn a_call_ends_before_its_invocation_does() {
    block_on(async {
        let setting = Setting::new().await;
        let function =
            setting.function().timeout(Duration::from_secs(8)).grace(Duration::from_secs(60));
        let mut socket = Socket::connect(&url(&function).await).await.unwrap();
        socket.initialize().await;
        let waiting = socket.ask("tools/call", json!({ "name": "wait", "arguments": {} })).await;
        let asking = socket.ask("tools/call", json!({ "name": "ask", "arguments": {} })).await;
        let mut responses =
            [socket.receive().await, socket.receive().await, socket.receive().await];
        responses.sort_by_key(|response| response["error"]["code"].as_i64());
        let question = &responses[0];
        assert_eq!(question["method"], "elicitation/create", "{responses:?}");
        for response in &responses[1..] {
            assert!(response["id"] == waiting || response["id"] == asking);
            assert_eq!(response["error"]["code"], -31504, "{response}");
        }
        assert_eq!(function.faults(), [""; 0]);
    });
}

#[test]
fn a_cancelled_call_ends_unanswered() {
    block_on(async {
        let setting = Setting::new().await;
        let function = setting.function();
        let mut socket = Socket::connect(&url(&function).await).await.unwrap();
        for params in [json!({}), modern(json!({}))] {
            let mut call = params;
            call["name"] = "wait".into();
            call["arguments"] = json!({});
            let id = socket.ask("tools/call", call).await;
            until("it runs", async || function.processes() > function.idle()).await;
            socket
                .send(json!({
                    "jsonrpc": "2.0",
                    "method": "notifications/cancelled",
                    "params": { "requestId": id },
                }))
                .await;
            until("it ends", async || function.processes() == function.idle()).await;
            socket.request("ping", json!({})).await;
            assert_eq!(socket.heard, [Value::Null; 0]);
        }
        assert_eq!(function.faults(), [""; 0]);
    });
}

#[test]
fn listening_is_acknowledged_and_ends() {
    block_on(async {
        let setting = Setting::new().await;
        let function = setting.function();
        let mut socket = Socket::connect(&url(&function).await).await.unwrap();
        let params =
            modern(json!({ "notifications": { "resourceSubscriptions": ["state://now"] } }));
        socket.request("subscriptions/listen", params).await;
        assert_eq!(socket.heard.len(), 1, "{:?}", socket.heard);
        assert_eq!(socket.heard[0]["method"], "notifications/subscriptions/acknowledged");
    });
}

#[test]
fn a_message_has_128_kilobytes_in_frames_of_32() {
    block_on(async {
        let setting = Setting::new().await;
        let function = setting.function();
        // It takes no larger frames.
        let mut socket = Socket::connect(&url(&function).await).await.unwrap();
        let text = socket.call("letters", json!({ "count": 120_000 })).await;
        assert_eq!(text.len(), 120_000);
        let call = json!({ "name": "letters", "arguments": { "count": 140_000 } });
        let result = socket.request("tools/call", call).await;
        assert_eq!(result["isError"], true);
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("WebSocket API (128 KB) holds 131072 at most"), "{text}");
        assert_eq!(function.faults(), [""; 0]);
    });
}

#[test]
fn what_is_no_message_is_refused_and_the_connection_goes_on() {
    block_on(async {
        let setting = Setting::new().await;
        let function = setting.function();
        let mut socket = Socket::connect(&url(&function).await).await.unwrap();
        socket.send(json!([1])).await;
        assert_eq!(socket.receive().await["error"]["code"], -32600);
        // Answers to nothing, and cancellations of it, are for nobody.
        socket.send(json!({ "jsonrpc": "2.0", "id": 77, "result": {} })).await;
        socket.send(json!({ "jsonrpc": "2.0", "id": "x", "result": {} })).await;
        let cancelled = json!({ "requestId": "x".repeat(2000) });
        socket
            .send(json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled }))
            .await;
        socket.request("ping", json!({})).await;
        until("all are worked on", async || function.processes() == function.idle()).await;
        assert_eq!(function.faults(), [""; 0]);
    });
}

#[test]
fn a_client_that_goes_takes_its_record_along() {
    block_on(async {
        let setting = Setting::new().await;
        let function = setting.function();
        let mut socket = Socket::connect(&url(&function).await).await.unwrap();
        socket.initialize().await;
        assert_eq!(setting.records().await, 1);
        socket.close().await;
        until("the record is gone", async || setting.records().await == 0).await;
        assert_eq!(function.connections(), 0);
    });
}

#[test]
fn a_client_gone_in_the_middle_of_a_call_cancels_it() {
    block_on(async {
        let setting = Setting::new().await;
        // API Gateway does its best to tell, and promises nothing: the next message finds out.
        for (tool, lost) in [("wait", false), ("tick", true)] {
            let mut function = setting.function();
            if lost {
                function = function.lose_disconnects();
            }
            let mut socket = Socket::connect(&url(&function).await).await.unwrap();
            socket.initialize().await;
            socket.request("logging/setLevel", json!({ "level": "info" })).await;
            socket.ask("tools/call", json!({ "name": tool, "arguments": {} })).await;
            until("it runs", async || function.processes() > function.idle()).await;
            drop(socket);
            until("it ends", async || function.processes() == function.idle()).await;
            until("the record is gone", async || setting.records().await == 0).await;
            assert_eq!(function.faults(), [""; 0]);
        }
    });
}

#[test]
fn a_process_that_dies_takes_its_call_along_and_no_other() {
    block_on(async {
        let setting = Setting::new().await;
        let function = setting.function();
        let mut socket = Socket::connect(&url(&function).await).await.unwrap();
        socket.initialize().await;
        socket.ask("tools/call", json!({ "name": "crash", "arguments": {} })).await;
        // API Gateway's own words.
        assert_eq!(socket.receive().await["message"], "Internal server error");
        assert!(socket.call("who", json!({})).await.ends_with("None"));
        assert!(function.faults()[0].contains("ExitError"), "{:?}", function.faults());
    });
}

#[test]
fn a_table_that_fails_is_told_of_and_nothing_is_lost() {
    block_on(async {
        let setting = Setting::new().await;
        let function = setting.function();
        let url = url(&function).await;
        let mut socket = Socket::connect(&url).await.unwrap();
        socket.initialize().await;
        for fault in [Fault::Throttled(""), Fault::Failing(""), Fault::Hanging("")] {
            setting.proxy.set(fault);
            let id = socket.ask("tools/call", json!({ "name": "who", "arguments": {} })).await;
            let response = socket.response(id).await;
            assert_eq!(response["error"]["code"], -31503, "{fault:?}: {response}");
            let message = response["error"]["message"].as_str().unwrap();
            assert!(message.contains("try again"), "{message}");
            let Err(Error::Http(refused)) = Socket::connect(&url).await else {
                panic!("{fault:?}: connected without a record");
            };
            assert_eq!(refused.status(), 503, "{fault:?}");
            assert_eq!(function.faults(), [""; 0]);
        }
        // What cannot be kept is not promised.
        setting.proxy.set(Fault::Throttled("UpdateItem"));
        let id = socket.ask("logging/setLevel", json!({ "level": "debug" })).await;
        assert_eq!(socket.response(id).await["error"]["code"], -31503);
        // Who waits for no answer cannot be told: it is the operator who is.
        setting.proxy.set(Fault::Throttled("PutItem"));
        socket
            .send(json!({
                "jsonrpc": "2.0",
                "method": "notifications/cancelled",
                "params": { "requestId": 1 },
            }))
            .await;
        assert_eq!(socket.receive().await["message"], "Internal server error");
        assert!(function.faults()[0].contains("ConnectionStore"), "{:?}", function.faults());

        setting.proxy.set(Fault::None);
        socket.heard.clear();
        assert!(socket.call("who", json!({})).await.ends_with("None"));
        socket.call("tell", json!({})).await;
        assert_eq!(socket.heard, [Value::Null; 0], "the level was not kept");
    });
}

#[test]
fn a_connection_that_nobody_knows_is_to_be_made_anew() {
    block_on(async {
        let setting = Setting::new().await;
        let function = setting.function();
        let mut socket = Socket::connect(&url(&function).await).await.unwrap();
        let scan = setting.stage.client.scan().table_name(TABLE).send().await.unwrap();
        for item in scan.items() {
            let delete = setting.stage.client.delete_item().table_name(TABLE);
            let keys = ["pk", "sk"].map(|name| (name.to_owned(), item[name].clone()));
            delete.set_key(Some(keys.into())).send().await.unwrap();
        }
        let id = socket.ask("ping", json!({})).await;
        let response = socket.response(id).await;
        let message = response["error"]["message"].as_str().unwrap();
        assert!(message.contains("connect again"), "{response}");
    });
}
