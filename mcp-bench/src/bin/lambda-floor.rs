//! The floor on AWS Lambda: `tools/call` of `add` behind a Function URL, by hand on `lambda_runtime`.
//!
//! It parses the event and the message in it into types, looks at the method and the tool's name,
//! adds, and answers the same bytes as our server. It checks nothing else.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Event {
    body: String,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    method: &'a str,
    params: Params<'a>,
}

#[derive(Deserialize)]
struct Params<'a> {
    name: &'a str,
    arguments: Add,
}

#[derive(Deserialize)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    status_code: u16,
    headers: Headers,
    is_base64_encoded: bool,
    body: String,
}

#[derive(Serialize)]
struct Headers {
    #[serde(rename = "content-type")]
    content_type: &'static str,
}

async fn answer(event: LambdaEvent<Event>) -> Result<Reply, Error> {
    let message: Message<'_> = serde_json::from_str(&event.payload.body)?;
    if message.method != "tools/call" || message.params.name != "add" {
        return Err("unknown".into());
    }
    let sum = message.params.arguments.a.saturating_add(message.params.arguments.b);
    let id = message.id.get();
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"{sum}"}}]}}}}"#
    );
    let headers = Headers { content_type: "application/json" };
    Ok(Reply { status_code: 200, headers, is_base64_encoded: false, body })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(answer)).await
}
