use std::path::Path;

use jsonc_parser::{
    ParseOptions,
    cst::{CstInputValue, CstRootNode},
};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::{
    exit::Failure,
    file::{self, Change},
};

/// Puts an entry under a key of a file of settings, and leaves the rest of it as it is.
pub(super) fn add(
    path: &Path,
    key: &str,
    name: &str,
    entry: &Value,
    has_comments: bool,
) -> Result<Change, Failure> {
    let old = file::read(path)?;
    let new = edited(old.as_deref().unwrap_or_default(), key, name, entry, has_comments)
        .map_err(|fault| Failure::usage(format!("{}: {fault}", path.display())))?;
    file::put(path, &new)
}

/// The text with the entry in it.
fn edited(
    text: &str,
    key: &str,
    name: &str,
    entry: &Value,
    has_comments: bool,
) -> Result<String, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let not_json = |error: &dyn std::error::Error| {
        let has_some = !has_comments && (text.contains("//") || text.contains("/*"));
        let hint = if has_some { " (this client reads no comments)" } else { "" };
        format!("it is not JSON{hint}: {error}. Nothing was changed")
    };
    if !has_comments {
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| not_json(&error))?;
    }
    let root =
        CstRootNode::parse(text, &ParseOptions::default()).map_err(|error| not_json(&error))?;
    let wrong = |what: &str| format!("{what} is no JSON object. Nothing was changed");
    let settings = root.object_value().ok_or_else(|| wrong("its content"))?;
    let servers = match settings.get(key) {
        Some(servers) => servers.object_value().ok_or_else(|| wrong(&format!("{key:?}")))?,
        None => settings.object_value_or_set(key),
    };
    match servers.get(name) {
        Some(known) if known.to_serde_value().as_ref() == Some(entry) => {}
        Some(known) => known.set_value(input(entry)),
        None => {
            servers.append(name, input(entry));
        }
    }
    Ok(root.to_string())
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(value) => CstInputValue::Number(value.to_string()),
        Value::String(value) => CstInputValue::String(value.clone()),
        Value::Array(values) => CstInputValue::Array(values.iter().map(input).collect()),
        Value::Object(values) => CstInputValue::Object(
            values.iter().map(|(name, value)| (name.clone(), input(value))).collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn add_to(text: &str) -> Result<String, String> {
        edited(text, "mcpServers", "new", &json!({ "command": "x", "args": [] }), false)
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let old = "{\n    \"z\": 1.50,\n    \"mcpServers\": {\n        \"old\": { \"command\": \"y\" }\n    },\n    \"a\": [1,  2]\n}\n";
        let new = add_to(old).expect("JSON");
        for part in ["\"z\": 1.50,", "\"old\": { \"command\": \"y\" }", "\"a\": [1,  2]"] {
            assert!(new.contains(part), "{part} in {new}");
        }
        let parsed: Value = serde_json::from_str(&new).expect("JSON");
        assert_eq!(parsed["mcpServers"]["new"]["command"], json!("x"));
        assert_eq!(add_to(&new).expect("JSON"), new);
    }

    #[test]
    fn an_empty_file_becomes_one_with_an_entry() {
        for empty in ["", " \n", "{}", "\u{feff}{}"] {
            let parsed: Value = serde_json::from_str(&add_to(empty).expect("JSON")).expect("JSON");
            assert_eq!(parsed["mcpServers"]["new"]["command"], json!("x"), "{empty:?}");
        }
    }

    #[test]
    fn what_is_not_json_is_left_alone() {
        for (text, part) in [
            ("{ // mine\n}", "comments"),
            ("{,}", "not JSON"),
            ("[]", "no JSON object"),
            (r#"{"mcpServers": []}"#, "no JSON object"),
            ("{'a': 1}", "not JSON"),
        ] {
            let fault = add_to(text).expect_err(text);
            assert!(fault.contains(part), "{text}: {fault}");
        }
        let commented = edited("{ // mine\n}", "servers", "new", &json!({}), true).expect("JSONC");
        assert!(commented.contains("// mine"), "{commented}");
    }
}
