use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use mcp_core::Principal;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig, ServerConnection,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier},
    },
};

use crate::client_certificate::{self, Unnamed};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(5);

/// TLS 1.2 and 1.3 for [`HttpTransport::tls`](crate::HttpTransport::tls), with a certificate and a
/// key from files.
///
/// Both are read again when one of them changes, within 5 s; connections that are open keep what
/// they began with. A certificate that does not fit its key changes nothing, and is logged.
#[derive(Clone)]
pub struct Tls {
    files: Files,
    config: Arc<RwLock<Arc<ServerConfig>>>,
    every: Duration,
    client_scopes: Arc<[Box<str>]>,
}

#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    clients: Option<Clients>,
}

/// Which clients have a certificate.
#[derive(Clone, Debug)]
struct Clients {
    ca: PathBuf,
    is_optional: bool,
}

/// What TLS cannot be served with.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct TlsError {
    path: PathBuf,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a certificate with those that it is signed by, and its private key, in PEM.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, or the two do not fit together.
    pub fn from_files(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, TlsError> {
        Self::new(Files { certificate: certificate.into(), key: key.into(), clients: None })
    }

    /// Asks every client for a certificate that one of those in this file (PEM) has signed.
    /// Without one there is no connection, not even to `/health`.
    ///
    /// Where no other credentials are asked for ([`HttpConfig::authentication`]), the certificate
    /// says who is calling, as in [`Self::optional_client_ca`]. Where they are, clients need both,
    /// and the credentials say it.
    ///
    /// [`HttpConfig::authentication`]: crate::HttpConfig::authentication
    ///
    /// # Errors
    ///
    /// When the file cannot be read or holds no certificate.
    pub fn client_ca(self, path: impl Into<PathBuf>) -> Result<Self, TlsError> {
        self.clients(Clients { ca: path.into(), is_optional: false })
    }

    /// Lets clients show a certificate that one of those in this file (PEM) has signed, in place of
    /// other credentials: it says who is calling.
    ///
    /// The caller's [`Principal::subject`](mcp_core::Principal::subject) is `cert:` and the first of
    /// `URI:…`, `DNS:…` and `email:…` of the certificate's `subjectAltName`, and `CN=…` of its
    /// subject, that there is. A connection whose certificate has none of them is dropped.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or holds no certificate.
    pub fn optional_client_ca(self, path: impl Into<PathBuf>) -> Result<Self, TlsError> {
        self.clients(Clients { ca: path.into(), is_optional: true })
    }

    fn clients(self, clients: Clients) -> Result<Self, TlsError> {
        let files = Files { clients: Some(clients), ..self.files };
        Ok(Self { every: self.every, client_scopes: self.client_scopes, ..Self::new(files)? })
    }

    /// Sets the scopes of callers whom their certificate names; none by default.
    #[must_use]
    pub fn client_scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Box<str>>,
    {
        self.client_scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets how often the files are looked at; every 5 s by default.
    #[must_use]
    pub fn reload_every(mut self, time: Duration) -> Self {
        self.every = time;
        self
    }

    fn new(files: Files) -> Result<Self, TlsError> {
        let config = Arc::new(RwLock::new(files.load()?));
        Ok(Self { files, config, every: EVERY, client_scopes: Arc::default() })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&config))
    }

    /// Whether certificates say who is calling.
    pub(crate) fn names_clients(&self, asks_otherwise: bool) -> bool {
        self.files.clients.as_ref().is_some_and(|clients| clients.is_optional || !asks_otherwise)
    }

    /// Whom the certificate of a connection names, if it has one.
    pub(crate) fn client(
        &self,
        connection: &ServerConnection,
    ) -> Result<Option<Principal>, Unnamed> {
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        certificate
            .map(|certificate| client_certificate::principal(certificate, &self.client_scopes))
            .transpose()
    }

    /// Reads the files again whenever they have changed. Does not end.
    pub(crate) async fn keep_fresh(self) {
        let mut seen = self.files.modified();
        loop {
            tokio::time::sleep(self.every).await;
            let now = self.files.modified();
            if now == seen {
                continue;
            }
            let files = self.files.clone();
            match tokio::task::spawn_blocking(move || files.load()).await {
                Ok(Ok(config)) => {
                    *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                    tracing::info!("the TLS certificate has been read again");
                    seen = now;
                }
                // Perhaps only one of the two is there yet: looked at again.
                Ok(Err(error)) => {
                    tracing::error!(%error, "the TLS certificate stays as it was");
                }
                Err(_) => {}
            }
        }
    }
}

impl Files {
    fn modified(&self) -> Vec<Option<SystemTime>> {
        let all = [
            Some(&self.certificate),
            Some(&self.key),
            self.clients.as_ref().map(|clients| &clients.ca),
        ];
        let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|file| file.modified());
        all.into_iter().flatten().map(|path| modified(path).ok()).collect()
    }

    fn load(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let certificates = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| at(&self.key, error))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let clients: Arc<dyn ClientCertVerifier> = match &self.clients {
            None => Arc::new(NoClientAuth),
            Some(Clients { ca: path, is_optional }) => {
                let mut roots = RootCertStore::empty();
                for certificate in self::certificates(path)? {
                    roots.add(certificate).map_err(|error| at(path, error))?;
                }
                let roots = roots.into();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
                let verifier =
                    if *is_optional { verifier.allow_unauthenticated() } else { verifier };
                verifier.build().map_err(|error| at(path, error))?
            }
        };
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| at(&self.certificate, error))?
            .with_client_cert_verifier(clients)
            .with_single_cert(certificates, key)
            .map_err(|error| at(&self.certificate, error))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config.into())
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| at(path, error))?.collect();
    let all = all.map_err(|error| at(path, error))?;
    if all.is_empty() {
        return Err(at(path, io::Error::other("there is no certificate in it")));
    }
    Ok(all)
}

fn at(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TlsError {
    TlsError { path: path.to_owned(), source: source.into() }
}
