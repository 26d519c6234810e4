//! The schemas of forms: what elicitation allows of JSON Schema.

use std::{
    any::TypeId,
    collections::HashMap,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    schema::{Expected, Step, Validator},
    tool::join_lines,
};

/// How many faults of an answer are told of.
const MOST_FAULTS: usize = 10;

/// The schema of a form.
#[derive(Debug)]
pub(super) struct FormSchema {
    /// What the client is told: a flat object of primitive properties.
    pub(super) requested: Value,
    /// All that the type's own schema says, which can be more.
    validator: Validator,
}

impl FormSchema {
    /// The schema of a type, made when it is first asked for.
    ///
    /// # Errors
    ///
    /// What of the type no form can ask for.
    pub(super) fn of<F: JsonSchema + 'static>() -> Result<Arc<Self>, String> {
        type Forms = RwLock<HashMap<TypeId, Result<Arc<FormSchema>, String>>>;
        static FORMS: OnceLock<Forms> = OnceLock::new();

        let forms = FORMS.get_or_init(Forms::default);
        let id = TypeId::of::<F>();
        if let Some(form) = forms.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return form.clone();
        }
        let form = Self::new::<F>().map(Arc::new);
        forms.write().unwrap_or_else(PoisonError::into_inner).insert(id, form.clone());
        form
    }

    fn new<F: JsonSchema>() -> Result<Self, String> {
        let mut settings = SchemaSettings::draft2020_12().for_deserialize();
        settings.inline_subschemas = true;
        settings.meta_schema = None;
        let schema = settings.into_generator().into_root_schema_for::<F>().to_value();
        let requested = requested(&schema)?;
        let validator = Validator::new(&schema).map_err(|error| error.to_string())?;
        Ok(Self { requested, validator })
    }

    /// What is wrong with an answer, if anything is.
    pub(super) fn faults(&self, content: &Value) -> Option<String> {
        if self.validator.is_valid(content) {
            return None;
        }
        // What was entered is not repeated: it may be nothing for a log.
        let faults = self.validator.faults(content);
        let faults: Vec<String> = faults
            .known()
            .iter()
            .take(MOST_FAULTS)
            .map(|fault| match fault.path.first() {
                Some(Step::Member(field)) => format!("`{field}`: expected {}", Expected::of(fault)),
                _ => format!("expected {}", Expected::of(fault)),
            })
            .collect();
        Some(faults.join("; "))
    }
}

/// The part of a type's schema that elicitation allows (2026-07-28, Requested Schema).
fn requested(schema: &Value) -> Result<Value, String> {
    let object = schema.as_object().filter(|object| object.get("type") == Some(&json!("object")));
    let object = object.ok_or("a form is a struct with named fields")?;
    let mut properties = Map::new();
    for (name, property) in
        object.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        let property = primitive(property).ok_or_else(|| {
            format!(
                "the field `{name}` is none that a form can have: expected a text, a number, a \
                 truth value, an enum of plain variants or a list of those"
            )
        })?;
        properties.insert(name.clone(), Value::Object(property));
    }
    let mut form = json!({ "type": "object", "properties": properties });
    if let Some(required) = object.get("required") {
        form["required"] = required.clone();
    }
    Ok(form)
}

/// One property, reduced to what clients know how to show.
fn primitive(schema: &Value) -> Option<Map<String, Value>> {
    let schema = present(schema)?;
    let mut property = if let Some(options) = options(schema) {
        let mut property = Map::from_iter([("type".to_owned(), json!("string"))]);
        options.write(&mut property, "oneOf");
        property
    } else {
        let kept: &[&str] = match kind(schema)? {
            "string" => &["minLength", "maxLength"],
            "integer" | "number" => &["minimum", "maximum"],
            "boolean" => &[],
            "array" => &["minItems", "maxItems"],
            _ => return None,
        };
        let mut property = Map::from_iter([("type".to_owned(), json!(kind(schema)?))]);
        copy(schema, kept, &mut property);
        if kind(schema)? == "string"
            && let Some(format) = schema.get("format").and_then(Value::as_str)
            && ["email", "uri", "date", "date-time"].contains(&format)
        {
            property.insert("format".to_owned(), format.into());
        }
        if kind(schema)? == "array" {
            let mut items = Map::new();
            let options = options(present(schema.get("items")?)?)?;
            if options.titles.is_none() {
                items.insert("type".to_owned(), json!("string"));
            }
            options.write(&mut items, "anyOf");
            property.insert("items".to_owned(), Value::Object(items));
        }
        property
    };
    // The names of options as they were before 2025-11-25, which some clients still want.
    copy(schema, &["title", "enumNames"], &mut property);
    if let Some(default) = schema.get("default").filter(|default| !default.is_null()) {
        property.insert("default".to_owned(), default.clone());
    }
    if let Some(text) = schema.get("description").and_then(Value::as_str) {
        property.insert("description".to_owned(), join_lines(text).into());
    }
    Some(property)
}

fn copy(from: &Map<String, Value>, keywords: &[&str], to: &mut Map<String, Value>) {
    for keyword in keywords {
        if let Some(value) = from.get(*keyword) {
            to.insert((*keyword).to_owned(), value.clone());
        }
    }
}

/// The schema itself, or what an optional field has when it is there.
fn present(schema: &Value) -> Option<&Map<String, Value>> {
    let object = schema.as_object()?;
    let Some(branches) = object.get("anyOf").and_then(Value::as_array) else { return Some(object) };
    let is_null = |branch: &&Value| branch.get("type") == Some(&json!("null"));
    match branches.iter().filter(|branch| !is_null(branch)).collect::<Vec<_>>()[..] {
        [only] if branches.len() == 2 => only.as_object(),
        _ => None,
    }
}

/// The schema's type, apart from `null`.
fn kind(schema: &Map<String, Value>) -> Option<&str> {
    match schema.get("type")? {
        Value::String(kind) => Some(kind),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            match kinds[..] {
                [kind, "null"] | ["null", kind] => Some(kind),
                _ => None,
            }
        }
        _ => None,
    }
}

/// What there is to choose from.
struct Options {
    values: Vec<String>,
    titles: Option<Vec<String>>,
}

/// The options of an enum whose variants are names, documented or not.
fn options(schema: &Map<String, Value>) -> Option<Options> {
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values: Option<Vec<String>> = values
            .iter()
            .filter(|value| !value.is_null())
            .map(|value| value.as_str().map(str::to_owned))
            .collect();
        return values.map(|values| Options { values, titles: None });
    }
    let mut options = Options { values: Vec::new(), titles: None };
    let mut titles = Vec::new();
    for branch in schema.get("oneOf")?.as_array()? {
        let branch = branch.as_object()?;
        // Variants without a comment stand together.
        let values = match branch.get("const") {
            Some(value) => std::slice::from_ref(value),
            None => branch.get("enum")?.as_array()?.as_slice(),
        };
        let title = ["title", "description"].iter().find_map(|key| branch.get(*key)?.as_str());
        for value in values {
            let value = value.as_str()?;
            titles.push(title.map_or_else(|| value.to_owned(), join_lines));
            options.values.push(value.to_owned());
        }
    }
    options.titles = Some(titles);
    Some(options)
}

impl Options {
    fn write(self, out: &mut Map<String, Value>, keyword: &str) {
        match self.titles {
            None => out.insert("enum".to_owned(), self.values.into()),
            Some(titles) => {
                let options = self.values.into_iter().zip(titles);
                let options = options.map(|(value, title)| json!({"const": value, "title": title}));
                out.insert(keyword.to_owned(), options.collect())
            }
        };
    }
}

#[cfg(test)]
#[allow(dead_code, reason = "only the schemas of these types matter")]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Plain {
        Red,
        DarkGreen,
    }

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Told {
        /// On the ground floor,
        /// by the window.
        Window,
        Bar,
    }

    #[test]
    fn all_that_a_form_can_ask_for_is_kept() {
        #[derive(Deserialize, JsonSchema)]
        struct Form {
            /// Who it is
            /// for.
            #[schemars(length(min = 1, max = 50), regex(pattern = "^[a-z]"))]
            name: String,
            #[schemars(email)]
            email: Option<String>,
            #[schemars(range(min = 1, max = 12))]
            size: u8,
            share: Option<f64>,
            #[serde(default)]
            news: bool,
            color: Plain,
            other: Option<Plain>,
            place: Told,
            places: Option<Told>,
            #[schemars(length(max = 2))]
            colors: Vec<Plain>,
            seats: Vec<Told>,
        }
        let form = FormSchema::of::<Form>().unwrap();
        let told = json!([
            {"const": "bar", "title": "bar"},
            {"const": "window", "title": "On the ground floor, by the window."},
        ]);
        let sorted = |schema: &Value| {
            let mut options = schema.as_array().unwrap().clone();
            options.sort_by_key(|option| option["const"].as_str().unwrap().to_owned());
            Value::from(options)
        };
        let properties = &form.requested["properties"];
        assert_eq!(
            properties["name"],
            json!({"type": "string", "minLength": 1, "maxLength": 50, "description": "Who it is for."})
        );
        assert_eq!(properties["email"], json!({"type": "string", "format": "email"}));
        assert_eq!(properties["size"], json!({"type": "integer", "minimum": 1, "maximum": 12}));
        assert_eq!(properties["share"], json!({"type": "number"}));
        assert_eq!(properties["news"], json!({"type": "boolean", "default": false}));
        let plain = json!({"type": "string", "enum": ["red", "dark_green"]});
        assert_eq!(properties["color"], plain);
        assert_eq!(properties["other"], plain);
        for name in ["place", "places"] {
            assert_eq!(properties[name]["type"], "string");
            assert_eq!(sorted(&properties[name]["oneOf"]), told);
        }
        assert_eq!(properties["colors"], json!({"type": "array", "maxItems": 2, "items": plain}));
        assert_eq!(properties["seats"]["type"], "array");
        assert_eq!(sorted(&properties["seats"]["items"]["anyOf"]), told);
        let required = form.requested["required"].as_array().unwrap();
        assert!(required.contains(&json!("name")) && !required.contains(&json!("email")));
    }

    #[test]
    fn what_no_form_can_ask_for_is_named() {
        #[derive(Deserialize, JsonSchema)]
        struct Nested {
            address: Address,
        }
        #[derive(Deserialize, JsonSchema)]
        struct Address {
            street: String,
        }
        #[derive(Deserialize, JsonSchema)]
        struct Texts {
            texts: Vec<String>,
        }
        #[derive(Deserialize, JsonSchema)]
        enum Variants {
            One { a: String },
        }
        #[derive(Deserialize, JsonSchema)]
        struct Holds {
            variants: Variants,
        }
        assert!(FormSchema::of::<Nested>().unwrap_err().contains("`address`"));
        assert!(FormSchema::of::<Texts>().unwrap_err().contains("`texts`"));
        assert!(FormSchema::of::<Holds>().unwrap_err().contains("`variants`"));
        assert!(FormSchema::of::<String>().unwrap_err().contains("struct"));
    }

    #[test]
    fn answers_are_held_to_the_whole_of_the_types_schema() {
        #[derive(Deserialize, JsonSchema)]
        struct Code {
            #[schemars(regex(pattern = "^[0-9]{4}$"))]
            code: String,
        }
        let form = FormSchema::of::<Code>().unwrap();
        assert_eq!(form.faults(&json!({"code": "1234"})), None);
        let faults = form.faults(&json!({"code": "secret"})).unwrap();
        assert!(faults.starts_with("`code`: ") && !faults.contains("secret"), "{faults}");
        assert!(form.faults(&json!({})).is_some());
    }
}
