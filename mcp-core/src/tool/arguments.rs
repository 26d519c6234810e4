//! Checking arguments against a tool's schema, and saying what is wrong in a way that a model
//! can mend.

use std::fmt::{self, Write as _};

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
        if schema.get("type").is_none_or(|kind| kind != "object") {
            return Err("the arguments of a tool are an object".to_owned());
        }
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
        let mut faults = Faults {
            text: format!("The arguments of `{tool}` do not fit its schema:"),
            told: 0,
            more: 0,
            names: &self.names,
        };
        for error in self.validator.iter_errors(arguments) {
            faults.describe(&error);
        }
        Some(faults.finish())
    }
}

/// What is wrong, as it is being written down.
struct Faults<'a> {
    text: String,
    told: usize,
    more: usize,
    /// The arguments that the tool has.
    names: &'a [String],
}

impl Faults<'_> {
    fn add(&mut self, fault: impl FnOnce() -> String) {
        if self.told == MOST_FAULTS {
            self.more += 1;
            return;
        }
        self.told += 1;
        self.text.push_str("\n- ");
        self.text.push_str(&fault());
    }

    fn finish(mut self) -> String {
        if self.more > 0 {
            // Writing to a `String` does not fail.
            let _ = write!(self.text, "\n- and {} more", self.more);
        }
        self.text
    }

    fn describe(&mut self, error: &ValidationError<'_>) {
        let path = path(error.instance_path().as_str());
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let property = property.as_str().unwrap_or_default();
                self.add(|| format!("`{}`: required, but missing", member(&path, property)));
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let names = self.names;
                for property in unexpected {
                    self.add(|| {
                        let field = member(&path, property);
                        match (path.is_empty(), names) {
                            (false, _) => format!("`{field}`: no such member"),
                            (true, []) => {
                                format!("`{field}`: no such argument; the tool takes none")
                            }
                            (true, names) => format!(
                                "`{field}`: no such argument; expected one of {}",
                                names.join(", ")
                            ),
                        }
                    });
                }
            }
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => {
                self.describe_alternatives(error, context);
            }
            _ => {
                let expected = expectation(error);
                self.add(|| unexpected(&path, &expected, error.instance()));
            }
        }
    }

    /// Tells of a value that fits none of several schemas: what they expect of the value, or, if
    /// it is the right kind of value for one of them, what is wrong inside it.
    fn describe_alternatives(
        &mut self,
        error: &ValidationError<'_>,
        branches: &[Vec<ValidationError<'_>>],
    ) {
        let here = error.instance_path().as_str();
        let inside: Vec<_> = branches
            .iter()
            .filter(|errors| !errors.iter().any(|error| refuses(error, here)))
            .collect();
        // Of objects that are told apart by a constant member, the one that has it is meant.
        let is_constant = |error: &&ValidationError<'_>| {
            matches!(error.kind(), ValidationErrorKind::Constant { .. })
        };
        let meant = inside
            .iter()
            .filter(|errors| !errors.iter().any(|error| is_constant(&error)))
            .min_by_key(|errors| errors.len());
        if let Some(errors) = meant {
            errors.iter().for_each(|error| self.describe(error));
        } else if let Some(tag) = inside.first().and_then(|errors| errors.iter().find(is_constant))
        {
            let tags = inside
                .iter()
                .filter_map(|errors| errors.iter().find(is_constant))
                .filter(|error| error.instance_path() == tag.instance_path());
            let mut expected = Expected::default();
            tags.for_each(|error| expected.add(error));
            let path = path(tag.instance_path().as_str());
            self.add(|| unexpected(&path, &expected.to_string(), tag.instance()));
        } else {
            let expected = expectation(error);
            let path = path(here);
            self.add(|| unexpected(&path, &expected, error.instance()));
        }
    }
}

/// Whether the value as a whole is of the wrong kind, at the place `here`.
fn refuses(error: &ValidationError<'_>, here: &str) -> bool {
    error.instance_path().as_str() == here
        && match error.kind() {
            ValidationErrorKind::Type { .. }
            | ValidationErrorKind::Constant { .. }
            | ValidationErrorKind::Enum { .. } => true,
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => {
                context.iter().all(|errors| errors.iter().any(|error| refuses(error, here)))
            }
            _ => false,
        }
}

fn expectation(error: &ValidationError<'_>) -> String {
    let mut expected = Expected::default();
    expected.add(error);
    expected.to_string()
}

/// What could stand in a place: some values, or something that words describe.
#[derive(Default)]
struct Expected {
    values: Vec<String>,
    others: Vec<String>,
}

impl Expected {
    fn add(&mut self, error: &ValidationError<'_>) {
        let other = match error.kind() {
            ValidationErrorKind::AnyOf { context }
            | ValidationErrorKind::OneOfNotValid { context } => {
                let here = error.instance_path();
                for error in context.iter().flatten().filter(|e| e.instance_path() == here) {
                    self.add(error);
                }
                return;
            }
            ValidationErrorKind::Enum { options } => {
                match &**options {
                    Value::Array(options) => {
                        self.values.extend(options.iter().map(Value::to_string));
                    }
                    other => self.values.push(other.to_string()),
                }
                return;
            }
            ValidationErrorKind::Constant { expected_value } => {
                self.values.push(expected_value.to_string());
                return;
            }
            ValidationErrorKind::Type { kind: TypeKind::Single(kind) } => kind.to_string(),
            ValidationErrorKind::Type { kind: TypeKind::Multiple(kinds) } => {
                kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or ")
            }
            ValidationErrorKind::Minimum { limit } => format!("at least {limit}"),
            ValidationErrorKind::Maximum { limit } => format!("at most {limit}"),
            ValidationErrorKind::ExclusiveMinimum { limit } => format!("more than {limit}"),
            ValidationErrorKind::ExclusiveMaximum { limit } => format!("less than {limit}"),
            ValidationErrorKind::MultipleOf { multiple_of } => {
                format!("a multiple of {multiple_of}")
            }
            ValidationErrorKind::MinLength { limit } => format!("at least {limit} characters"),
            ValidationErrorKind::MaxLength { limit } => format!("at most {limit} characters"),
            ValidationErrorKind::MinItems { limit } => format!("at least {limit} items"),
            ValidationErrorKind::MaxItems { limit } => format!("at most {limit} items"),
            ValidationErrorKind::UniqueItems => "items that are all different".to_owned(),
            ValidationErrorKind::Pattern { pattern } => format!("text that matches {pattern}"),
            ValidationErrorKind::Format { format } => format!("text of the format {format}"),
            // The value is shown apart from what is said of it, so that its length cuts nothing off.
            _ => format!("something else ({})", error.masked()),
        };
        if !self.others.contains(&other) {
            self.others.push(other);
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.values.as_slice() {
            [] => {}
            [value] => f.write_str(value)?,
            values => write!(f, "one of {}", values.join(", "))?,
        }
        for (index, other) in self.others.iter().enumerate() {
            if index > 0 || !self.values.is_empty() {
                f.write_str(" or ")?;
            }
            f.write_str(other)?;
        }
        Ok(())
    }
}

fn unexpected(path: &str, expected: &str, found: &Value) -> String {
    format!("{}: expected {expected}, found {}", name(path), shown(found))
}

fn member(path: &str, name: &str) -> String {
    excerpt(&if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") })
}

/// The beginning of a value's JSON, without writing the rest.
fn shown(value: &Value) -> String {
    struct Beginning(String, usize);

    impl fmt::Write for Beginning {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for letter in text.chars() {
                self.1 = self.1.checked_sub(1).ok_or(fmt::Error)?;
                self.0.push(letter);
            }
            Ok(())
        }
    }

    let mut beginning = Beginning(String::new(), MOST_OF_A_VALUE);
    if write!(beginning, "{value}").is_err() {
        beginning.0.push('…');
    }
    beginning.0
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
