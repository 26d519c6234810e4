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

    /// Ask every client for a certificate that one of those in this file (PEM) has signed.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "MCP_TLS_CLIENT_CA",
        requires = "tls_cert"
    )]
    tls_client_ca: Option<PathBuf>,
}

impl TlsOptions {
    /// Whether the server speaks TLS.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// Whether clients without a certificate are turned away.
    pub(crate) fn asks_clients(&self) -> bool {
        self.tls_cert.is_some() && self.tls_client_ca.is_some()
    }

    /// What to serve with, if with TLS.
    pub(crate) fn load(self) -> Result<Option<Tls>, TlsError> {
        let (Some(certificate), Some(key)) = (self.tls_cert, self.tls_key) else {
            return Ok(None);
        };
        let tls = Tls::from_files(certificate, key)?;
        match self.tls_client_ca {
            Some(path) => tls.client_ca(path).map(Some),
            None => Ok(Some(tls)),
        }
    }
}
