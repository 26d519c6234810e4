//! What a service says when it refuses.

use serde::Deserialize;
use serde_json::Value;

use super::xml;

/// A code and a message of a service.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) request_id: Option<String>,
}

/// Reads an error of any protocol: they differ less than what stands between us and AWS may answer,
/// so the body is asked what it is.
pub(crate) fn refusal(body: &[u8], error_type: Option<&str>) -> Refusal {
    let mut refusal = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => of_json(body),
        Some(b'<') => of_xml(body),
        _ => Refusal::default(),
    };
    if let Some(error_type) = error_type {
        refusal.code = Some(error_type.to_owned());
    }
    // `aws.service#Code:http://…` is how some write it.
    refusal.code = refusal.code.and_then(|code| {
        let code = code.split([':', ';']).next().unwrap_or_default();
        let code = code.rsplit('#').next().unwrap_or_default().trim();
        (!code.is_empty()).then(|| code.to_owned())
    });
    refusal
}

fn of_json(body: &[u8]) -> Refusal {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: &[&str]| {
        names.iter().find_map(|name| body.get(name).and_then(Value::as_str)).map(str::to_owned)
    };
    Refusal {
        code: text(&["__type", "code", "Code", "Type"]),
        message: text(&["message", "Message", "errorMessage"]),
        request_id: None,
    }
}

/// `<ErrorResponse><Error>`, EC2's `<Response><Errors><Error>`, and S3's `<Error>`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct XmlError {
    code: Option<String>,
    message: Option<String>,
    #[serde(alias = "RequestID")]
    request_id: Option<String>,
    error: Option<Box<Self>>,
    errors: Option<Box<Self>>,
}

fn of_xml(body: &[u8]) -> Refusal {
    let error = std::str::from_utf8(body).ok().and_then(|text| xml(text).ok());
    error.map(of_element).unwrap_or_default()
}

fn of_element(error: XmlError) -> Refusal {
    let inner = error.error.or(error.errors).map(|inner| of_element(*inner)).unwrap_or_default();
    Refusal {
        code: error.code.or(inner.code),
        message: error.message.or(inner.message),
        request_id: error.request_id.or(inner.request_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, error_type: Option<&str>) -> (String, String) {
        let refusal = refusal(body.as_bytes(), error_type);
        (refusal.code.unwrap_or_default(), refusal.message.unwrap_or_default())
    }

    #[test]
    fn errors_of_all_protocols_are_read() {
        let expected = ("Denied".to_owned(), "no".to_owned());
        for (body, error_type) in [
            (r#"{"__type":"com.amazon#Denied","message":"no"}"#, None),
            (r#" {"code":"Denied","Message":"no"}"#, None),
            (r#"{"message":"no"}"#, Some("Denied:http://internal.amazon.com/")),
            (
                "<ErrorResponse><Error><Type>Sender</Type><Code>Denied</Code><Message>no</Message></Error></ErrorResponse>",
                None,
            ),
            (
                "<?xml version=\"1.0\"?>\n<Response><Errors><Error><Code>Denied</Code><Message>n&#111;</Message></Error></Errors><RequestID>r</RequestID></Response>",
                None,
            ),
            (
                "<Error><Code>Denied</Code><Message>no</Message><BucketName>Code</BucketName></Error>",
                None,
            ),
        ] {
            assert_eq!(read(body, error_type), expected, "{body}");
        }
    }

    #[test]
    fn what_is_no_error_of_aws_has_no_code() {
        for body in ["", "Bad Gateway", "<html><body>oh</body></html>", "<Error><Code>", "{", "[1]"]
        {
            assert_eq!(read(body, None).0, "", "{body}");
        }
    }
}
