use std::{io::Read as _, path::PathBuf};

use rmcp::model::{CallToolRequestParams, Tool};
use serde_json::{Map, Value};

use crate::{
    args::Arguments,
    commands::{Conversation, content},
    exit::Failure,
    output,
};

pub(super) async fn run(
    conversation: Conversation,
    name: String,
    arguments: Arguments,
    save: Option<PathBuf>,
    json: bool,
) -> Result<(), Failure> {
    let client = &conversation.client;
    // Over HTTP the list also says which arguments are mirrored into headers.
    let tools = conversation.ask("tools/list", client.list_all_tools()).await?;
    let tool = tools.iter().find(|tool| tool.name == name);
    let mut params = CallToolRequestParams::new(name.clone());
    params.arguments = Some(read(arguments, tool)?);
    let result = conversation.ask(&name, client.call_tool(params)).await?;
    let shown = if json {
        output::print_json(&result)
    } else {
        content::show(&result.content, result.structured_content.as_ref(), save.as_deref())
    };
    shown?;
    match result.is_error {
        Some(true) => Err(Failure::answered(format!("{name} failed"))),
        _ => Ok(()),
    }
}

fn read(arguments: Arguments, tool: Option<&Tool>) -> Result<Map<String, Value>, Failure> {
    let Some(args) = arguments.args else {
        let schema = tool.map(|tool| &*tool.input_schema);
        return arguments.pairs.iter().map(|pair| pair_value(pair, schema)).collect();
    };
    let text = match args.as_str() {
        "-" => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::local(format!("cannot read standard input: {error}")))?;
            text
        }
        args => match args.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Failure::local(format!("cannot read {path}: {error}")))?,
            None => args.to_owned(),
        },
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) => Err(Failure::usage("--args: expected a JSON object")),
        Err(error) => Err(Failure::usage(format!("--args: {error}"))),
    }
}

/// `NAME=VALUE`; the schema says what the value is. One that does not fit it is left for the
/// server to explain.
fn pair_value(pair: &str, schema: Option<&Map<String, Value>>) -> Result<(String, Value), Failure> {
    let (name, text) = pair
        .split_once('=')
        .ok_or_else(|| Failure::usage(format!("expected NAME=VALUE, found {pair:?}")))?;
    let kinds = schema.map(|schema| kinds(&schema["properties"][name])).unwrap_or_default();
    let is_text = kinds.iter().any(|kind| kind == "string");
    let value = match serde_json::from_str::<Value>(text) {
        Ok(value) if !is_text || (value.is_null() && kinds.iter().any(|kind| kind == "null")) => {
            value
        }
        _ => Value::String(text.to_owned()),
    };
    Ok((name.to_owned(), value))
}

/// The types that a property may have.
fn kinds(property: &Value) -> Vec<String> {
    let own = match &property["type"] {
        Value::String(kind) => vec![kind.clone()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let variants = ["anyOf", "oneOf"].into_iter().filter_map(|key| property[key].as_array());
    own.into_iter().chain(variants.flatten().flat_map(kinds)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_schema_says_what_a_value_is() {
        let schema = json!({ "properties": {
            "code": { "type": "string" },
            "from": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
            "n": { "type": "integer" },
        }});
        let schema = schema.as_object();
        let value = |pair| pair_value(pair, schema).expect("a pair").1;
        assert_eq!(value("code=007"), json!("007"));
        assert_eq!(value("code=true"), json!("true"));
        assert_eq!(value("from=2017-01-01"), json!("2017-01-01"));
        assert_eq!(value("from=null"), json!(null));
        assert_eq!(value("n=5"), json!(5));
        assert_eq!(value("n=five"), json!("five"));
        assert_eq!(value("other=[1,2]"), json!([1, 2]));
        assert_eq!(value("other=a=b"), json!("a=b"));
        assert!(pair_value("five", schema).is_err());
    }
}
