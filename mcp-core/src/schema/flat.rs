//! Objects of plain members, checked as they are read.
//!
//! Most tools take a few numbers and texts. To read those into a [`Value`] and to check that costs more
//! than the rest of such a call; here nothing is kept of them.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::{Number, Value};

use super::{
    Validator,
    node::{Node, NodeId, ObjectRules},
};

/// What is asked of a plain object: no more than which members it has, and what each of them is.
#[derive(Debug)]
pub(super) struct Flat {
    /// In the order of their names, at most as many as there are bits below.
    members: Vec<(String, NodeId)>,
    /// Those that have to be there, a bit for each.
    required: u64,
}

impl Flat {
    /// `None` where a schema asks for more than that.
    pub(super) fn of(nodes: &[Node], root: NodeId) -> Option<Self> {
        let node = |id: NodeId| &nodes[id.0 as usize];
        let root = node(root);
        let rules = root.objects.as_deref()?;
        let ObjectRules {
            min_properties: None,
            max_properties: None,
            required,
            dependent_required,
            dependent_schemas,
            names: None,
            properties,
            patterns,
            additional: _,
        } = rules
        else {
            return None;
        };
        let is_more =
            !dependent_required.is_empty() || !dependent_schemas.is_empty() || !patterns.is_empty();
        let is_object =
            root.types.is_some_and(|types| types.include(&Value::Object(<_>::default())));
        if is_more || !is_object || !is_plain(root) || properties.len() > 64 {
            return None;
        }
        // Texts are looked at here, all others by the check of any value. What may be an array or an object
        // would be looked at in vain.
        let is_small = |node: &Node| {
            is_plain(node)
                && node.strings.is_none()
                && node.types.is_some_and(|types| {
                    !types.include(&Value::Array(Vec::new()))
                        && !types.include(&Value::Object(<_>::default()))
                })
        };
        if !properties.iter().all(|(_, id)| is_small(node(*id))) {
            return None;
        }
        let mut mask = 0;
        for name in required {
            mask |= 1 << properties.binary_search_by(|(known, _)| known.cmp(name)).ok()?;
        }
        Some(Self { members: properties.clone(), required: mask })
    }
}

/// Whether only the type of a value matters, and the rules of that type.
fn is_plain(node: &Node) -> bool {
    !node.never
        && node.constant.is_none()
        && node.options.is_none()
        && node.in_place.is_empty()
        && !node.tracks()
}

impl Validator {
    /// Whether an object, as JSON, is one that fits, and has no member twice. Where it is not, nothing
    /// is said: its schema may ask for more, its members may be objects themselves, or their names have
    /// escapes.
    pub(crate) fn surely_fits(&self, text: &str) -> bool {
        let Some(flat) = &self.flat else { return false };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let fits = deserializer.deserialize_map(Members { validator: self, flat });
        fits.is_ok() && deserializer.end().is_ok()
    }
}

struct Members<'v> {
    validator: &'v Validator,
    flat: &'v Flat,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of plain members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { validator, flat } = self;
        let mut seen = 0;
        while let Some(name) = map.next_key::<&str>()? {
            let place = flat.members.binary_search_by(|(known, _)| known.as_str().cmp(name));
            let place = place.map_err(|_| A::Error::custom(""))?;
            let id = flat.members[place].1;
            let fits = match map.next_value()? {
                Plain::Text => validator.nodes[id.0 as usize]
                    .types
                    .is_none_or(|types| types.include(&Value::String(String::new()))),
                Plain::Other(value) => validator.fits(id, &value),
            };
            if !fits || seen >> place & 1 == 1 {
                return Err(A::Error::custom(""));
            }
            seen |= 1 << place;
        }
        if seen & flat.required == flat.required { Ok(()) } else { Err(A::Error::custom("")) }
    }
}

/// A value that is neither an array nor an object.
enum Plain {
    Text,
    Other(Value),
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PlainVisitor;

        impl Visitor<'_> for PlainVisitor {
            type Value = Plain;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a plain value")
            }

            fn visit_unit<E>(self) -> Result<Plain, E> {
                Ok(Plain::Other(Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Plain, E> {
                Ok(Plain::Other(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Plain, E> {
                Ok(Plain::Other(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Plain, E> {
                Ok(Plain::Other(value.into()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Plain, E> {
                let number = Number::from_f64(value).ok_or_else(|| E::custom(""))?;
                Ok(Plain::Other(number.into()))
            }

            fn visit_str<E>(self, _: &str) -> Result<Plain, E> {
                Ok(Plain::Text)
            }
        }

        deserializer.deserialize_any(PlainVisitor)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXTS: [&str; 24] = [
        "{}",
        r#"{"a":1}"#,
        r#"{"a":1,"b":2}"#,
        r#" { "b" : "x" , "a" : 1 } "#,
        r#"{"a":1.0,"b":null}"#,
        r#"{"a":1.5,"b":true}"#,
        r#"{"a":-1}"#,
        r#"{"a":11}"#,
        r#"{"a":18446744073709551615}"#,
        r#"{"a":1e400}"#,
        r#"{"a":"1"}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"","b":"\n"}"#,
        r#"{"a":null}"#,
        r#"{"a":[1]}"#,
        r#"{"a":{}}"#,
        r#"{"a":1,"a":1}"#,
        r#"{"\u0061":1}"#,
        r#"{"a":1,"c":1}"#,
        r#"{"a":1} x"#,
        r#"{"a":1"#,
        "[1]",
        "1",
        "",
    ];

    #[test]
    fn what_surely_fits_is_valid() {
        let mut fitting = 0;
        for a in [
            json!(true),
            json!(false),
            json!({"type": "integer"}),
            json!({"type": ["integer", "null"], "minimum": 0, "maximum": 10, "format": "int64"}),
            json!({"type": "number", "exclusiveMinimum": 1, "multipleOf": 0.5}),
            json!({"type": "string"}),
            json!({"type": ["string", "boolean"], "minLength": 1}),
            json!({"enum": [1, "1"]}),
            json!({"const": 1}),
            json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}),
            json!({"type": "array"}),
            json!({"$ref": "#/properties/b"}),
        ] {
            for more in [
                json!({}),
                json!({"required": ["a"]}),
                json!({"required": ["a", "b"], "additionalProperties": false}),
                json!({"required": ["c"]}),
                json!({"additionalProperties": {"type": "string"}}),
                json!({"minProperties": 2}),
                json!({"maxProperties": 1}),
                json!({"propertyNames": {"maxLength": 0}}),
                json!({"patternProperties": {"^a": {"type": "null"}}}),
                json!({"dependentRequired": {"a": ["b"]}}),
                json!({"dependentSchemas": {"a": {"required": ["b"]}}}),
                json!({"unevaluatedProperties": false}),
                json!({"not": {"required": ["b"]}}),
                json!({"const": {"a": 1}}),
            ] {
                let b = json!({"type": ["string", "boolean", "null"]});
                let mut schema = json!({"type": "object", "properties": {"a": a, "b": b}});
                schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                let validator = Validator::new(&schema).unwrap();
                for text in TEXTS {
                    if validator.surely_fits(text) {
                        fitting += 1;
                        let value: Value = serde_json::from_str(text).unwrap();
                        assert!(validator.is_valid(&value), "{text} does not fit {schema}");
                    }
                }
            }
        }
        assert!(fitting > 40, "{fitting}");
    }

    #[test]
    fn the_arguments_of_plain_tools_need_no_second_look() {
        let validator = Validator::new(&json!({
            "type": "object",
            "properties": {
                "a": {"type": "integer", "format": "int64", "description": "The first."},
                "b": {"type": ["integer", "null"], "minimum": 0, "maximum": 10},
                "text": {"type": "string"},
            },
            "required": ["a"],
            "additionalProperties": false,
        }))
        .unwrap();
        for text in
            [r#"{"a":1}"#, r#"{"a":1,"b":null,"text":"x\ny"}"#, r#"{"text":"","b":10,"a":-5}"#]
        {
            assert!(validator.surely_fits(text), "{text}");
        }
        for text in [r#"{"b":1}"#, r#"{"a":1,"b":11}"#, r#"{"a":1,"a":1}"#, r#"{"a":1,"c":1}"#] {
            assert!(!validator.surely_fits(text), "{text}");
        }
    }
}
