//! An issuer's public keys: fetched when they are needed, kept, and fetched anew when a token is
//! signed with one that is not among them.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use mcp_core::BoxError;
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::watch, time::Instant};

use super::{accepted::Accepted, config::check_url, fetch};

/// How many keys of one issuer are kept.
const MAX_KEYS: usize = 100;
/// How long after a failure the next attempt may begin, at the latest.
const RETRY: Duration = Duration::from_secs(5);

/// Where keys come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// From what the issuer says about itself.
    Issuer(String),
    /// A set of keys.
    Set(String),
    /// One key in PEM under its identifier, behind this URL.
    Pem(String),
}

/// The keys of one source. Shared with the task that fetches.
pub(super) struct Keys {
    source: Source,
    client: reqwest::Client,
    known: RwLock<Arc<Known>>,
    fetching: Mutex<Fetching>,
    /// The least time between two attempts to fetch.
    interval: Duration,
    /// After how long what is known is fetched anew.
    max_age: Duration,
}

#[derive(Default)]
struct Known {
    named: HashMap<Box<str>, Arc<Key>>,
    unnamed: Vec<Arc<Key>>,
    fetched: Option<Instant>,
}

/// A public key.
pub(super) struct Key {
    pub(super) decoding: DecodingKey,
    /// What it may have signed with.
    algorithms: Vec<Algorithm>,
    /// The tokens that it has signed, as far as they have come.
    pub(super) accepted: Accepted,
}

#[derive(Default)]
struct Fetching {
    began: Option<Instant>,
    failed: bool,
    /// Closed when it is over.
    over: Option<watch::Receiver<()>>,
}

/// What is known of the key that a token names.
pub(super) enum Found {
    Key(Arc<Key>),
    /// There are keys, but not this one.
    Unknown,
    /// Keys were never fetched.
    Nothing,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Key {
    pub(super) fn may_sign_with(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    fn of(jwk: &Jwk) -> Option<Self> {
        let is_for_signatures =
            matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
        let mut algorithms = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => vec![
                Algorithm::RS256,
                Algorithm::RS384,
                Algorithm::RS512,
                Algorithm::PS256,
                Algorithm::PS384,
                Algorithm::PS512,
            ],
            AlgorithmParameters::EllipticCurve(key) => match key.curve {
                EllipticCurve::P256 => vec![Algorithm::ES256],
                EllipticCurve::P384 => vec![Algorithm::ES384],
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(_) => vec![Algorithm::EdDSA],
            // A shared secret has no place in a public document, nor is it taken from one.
            _ => return None,
        };
        if let Some(only) = jwk.common.key_algorithm {
            let only = only.to_string();
            algorithms.retain(|algorithm| format!("{algorithm:?}") == only);
        }
        let decoding = DecodingKey::from_jwk(jwk).ok()?;
        let accepted = Accepted::default();
        (is_for_signatures && !algorithms.is_empty()).then_some(Self {
            decoding,
            algorithms,
            accepted,
        })
    }
}

impl Keys {
    pub(super) fn new(
        source: Source,
        client: reqwest::Client,
        interval: Duration,
        max_age: Duration,
    ) -> Arc<Self> {
        let (known, fetching) = (RwLock::default(), Mutex::default());
        Arc::new(Self { source, client, known, fetching, interval, max_age })
    }

    /// The key of this identifier, or the only one that a token without an identifier can mean.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Found {
        let known = self.known();
        let found = match id {
            Some(id) => known.named.get(id),
            None => {
                let mut all = known.named.values().chain(&known.unnamed);
                let mut fitting = all.by_ref().filter(|key| key.may_sign_with(algorithm));
                fitting.next().filter(|_| fitting.next().is_none())
            }
        };
        match found {
            Some(key) => Found::Key(Arc::clone(key)),
            None if known.fetched.is_none() => Found::Nothing,
            None => Found::Unknown,
        }
    }

    /// Whether what is known is so old that keys may have been withdrawn.
    pub(super) fn are_old(&self) -> bool {
        self.known().fetched.is_some_and(|fetched| fetched.elapsed() > self.max_age)
    }

    /// Begins to fetch, or joins who has begun, unless the last attempt is too recent. What is
    /// returned is closed at the end, whatever it was.
    ///
    /// The work is a task of its own: it goes on when the request that began it is gone.
    pub(super) fn refresh(self: &Arc<Self>, id: Option<&str>) -> Option<watch::Receiver<()>> {
        let mut fetching = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(over) = fetching.over.as_ref().filter(|over| over.has_changed().is_ok()) {
            return Some(over.clone());
        }
        let pause = if fetching.failed { self.interval.min(RETRY) } else { self.interval };
        if fetching.began.is_some_and(|began| began.elapsed() < pause) {
            return None;
        }
        let (running, over) = watch::channel(());
        fetching.began = Some(Instant::now());
        fetching.over = Some(over.clone());
        let (keys, id) = (Arc::clone(self), id.map(str::to_owned));
        tokio::spawn(async move {
            let fetched = keys.fetch(id.as_deref()).await;
            keys.finish(fetched);
            drop(running);
        });
        Some(over)
    }

    fn finish(&self, fetched: Result<Known, BoxError>) {
        let failed = fetched.is_err();
        match fetched {
            Ok(fetched) => {
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fetched);
            }
            Err(error) => {
                let error = error.to_string();
                tracing::error!(error, source = ?self.source, "an issuer's keys cannot be fetched");
            }
        }
        self.fetching.lock().unwrap_or_else(PoisonError::into_inner).failed = failed;
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn fetch(&self, id: Option<&str>) -> Result<Known, BoxError> {
        match &self.source {
            Source::Issuer(issuer) => self.fetch_set(&self.discover(issuer).await?).await,
            Source::Set(url) => self.fetch_set(url).await,
            Source::Pem(url) => self.fetch_pem(url, id.ok_or("the token names no key")?).await,
        }
    }

    /// The URL of an issuer's keys, from its metadata: OpenID Connect Discovery 1.0, or RFC 8414.
    async fn discover(&self, issuer: &str) -> Result<String, BoxError> {
        #[derive(Deserialize)]
        struct Metadata {
            issuer: String,
            jwks_uri: String,
        }

        let base = issuer.trim_end_matches('/');
        let mut inserted = reqwest::Url::parse(base)?;
        let path = inserted.path().trim_end_matches('/').to_owned();
        inserted.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
        let places = [format!("{base}/.well-known/openid-configuration"), inserted.into()];

        let mut reason: BoxError = "there is nothing to discover".into();
        for place in places {
            let text = match fetch::text(&self.client, &place).await {
                Ok(text) => text,
                Err(error) => {
                    reason = error;
                    continue;
                }
            };
            let metadata: Metadata =
                serde_json::from_str(&text).map_err(|error| format!("{place}: {error}"))?;
            if metadata.issuer != issuer {
                return Err(format!("{place} is the metadata of another issuer").into());
            }
            check_url(&metadata.jwks_uri)?;
            return Ok(metadata.jwks_uri);
        }
        Err(reason)
    }

    async fn fetch_set(&self, url: &str) -> Result<Known, BoxError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }

        let text = fetch::text(&self.client, url).await?;
        let set: Set = serde_json::from_str(&text).map_err(|error| format!("{url}: {error}"))?;
        let mut known = Known { fetched: Some(Instant::now()), ..Known::default() };
        // One key of an unknown kind does not make the others unusable.
        let jwks = set.keys.into_iter().take(MAX_KEYS);
        for jwk in jwks.filter_map(|jwk| serde_json::from_value::<Jwk>(jwk).ok()) {
            let Some(key) = Key::of(&jwk).map(Arc::new) else { continue };
            match jwk.common.key_id {
                Some(id) => drop(known.named.insert(id.into(), key)),
                None => known.unnamed.push(key),
            }
        }
        if known.named.is_empty() && known.unnamed.is_empty() {
            return Err(format!("{url} has no key that could sign a token").into());
        }
        Ok(known)
    }

    /// Adds one key to those that are known.
    async fn fetch_pem(&self, url: &str, id: &str) -> Result<Known, BoxError> {
        let text = fetch::text(&self.client, &format!("{url}{id}")).await?;
        let decoding = DecodingKey::from_ec_pem(text.as_bytes())
            .map_err(|error| format!("{url}{id}: {error}"))?;
        let (algorithms, accepted) = (vec![Algorithm::ES256], Accepted::default());
        let key = Arc::new(Key { decoding, algorithms, accepted });
        let mut named = self.known().named.clone();
        // Those that are still in use are fetched again.
        if named.len() >= MAX_KEYS {
            named.clear();
        }
        named.insert(id.into(), key);
        Ok(Known { named, unnamed: Vec::new(), fetched: Some(Instant::now()) })
    }
}
