use std::{fmt, str::FromStr};

use inquire::{Confirm, CustomType, InquireError, MultiSelect, Select, Text};
use rmcp::{
    ErrorData,
    model::{ElicitRequestParams, ElicitResult, ElicitationAction},
};
use serde_json::{Map, Number, Value};

use crate::user::one_line;

/// Asks the person at the terminal; the escape key and Ctrl-C cancel.
pub(super) fn ask(request: ElicitRequestParams) -> Result<ElicitResult, ErrorData> {
    match request {
        ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } => {
            let schema = serde_json::to_value(requested_schema)
                .map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
            anstream::eprintln!("The server asks: {}", one_line(&message));
            answered(fill_in(&schema).map(Some))
        }
        ElicitRequestParams::UrlElicitationParams { message, url, .. } => {
            anstream::eprintln!("The server asks: {}\n  {}", one_line(&message), one_line(&url));
            let asked = Confirm::new("Have you done it there?").with_default(true).prompt();
            match asked {
                Ok(true) => Ok(ElicitResult::new(ElicitationAction::Accept)),
                Ok(false) => Ok(ElicitResult::new(ElicitationAction::Decline)),
                Err(error) => answered(Err(error)),
            }
        }
        _ => Err(ErrorData::invalid_params("this client knows forms and addresses alone", None)),
    }
}

fn answered(form: Result<Option<Value>, InquireError>) -> Result<ElicitResult, ErrorData> {
    match form {
        Ok(Some(content)) => Ok(ElicitResult::new(ElicitationAction::Accept).with_content(content)),
        Ok(None) => Ok(ElicitResult::new(ElicitationAction::Accept)),
        Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => {
            Ok(ElicitResult::new(ElicitationAction::Cancel))
        }
        Err(error) => Err(ErrorData::internal_error(error.to_string(), None)),
    }
}

fn fill_in(schema: &Value) -> Result<Value, InquireError> {
    let mut form = Map::new();
    let required: Vec<&str> = schema["required"]
        .as_array()
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = field_value(name, field, required.contains(&name.as_str()))? {
            form.insert(name.clone(), value);
        }
    }
    Ok(Value::Object(form))
}

fn field_value(name: &str, field: &Value, required: bool) -> Result<Option<Value>, InquireError> {
    let text = |key: &str| field[key].as_str().map(one_line);
    let label = text("title").unwrap_or_else(|| name.to_owned());
    let help = text("description").unwrap_or_default();
    let help = (!help.is_empty()).then_some(help.as_str());
    let default = &field["default"];
    let choices = choices_of(field);
    if field["type"] == "array" {
        let items = choices_of(&field["items"]);
        let mut prompt = MultiSelect::new(&label, items);
        prompt.help_message = help.or(prompt.help_message);
        let chosen = prompt.prompt()?;
        return Ok(Some(chosen.into_iter().map(|choice| Value::String(choice.value)).collect()));
    }
    if !choices.is_empty() {
        let cursor = choices.iter().position(|choice| *default == choice.value.as_str());
        let mut prompt = Select::new(&label, choices).with_starting_cursor(cursor.unwrap_or(0));
        prompt.help_message = help.or(prompt.help_message);
        let chosen = if required { Some(prompt.prompt()?) } else { prompt.prompt_skippable()? };
        return Ok(chosen.map(|choice| Value::String(choice.value)));
    }
    match field["type"].as_str() {
        Some("boolean") => {
            let mut prompt = Confirm::new(&label).with_default(default.as_bool().unwrap_or(false));
            prompt.help_message = help;
            Ok(Some(Value::Bool(prompt.prompt()?)))
        }
        Some("integer") => number::<i64>(&label, help, default.as_i64(), required),
        Some("number") => number::<f64>(&label, help, default.as_f64(), required),
        _ => {
            let mut prompt = Text::new(&label);
            prompt.help_message = help;
            prompt.default = default.as_str();
            let value = prompt.prompt()?;
            Ok((required || !value.is_empty()).then_some(Value::String(value)))
        }
    }
}

fn number<T>(
    label: &str,
    help: Option<&str>,
    default: Option<T>,
    required: bool,
) -> Result<Option<Value>, InquireError>
where
    T: FromStr + fmt::Display + Clone + JsonNumber,
{
    let mut prompt = CustomType::<T>::new(label);
    prompt.help_message = help;
    prompt.default = default;
    let value = if required { Some(prompt.prompt()?) } else { prompt.prompt_skippable()? };
    Ok(value.and_then(JsonNumber::number).map(Value::Number))
}

trait JsonNumber {
    fn number(self) -> Option<Number>;
}

impl JsonNumber for i64 {
    fn number(self) -> Option<Number> {
        Some(self.into())
    }
}

impl JsonNumber for f64 {
    fn number(self) -> Option<Number> {
        Number::from_f64(self)
    }
}

/// A value to choose, and how it is called.
#[derive(Clone, Debug, PartialEq)]
struct Choice {
    value: String,
    title: String,
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

/// All the forms that a choice has in the specification: `enum` with and without `enumNames`,
/// `oneOf` and `anyOf` with titles.
fn choices_of(schema: &Value) -> Vec<Choice> {
    let titled = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    if let Some(all) = titled {
        let choice = |one: &Value| {
            let value = one["const"].as_str()?.to_owned();
            let title = one["title"].as_str().map_or_else(|| value.clone(), one_line);
            Some(Choice { value, title })
        };
        return all.iter().filter_map(choice).collect();
    }
    let names = schema["enumNames"].as_array();
    let values = schema["enum"].as_array().into_iter().flatten().enumerate();
    let choice = |(place, value): (usize, &Value)| {
        let value = value.as_str()?.to_owned();
        let name = names.and_then(|names| names.get(place)).and_then(Value::as_str);
        let title = name.map_or_else(|| value.clone(), one_line);
        Some(Choice { value, title })
    };
    values.filter_map(choice).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn choices_are_read_in_all_their_forms() {
        let choice = |value: &str, title: &str| Choice { value: value.into(), title: title.into() };
        let plain = json!({ "type": "string", "enum": ["a", "b"] });
        assert_eq!(choices_of(&plain), [choice("a", "a"), choice("b", "b")]);
        let named = json!({ "enum": ["a", "b"], "enumNames": ["Ah", "Be"] });
        assert_eq!(choices_of(&named), [choice("a", "Ah"), choice("b", "Be")]);
        let titled = json!({ "oneOf": [{ "const": "a", "title": "Ah" }, { "const": "b" }] });
        assert_eq!(choices_of(&titled), [choice("a", "Ah"), choice("b", "b")]);
        assert_eq!(choices_of(&json!({ "type": "string" })), []);
    }
}
