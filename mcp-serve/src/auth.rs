//! Who may call, from flags and the environment.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use mcp_auth::{ApiKeys, ApiKeysError, FileSource};
use mcp_core::{AnyVerifier, SecretSource, TokenVerifier};
use mcp_transport_sse::{Authentication, ConfigError, ProtectedResource};

/// Where API keys stand, as digests: see [`ApiKeys`].
pub(crate) const API_KEYS: &str = "MCP_API_KEYS";
/// How often the file is looked at.
const FILE_EVERY: Duration = Duration::from_secs(5);
/// How often AWS is asked for a secret, which costs about 0.2 USD a month for each process.
#[cfg(feature = "aws-secrets")]
const SECRET_EVERY: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Authentication (HTTP)")]
pub(crate) struct AuthOptions {
    /// A file with API keys that callers may present: lines of `NAME sha256:DIGEST SCOPE…`. It is
    /// read again when it changes. MCP_API_KEYS holds such lines itself, separated by commas.
    #[arg(long, global = true, value_name = "PATH", env = "MCP_API_KEYS_FILE")]
    api_keys_file: Option<PathBuf>,

    /// A secret of AWS that holds such lines: `secretsmanager:NAME` or `ssm:NAME`. It is read again
    /// every minute.
    #[cfg(feature = "aws-secrets")]
    #[arg(long, global = true, value_name = "SECRET", env = "MCP_API_KEYS_SECRET")]
    api_keys: Option<mcp_aws::AwsSecret>,

    /// The URL by which clients know the server, such as https://mcp.example.com/mcp. Tokens have
    /// to be issued for it.
    #[arg(long, global = true, value_name = "URL", env = "MCP_RESOURCE")]
    resource: Option<String>,

    /// A scope that every caller needs. May be repeated.
    #[arg(
        long,
        global = true,
        value_name = "SCOPE",
        env = "MCP_REQUIRED_SCOPES",
        value_delimiter = ','
    )]
    required_scope: Vec<String>,

    #[cfg(feature = "auth-jwt")]
    #[command(flatten)]
    jwt: jwt::JwtOptions,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthError {
    #[error(transparent)]
    ApiKeys(#[from] ApiKeysError),
    #[error("{API_KEYS}: {0}")]
    Variable(ApiKeysError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[cfg(feature = "auth-jwt")]
    #[error(transparent)]
    Jwt(#[from] mcp_auth::JwtError),
}

/// How callers are asked who they are, if they are to be asked. Files are read, and read again as
/// long as the program runs.
pub(crate) async fn authentication(
    options: AuthOptions,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Authentication>, AuthError> {
    let mut verifiers: Vec<Arc<dyn TokenVerifier>> = Vec::new();
    if let Some(text) = variable(API_KEYS) {
        verifiers.push(Arc::new(ApiKeys::parse(&text).map_err(AuthError::Variable)?));
    }
    if let Some(path) = options.api_keys_file {
        verifiers.push(fresh_keys(FileSource::new(path), FILE_EVERY).await?);
    }
    #[cfg(feature = "aws-secrets")]
    if let Some(secret) = options.api_keys {
        verifiers.push(fresh_keys(secret, SECRET_EVERY).await?);
    }
    #[cfg_attr(not(feature = "auth-jwt"), expect(unused_mut, reason = "no issuer to name"))]
    let mut resource = options.resource.as_deref().map(ProtectedResource::new).transpose()?;
    #[cfg(feature = "auth-jwt")]
    {
        resource = match (resource, options.jwt.issuer()) {
            (Some(resource), Some(issuer)) => Some(resource.authorization_server(issuer)),
            (resource, _) => resource,
        };
        verifiers.extend(options.jwt.verifiers(options.resource.as_deref())?);
    }
    let verifier: Arc<dyn TokenVerifier> = match verifiers.len() {
        0 => return Ok(None),
        1 => verifiers.remove(0),
        _ => Arc::new(AnyVerifier::new(verifiers)),
    };
    let mut authentication = Authentication::new(verifier);
    if let Some(resource) = resource.filter(ProtectedResource::has_authorization_server) {
        authentication = authentication.resource(resource);
    }
    Ok(Some(options.required_scope.into_iter().fold(authentication, Authentication::scope)))
}

/// Keys that are read again as long as the program runs.
async fn fresh_keys(
    source: impl SecretSource,
    every: Duration,
) -> Result<Arc<dyn TokenVerifier>, ApiKeysError> {
    let keys = Arc::new(ApiKeys::from_source(source).await?);
    tokio::spawn(ApiKeys::keep_fresh(&keys, every));
    Ok(keys)
}

#[cfg(feature = "auth-jwt")]
mod jwt {
    use clap::Args;
    use mcp_auth::{AlbIdentity, Jwt, JwtError};

    use super::{Arc, TokenVerifier};

    #[derive(Clone, Debug, Default, Args)]
    pub(super) struct JwtOptions {
        /// The issuer of access tokens (JSON Web Tokens): its URL, as it stands in their `iss`.
        #[arg(long, global = true, value_name = "URL", env = "MCP_JWT_ISSUER")]
        jwt_issuer: Option<String>,

        /// A value of `aud` that is taken besides the one of --resource. May be repeated.
        #[arg(
            long,
            global = true,
            value_name = "AUDIENCE",
            env = "MCP_JWT_AUDIENCES",
            value_delimiter = ','
        )]
        jwt_audience: Vec<String>,

        /// A client whose tokens are taken although they have no `aud`, as Amazon Cognito's. May be
        /// repeated.
        #[arg(
            long,
            global = true,
            value_name = "CLIENT_ID",
            env = "MCP_JWT_CLIENT_IDS",
            value_delimiter = ','
        )]
        jwt_client_id: Vec<String>,

        /// Where the issuer's keys are, if its metadata does not tell.
        #[arg(long, global = true, value_name = "URL", env = "MCP_JWT_JWKS_URL")]
        jwt_jwks_url: Option<String>,

        /// A claim that holds scopes besides `scope` and `scp`, such as `cognito:groups`. May be
        /// repeated.
        #[arg(
            long,
            global = true,
            value_name = "CLAIM",
            env = "MCP_SCOPE_CLAIMS",
            value_delimiter = ','
        )]
        scope_claim: Vec<String>,

        /// The ARN of the Application Load Balancer in front that signs users in: callers are those
        /// of its header x-amzn-oidc-data.
        #[arg(long, global = true, value_name = "ARN", env = "MCP_ALB_ARN")]
        alb_arn: Option<String>,
    }

    impl JwtOptions {
        pub(super) fn issuer(&self) -> Option<&str> {
            self.jwt_issuer.as_deref()
        }

        pub(super) fn verifiers(
            self,
            resource: Option<&str>,
        ) -> Result<Vec<Arc<dyn TokenVerifier>>, JwtError> {
            let mut verifiers: Vec<Arc<dyn TokenVerifier>> = Vec::new();
            if let Some(arn) = self.alb_arn {
                let claims = self.scope_claim.iter();
                verifiers.push(Arc::new(
                    claims.fold(AlbIdentity::new(arn), AlbIdentity::scope_claim).build()?,
                ));
            }
            if let Some(issuer) = self.jwt_issuer {
                let audiences = resource.map(str::to_owned).into_iter().chain(self.jwt_audience);
                let jwt = audiences.fold(Jwt::new(issuer), Jwt::audience);
                let jwt = self.jwt_client_id.into_iter().fold(jwt, Jwt::client_id);
                let jwt = self.scope_claim.into_iter().fold(jwt, Jwt::scope_claim);
                let jwt = self.jwt_jwks_url.into_iter().fold(jwt, Jwt::jwks_url);
                verifiers.push(Arc::new(jwt.build()?));
            }
            Ok(verifiers)
        }
    }
}
