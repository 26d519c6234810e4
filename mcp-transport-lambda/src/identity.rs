//! Who is calling, as the event source has established it.

use std::collections::BTreeMap;

use mcp_core::Principal;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::event::{RequestContext, Text};

/// `requestContext.authorizer`, in all the forms that it has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorizer<'a> {
    /// Payload format 2.0: Function URLs and HTTP APIs with IAM authorization.
    #[serde(borrow)]
    iam: Option<Iam<'a>>,
    /// Payload format 2.0: the JWT authorizer of HTTP APIs.
    #[serde(borrow)]
    jwt: Option<Jwt<'a>>,
    /// Payload format 2.0: a Lambda authorizer's context.
    lambda: Option<BTreeMap<String, Value>>,
    /// REST APIs: a Cognito user pool's claims. HTTP APIs, payload format 1.0: those of a JWT.
    claims: Option<BTreeMap<String, Value>>,
    /// HTTP APIs, payload format 1.0: those of a JWT that its route requires.
    #[serde(borrow)]
    scopes: Option<&'a RawValue>,
    /// Payload format 1.0: whom a Lambda authorizer has named.
    principal_id: Option<Value>,
    /// The other members of a Lambda authorizer's context stand beside it.
    scope: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Iam<'a> {
    #[serde(borrow)]
    user_arn: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Jwt<'a> {
    claims: BTreeMap<String, Value>,
    #[serde(borrow)]
    scopes: Option<&'a RawValue>,
}

/// `requestContext.identity` of payload format 1.0.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    #[serde(borrow)]
    user_arn: Option<Text<'a>>,
    #[serde(borrow)]
    api_key_id: Option<Text<'a>>,
}

/// The caller, if the source has authenticated one: an authorizer's word goes before IAM's, and
/// IAM's before that of an API key.
///
/// A load balancer names its caller in a header, which has to be verified first; that is the
/// server's own authentication.
pub(crate) fn principal(
    context: &RequestContext<'_>,
    iam_scopes: &[Box<str>],
) -> Option<Principal> {
    let authorizer = context.authorizer.and_then(authorizer);
    let by_authorizer = authorizer.and_then(|authorizer| {
        if let Some(jwt) = authorizer.jwt {
            return Some(from_claims(&jwt.claims, jwt.scopes));
        }
        if let Some(claims) = authorizer.claims {
            return Some(from_claims(&claims, authorizer.scopes));
        }
        if let Some(context) = authorizer.lambda {
            return Some(from_lambda(&context));
        }
        if let Some(name) = authorizer.principal_id {
            let scopes = [&authorizer.scope].into_iter().flatten().flat_map(words);
            return Some(Principal::new(text(&name), scopes));
        }
        let arn = authorizer.iam?.user_arn?;
        Some(Principal::new(&*arn, iam_scopes.iter().cloned()))
    });
    by_authorizer.or_else(|| {
        let identity: Identity<'_> = serde_json::from_str(context.identity?.get()).ok()?;
        if let Some(arn) = identity.user_arn {
            return Some(Principal::new(&*arn, iam_scopes.iter().cloned()));
        }
        let key = identity.api_key_id?;
        Some(Principal::new(format!("api-key/{}", &*key), std::iter::empty::<&str>()))
    })
}

fn authorizer(raw: &RawValue) -> Option<Authorizer<'_>> {
    match serde_json::from_str(raw.get()) {
        Ok(authorizer) => authorizer,
        Err(error) => {
            // The caller then counts as not authenticated. The text has values of the event in it.
            tracing::warn!(line = error.line(), "the event's authorizer cannot be read");
            None
        }
    }
}

fn from_claims(claims: &BTreeMap<String, Value>, granted: Option<&RawValue>) -> Principal {
    // A client's own token has no subject in some issuers' books.
    let subject = ["sub", "client_id"].iter().find_map(|name| claims.get(*name));
    let subject = subject.map_or_else(|| "jwt-authorizer".to_owned(), text);
    let granted: Value =
        granted.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let scopes = ["scope", "scp"].iter().filter_map(|name| claims.get(*name)).flat_map(words);
    Principal::new(subject, scopes.chain(words(&granted)))
}

fn from_lambda(context: &BTreeMap<String, Value>) -> Principal {
    let subject = ["principalId", "sub"].iter().find_map(|name| context.get(*name));
    let scopes = ["scope", "scopes"].iter().filter_map(|name| context.get(*name)).flat_map(words);
    // It need not name whom it lets in.
    Principal::new(subject.map_or_else(|| "lambda-authorizer".to_owned(), text), scopes)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The words of a text, or of a list of texts. A JWT authorizer writes lists as `[a b]`.
fn words(value: &Value) -> Vec<String> {
    let split = |text: &str| -> Vec<String> {
        let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        text.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    match value {
        Value::String(text) => split(text),
        Value::Array(list) => list.iter().filter_map(Value::as_str).flat_map(split).collect(),
        _ => Vec::new(),
    }
}
