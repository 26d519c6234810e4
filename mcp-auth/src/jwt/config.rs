use jsonwebtoken::Algorithm;

/// A configuration that no token could be checked by.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// Not a URL to fetch keys from.
    #[error("`{0}` is no https URL; http is accepted for loopback only")]
    Url(String),
    /// Neither an audience nor a client identifier.
    #[error(
        "no audience is set: any token of the issuer would be accepted, those for other services \
         too; set the server's own URL, or the identifiers of the clients that may call it"
    )]
    NoAudience,
    /// Not the ARN of an Application Load Balancer.
    #[error(
        "`{0}` is no ARN of an Application Load Balancer: expected \
         arn:aws:elasticloadbalancing:REGION:ACCOUNT:loadbalancer/app/NAME/ID"
    )]
    Arn(String),
    /// The HTTP client cannot be made.
    #[error("keys cannot be fetched: {0}")]
    Client(#[from] reqwest::Error),
}

/// How tokens may be signed. Only with a key of which the server knows the public half: never
/// `none`, never with a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// ECDSA with P-384 and SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl SigningAlgorithm {
    pub(super) fn as_algorithm(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Rs384 => Algorithm::RS384,
            Self::Rs512 => Algorithm::RS512,
            Self::Ps256 => Algorithm::PS256,
            Self::Ps384 => Algorithm::PS384,
            Self::Ps512 => Algorithm::PS512,
            Self::Es256 => Algorithm::ES256,
            Self::Es384 => Algorithm::ES384,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

/// Whether something may be fetched from a URL: over TLS, or from the same machine.
pub(super) fn check_url(url: &str) -> Result<(), JwtError> {
    let parsed = reqwest::Url::parse(url).map_err(|_| JwtError::Url(url.to_owned()))?;
    let is_loopback = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match parsed.scheme() {
        "https" if parsed.has_host() => Ok(()),
        "http" if is_loopback => Ok(()),
        _ => Err(JwtError::Url(url.to_owned())),
    }
}
