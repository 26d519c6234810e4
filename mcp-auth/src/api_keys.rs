use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use mcp_core::{
    BoxError, Credentials, Denied, Principal, SecretSource, TokenVerifier, Verification,
};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// API keys, presented as `X-API-Key: KEY` or `Authorization: Bearer KEY`.
///
/// They are configured as a text with a key on each line (or between commas): the caller's name,
/// the SHA-256 digest of the key, and the scopes that the caller is granted. Empty lines and what
/// follows a `#` are left out.
///
/// ```text
/// # name   digest                                                                  scopes
/// ci       sha256:c4bbcb1fbec99d65bf59d85c8cb62ee2db963f0fe106f483d9afa73bd4e39a8a sales:read
/// ```
///
/// A digest is made with `printf %s "$KEY" | sha256sum`. Keys are to be drawn at random
/// (`openssl rand -hex 32`): a digest does not protect one that can be guessed. Two lines of one
/// name are two keys of one caller, which is how a key is replaced without an interruption.
///
/// The caller's [`Principal::subject`] is its name behind `key:`, so that no token's subject can
/// be mistaken for it.
///
/// Every key is compared, in constant time, whichever one fits.
pub struct ApiKeys {
    keys: RwLock<Arc<[Key]>>,
    source: Option<Box<dyn SecretSource>>,
}

struct Key {
    digest: [u8; 32],
    caller: Principal,
}

/// A text that holds no API keys. It never shows a part of the text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiKeysError {
    /// There is none in it.
    #[error("there is no API key: expected lines of `NAME sha256:DIGEST SCOPE…`")]
    Empty,
    /// A line is malformed.
    #[error("line {line} of the API keys: {problem}")]
    Line {
        /// The line, counted from 1; keys between commas count as lines.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The source cannot be read.
    #[error("the API keys cannot be read: {0}")]
    Source(BoxError),
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").field("count", &self.keys().len()).finish_non_exhaustive()
    }
}

impl ApiKeys {
    /// Reads keys from a text.
    ///
    /// # Errors
    ///
    /// When a line is malformed, or there is no key.
    pub fn parse(text: &str) -> Result<Self, ApiKeysError> {
        Ok(Self { keys: RwLock::new(parse(text)?), source: None })
    }

    /// Reads keys from a source, which [`Self::keep_fresh`] reads again.
    ///
    /// # Errors
    ///
    /// When the source cannot be read or holds no keys.
    pub async fn from_source(source: impl SecretSource) -> Result<Self, ApiKeysError> {
        let text = source.read().await.map_err(ApiKeysError::Source)?;
        Ok(Self { keys: RwLock::new(parse(&text)?), source: Some(Box::new(source)) })
    }

    /// Replaces all keys. Who has presented a key that is no longer there is refused from the next
    /// request on.
    ///
    /// # Errors
    ///
    /// When a line is malformed, or there is no key; the keys then stay as they were.
    pub fn replace(&self, text: &str) -> Result<(), ApiKeysError> {
        let keys = parse(text)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Reads the source again and again until the keys are dropped, with this pause in between.
    /// What cannot be read or is malformed is logged, and the keys stay as they were.
    ///
    /// ```no_run
    /// # use std::{sync::Arc, time::Duration};
    /// # use mcp_auth::{ApiKeys, FileSource};
    /// # async fn run() -> Result<(), mcp_auth::ApiKeysError> {
    /// let keys = Arc::new(ApiKeys::from_source(FileSource::new("/run/secrets/api-keys")).await?);
    /// tokio::spawn(ApiKeys::keep_fresh(&keys, Duration::from_secs(5)));
    /// # Ok(()) }
    /// ```
    pub fn keep_fresh(
        keys: &Arc<Self>,
        every: Duration,
    ) -> impl Future<Output = ()> + Send + 'static {
        let keys = Arc::downgrade(keys);
        let mut last = String::new();
        async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(keys) = keys.upgrade() else { return };
                keys.read_again(&mut last).await;
            }
        }
    }

    /// `last` is what was last told, so that one fault stands in the log once.
    async fn read_again(&self, last: &mut String) {
        let Some(source) = &self.source else { return };
        let replaced = match source.read().await {
            Ok(text) => self.replace(&text),
            Err(error) => Err(ApiKeysError::Source(error)),
        };
        let said = replaced.err().map(|error| error.to_string()).unwrap_or_default();
        if said != *last {
            if said.is_empty() {
                tracing::info!("the API keys are readable again");
            } else {
                tracing::error!(error = said, "the API keys stay as they were");
            }
            *last = said;
        }
    }

    fn keys(&self) -> Arc<[Key]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TokenVerifier for ApiKeys {
    fn verify(&self, credentials: &Credentials<'_>) -> Verification {
        let Some(token) = credentials.token() else {
            return Verification::ready(Err(Denied::missing()));
        };
        let digest: [u8; 32] = Sha256::digest(token).into();
        let keys = self.keys();
        // One more than the last: none.
        let mut found = keys.len() as u64;
        for (index, key) in (0..).zip(&*keys) {
            let fits: Choice = key.digest.ct_eq(&digest);
            found.conditional_assign(&index, fits);
        }
        let found = usize::try_from(found).ok().and_then(|index| keys.get(index));
        Verification::ready(
            found
                .map(|key| key.caller.clone())
                .ok_or_else(|| Denied::invalid("the API key is unknown")),
        )
    }
}

fn parse(text: &str) -> Result<Arc<[Key]>, ApiKeysError> {
    let mut keys = Vec::new();
    for (index, line) in text.split(['\n', ',']).enumerate() {
        let line = line.split_once('#').map_or(line, |(line, _)| line);
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        let fault = |problem| ApiKeysError::Line { line: index + 1, problem };
        let digest = words.next().ok_or_else(|| fault("the digest behind the name is missing"))?;
        let digest = digest.strip_prefix("sha256:").ok_or_else(|| {
            fault(
                "expected `sha256:` and the digest of the key, which \
                 `printf %s \"$KEY\" | sha256sum` prints; never the key itself",
            )
        })?;
        let digest = digest_from_hex(digest)
            .ok_or_else(|| fault("expected 64 hexadecimal digits behind `sha256:`"))?;
        keys.push(Key { digest, caller: Principal::new(format!("key:{name}"), words) });
    }
    if keys.is_empty() {
        return Err(ApiKeysError::Empty);
    }
    Ok(keys.into())
}

fn digest_from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    const CI: &str = "c4bbcb1fbec99d65bf59d85c8cb62ee2db963f0fe106f483d9afa73bd4e39a8a";

    fn subject(keys: &ApiKeys, token: &str) -> Result<String, Denied> {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        let verification = keys.verify(&Credentials::from_headers(&headers).unwrap());
        verification.into_ready().unwrap().map(|caller| caller.subject().to_owned())
    }

    #[test]
    fn comments_commas_and_scopes_are_read() {
        let keys = ApiKeys::parse(&format!(
            "# all of them\n\nfirst sha256:{},ci sha256:{CI} a:b c:d # since May\n",
            "0".repeat(64)
        ))
        .unwrap();
        assert_eq!(subject(&keys, "correct horse battery staple").unwrap(), "key:ci");
        assert!(keys.keys()[1].caller.has_scope("c:d") && !keys.keys()[1].caller.has_scope("#"));
    }

    #[test]
    fn a_malformed_line_is_named_and_never_shown() {
        for (text, wanted) in [
            ("", "no API key"),
            ("# nothing\n", "no API key"),
            ("ci", "line 1 of the API keys: the digest"),
            ("a sha256:00,ci s3cret", "line 1"),
            (&format!("ci sha256:{CI}\nother s3cret scope"), "line 2"),
            (&format!("ci sha256:{}", "+1".repeat(32)), "64 hexadecimal digits"),
            (&format!("ci sha256:{}é", "0".repeat(62)), "64 hexadecimal digits"),
        ] {
            let error = ApiKeys::parse(text).unwrap_err().to_string();
            assert!(error.contains(wanted) && !error.contains("s3cret"), "{text}: {error}");
        }
    }

    #[test]
    fn replaced_keys_are_refused_and_a_malformed_text_replaces_nothing() {
        let keys = ApiKeys::parse(&format!("ci sha256:{CI}")).unwrap();
        keys.replace("ci").unwrap_err();
        keys.replace("").unwrap_err();
        assert!(subject(&keys, "correct horse battery staple").is_ok());
        keys.replace(&format!("ci sha256:{}", "0".repeat(64))).unwrap();
        assert!(subject(&keys, "correct horse battery staple").is_err());
    }
}
