//! Verdicts compared with those of another implementation, the crate `jsonschema`.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::Validator;

/// Values in which schemas from below find what they look for.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..6).prop_map(Value::from),
        (-6_i64..12).prop_map(|halves| Value::from(halves as f64 / 2.0)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", "a", "b", "ab", "aab", "1", "12", "é", "😀b"])
        .prop_map(str::to_owned)
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "ab"]).prop_map(str::to_owned)
}

fn count() -> impl Strategy<Value = Value> {
    (0_u64..4).prop_map(Value::from)
}

fn pattern() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "^a", "b$", "^a+b?$", r"^\d+$", "^.$", r"\W", "^(?:a|b)*$"])
        .prop_map(str::to_owned)
}

/// A schema of a few keywords of all kinds.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => any::<bool>().prop_map(Value::from),
        8 => prop::collection::vec(simple_keyword(), 0..3).prop_map(members),
    ];
    leaf.prop_recursive(3, 32, 4, |inner| {
        let keyword = prop_oneof![simple_keyword(), keyword(inner)];
        prop::collection::vec(keyword, 0..4).prop_map(members)
    })
}

fn members(keywords: Vec<(&'static str, Value)>) -> Value {
    keywords.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
}

fn simple_keyword() -> impl Strategy<Value = (&'static str, Value)> {
    let kinds = vec!["null", "boolean", "integer", "number", "string", "array", "object"];
    let kind = prop::sample::select(kinds.clone()).prop_map(Value::from);
    let some_kinds = prop::sample::subsequence(kinds, 1..4).prop_map(Value::from);
    let names = || {
        prop::collection::btree_set(name(), 0..3)
            .prop_map(|names| names.into_iter().collect::<Value>())
    };
    let limit = prop_oneof![
        (-2_i64..4).prop_map(Value::from),
        (-4_i64..8).prop_map(|halves| Value::from(halves as f64 / 2.0)),
    ];
    prop_oneof![
        4 => (Just("type"), prop_oneof![kind, some_kinds]),
        1 => (Just("const"), value()),
        1 => (Just("enum"), prop::collection::vec(value(), 1..4).prop_map(Value::from)),
        2 => (
            prop::sample::select(vec![
                "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
            ]),
            limit,
        ),
        1 => (Just("multipleOf"), prop::sample::select(vec![json!(1), json!(2), json!(0.5), json!(1.5)])),
        3 => (
            prop::sample::select(vec![
                "minLength", "maxLength", "minItems", "maxItems", "minProperties",
                "maxProperties", "minContains", "maxContains",
            ]),
            count(),
        ),
        1 => (Just("pattern"), pattern().prop_map(Value::from)),
        1 => (Just("uniqueItems"), any::<bool>().prop_map(Value::from)),
        1 => (Just("required"), names()),
        1 => (
            Just("dependentRequired"),
            prop::collection::btree_map(name(), names(), 1..3).prop_map(|map| json!(map)),
        ),
        1 => (
            Just("$ref"),
            prop::sample::select(vec!["#/$defs/a", "#b", "https://example.com/c", "#/$defs/c/items"])
                .prop_map(Value::from),
        ),
        1 => (Just("$dynamicRef"), Just(json!("#node"))),
    ]
}

/// A keyword with schemas of its own.
fn keyword(
    schema: impl Strategy<Value = Value> + Clone + 'static,
) -> impl Strategy<Value = (&'static str, Value)> {
    let list = prop::collection::vec(schema.clone(), 1..4).prop_map(Value::from);
    let properties =
        prop::collection::btree_map(name(), schema.clone(), 1..4).prop_map(|map| json!(map));
    let patterns =
        prop::collection::btree_map(pattern(), schema.clone(), 1..3).prop_map(|map| json!(map));
    prop_oneof![
        2 => (prop::sample::select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]), list),
        2 => (
            prop::sample::select(vec![
                "not",
                "if",
                "then",
                "else",
                "items",
                "contains",
                "propertyNames",
                "additionalProperties",
            ]),
            schema.clone(),
        ),
        2 => (prop::sample::select(vec!["unevaluatedItems", "unevaluatedProperties"]), schema),
        2 => (prop::sample::select(vec!["properties", "dependentSchemas"]), properties),
        1 => (Just("patternProperties"), patterns),
    ]
}

/// A schema with definitions for the references in it to lead to.
fn document() -> impl Strategy<Value = Value> {
    let node = prop::option::of(schema());
    (schema(), schema(), schema(), schema(), node).prop_map(|(root, a, b, c, node)| {
        let named = |schema: Value, name: &str, value: &str| {
            let mut members = match schema {
                Value::Object(members) => members,
                other => Map::from_iter([("not".to_owned(), json!({ "not": other }))]),
            };
            members.insert(name.to_owned(), value.into());
            members
        };
        let mut c = named(c, "$id", "https://example.com/c");
        c.entry("items").or_insert(json!(true));
        if let Some(node) = node {
            let node = named(node, "$dynamicAnchor", "node");
            c.insert("$defs".into(), json!({ "node": node }));
        }
        c.entry("$defs").or_insert_with(|| json!({ "node": { "$dynamicAnchor": "node" } }));
        let mut root = named(root, "$dynamicAnchor", "node");
        root.insert("$defs".into(), json!({ "a": a, "b": named(b, "$anchor", "b"), "c": c }));
        root.into()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn verdicts_are_those_of_another_implementation(
        schema in document(),
        values in prop::collection::vec(value(), 8),
    ) {
        // Schemas that lead in a circle are refused; the other one would not be done with them.
        let Ok(validator) = Validator::new(&schema) else { return Ok(()) };
        let peer = jsonschema::draft202012::new(&schema).expect("it takes what is taken here");
        for value in &values {
            let verdict = validator.is_valid(value);
            prop_assert_eq!(verdict, peer.is_valid(value), "{} for {}", value, schema);
            prop_assert_eq!(verdict, validator.faults(value).count() == 0, "{} for {}", value, schema);
        }
    }
}
