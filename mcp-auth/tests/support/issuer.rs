//! An issuer: keys, tokens, and an HTTP listener that publishes the keys, or fails to.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::*};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};

/// A key pair, P-256.
pub struct Signer {
    pub id: String,
    pub encoding: EncodingKey,
    pair: EcdsaKeyPair,
}

impl Signer {
    pub fn new(id: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap();
        Self { id: id.to_owned(), encoding: EncodingKey::from_ec_der(pkcs8.as_ref()), pair }
    }

    pub fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.encoding, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some(self.id.clone());
        json!(jwk)
    }

    /// The public key as PEM.
    pub fn pem(&self) -> String {
        // The head of a SubjectPublicKeyInfo for P-256 (RFC 5480), before the point.
        let mut der = vec![
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        der.extend_from_slice(self.pair.public_key().as_ref());
        let text = BASE64_STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    pub fn token(&self, claims: &Value) -> String {
        self.token_with(&Header { kid: Some(self.id.clone()), ..header() }, claims)
    }

    pub fn token_with(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.encoding).unwrap()
    }

    /// A token with any header, signed with ES256 over its parts as the engine writes them.
    pub fn raw(&self, engine: &impl base64::Engine, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| engine.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", engine.encode(signature.as_ref()))
    }
}

pub fn header() -> Header {
    Header::new(Algorithm::ES256)
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// How the listener answers.
#[derive(Clone, Debug)]
pub enum Mood {
    Well,
    /// 500.
    Down,
    /// Accepts and never answers.
    Silent,
    /// 200 with this.
    Says(String),
    /// More than anyone should read.
    Endless,
    /// To another place.
    Redirects(String),
}

#[derive(Clone)]
struct State {
    mood: Mood,
    keys: Vec<Value>,
    /// PEM texts, by the keys' identifiers.
    pems: Vec<(String, String)>,
}

/// The listener. It answers its metadata, the set of keys at `/jwks`, and one key at `/pem/ID`.
pub struct Issuer {
    pub url: String,
    pub requests: Arc<AtomicUsize>,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Issuer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let state =
            Arc::new(Mutex::new(State { mood: Mood::Well, keys: Vec::new(), pems: Vec::new() }));
        let task = tokio::spawn({
            let (url, requests, state) = (url.clone(), Arc::clone(&requests), Arc::clone(&state));
            async move {
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let (url, requests, state) =
                        (url.clone(), Arc::clone(&requests), Arc::clone(&state));
                    tokio::spawn(async move {
                        let mut head = Vec::new();
                        while !head.ends_with(b"\r\n\r\n") {
                            head.push(stream.read_u8().await?);
                        }
                        let head = String::from_utf8(head).unwrap();
                        let path = head.split(' ').nth(1).unwrap().to_owned();
                        requests.fetch_add(1, Ordering::SeqCst);
                        let state = state.lock().unwrap().clone();
                        let (status, extra, body) = answer(&state, &url, &path);
                        if matches!(state.mood, Mood::Silent) {
                            return std::future::pending().await;
                        }
                        if matches!(state.mood, Mood::Endless) {
                            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                            loop {
                                stream.write_all(&[b' '; 65536]).await?;
                            }
                        }
                        let length = body.len();
                        let text = format!(
                            "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n{extra}\
                             connection: close\r\n\r\n{body}"
                        );
                        stream.write_all(text.as_bytes()).await
                    });
                }
            }
        });
        Self { url, requests, state, task }
    }

    pub fn publish(&self, signers: &[&Signer]) {
        let mut state = self.state.lock().unwrap();
        state.keys = signers.iter().map(|signer| signer.jwk()).collect();
        state.pems = signers.iter().map(|signer| (signer.id.clone(), signer.pem())).collect();
    }

    pub fn publish_also(&self, jwk: Value) {
        self.state.lock().unwrap().keys.push(jwk);
    }

    pub fn set(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Claims of a token that is all right.
    pub fn claims(&self) -> Value {
        json!({
            "iss": self.url,
            "sub": "ada",
            "aud": "https://mcp.example.com/mcp",
            "iat": now(),
            "exp": now() + 300,
            "scope": "sales:read other",
        })
    }

    /// The same with one claim changed; `null` leaves it out.
    pub fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        claims
    }
}

fn answer(state: &State, url: &str, path: &str) -> (u16, String, String) {
    let State { mood, keys, pems } = state;
    match mood {
        Mood::Down => (500, String::new(), "no".to_owned()),
        Mood::Says(text) => (200, String::new(), text.clone()),
        Mood::Redirects(to) => (302, format!("location: {to}{path}\r\n"), String::new()),
        _ => {
            let pem =
                path.strip_prefix("/pem/").and_then(|id| pems.iter().find(|(name, _)| name == id));
            let body = match path {
                "/.well-known/openid-configuration" => {
                    Some(json!({"issuer": url, "jwks_uri": format!("{url}/jwks")}).to_string())
                }
                "/jwks" => Some(json!({ "keys": keys }).to_string()),
                _ => pem.map(|(_, pem)| pem.clone()),
            };
            body.map_or((404, String::new(), String::new()), |body| (200, String::new(), body))
        }
    }
}
