//! TLS, from flags and the environment.

use std::path::PathBuf;

use clap::Args;
use mcp_transport_sse::{Tls, TlsError};

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "TLS (HTTP)")]
pub(crate) struct TlsOptions {
    /// Serve over TLS with this certificate, and those that it is signed by (PEM). It is read again
    /// when it changes.
    #[arg(long, global = true, value_name = "PATH", env = "MCP_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of the certificate (PEM).
    #[arg(long, global = true, value_name = "PATH", env = "MCP_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Ask every client for a certificate that one of those in this file (PEM) has signed. It says
    /// who is calling, unless other credentials are asked for, too.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "MCP_TLS_CLIENT_CA",
        requires = "tls_cert"
    )]
    tls_client_ca: Option<PathBuf>,

    /// Serve clients without a certificate, too; one that is shown says who is calling, in place of
    /// other credentials.
    #[arg(long, global = true, env = "MCP_TLS_CLIENT_OPTIONAL", requires = "tls_client_ca", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    tls_client_optional: bool,

    /// A scope of callers who are known by their certificate. May be repeated.
    #[arg(
        long,
        global = true,
        value_name = "SCOPE",
        env = "MCP_TLS_CLIENT_SCOPES",
        value_delimiter = ',',
        requires = "tls_client_ca"
    )]
    tls_client_scope: Vec<String>,
}

impl TlsOptions {
    /// Whether the server speaks TLS.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// Whether clients without a certificate are turned away.
    pub(crate) fn asks_clients(&self) -> bool {
        self.tls_cert.is_some() && self.tls_client_ca.is_some() && !self.tls_client_optional
    }

    /// What to serve with, if with TLS.
    pub(crate) fn load(self) -> Result<Option<Tls>, TlsError> {
        let (Some(certificate), Some(key)) = (self.tls_cert, self.tls_key) else {
            return Ok(None);
        };
        let tls = Tls::from_files(certificate, key)?;
        match self.tls_client_ca {
            Some(path) if self.tls_client_optional => tls.optional_client_ca(path),
            Some(path) => tls.client_ca(path),
            None => Ok(tls),
        }
        .map(|tls| Some(tls.client_scopes(self.tls_client_scope)))
    }
}
