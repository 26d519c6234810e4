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
    let mut object = match schema.to_value() {
        Value::Object(object) => object,
        // `true`: anything goes.
        _ => Map::new(),
    };
    object.remove("title");
    object
}
