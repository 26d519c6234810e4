use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::HeaderName;
use jsonwebtoken::{Algorithm, crypto, get_current_timestamp};
use mcp_core::{Credentials, Denied, Principal, TokenVerifier, Verification};
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    accepted::Fingerprint,
    claims::Claims,
    config::{JwtError, check_url},
    fetch,
    keys::{Found, Keys, Source},
};

const DATA: HeaderName = HeaderName::from_static("x-amzn-oidc-data");
/// Users are signed in for longer than their claims are valid, which is two minutes from ALB.
const LEEWAY: u64 = 60;
/// User claims may be larger than what any client sends as a token.
const MAX_TOKEN: usize = 32 * 1024;

/// Users that an Application Load Balancer has signed in, from the header `x-amzn-oidc-data` that
/// it adds to each request.
///
/// The header has to be signed with ES256 by a key of the load balancer's region, and to name that
/// very load balancer (`signer`): anybody can have a load balancer, and with it such signatures.
/// The caller is `sub`. A load balancer passes no scopes on; [`Self::scope_claim`] takes them from
/// a claim about the user.
///
/// See *Authenticate users using an Application Load Balancer* in the Elastic Load Balancing
/// guide.
///
/// ```
/// use mcp_auth::AlbIdentity;
///
/// # fn main() -> Result<(), mcp_auth::JwtError> {
/// let arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/mcp/0123";
/// let verifier = AlbIdentity::new(arn).scope_claim("custom:roles").build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AlbIdentity {
    arn: String,
    keys_url: Option<String>,
    scope_claims: Vec<String>,
    refetch_after: Duration,
    timeout: Duration,
}

impl fmt::Debug for AlbIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlbIdentity").field("arn", &self.arn).finish_non_exhaustive()
    }
}

impl AlbIdentity {
    /// Users of the load balancer with this ARN.
    pub fn new(arn: impl Into<String>) -> Self {
        Self {
            arn: arn.into(),
            keys_url: None,
            scope_claims: Vec::new(),
            refetch_after: Duration::from_secs(5),
            timeout: Duration::from_secs(5),
        }
    }

    /// Sets what stands before a key's identifier in its URL; by default it is the endpoint of the
    /// load balancer's region.
    #[must_use]
    pub fn keys_url(mut self, url: impl Into<String>) -> Self {
        self.keys_url = Some(url.into());
        self
    }

    /// Adds a claim about the user whose words or texts are scopes.
    #[must_use]
    pub fn scope_claim(mut self, claim: impl Into<String>) -> Self {
        self.scope_claims.push(claim.into());
        self
    }

    /// The verifier. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When the ARN is none of an Application Load Balancer, or the URL is not `https`.
    pub fn build(self) -> Result<impl TokenVerifier, JwtError> {
        let url = match self.keys_url {
            Some(url) => url,
            None => endpoint(&self.arn).ok_or_else(|| JwtError::Arn(self.arn.clone()))?,
        };
        check_url(&url)?;
        let client = fetch::client(self.timeout)?;
        // A key does not change under its identifier.
        let keys = Keys::new(Source::Pem(url), client, self.refetch_after, Duration::MAX);
        let shared = Shared { arn: self.arn, scope_claims: self.scope_claims, keys };
        Ok(AlbVerifier { shared: Arc::new(shared) })
    }
}

/// Where the public keys of a load balancer's region are.
fn endpoint(arn: &str) -> Option<String> {
    let mut parts = arn.split(':');
    let ("arn", partition, "elasticloadbalancing", region) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?)
    else {
        return None;
    };
    let is_region = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if region.is_empty() || !region.bytes().all(is_region) {
        return None;
    }
    parts.nth(1).filter(|resource| resource.starts_with("loadbalancer/app/"))?;
    Some(match partition {
        "aws-us-gov" => {
            format!("https://s3-{region}.amazonaws.com/aws-elb-public-keys-prod-{region}/")
        }
        _ => format!("https://public-keys.auth.elb.{region}.amazonaws.com/"),
    })
}

#[derive(Debug)]
struct AlbVerifier {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    arn: String,
    scope_claims: Vec<String>,
    keys: Arc<Keys>,
}

/// The header of the token, in which ALB also says until when it is valid.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    signer: String,
    exp: u64,
}

impl TokenVerifier for AlbVerifier {
    fn verify(&self, credentials: &Credentials<'_>) -> Verification {
        let shared = &self.shared;
        let token = match credentials.header(&DATA) {
            Ok(Some(token)) => token,
            Ok(None) => return Verification::ready(Err(Denied::missing())),
            Err(denied) => return Verification::ready(Err(denied)),
        };
        let header = match shared.header(token) {
            Ok(header) => header,
            Err(denied) => return Verification::ready(Err(denied)),
        };
        let judge = |found| shared.judge(token, &header, found);
        match shared.keys.find(Some(&header.kid), Algorithm::ES256) {
            Found::Key(key) => Verification::ready(judge(Found::Key(key))),
            found => {
                let Some(mut fetched) = shared.keys.refresh(Some(&header.kid)) else {
                    return Verification::ready(judge(found));
                };
                let (shared, token) = (Arc::clone(shared), token.to_owned());
                Verification::later(async move {
                    // It is closed at the end, which is an error here.
                    let _ = fetched.changed().await;
                    let found = shared.keys.find(Some(&header.kid), Algorithm::ES256);
                    shared.judge(&token, &header, found)
                })
            }
        }
    }
}

impl Shared {
    fn header(&self, token: &str) -> Result<Header, Denied> {
        let malformed = || Denied::invalid("x-amzn-oidc-data is malformed");
        if token.len() > MAX_TOKEN {
            return Err(Denied::invalid("x-amzn-oidc-data is too long"));
        }
        let header = token.split('.').next().unwrap_or_default();
        let header: Header = part(header).ok_or_else(malformed)?;
        if header.alg != "ES256" {
            return Err(Denied::invalid("x-amzn-oidc-data is not signed with ES256"));
        }
        if header.signer != self.arn {
            return Err(Denied::invalid("x-amzn-oidc-data is signed by another load balancer"));
        }
        // It becomes a part of a URL.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !(1..=64).contains(&header.kid.len()) || !header.kid.bytes().all(is_plain) {
            return Err(malformed());
        }
        Ok(header)
    }

    fn judge(&self, token: &str, header: &Header, found: Found) -> Result<Principal, Denied> {
        let key = match found {
            Found::Key(key) => key,
            Found::Nothing => return Err(Denied::unavailable()),
            Found::Unknown => {
                return Err(Denied::invalid("x-amzn-oidc-data is signed with an unknown key"));
            }
        };
        let fingerprint = Fingerprint::of(token);
        if let Some(caller) = key.accepted.find(&fingerprint) {
            return Ok(caller);
        }
        let malformed = || Denied::invalid("x-amzn-oidc-data is malformed");
        let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (_, claims) = signed.split_once('.').ok_or_else(malformed)?;
        // Unlike others, ALB writes its parts with padding, and signs them so.
        let signature = signature.trim_end_matches('=');
        let is_signed =
            crypto::verify(signature, signed.as_bytes(), &key.decoding, Algorithm::ES256);
        if !is_signed.unwrap_or(false) {
            return Err(Denied::invalid("x-amzn-oidc-data has a wrong signature"));
        }
        let claims: Claims = part(claims).ok_or_else(malformed)?;
        let until = claims.exp.map_or(header.exp, |exp| header.exp.min(exp as u64));
        if until.saturating_add(LEEWAY) < get_current_timestamp() {
            return Err(Denied::invalid("x-amzn-oidc-data has expired"));
        }
        let caller = claims.caller(&self.scope_claims)?;
        key.accepted.remember(fingerprint, until.saturating_add(LEEWAY), &caller);
        Ok(caller)
    }
}

/// One part of a token.
fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_region_of_the_load_balancer() {
        let arn = |partition, region| {
            format!("arn:{partition}:elasticloadbalancing:{region}:1:loadbalancer/app/mcp/0")
        };
        let of = |partition, region| endpoint(&arn(partition, region)).unwrap();
        assert_eq!(
            of("aws", "eu-central-1"),
            "https://public-keys.auth.elb.eu-central-1.amazonaws.com/"
        );
        assert_eq!(
            of("aws-us-gov", "us-gov-west-1"),
            "https://s3-us-gov-west-1.amazonaws.com/aws-elb-public-keys-prod-us-gov-west-1/"
        );
        for wrong in [
            "",
            "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/net/mcp/0",
            "arn:aws:elasticloadbalancing:evil.example/:1:loadbalancer/app/mcp/0",
            "arn:aws:ec2:eu-central-1:1:loadbalancer/app/mcp/0",
        ] {
            assert_eq!(endpoint(wrong), None, "{wrong}");
        }
    }
}
