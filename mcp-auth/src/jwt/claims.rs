use mcp_core::{Denied, Principal};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The claims that say who a token is of and what it is for.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: Option<String>,
    pub(super) aud: Option<OneOrMany>,
    pub(super) exp: Option<f64>,
    pub(super) iat: Option<f64>,
    pub(super) client_id: Option<String>,
    /// Amazon Cognito: `access` or `id`.
    pub(super) token_use: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
        .iter()
        .map(String::as_str)
    }
}

impl Claims {
    /// The caller, with the scopes that stand in these claims.
    pub(super) fn caller(self, scope_claims: &[String]) -> Result<Principal, Denied> {
        let scopes = scope_claims.iter().filter_map(|claim| self.rest.get(claim)).flat_map(scopes);
        let scopes: Vec<Box<str>> = scopes.map(Into::into).collect();
        let subject = self.sub.or(self.client_id).filter(|subject| !subject.is_empty());
        let subject = subject.ok_or_else(|| Denied::invalid("the token names no subject"))?;
        Ok(Principal::new(subject, scopes))
    }

    /// Until when the token is valid, in seconds since 1970; 0 if it does not say.
    pub(super) fn expires(&self) -> u64 {
        self.exp.map_or(0, |exp| exp as u64)
    }

    /// Whether the token was made in the future.
    pub(super) fn is_future_dated(&self, now: u64, leeway: u64) -> bool {
        self.iat.is_some_and(|made| made > (now + leeway) as f64)
    }
}

/// Words of a text, or the texts of a list.
fn scopes(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(text) => text.split_ascii_whitespace().collect(),
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
