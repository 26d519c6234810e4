//! Checking arguments against a tool's schema, and saying what is wrong in a way that a model
//! can mend.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};

use crate::schema::{Expected, Fault, FaultKind, Faults, SchemaError, Step, Validator};

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
    pub(super) fn new(schema: &Map<String, Value>) -> Result<Self, SchemaError> {
        if schema.get("type").is_none_or(|kind| kind != "object") {
            return Err(SchemaError::Invalid("the arguments of a tool are an object".to_owned()));
        }
        let names = schema
            .get("properties")
            .and_then(Value::as_object)
            .map(|properties| properties.keys().cloned().collect())
            .unwrap_or_default();
        Validator::new(&Value::Object(schema.clone())).map(|validator| Self { validator, names })
    }

    /// What all arguments fit.
    pub(super) fn unchecked() -> Result<Self, SchemaError> {
        Self::new(&Map::from_iter([("type".to_owned(), "object".into())]))
    }

    /// Whether the text of arguments is known to fit without a closer look.
    pub(super) fn surely_fits(&self, arguments: &str) -> bool {
        // A long text is cheaper to be read once, and kept.
        const LONG: usize = 2048;
        arguments.len() <= LONG && self.validator.surely_fits(arguments)
    }

    /// Every fault of the arguments, or `None` if they have none.
    pub(super) fn faults(&self, tool: &str, arguments: &Value) -> Option<String> {
        if self.validator.is_valid(arguments) {
            return None;
        }
        let mut report = Report {
            text: format!("The arguments of `{tool}` do not fit its schema:"),
            told: 0,
            more: 0,
            names: &self.names,
        };
        report.describe_all(&self.validator.faults(arguments));
        Some(report.finish())
    }
}

/// What is wrong, as it is being written down.
struct Report<'a> {
    text: String,
    told: usize,
    more: usize,
    /// The arguments that the tool has.
    names: &'a [String],
}

impl Report<'_> {
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

    fn describe_all(&mut self, faults: &Faults<'_>) {
        faults.known().iter().for_each(|fault| self.describe(fault));
        self.more += faults.more();
    }

    fn describe(&mut self, fault: &Fault<'_>) {
        let path = path(&fault.path);
        match &fault.kind {
            FaultKind::Required(name) => {
                self.add(|| format!("`{}`: required, but missing", member(&path, name)));
            }
            FaultKind::Unexpected(name) => {
                let names = self.names;
                self.add(|| {
                    let field = member(&path, name);
                    match (path.is_empty(), names) {
                        (false, _) => format!("`{field}`: no such member"),
                        (true, []) => format!("`{field}`: no such argument; the tool takes none"),
                        (true, names) => format!(
                            "`{field}`: no such argument; expected one of {}",
                            names.join(", ")
                        ),
                    }
                });
            }
            FaultKind::NoneOf(branches) => self.describe_alternatives(fault, branches),
            _ => self.add(|| unexpected(&path, &Expected::of(fault), fault.value)),
        }
    }

    /// Tells of a value that fits none of several schemas: what they expect of the value, or, if
    /// it is the right kind of value for one of them, what is wrong inside it.
    fn describe_alternatives(&mut self, fault: &Fault<'_>, branches: &[Faults<'_>]) {
        let here = fault.path.as_slice();
        let inside: Vec<_> = branches
            .iter()
            .filter(|faults| !faults.known().iter().any(|fault| refuses(fault, here)))
            .collect();
        // Of objects that are told apart by a constant member, the one that has it is meant.
        let is_constant = |fault: &&Fault<'_>| matches!(fault.kind, FaultKind::Constant(_));
        let meant = inside
            .iter()
            .filter(|faults| !faults.known().iter().any(|fault| is_constant(&fault)))
            .min_by_key(|faults| faults.count());
        if let Some(faults) = meant {
            self.describe_all(faults);
        } else if let Some(tag) =
            inside.first().and_then(|faults| faults.known().iter().find(is_constant))
        {
            let tags = inside
                .iter()
                .filter_map(|faults| faults.known().iter().find(is_constant))
                .filter(|fault| fault.path == tag.path);
            let mut expected = Expected::default();
            tags.for_each(|fault| expected.add(fault));
            self.add(|| unexpected(&path(&tag.path), &expected, tag.value));
        } else {
            self.add(|| unexpected(&path(here), &Expected::of(fault), fault.value));
        }
    }
}

/// Whether the value as a whole is of the wrong kind, at the place `here`.
fn refuses(fault: &Fault<'_>, here: &[Step<'_>]) -> bool {
    fault.path == here
        && match &fault.kind {
            FaultKind::Never
            | FaultKind::Type(_)
            | FaultKind::Constant(_)
            | FaultKind::Options(_) => true,
            FaultKind::NoneOf(branches) => branches
                .iter()
                .all(|faults| faults.known().iter().any(|fault| refuses(fault, here))),
            _ => false,
        }
}

fn unexpected(path: &str, expected: &Expected, found: &Value) -> String {
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

/// A path as people and models write it: `filters[0].name`.
fn path(steps: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Item(index) => {
                let _ = write!(path, "[{index}]");
            }
            Step::Member(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
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
