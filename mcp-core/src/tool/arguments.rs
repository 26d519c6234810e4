//! Checking arguments against a tool's schema, and saying what is wrong in a way that a model
//! can mend.

use std::fmt::Write as _;

use jsonschema::{
    ValidationError, Validator,
    error::{TypeKind, ValidationErrorKind},
};
use serde_json::{Map, Value};

/// How many faults one answer tells of.
const MOST_FAULTS: usize = 20;
/// How much of an offending value one fault shows, in characters.
const MOST_OF_A_VALUE: usize = 60;

#[derive(Debug)]
pub(super) struct ArgumentsSchema {
    validator: Validator,
    names: Vec<String>,
}

impl ArgumentsSchema {
    pub(super) fn new(schema: &Map<String, Value>) -> Result<Self, String> {
        let names = schema
            .get("properties")
            .and_then(Value::as_object)
            .map(|properties| properties.keys().cloned().collect())
            .unwrap_or_default();
        jsonschema::draft202012::new(&Value::Object(schema.clone()))
            .map(|validator| Self { validator, names })
            .map_err(|error| error.to_string())
    }

    /// Every fault of the arguments, or `None` if they have none.
    pub(super) fn faults(&self, tool: &str, arguments: &Value) -> Option<String> {
        if self.validator.is_valid(arguments) {
            return None;
        }
        let mut text = format!("The arguments of `{tool}` do not fit its schema:");
        let mut errors = self.validator.iter_errors(arguments);
        for error in errors.by_ref().take(MOST_FAULTS) {
            self.describe(&error, arguments, &mut text);
        }
        let more = errors.count();
        if more > 0 {
            let _ = write!(text, "\n- and {more} more");
        }
        Some(text)
    }

    fn describe(&self, error: &ValidationError<'_>, arguments: &Value, out: &mut String) {
        let path = path(error.instance_path().as_str());
        let found = || excerpt(&error.instance().to_string());
        // Writing to a `String` does not fail.
        let _ = match error.kind() {
            ValidationErrorKind::Required { property } => {
                let property = property.as_str().unwrap_or_default();
                let field = if path.is_empty() {
                    property.to_owned()
                } else {
                    format!("{path}.{property}")
                };
                write!(out, "\n- `{field}`: required, but missing")
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for property in unexpected {
                    let field = if path.is_empty() {
                        property.clone()
                    } else {
                        format!("{path}.{property}")
                    };
                    let _ = write!(out, "\n- `{}`: no such argument", excerpt(&field));
                    if path.is_empty() && arguments.is_object() {
                        let _ = write!(out, "; expected one of {}", self.names.join(", "));
                    }
                }
                Ok(())
            }
            ValidationErrorKind::Type { kind } => {
                let expected = match kind {
                    TypeKind::Single(kind) => kind.to_string(),
                    TypeKind::Multiple(kinds) => {
                        kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or ")
                    }
                };
                write!(out, "\n- {}: expected {expected}, found {}", name(&path), found())
            }
            ValidationErrorKind::Enum { options } => {
                let options = match &**options {
                    Value::Array(options) => {
                        options.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
                    }
                    other => other.to_string(),
                };
                write!(out, "\n- {}: expected one of {options}, found {}", name(&path), found())
            }
            // A documented enum: one constant for each variant.
            ValidationErrorKind::OneOfNotValid { context } if constants(context).is_some() => {
                let options = constants(context).unwrap_or_default();
                write!(out, "\n- {}: expected one of {options}, found {}", name(&path), found())
            }
            ValidationErrorKind::Minimum { limit } => {
                write!(out, "\n- {}: expected at least {limit}, found {}", name(&path), found())
            }
            ValidationErrorKind::Maximum { limit } => {
                write!(out, "\n- {}: expected at most {limit}, found {}", name(&path), found())
            }
            _ => write!(out, "\n- {}: {}", name(&path), excerpt(&error.to_string())),
        };
    }
}

/// The values that `oneOf` chooses from, if it does nothing but choose from values.
fn constants(branches: &[Vec<ValidationError<'_>>]) -> Option<String> {
    let constants: Option<Vec<String>> = branches
        .iter()
        .map(|errors| {
            errors.iter().find_map(|error| match error.kind() {
                ValidationErrorKind::Constant { expected_value } => {
                    Some(expected_value.to_string())
                }
                ValidationErrorKind::Enum { options } => Some(
                    options.as_array()?.iter().map(Value::to_string).collect::<Vec<_>>().join(", "),
                ),
                _ => None,
            })
        })
        .collect();
    constants.map(|constants| constants.join(", "))
}

/// A JSON pointer as people and models write paths: `/filters/0/name` is `filters[0].name`.
fn path(pointer: &str) -> String {
    let mut path = String::new();
    for segment in pointer.split('/').skip(1) {
        if segment.bytes().all(|byte| byte.is_ascii_digit()) && !segment.is_empty() {
            let _ = write!(path, "[{segment}]");
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&segment.replace("~1", "/").replace("~0", "~"));
        }
    }
    excerpt(&path)
}

fn name(path: &str) -> String {
    if path.is_empty() { "the arguments".to_owned() } else { format!("`{path}`") }
}

fn excerpt(text: &str) -> String {
    match text.char_indices().nth(MOST_OF_A_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> ArgumentsSchema {
        let Value::Object(schema) = json!({
            "type": "object",
            "properties": {
                "n": {"type": "integer", "minimum": 1, "maximum": 1000},
                "by": {"enum": ["revenue", "units"]},
                "order": {"oneOf": [{"const": "up"}, {"enum": ["down", "none"]}]},
                "branch": {"type": ["string", "null"]},
                "filters": {"type": "array", "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}},
                    "required": ["name"],
                }},
            },
            "required": ["n"],
            "additionalProperties": false,
        }) else {
            unreachable!()
        };
        ArgumentsSchema::new(&schema).unwrap()
    }

    #[test]
    fn arguments_that_fit_have_no_faults() {
        assert_eq!(schema().faults("top", &json!({"n": 3, "branch": null})), None);
    }

    #[test]
    fn every_fault_is_named_with_its_path_and_what_was_expected() {
        let text = schema()
            .faults(
                "top",
                &json!({"n": 0, "by": "profit", "branch": 5, "filters": [{"name": 1}, {}], "nn": 1,
                    "order": "sideways"}),
            )
            .unwrap();
        for fault in [
            "- `n`: expected at least 1, found 0",
            r#"- `by`: expected one of "revenue", "units", found "profit""#,
            r#"- `order`: expected one of "up", "down", "none", found "sideways""#,
            "- `branch`: expected null or string, found 5",
            "- `filters[0].name`: expected string, found 1",
            "- `filters[1].name`: required, but missing",
            "- `nn`: no such argument; expected one of ",
        ] {
            assert!(text.contains(fault), "no {fault:?} in:\n{text}");
        }
    }

    #[test]
    fn long_values_and_many_faults_are_cut() {
        let many: Vec<Value> = (0..100).map(|_| json!("x".repeat(1000))).collect();
        let text = schema().faults("top", &json!({"n": 1, "filters": many})).unwrap();
        assert!(text.contains("and 80 more"), "{text}");
        assert!(text.len() < 5_000, "{}", text.len());
    }
}
