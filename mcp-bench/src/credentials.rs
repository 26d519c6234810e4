//! An API key, and an issuer of JSON Web Tokens.

use std::{
    net::Ipv4Addr,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context as _;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What tokens are issued for.
const RESOURCE: &str = "https://mcp.example.com/mcp";
/// How many tokens there are: several times as many as a server of ours remembers.
const TOKENS: usize = 4096;
/// The key that callers show, and the line that a server knows it by.
const API_KEY: &str = "X-API-Key: bench-key";
const API_KEY_LINE: &str =
    "bench sha256:b0962662e937d44c699c8305d90cbf190b3150c59b13863d1380b5cc3c711bb7";

/// How callers show who they are, and what servers have to know for it.
#[derive(Debug)]
pub struct Credentials {
    issuer: String,
    /// Headers' lines, each with another token.
    tokens: Vec<String>,
    /// Answers with the issuer's metadata and its key.
    listener: JoinHandle<()>,
}

impl Credentials {
    /// Makes a key pair, and publishes it until this is dropped.
    ///
    /// # Errors
    ///
    /// When there is no port to publish it at.
    pub async fn issue() -> anyhow::Result<Self> {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new())
            .ok()
            .context("no key pair could be made")?;
        let key = EncodingKey::from_ec_der(pair.as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
        jwk.common.key_id = Some("bench".to_owned());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let issuer = format!("http://{}", listener.local_addr()?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let header = Header { kid: Some("bench".to_owned()), ..Header::new(Algorithm::ES256) };
        let token = |number: usize| {
            let claims = json!({
                "iss": issuer,
                "sub": format!("bench-{number:04}"),
                "aud": RESOURCE,
                "iat": now,
                "exp": now + 24 * 60 * 60,
            });
            Ok(format!("Authorization: Bearer {}", encode(&header, &claims, &key)?))
        };
        let tokens = (0..TOKENS).map(token).collect::<anyhow::Result<_>>()?;
        let metadata = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") });
        let keys = json!({ "keys": [jwk] });
        let listener = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that goes away is its own affair.
                let _ = answer(stream, &metadata.to_string(), &keys.to_string()).await;
            }
        });
        Ok(Self { issuer, tokens, listener })
    }

    /// The environment of a server that asks for them.
    pub(crate) fn settings(&self, tokens: bool) -> Vec<(&'static str, &str)> {
        if tokens {
            vec![("MCP_JWT_ISSUER", &*self.issuer), ("MCP_RESOURCE", RESOURCE)]
        } else {
            vec![("MCP_API_KEYS", API_KEY_LINE)]
        }
    }

    pub(crate) fn api_key(&self) -> Vec<String> {
        vec![API_KEY.to_owned()]
    }

    /// The header's line with one token.
    pub(crate) fn token(&self) -> Vec<String> {
        self.tokens[..1].to_vec()
    }

    /// The header's lines of one of several clients, none of which has another's token.
    pub(crate) fn own_tokens(&self, client: usize, clients: usize) -> Vec<String> {
        let each = self.tokens.len() / clients;
        self.tokens[client * each..][..each].to_vec()
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn answer(mut stream: TcpStream, metadata: &str, keys: &str) -> anyhow::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let body = if head.starts_with(b"GET /jwks ") { keys } else { metadata };
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all((head + body).as_bytes()).await?;
    Ok(())
}
