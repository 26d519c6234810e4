//! JSON Schema 2020-12: compiled once, checked in time linear in the value's size, explained for
//! those who have to mend the value. A schema that would need more is given up on (`budget.rs`).
//!
//! The applicator, validation and unevaluated vocabularies are checked; `format` and the keywords
//! about content are annotations, as the specification has it. References lead to what the schema
//! holds; nothing is fetched.
//!
//! It is written here because what there was brought a full engine of regular expressions with the
//! tables of Unicode, a resolver of addresses and decoders for each format: four megabytes in each
//! program. It is held to the official test suite (`suite.rs`) and to another implementation
//! (`peer.rs`).

mod budget;
mod check;
mod compile;
mod equal;
mod evaluated;
mod expected;
mod fault;
mod flat;
mod index;
mod node;
mod number;
mod pattern;
mod types;
mod uri;

#[cfg(test)]
mod peer;
#[cfg(test)]
mod suite;

pub(crate) use self::{
    expected::Expected,
    fault::{Fault, FaultKind, Faults, Step},
};

use std::fmt;

use serde_json::Value;

use self::{
    compile::Compiler,
    flat::Flat,
    node::{Node, NodeId, Resource},
};

/// Why a schema is not compiled, with the place in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SchemaError {
    /// It is no schema.
    Invalid(String),
    /// It has a pattern that is none, or none that can be searched for here.
    Pattern(String),
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Invalid(reason) | Self::Pattern(reason)) = self;
        f.write_str(reason)
    }
}

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Validator {
    nodes: Vec<Node>,
    resources: Vec<Resource>,
    root: NodeId,
    /// Where little is asked for.
    flat: Option<Flat>,
}

impl Validator {
    /// Compiles a schema.
    ///
    /// # Errors
    ///
    /// When a keyword has a value that it cannot have, a reference leads nowhere or in a circle,
    /// or a pattern cannot be searched for in linear time.
    pub(crate) fn new(schema: &Value) -> Result<Self, SchemaError> {
        Compiler::compile(schema)
    }

    /// Whether a value fits. Asks for no memory, but for long arrays with `uniqueItems`, for
    /// `propertyNames`, and for `unevaluatedProperties` of more than 64 members.
    pub(crate) fn is_valid(&self, value: &Value) -> bool {
        self.check(value, None)
    }

    /// What is wrong with a value; nothing if it fits.
    pub(crate) fn faults<'a>(&'a self, value: &'a Value) -> Faults<'a> {
        let mut faults = Faults::default();
        self.check(value, Some(&mut faults));
        faults
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn refused(schema: &Value) -> String {
        Validator::new(schema).unwrap_err().to_string()
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!([]), |value, _| json!([value]))
    }

    #[test]
    fn what_is_no_schema_is_refused_with_its_place() {
        for (schema, place, reason) in [
            (json!(1), "", "no schema"),
            (json!({"type": "int"}), "/type", "name types"),
            (json!({"type": []}), "/type", "name types"),
            (json!({"properties": {"a": {"minimum": "1"}}}), "/properties/a/minimum", "number"),
            (json!({"properties": []}), "/properties", "be an object"),
            (json!({"maxLength": -1}), "/maxLength", "at least 0"),
            (json!({"maxLength": 1.5}), "/maxLength", "at least 0"),
            (json!({"multipleOf": 0}), "/multipleOf", "more than 0"),
            (json!({"required": ["a", 1]}), "/required", "string"),
            (json!({"enum": "a"}), "/enum", "array"),
            (json!({"anyOf": []}), "/anyOf", "have a schema"),
            (json!({"items": [{}]}), "/items", "`prefixItems`"),
            (json!({"uniqueItems": "yes"}), "/uniqueItems", "boolean"),
            (json!({"$defs": {"a": 1}, "not": {"$ref": "#/$defs/a"}}), "#/$defs/a", "no schema"),
            (json!({"items": {"pattern": "(?=a)"}}), "/items/pattern", "`(?=a)`"),
        ] {
            let error = refused(&schema);
            assert!(error.contains(&format!("`{place}`")) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn references_lead_to_what_the_schema_holds() {
        for reference in ["#/$defs/b", "#b", "b", "https://example.com/schema.json"] {
            let error = refused(&json!({"$defs": {"a": {}}, "not": {"$ref": reference}}));
            assert!(error.contains("`/not/$ref`") && error.contains(reference), "{error}");
        }
        for schema in [
            json!({"$id": "a", "$defs": {"x": {"$id": "a"}}}),
            json!({"$defs": {"x": {"$anchor": "a"}, "y": {"$dynamicAnchor": "a"}}}),
            json!({"$id": "a#b"}),
        ] {
            refused(&schema);
        }
    }

    #[test]
    fn schemas_that_would_never_be_done_are_refused() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"not": {"anyOf": [true, {"$ref": "#"}]}}),
            json!({"if": {"$ref": "#"}}),
            json!({"if": true, "then": {"$ref": "#"}}),
            json!({"dependentSchemas": {"a": {"$ref": "#"}}}),
            json!({"$dynamicAnchor": "x", "$dynamicRef": "#x"}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
                "items": {"$ref": "#/$defs/a"}}),
        ] {
            assert!(refused(&schema).contains("back to itself"), "{schema}");
        }
    }

    #[test]
    fn no_depth_is_too_much_for_the_stack() {
        let validator = Validator::new(&json!({
            "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}, {"type": "null"}]},
                "b": {"type": "array", "items": {"allOf": [{"$ref": "#/$defs/a"}]},
                    "unevaluatedItems": false}},
            "$ref": "#/$defs/a"
        }))
        .unwrap();
        let chain =
            (0..10_000).map(|n| (n.to_string(), json!({ "$ref": format!("#/$defs/{}", n + 1) })));
        let mut chain: Map<_, _> = chain.collect();
        chain.insert("10000".to_owned(), json!(true));
        let chain = Validator::new(&json!({ "$defs": chain, "$ref": "#/$defs/0" })).unwrap();
        // Half of what a thread of a runtime has.
        let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
            assert!(validator.is_valid(&nested(50)));
            let deep = nested(500);
            assert!(!validator.is_valid(&deep));
            assert!(validator.faults(&deep).count() > 0);
            let value = json!(1);
            let faults = chain.faults(&value);
            assert!(matches!(faults.known()[0].kind, FaultKind::TooDeep), "{faults:?}");
        });
        thread.unwrap().join().unwrap();
    }

    /// `levels` schemas, each of which leads to the next one twice.
    fn branching(levels: usize, applicator: &str) -> Value {
        let schemas = (0..levels).map(|level| {
            let next = json!({ "$ref": format!("#/$defs/{}", level + 1) });
            (level.to_string(), json!({ applicator: [&next, &next] }))
        });
        let mut schemas: Map<_, _> = schemas.collect();
        schemas.insert(levels.to_string(), json!({ "type": ["object", "number"] }));
        json!({ "$defs": schemas, "$ref": "#/$defs/0" })
    }

    #[test]
    fn a_schema_that_branches_without_end_is_given_up_on() {
        for applicator in ["allOf", "oneOf"] {
            // 2 to the power of 100.
            let validator = Validator::new(&branching(100, applicator)).unwrap();
            let value = json!(1);
            assert!(!validator.is_valid(&value), "{applicator}");
            let faults = validator.faults(&value);
            assert_eq!(faults.count(), 1, "{applicator}: {faults:?}");
            assert!(matches!(faults.known()[0].kind, FaultKind::TooMuchWork), "{faults:?}");
            // Ten levels are 1,024 branches, which is no trouble.
            assert_eq!(
                Validator::new(&branching(10, applicator)).unwrap().is_valid(&value),
                applicator == "allOf"
            );
        }
        // Where the value does not fit, and it is told for each branch why.
        let validator = Validator::new(&branching(100, "anyOf")).unwrap();
        let value = json!("text");
        assert!(!validator.is_valid(&value));
        let faults = validator.faults(&value);
        assert!(matches!(faults.known()[0].kind, FaultKind::TooMuchWork), "{faults:?}");
    }

    #[test]
    fn what_is_given_up_on_fits_no_negation_either() {
        let mut schema = branching(100, "oneOf");
        let root = schema.as_object_mut().unwrap().remove("$ref").unwrap();
        schema["not"] = json!({ "$ref": root });
        assert!(!Validator::new(&schema).unwrap().is_valid(&json!(1)));

        let deep = json!({"not": {"$ref": "#/$defs/list"},
            "$defs": {"list": {"items": {"$ref": "#/$defs/list"}}}});
        let validator = Validator::new(&deep).unwrap();
        assert!(!validator.is_valid(&nested(500)));
    }

    #[test]
    fn a_large_value_may_take_more_work_than_a_small_one() {
        // A union of 60 kinds, of which each item fits the last.
        let kinds: Vec<Value> = (0..60).map(|kind| json!({ "const": kind })).collect();
        let validator = Validator::new(&json!({ "items": { "anyOf": kinds } })).unwrap();
        assert!(validator.is_valid(&Value::from(vec![59; 20_000])));
        // 4 MB of text, looked through ten times.
        let lengths: Vec<Value> = (0..10).map(|_| json!({ "maxLength": 1 << 22 })).collect();
        let validator = Validator::new(&json!({ "allOf": lengths })).unwrap();
        assert!(validator.is_valid(&Value::from("x".repeat(1 << 22))));
    }

    #[test]
    fn however_many_faults_there_are_few_are_kept() {
        let validator = Validator::new(&json!({"items": {"type": "null"}})).unwrap();
        let value = Value::from(vec![1; 100_000]);
        let faults = validator.faults(&value);
        assert_eq!((faults.known().len(), faults.count()), (64, 100_000));
    }

    #[test]
    fn what_is_expected_is_told_in_words() {
        for (schema, value, expected) in [
            (json!(false), json!(1), "nothing"),
            (json!({"exclusiveMaximum": 1.5}), json!(2), "less than 1.5"),
            (json!({"multipleOf": 0.1}), json!(0.25), "a multiple of 0.1"),
            (json!({"uniqueItems": true}), json!([1, 1.0]), "items that are all different"),
            (
                json!({"contains": {"type": "string"}, "minContains": 2}),
                json!([1, "a"]),
                "at least 2 items that are string",
            ),
            (json!({"contains": true, "maxContains": 1}), json!([1, 2]), "at most 1 items"),
            (json!({"propertyNames": {"maxLength": 1}}), json!({"ab": 1}), "than `ab`: at most 1"),
            (json!({"minProperties": 1}), json!({}), "at least 1 members"),
            (json!({"oneOf": [true, {"minimum": 1}]}), json!(2), "only one of several forms"),
            (json!({"not": {"type": "null"}}), json!(null), "something else"),
            (json!({"dependentRequired": {"a": ["b"]}}), json!({"a": 1}), "a member `b`"),
            (json!({"unevaluatedProperties": false}), json!({"a": 1}), "no member `a`"),
        ] {
            let validator = Validator::new(&schema).unwrap();
            let faults = validator.faults(&value);
            let told = Expected::of(&faults.known()[0]).to_string();
            assert!(told.contains(expected), "{told:?} for {schema}");
        }
    }
}
