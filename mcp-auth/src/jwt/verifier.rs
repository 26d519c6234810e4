use std::{fmt, sync::Arc, time::Duration};

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, errors::ErrorKind};
use mcp_core::{Credentials, Denied, Principal, TokenVerifier, Verification};

use super::{
    accepted::Fingerprint,
    claims::Claims,
    config::{JwtError, SigningAlgorithm, check_url},
    fetch,
    keys::{Found, Keys, Source},
};

/// Access tokens of one issuer: an OpenID Connect provider or any OAuth 2.1 authorization server
/// that signs JSON Web Tokens.
///
/// A token has to be signed by a key that the issuer publishes, with an algorithm that is allowed;
/// `iss` has to be the issuer, `aud` this server, `exp` in the future, `nbf` and `iat` in the past.
/// Amazon Cognito's access tokens have no `aud`: for those, `client_id` has to be one of
/// [`Self::client_id`]'s. The caller is `sub`, or `client_id` if there is none; its scopes are the
/// words of `scope` and `scp`.
///
/// The keys are fetched when the first token comes, and anew when one names a key that is not
/// among them, at most once in [`Self::refetch_after`]; and every hour, so that withdrawn keys are
/// no longer taken. Whoever comes while they are fetched waits for the same answer. A token that was taken is
/// known again, by its SHA-256, until it expires or its key is fetched anew: its signature is checked once.
///
/// ```
/// use mcp_auth::Jwt;
///
/// # fn main() -> Result<(), mcp_auth::JwtError> {
/// let verifier = Jwt::new("https://auth.example.com")
///     .audience("https://mcp.example.com/mcp")
///     .build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Jwt {
    issuer: String,
    jwks_url: Option<String>,
    audiences: Vec<String>,
    client_ids: Vec<String>,
    scope_claims: Vec<String>,
    algorithms: Vec<SigningAlgorithm>,
    leeway: Duration,
    refetch_after: Duration,
    max_age: Duration,
    timeout: Duration,
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Jwt {
    /// Tokens of this issuer: its URL, exactly as it stands in `iss`.
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            jwks_url: None,
            audiences: Vec::new(),
            client_ids: Vec::new(),
            scope_claims: vec!["scope".into(), "scp".into()],
            algorithms: vec![
                SigningAlgorithm::Rs256,
                SigningAlgorithm::Ps256,
                SigningAlgorithm::Es256,
                SigningAlgorithm::EdDsa,
            ],
            leeway: Duration::from_secs(60),
            refetch_after: Duration::from_secs(30),
            max_age: Duration::from_secs(3600),
            timeout: Duration::from_secs(5),
        }
    }

    /// Adds a value of `aud` that means this server: its URL, as clients name it in `resource`.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Adds a client whose tokens are taken although they have no `aud`, as Amazon Cognito's.
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_ids.push(client_id.into());
        self
    }

    /// Sets where the issuer's keys are; by default its metadata tells.
    #[must_use]
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.jwks_url = Some(url.into());
        self
    }

    /// Adds a claim whose words or texts are scopes, such as `cognito:groups` or `roles`.
    #[must_use]
    pub fn scope_claim(mut self, claim: impl Into<String>) -> Self {
        self.scope_claims.push(claim.into());
        self
    }

    /// Sets how tokens may be signed; RS256, PS256, ES256 and EdDSA by default.
    #[must_use]
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = SigningAlgorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Sets by how much clocks may differ; 60 s by default.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets the least time between two attempts to fetch the issuer's keys; 30 s by default. After
    /// a failure it is 5 s at most.
    #[must_use]
    pub fn refetch_after(mut self, interval: Duration) -> Self {
        self.refetch_after = interval;
        self
    }

    /// Sets after how long keys are fetched anew even if none is missing; an hour by default. While
    /// that fails, those that are known stay in use.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Sets how long the issuer may take to answer; 5 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The verifier. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When there is neither an audience nor a client, or a URL is not `https`.
    pub fn build(self) -> Result<impl TokenVerifier, JwtError> {
        check_url(&self.issuer)?;
        if self.audiences.is_empty() && self.client_ids.is_empty() {
            return Err(JwtError::NoAudience);
        }
        let source = match self.jwks_url {
            None => Source::Issuer(self.issuer.clone()),
            Some(url) => {
                check_url(&url)?;
                Source::Set(url)
            }
        };
        let validation = |algorithm: &SigningAlgorithm| {
            let algorithm = algorithm.as_algorithm();
            let mut validation = Validation::new(algorithm);
            validation.leeway = self.leeway.as_secs();
            validation.validate_nbf = true;
            // Looked at here, since it may be that of a client instead.
            validation.validate_aud = false;
            validation.set_issuer(&[&self.issuer]);
            validation.set_required_spec_claims(&["exp", "iss"]);
            (algorithm, validation)
        };
        let rules = Rules {
            validations: self.algorithms.iter().map(validation).collect(),
            audiences: self.audiences,
            client_ids: self.client_ids,
            scope_claims: self.scope_claims,
            leeway: self.leeway.as_secs(),
        };
        let client = fetch::client(self.timeout)?;
        let keys = Keys::new(source, client, self.refetch_after, self.max_age);
        Ok(JwtVerifier { shared: Arc::new(Shared { rules, keys }) })
    }
}

#[derive(Debug)]
struct JwtVerifier {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    rules: Rules,
    keys: Arc<Keys>,
}

#[derive(Debug)]
struct Rules {
    validations: Vec<(Algorithm, Validation)>,
    audiences: Vec<String>,
    client_ids: Vec<String>,
    scope_claims: Vec<String>,
    leeway: u64,
}

impl TokenVerifier for JwtVerifier {
    fn verify(&self, credentials: &Credentials<'_>) -> Verification {
        let Some(token) = credentials.token() else {
            return Verification::ready(Err(Denied::missing()));
        };
        let header = match self.shared.rules.header(token) {
            Ok(header) => header,
            Err(denied) => return Verification::ready(Err(denied)),
        };
        let keys = &self.shared.keys;
        let found = keys.find(header.kid.as_deref(), header.alg);
        let is_known = matches!(found, Found::Key(_));
        if is_known && !keys.are_old() {
            return Verification::ready(self.shared.judge(token, &header, found));
        }
        let Some(mut fetched) = keys.refresh(header.kid.as_deref()) else {
            return Verification::ready(self.shared.judge(token, &header, found));
        };
        let (shared, token) = (Arc::clone(&self.shared), token.to_owned());
        Verification::later(async move {
            // It is closed at the end, which is an error here.
            let _ = fetched.changed().await;
            let found = shared.keys.find(header.kid.as_deref(), header.alg);
            shared.judge(&token, &header, found)
        })
    }
}

impl Rules {
    /// What a token says about its own signature.
    fn header(&self, token: &str) -> Result<Header, Denied> {
        if token.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return Err(Denied::invalid("the token is no JSON Web Token"));
        }
        let header = decode_header(token)
            .map_err(|_| Denied::invalid("the token's header is malformed, or unsigned"))?;
        if self.validation(header.alg).is_none() {
            return Err(Denied::invalid("the token is signed with an algorithm that is not taken"));
        }
        if header.crit.is_some() {
            return Err(Denied::invalid("the token has a critical header that is not understood"));
        }
        Ok(header)
    }

    fn validation(&self, algorithm: Algorithm) -> Option<&Validation> {
        self.validations
            .iter()
            .find_map(|(of, validation)| (*of == algorithm).then_some(validation))
    }

    fn judge(&self, claims: Claims) -> Result<Principal, Denied> {
        if claims.is_future_dated(jsonwebtoken::get_current_timestamp(), self.leeway) {
            return Err(Denied::invalid("the token was issued in the future"));
        }
        if claims.token_use.as_deref().is_some_and(|kind| kind != "access") {
            return Err(Denied::invalid("the token is no access token"));
        }
        let is_ours = match (&claims.aud, &claims.client_id) {
            (Some(audiences), _) => {
                audiences.iter().any(|audience| self.audiences.iter().any(|ours| ours == audience))
            }
            (None, Some(client)) => self.client_ids.contains(client),
            (None, None) => false,
        };
        if !is_ours {
            return Err(Denied::invalid("the token is for another service"));
        }
        claims.caller(&self.scope_claims)
    }
}

impl Shared {
    fn judge(&self, token: &str, header: &Header, found: Found) -> Result<Principal, Denied> {
        let key = match found {
            Found::Key(key) if key.may_sign_with(header.alg) => key,
            Found::Nothing => return Err(Denied::unavailable()),
            _ => return Err(Denied::invalid("the token is signed with an unknown key")),
        };
        let Some(validation) = self.rules.validation(header.alg) else {
            return Err(Denied::invalid("the token is signed with an algorithm that is not taken"));
        };
        let fingerprint = Fingerprint::of(token);
        if let Some(caller) = key.accepted.find(&fingerprint) {
            return Ok(caller);
        }
        let token = decode::<Claims>(token, &key.decoding, validation).map_err(|error| {
            Denied::invalid(match error.kind() {
                ErrorKind::ExpiredSignature => "the token has expired",
                ErrorKind::ImmatureSignature => "the token is not valid yet",
                ErrorKind::InvalidIssuer => "the token is of another issuer",
                ErrorKind::InvalidSignature => "the token's signature is wrong",
                ErrorKind::MissingRequiredClaim(claim) if claim == "exp" => {
                    "the token has no `exp`"
                }
                _ => "the token is malformed",
            })
        })?;
        let until = token.claims.expires().saturating_add(self.rules.leeway);
        let caller = self.rules.judge(token.claims)?;
        key.accepted.remember(fingerprint, until, &caller);
        Ok(caller)
    }
}
