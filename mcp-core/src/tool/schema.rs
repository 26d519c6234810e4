//! JSON Schemas (2020-12) from Rust types, in the form that models and clients take best.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};

/// The schema of a tool's arguments.
///
/// Self-contained (no `$ref` where none is needed), without the Rust type's name, and closed:
/// a misspelt optional argument is an error that the model can mend, not a silent default.
pub(super) fn of_input<T: JsonSchema>() -> Map<String, Value> {
    let mut schema = generate::<T>(SchemaSettings::draft2020_12().for_deserialize());
    schema.remove("description");
    schema.entry("type").or_insert_with(|| "object".into());
    let composed = ["$ref", "allOf", "anyOf", "oneOf", "if"]
        .iter()
        .any(|keyword| schema.contains_key(*keyword));
    if !composed && !schema.contains_key("unevaluatedProperties") {
        schema.entry("properties").or_insert_with(|| Value::Object(Map::new()));
        schema.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    schema
}

/// The schema of a tool's structured content; `None` for a bare string and for nothing, which
/// are plain text.
pub(super) fn of_output<T: JsonSchema>() -> Option<Map<String, Value>> {
    let schema = generate::<T>(SchemaSettings::draft2020_12().for_serialize());
    let is_text = schema.get("type").is_some_and(|kind| kind == "string" || kind == "null");
    (!is_text).then_some(schema)
}

fn generate<T: JsonSchema>(mut settings: SchemaSettings) -> Map<String, Value> {
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut schema = schema.to_value();
    join_descriptions(&mut schema);
    let mut object = match schema {
        Value::Object(object) => object,
        // `true`: anything goes.
        _ => Map::new(),
    };
    object.remove("title");
    object
}

/// Joins the wrapped lines of all descriptions.
fn join_descriptions(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(text) if key == "description" => *text = join_lines(text),
                    other => join_descriptions(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(join_descriptions),
        _ => {}
    }
}

/// A doc comment's lines are wrapped for people; a model pays for each line break. Paragraphs,
/// lists, tables and code stay as they are.
pub(crate) fn join_lines(text: &str) -> String {
    let stands_alone = |line: &str| {
        let line = line.trim_start();
        line.is_empty()
            || line.starts_with(['-', '*', '+', '|', '#', '>', '`'])
            || line.starts_with(|c: char| c.is_ascii_digit()) && line.contains(". ")
    };
    let mut joined = String::with_capacity(text.len());
    let mut in_code = false;
    let mut after_text = false;
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        let starts = in_code || stands_alone(line) || line.starts_with("    ");
        if !joined.is_empty() {
            joined.push(if after_text && !starts { ' ' } else { '\n' });
        }
        joined.push_str(if starts { line.trim_end() } else { line.trim() });
        in_code ^= fence;
        // A list's item goes on in the lines below it; nothing goes on after an empty line.
        after_text = !in_code && !fence && !line.trim().is_empty();
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_are_joined_and_paragraphs_kept() {
        assert_eq!(
            join_lines("Ranks products\nby revenue.\n\nReturns:\n- a list\n  of rows\n- a note"),
            "Ranks products by revenue.\n\nReturns:\n- a list of rows\n- a note"
        );
    }

    #[test]
    fn code_stays_as_it_is() {
        let text = "Such as\n```json\n{\n  \"n\": 1\n}\n```\nor so.";
        assert_eq!(join_lines(text), text);
    }
}
