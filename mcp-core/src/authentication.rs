//! Who is calling: the seam between a binding, which has credentials, and those who can judge them.

use std::{
    borrow::Cow,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderName, header};

use crate::{BoxError, Principal};

/// The longest token or key that is looked at, in bytes. Access tokens with many claims have about
/// 4 KiB; what is longer than this is refused before anything is computed from it.
const MAX_TOKEN: usize = 16 * 1024;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Says who a caller is, from what the caller shows.
///
/// A binding that authenticates asks it once for each request, before it reads the request's body.
/// `mcp-auth` has verifiers of API keys and of JSON Web Tokens.
///
/// ```
/// use mcp_core::{Credentials, Denied, Principal, TokenVerifier, Verification};
///
/// /// One token, for one caller.
/// #[derive(Debug)]
/// struct Fixed;
///
/// impl TokenVerifier for Fixed {
///     fn verify(&self, credentials: &Credentials<'_>) -> Verification {
///         Verification::ready(match credentials.token() {
///             None => Err(Denied::missing()),
///             Some("correct horse") => Ok(Principal::new("ada", ["sales:read"])),
///             Some(_) => Err(Denied::invalid("the token is unknown")),
///         })
///     }
/// }
/// ```
pub trait TokenVerifier: fmt::Debug + Send + Sync + 'static {
    /// Judges credentials: at once, or with a future if something has to be fetched first.
    fn verify(&self, credentials: &Credentials<'_>) -> Verification;
}

/// What a caller shows, as it stands in the headers of one request.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    token: Option<&'a str>,
    headers: &'a HeaderMap,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never what they are.
        f.debug_struct("Credentials").field("has_token", &self.token.is_some()).finish()
    }
}

impl<'a> Credentials<'a> {
    /// Reads `Authorization: Bearer` or `X-API-Key`. Tokens in a URL are never looked at.
    ///
    /// # Errors
    ///
    /// When there are several, or one is malformed or longer than 16 KiB: which of two a
    /// gateway in front has checked, nobody knows.
    pub fn from_headers(headers: &'a HeaderMap) -> Result<Self, Denied> {
        let bearer = match single(headers, &header::AUTHORIZATION)? {
            None => None,
            Some(value) => {
                let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
                // Another scheme is none of ours, hence no credential.
                scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_matches(' '))
            }
        };
        let key = single(headers, &API_KEY)?;
        let token = match (bearer, key) {
            (Some(_), Some(_)) => {
                return Err(Denied::malformed("send either `Authorization` or `X-API-Key`"));
            }
            (token, None) | (None, token) => token,
        };
        match token {
            Some("") => Err(Denied::malformed("the token is empty")),
            Some(token) if token.len() > MAX_TOKEN => Err(Denied::invalid("the token is too long")),
            token => Ok(Self { token, headers }),
        }
    }

    /// The bearer token or API key.
    pub fn token(&self) -> Option<&'a str> {
        self.token
    }

    /// The value of another header, such as one that a load balancer adds.
    ///
    /// # Errors
    ///
    /// When it is there more than once, or is no text.
    pub fn header(&self, name: &HeaderName) -> Result<Option<&'a str>, Denied> {
        single(self.headers, name)
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Denied> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Denied::malformed(format!("the header `{name}` is there more than once")));
    }
    let text = value.to_str();
    text.map(Some).map_err(|_| Denied::malformed(format!("the header `{name}` is malformed")))
}

/// Why a caller is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    kind: DeniedKind,
    reason: Cow<'static, str>,
}

/// What is wrong with credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeniedKind {
    /// There are none: HTTP 401.
    Missing,
    /// They are no credentials at all, or contradict each other: HTTP 400.
    Malformed,
    /// They are wrong, expired, or somebody else's: HTTP 401.
    Invalid,
    /// They cannot be judged at the moment, which is not the caller's fault: HTTP 503.
    Unavailable,
}

impl Denied {
    /// No credentials.
    pub fn missing() -> Self {
        Self { kind: DeniedKind::Missing, reason: "authentication is required".into() }
    }

    /// What cannot be credentials. The reason is told to the caller.
    pub fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: DeniedKind::Malformed, reason: reason.into() }
    }

    /// Wrong credentials. The reason is told to the caller; it must not contain the credentials.
    pub fn invalid(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind: DeniedKind::Invalid, reason: reason.into() }
    }

    /// Credentials that cannot be judged at the moment. The verifier logs why.
    pub fn unavailable() -> Self {
        let reason = "credentials cannot be checked at the moment; try again later".into();
        Self { kind: DeniedKind::Unavailable, reason }
    }

    /// What is wrong.
    pub fn kind(&self) -> DeniedKind {
        self.kind
    }

    /// The reason, for the caller.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// How much it tells about credentials that several verifiers have looked at.
    fn weight(&self) -> u8 {
        match self.kind {
            DeniedKind::Missing => 0,
            DeniedKind::Invalid => 1,
            DeniedKind::Unavailable => 2,
            DeniedKind::Malformed => 3,
        }
    }

    fn heavier(self, other: Self) -> Self {
        if other.weight() >= self.weight() { other } else { self }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Denied {}

/// A judgement on its way. Most are there at once, and cost no allocation.
#[derive(Debug)]
pub struct Verification(Inner);

enum Inner {
    Ready(Option<Result<Principal, Denied>>),
    Later(Pin<Box<dyn Future<Output = Result<Principal, Denied>> + Send>>),
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Later(_) => "Later",
        })
    }
}

impl Verification {
    /// A judgement that is there.
    pub fn ready(judgement: Result<Principal, Denied>) -> Self {
        Self(Inner::Ready(Some(judgement)))
    }

    /// A judgement for which something has to be awaited.
    pub fn later(
        judgement: impl Future<Output = Result<Principal, Denied>> + Send + 'static,
    ) -> Self {
        Self(Inner::Later(Box::pin(judgement)))
    }

    /// The judgement, if it is there.
    ///
    /// # Errors
    ///
    /// Itself, to be awaited.
    pub fn into_ready(self) -> Result<Result<Principal, Denied>, Self> {
        match self.0 {
            Inner::Ready(Some(judgement)) => Ok(judgement),
            inner => Err(Self(inner)),
        }
    }
}

impl Future for Verification {
    type Output = Result<Principal, Denied>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            // After its end it says no, whatever it said before.
            Inner::Ready(judgement) => {
                Poll::Ready(judgement.take().unwrap_or_else(|| Err(Denied::missing())))
            }
            Inner::Later(judgement) => judgement.as_mut().poll(cx),
        }
    }
}

/// Several verifiers: whom one of them knows is known.
///
/// If none does, the caller is told the most that one of them had to say.
#[derive(Clone, Debug)]
pub struct AnyVerifier(Vec<Arc<dyn TokenVerifier>>);

impl AnyVerifier {
    /// Asks the verifiers in this order.
    pub fn new(verifiers: impl IntoIterator<Item = Arc<dyn TokenVerifier>>) -> Self {
        Self(verifiers.into_iter().collect())
    }
}

impl TokenVerifier for AnyVerifier {
    fn verify(&self, credentials: &Credentials<'_>) -> Verification {
        let mut denied = Denied::missing();
        let mut open = Vec::new();
        for verifier in &self.0 {
            match verifier.verify(credentials).into_ready() {
                Ok(Ok(principal)) => return Verification::ready(Ok(principal)),
                Ok(Err(why)) => denied = denied.heavier(why),
                Err(verification) => open.push(verification),
            }
        }
        if open.is_empty() {
            return Verification::ready(Err(denied));
        }
        Verification::later(async move {
            for verification in open {
                match verification.await {
                    Ok(principal) => return Ok(principal),
                    Err(why) => denied = denied.heavier(why),
                }
            }
            Err(denied)
        })
    }
}

/// Where a secret text is kept: a file, AWS Secrets Manager, SSM Parameter Store.
///
/// What is made of it is read anew from time to time, so that a secret is rotated without a
/// restart.
#[async_trait::async_trait]
pub trait SecretSource: fmt::Debug + Send + Sync + 'static {
    /// The text as it stands there now.
    ///
    /// # Errors
    ///
    /// When it cannot be read. What was read before stays in use.
    async fn read(&self) -> Result<String, BoxError>;
}
