use std::{fmt, sync::Arc};

use serde_json::value::RawValue;

/// The identifier of a JSON-RPC request: a string or an integer, echoed exactly.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Token);

/// The token under which a client asked for progress: a string or an integer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProgressToken(Token);

/// Small integers, which nearly all clients send, need no allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Token {
    Integer(i64),
    /// A string, or an integer beyond 64 bits, as JSON text. Shared, for every notification of a call has
    /// its token.
    Json(Arc<str>),
}

impl Token {
    fn parse(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        if let Ok(integer) = text.parse::<i64>() {
            return Some(Self::Integer(integer));
        }
        match text.as_bytes().first()? {
            // Equal strings spelled with different escapes are the same identifier.
            b'"' if text.contains('\\') => Some(match serde_json::from_str::<String>(text) {
                Ok(unescaped) => Self::string(&unescaped),
                // A lone surrogate is no text, but can still be echoed.
                Err(_) => Self::Json(text.into()),
            }),
            b'"' => Some(Self::Json(text.into())),
            b'-' | b'0'..=b'9' if !text.contains(['.', 'e', 'E']) => Some(Self::Json(text.into())),
            _ => None,
        }
    }

    /// Appends the JSON. Formatting would take longer than all else of a small answer's head.
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            // Writing to memory does not fail.
            Self::Integer(integer) => drop(serde_json::to_writer(out, integer)),
            Self::Json(text) => out.extend_from_slice(text.as_bytes()),
        }
    }

    fn string(text: &str) -> Self {
        Self::Json(serde_json::Value::from(text).to_string().into())
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(integer) => integer.fmt(f),
            Self::Json(text) => f.write_str(text),
        }
    }
}

macro_rules! token {
    ($name:ident) => {
        impl $name {
            pub(crate) fn parse(raw: &RawValue) -> Option<Self> {
                Token::parse(raw).map(Self)
            }

            /// Appends the JSON.
            pub(crate) fn write(&self, out: &mut Vec<u8>) {
                self.0.write(out);
            }
        }

        impl From<i64> for $name {
            fn from(integer: i64) -> Self {
                Self(Token::Integer(integer))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Token::string(text))
            }
        }

        /// Writes JSON: an integer, or a quoted string.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

token!(RequestId);
token!(ProgressToken);

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<String> {
        let raw: Box<RawValue> = serde_json::from_str(text).unwrap();
        RequestId::parse(&raw).map(|id| id.to_string())
    }

    #[test]
    fn integers_and_strings_are_echoed_exactly() {
        for text in [
            "0",
            "-7",
            "9223372036854775807",
            "18446744073709551615",
            "1000000000000000000000",
            r#""""#,
            r#""a b""#,
            r#""7""#,
        ] {
            assert_eq!(parse(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn other_json_types_are_no_identifiers() {
        for text in ["null", "true", "1.5", "1e3", "{}", "[]", "[1]"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_lone_surrogate_is_echoed_as_it_is_spelled() {
        assert_eq!(parse(r#""\ud800""#).as_deref(), Some(r#""\ud800""#));
    }

    #[test]
    fn escapes_do_not_make_another_identifier() {
        assert_eq!(parse(r#""\u0061""#).as_deref(), Some(r#""a""#));
    }
}
