//! Verifiers of credentials: who is calling a Model Context Protocol server.
//!
//! Depend on this crate to ask callers who they are where `mcp-serve`'s flags do not suffice, or
//! in an application of your own around `mcp-http`. Each verifier is a
//! [`TokenVerifier`](mcp_core::TokenVerifier); several are put together with
//! [`AnyVerifier`](mcp_core::AnyVerifier).
//!
//! - [`ApiKeys`]: keys that you hand out, kept as digests, rotated without a restart;
//! - `Jwt` (feature `jwt`): access tokens of an OpenID Connect provider, Amazon Cognito among them;
//! - `AlbIdentity` (feature `jwt`): users that an Application Load Balancer has signed in.
//!
//! ```
//! use mcp_auth::ApiKeys;
//! use mcp_core::{Credentials, TokenVerifier as _};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The digest is that of the key `correct horse battery staple`.
//! let keys = ApiKeys::parse(
//!     "ci sha256:c4bbcb1fbec99d65bf59d85c8cb62ee2db963f0fe106f483d9afa73bd4e39a8a sales:read",
//! )?;
//! let headers = [("x-api-key", "correct horse battery staple")];
//! # let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
//! let verification = keys.verify(&Credentials::from_headers(&headers)?);
//! let caller = verification.into_ready().expect("keys are looked up at once")?;
//! assert_eq!(caller.subject(), "key:ci");
//! assert!(caller.has_scope("sales:read"));
//! # Ok(()) }
//! ```

mod api_keys;
mod file;
#[cfg(feature = "jwt")]
mod jwt;

#[cfg(feature = "jwt")]
pub use crate::jwt::{AlbIdentity, Jwt, JwtError, SigningAlgorithm};
pub use crate::{
    api_keys::{ApiKeys, ApiKeysError},
    file::FileSource,
};
