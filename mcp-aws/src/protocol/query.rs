use std::fmt::Write as _;

use serde_json::Value;

use super::Protocol;
use crate::encode;

/// The body of a request in the query protocols.
pub(crate) fn form(
    protocol: Protocol,
    operation: &str,
    version: &str,
    parameters: &serde_json::Map<String, Value>,
) -> String {
    // Writing to a string does not fail.
    let mut form = String::with_capacity(64 + 32 * parameters.len());
    let _ = write!(form, "Action={}&Version={version}", encode(operation));
    let member = matches!(protocol, Protocol::Query { .. });
    for (name, value) in parameters {
        append(&mut form, name, value, member);
    }
    form
}

/// One parameter, with those that a list or an object comes to; `null` is none.
pub(crate) fn append(form: &mut String, name: &str, value: &Value, member: bool) {
    let mut scalar = |text: &str| {
        if !form.is_empty() {
            form.push('&');
        }
        let _ = write!(form, "{}={}", encode(name), encode(text));
    };
    match value {
        Value::Null => {}
        Value::Bool(value) => scalar(if *value { "true" } else { "false" }),
        Value::Number(number) => scalar(&number.to_string()),
        Value::String(text) => scalar(text),
        Value::Array(list) => {
            for (index, value) in (1..).zip(list) {
                let name = match member {
                    true => format!("{name}.member.{index}"),
                    false => format!("{name}.{index}"),
                };
                append(form, &name, value, member);
            }
        }
        Value::Object(fields) => {
            for (field, value) in fields {
                append(form, &format!("{name}.{field}"), value, member);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(protocol: Protocol, parameters: Value) -> String {
        let Value::Object(parameters) = parameters else { panic!("an object") };
        form(protocol, "Describe", "1", &parameters)
    }

    #[test]
    fn lists_and_objects_are_flattened_as_ec2_wants_them() {
        let filters = json!([
            { "Name": "status", "Value": ["available", "a&b"] },
            { "Name": "size" },
        ]);
        let protocol = Protocol::Ec2Query { version: "1" };
        assert_eq!(
            written(protocol, json!({ "Filter": filters, "DryRun": false, "No": null })),
            "Action=Describe&Version=1&DryRun=false&Filter.1.Name=status\
             &Filter.1.Value.1=available&Filter.1.Value.2=a%26b&Filter.2.Name=size"
        );
    }

    #[test]
    fn lists_of_the_query_protocol_have_members() {
        let protocol = Protocol::Query { version: "1" };
        assert_eq!(
            written(protocol, json!({ "Statistics": ["Sum", "Maximum"], "Period": 300 })),
            "Action=Describe&Version=1&Period=300&Statistics.member.1=Sum\
             &Statistics.member.2=Maximum"
        );
    }
}
