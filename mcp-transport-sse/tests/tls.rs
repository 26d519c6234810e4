//! TLS: certificates from files, read again when they change, and asked of clients.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use mcp_core::{Credentials, Denied, Principal, TokenVerifier, Verification};
use mcp_transport_sse::{Authentication, HttpConfig, HttpTransport, Tls};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, IsCa, KeyPair, SanType,
};
use reqwest::{Certificate, Client, Identity, Version};
use support::{Listening, start_with, within};

/// An authority, and a folder that goes with the test.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = std::env::temp_dir().join(format!("mcp-tls-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// A certificate for this machine, and its key.
    fn issue(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer);
        (certificate.unwrap().pem(), key.serialize_pem())
    }

    /// What a client shows whose certificate has these names, and no other.
    fn identity(&self, names: Vec<SanType>) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names;
        params.distinguished_name = DistinguishedName::new();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity::from_pem((certificate.pem() + &key.serialize_pem()).as_bytes()).unwrap()
    }

    fn write(&self) {
        let (certificate, key) = self.issue();
        fs::write(self.path("cert.pem"), certificate).unwrap();
        fs::write(self.path("key.pem"), key).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn tls(&self) -> Tls {
        self.write();
        Tls::from_files(self.path("cert.pem"), self.path("key.pem")).unwrap()
    }

    /// A client that trusts this authority alone.
    fn client(&self) -> reqwest::ClientBuilder {
        let ca = Certificate::from_pem(self.issuer.pem().as_bytes()).unwrap();
        Client::builder().tls_certs_only([ca])
    }
}

async fn serve(tls: Tls) -> Listening {
    start_with(|transport: HttpTransport| transport.tls(tls)).await
}

fn url(server: &Listening, path: &str) -> String {
    format!("https://localhost:{}{path}", server.address.port())
}

async fn list(client: &Client, server: &Listening) -> reqwest::Result<(Version, String)> {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let response = within(client.post(url(server, "/mcp")).body(body).send()).await?;
    let version = response.version();
    Ok((version, within(response.text()).await?))
}

#[tokio::test]
async fn both_versions_of_http_are_served_over_tls() {
    let authority = Authority::new("versions");
    let server = serve(authority.tls()).await;
    for (client, expected) in
        [(authority.client(), Version::HTTP_2), (authority.client().http1_only(), Version::HTTP_11)]
    {
        let (version, text) = list(&client.build().unwrap(), &server).await.unwrap();
        assert_eq!(version, expected);
        assert!(text.contains(r#""name":"echo""#), "{text}");
    }
    // Whoever does not speak TLS, or does not trust the authority, gets nothing.
    let mut plain = server.connect().await;
    plain.write("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let rest = plain.rest().await;
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
    let stranger = Authority::new("stranger").client().build().unwrap();
    assert!(list(&stranger, &server).await.is_err());
}

#[tokio::test]
async fn a_certificate_is_read_again_when_it_changes() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let server = serve(old.tls().reload_every(Duration::from_millis(10))).await;
    let trusts = |authority: &Authority| authority.client().build().unwrap();
    assert!(list(&trusts(&old), &server).await.is_ok());
    assert!(list(&trusts(&new), &server).await.is_err());

    // One that does not fit its key changes nothing.
    let (certificate, key) = new.issue();
    fs::write(old.path("cert.pem"), certificate).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(list(&trusts(&old), &server).await.is_ok());

    fs::write(old.path("key.pem"), key).unwrap();
    let changed = async {
        while list(&trusts(&new), &server).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), changed).await.expect("it stays the old one");
    assert!(list(&trusts(&old), &server).await.is_err());
}

#[tokio::test]
async fn a_client_can_be_asked_for_a_certificate() {
    let (authority, clients) = (Authority::new("server"), Authority::new("clients"));
    let server = serve(authority.tls().client_ca(clients.path("ca.pem")).unwrap()).await;
    let identity = |of: &Authority| {
        let (certificate, key) = of.issue();
        Identity::from_pem((certificate + &key).as_bytes()).unwrap()
    };
    let known = authority.client().identity(identity(&clients)).build().unwrap();
    assert!(list(&known, &server).await.is_ok());
    let other = authority.client().identity(identity(&authority)).build().unwrap();
    assert!(list(&other, &server).await.is_err());
    let nobody = authority.client().build().unwrap();
    assert!(list(&nobody, &server).await.is_err());
}

#[tokio::test]
async fn a_clients_certificate_says_who_is_calling() {
    let (authority, clients) = (Authority::new("names"), Authority::new("named"));
    let ca = clients.path("ca.pem");
    let tls = authority.tls();
    let ada = clients.identity(vec![SanType::URI("spiffe://example.com/ada".try_into().unwrap())]);
    let eve =
        authority.identity(vec![SanType::URI("spiffe://example.com/ada".try_into().unwrap())]);
    let nameless = clients.identity(Vec::new());
    let with = |identity: &Identity| authority.client().identity(identity.clone()).build().unwrap();
    let nobody = authority.client().build().unwrap();

    // Where one is asked of every client.
    let server = serve(tls.clone().client_ca(&ca).unwrap()).await;
    assert_eq!(
        whoami(&with(&ada), &server, None).await.unwrap(),
        "cert:URI:spiffe://example.com/ada"
    );
    for refused in [&with(&eve), &with(&nameless), &nobody] {
        assert!(whoami(refused, &server, None).await.is_err());
    }

    // Where a client may show one, or an API key.
    let optional = || tls.clone().optional_client_ca(&ca).unwrap().client_scopes(["mcp"]);
    let server = guarded(optional(), "mcp").await;
    assert_eq!(
        whoami(&with(&ada), &server, None).await.unwrap(),
        "cert:URI:spiffe://example.com/ada"
    );
    assert_eq!(whoami(&nobody, &server, Some("key")).await.unwrap(), "known");
    assert_eq!(whoami(&nobody, &server, None).await.unwrap(), "401");
    for refused in [&with(&eve), &with(&nameless)] {
        assert!(whoami(refused, &server, Some("key")).await.is_err());
    }
    // It needs the scopes that every caller needs.
    let server = guarded(optional(), "other").await;
    assert_eq!(whoami(&with(&ada), &server, None).await.unwrap(), "403");

    // Where both are asked for, the credential says it.
    let server = guarded(tls.clone().client_ca(&ca).unwrap(), "mcp").await;
    assert_eq!(whoami(&with(&ada), &server, Some("key")).await.unwrap(), "known");
    assert_eq!(whoami(&with(&ada), &server, None).await.unwrap(), "401");
    assert!(whoami(&nobody, &server, Some("key")).await.is_err());
}

/// Knows one key.
#[derive(Debug)]
struct OneKey;

impl TokenVerifier for OneKey {
    fn verify(&self, credentials: &Credentials<'_>) -> Verification {
        Verification::ready(match credentials.token() {
            Some("key") => Ok(Principal::new("known", ["mcp", "other"])),
            _ => Err(Denied::missing()),
        })
    }
}

/// A server that asks for a key and a scope.
async fn guarded(tls: Tls, scope: &str) -> Listening {
    let authentication = Authentication::new(Arc::new(OneKey)).scope(scope);
    let config = HttpConfig::new().authentication(authentication);
    start_with(|transport: HttpTransport| transport.tls(tls).config(config)).await
}

/// Who the server says that the client is, or with which status it refuses to.
async fn whoami(client: &Client, server: &Listening, key: Option<&str>) -> reqwest::Result<String> {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"}}"#;
    let mut request = client.post(url(server, "/mcp")).body(body);
    if let Some(key) = key {
        request = request.header("x-api-key", key);
    }
    let response = within(request.send()).await?;
    let status = response.status();
    let text = within(response.text()).await?;
    if status != 200 {
        return Ok(status.as_u16().to_string());
    }
    let message: serde_json::Value = serde_json::from_str(&text).unwrap();
    Ok(message["result"]["content"][0]["text"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn who_does_not_finish_the_handshake_is_dropped() {
    let authority = Authority::new("slow");
    let tls = authority.tls();
    let server =
        start_with(|transport| transport.tls(tls).header_timeout(Duration::from_millis(50))).await;
    let mut client = server.connect().await;
    client.write([0x16, 0x03, 0x01]).await;
    assert_eq!(client.rest().await, b"");
}

#[test]
fn files_that_are_none_are_named() {
    let authority = Authority::new("files");
    authority.write();
    let (certificate, key) = (authority.path("cert.pem"), authority.path("key.pem"));
    let said = |result: Result<Tls, mcp_transport_sse::TlsError>| result.unwrap_err().to_string();
    let missing = said(Tls::from_files("/no/such.pem", &key));
    assert!(missing.contains("/no/such.pem"), "{missing}");
    let swapped = said(Tls::from_files(&key, &certificate));
    assert!(swapped.contains("key.pem") && swapped.contains("no certificate"), "{swapped}");
    let (other, _) = authority.issue();
    fs::write(&certificate, other).unwrap();
    let unfit = said(Tls::from_files(&certificate, &key));
    assert!(unfit.contains("cert.pem"), "{unfit}");
}
