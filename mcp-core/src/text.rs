//! Named texts that become typed values: the arguments of a prompt, the variables of a URI.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeOwned, Error as _, IntoDeserializer as _, Visitor, value::Error},
    forward_to_deserialize_any,
};
use serde_json::Value;

use crate::{ErrorKind, RpcError};

/// How much of an offending text an error shows, in characters.
const MOST_OF_A_TEXT: usize = 60;

/// The arguments of a prompt, or the variables of a resource's URI: texts by name, read into
/// types.
///
/// The protocol knows only strings here. A field of any type that implements
/// [`serde::Deserialize`] takes one: numbers and booleans are parsed, an enum goes by the names of
/// its variants, and lists and maps are read as JSON.
#[derive(Clone, Debug, Default)]
pub struct TextArguments {
    /// What they belong to: a prompt's name, a template's text.
    owner: String,
    values: Vec<(String, String)>,
}

impl TextArguments {
    pub(crate) fn new(owner: &str, values: Vec<(String, String)>) -> Self {
        Self { owner: owner.to_owned(), values }
    }

    /// The arguments of `prompts/get`.
    pub(crate) fn of_prompt(prompt: &str, arguments: Value) -> Result<Self, RpcError> {
        let Value::Object(arguments) = arguments else {
            return Ok(Self::new(prompt, Vec::new()));
        };
        let values = arguments
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name, text)),
                _ => Err(RpcError::new(
                    ErrorKind::MalformedParams,
                    format!("`params.arguments.{}` must be a string", excerpt(&name)),
                )),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self::new(prompt, values))
    }

    /// The names that are there.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, _)| name.as_str())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    /// A value that must be there.
    ///
    /// # Errors
    ///
    /// When it is not there, or its text is none of the type.
    pub fn required<T: DeserializeOwned>(&self, name: &str) -> Result<T, RpcError> {
        let text = self.text(name).ok_or_else(|| {
            RpcError::new(
                ErrorKind::InvalidParams,
                format!("the argument `{name}` of `{}` is required, but missing", self.owner),
            )
        })?;
        self.parse(name, text)
    }

    /// A value that may be absent. An empty text is an absent value, too, unless the type takes
    /// it: forms send one for a field that was left blank.
    ///
    /// # Errors
    ///
    /// When its text is none of the type.
    pub fn optional<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, RpcError> {
        match self.text(name) {
            None => Ok(None),
            Some("") => Ok(self.parse(name, "").ok()),
            Some(text) => self.parse(name, text).map(Some),
        }
    }

    fn parse<T: DeserializeOwned>(&self, name: &str, text: &str) -> Result<T, RpcError> {
        T::deserialize(Text(text)).map_err(|error| {
            RpcError::new(
                ErrorKind::InvalidParams,
                format!(
                    "the argument `{name}` of `{}` does not fit: {}",
                    self.owner,
                    excerpt(&error.to_string())
                ),
            )
        })
    }
}

/// Nothing that a client sends is sent back whole.
pub(crate) fn excerpt(text: &str) -> impl fmt::Display + '_ {
    struct Excerpt<'a>(&'a str);

    impl fmt::Display for Excerpt<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self.0.char_indices().nth(MOST_OF_A_TEXT * 2) {
                Some((end, _)) => write!(f, "{}…", &self.0[..end]),
                None => f.write_str(self.0),
            }
        }
    }

    Excerpt(text)
}

/// A text as serde reads it.
#[derive(Clone, Copy)]
struct Text<'a>(&'a str);

impl Text<'_> {
    fn expected(self, what: &str) -> Error {
        let shown: String = self.0.chars().take(MOST_OF_A_TEXT).collect();
        Error::custom(format_args!("expected {what}, found `{shown}`"))
    }

    fn json(self) -> Result<Value, Error> {
        serde_json::from_str(self.0).map_err(|_| self.expected("JSON"))
    }
}

macro_rules! parsed {
    ($($method:ident: $visit:ident, $what:literal;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0.trim().parse() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(self.expected($what)),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    parsed! {
        deserialize_bool: visit_bool, "`true` or `false`";
        deserialize_i8: visit_i8, "a whole number from -128 to 127";
        deserialize_i16: visit_i16, "a whole number from -32768 to 32767";
        deserialize_i32: visit_i32, "a whole number of 32 bits";
        deserialize_i64: visit_i64, "a whole number of 64 bits";
        deserialize_i128: visit_i128, "a whole number";
        deserialize_u8: visit_u8, "a whole number from 0 to 255";
        deserialize_u16: visit_u16, "a whole number from 0 to 65535";
        deserialize_u32: visit_u32, "a whole number from 0 to 4294967295";
        deserialize_u64: visit_u64, "a whole number from 0";
        deserialize_u128: visit_u128, "a whole number from 0";
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => visitor.visit_f64(number),
            _ => Err(self.expected("a number")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.json()?.deserialize_seq(visitor).map_err(Error::custom)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.json()?.deserialize_tuple(length, visitor).map_err(Error::custom)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.json()?.deserialize_map(visitor).map_err(Error::custom)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.json()?.deserialize_struct(name, fields, visitor).map_err(Error::custom)
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct tuple_struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Language {
        Rust,
        Python,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Id(u32);

    fn one<T: DeserializeOwned>(text: &str) -> Result<T, String> {
        TextArguments::new("p", vec![("x".into(), text.into())])
            .required("x")
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn texts_become_values_of_the_type() {
        assert_eq!(one::<u32>("7"), Ok(7));
        assert_eq!(one::<i64>("-7"), Ok(-7));
        assert_eq!(one::<f64>("0.5"), Ok(0.5));
        assert_eq!(one::<bool>("true"), Ok(true));
        assert_eq!(one::<String>("7"), Ok("7".to_owned()));
        assert_eq!(one::<char>("é"), Ok('é'));
        assert_eq!(one::<Id>("7"), Ok(Id(7)));
        assert_eq!(one::<Option<u8>>("7"), Ok(Some(7)));
        assert_eq!(one::<Language>("python"), Ok(Language::Python));
        assert_eq!(one::<Vec<u8>>("[1, 2]"), Ok(vec![1, 2]));
    }

    #[test]
    fn a_text_that_does_not_fit_is_named_with_what_was_expected() {
        assert_eq!(
            one::<u8>("300").unwrap_err(),
            "the argument `x` of `p` does not fit: expected a whole number from 0 to 255, found \
             `300`"
        );
        for message in [
            one::<bool>("yes").unwrap_err(),
            one::<f64>("NaN").unwrap_err(),
            one::<Vec<u8>>("1, 2").unwrap_err(),
            one::<Language>("cobol").unwrap_err(),
        ] {
            assert!(message.contains("`x` of `p`"), "{message}");
        }
        assert!(one::<u8>(&"9".repeat(10_000)).unwrap_err().len() < 400);
    }

    #[test]
    fn a_blank_field_of_a_form_is_absent_unless_the_type_takes_it() {
        let blank = TextArguments::new("p", vec![("x".into(), String::new())]);
        assert_eq!(blank.optional::<u32>("x").unwrap(), None);
        assert_eq!(blank.optional::<String>("x").unwrap(), Some(String::new()));
        assert_eq!(blank.optional::<String>("y").unwrap(), None);
    }
}
