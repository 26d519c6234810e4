//! Tokens that a key was found to have signed. A caller shows the same token with each request, and the check of
//! one signature takes longer than most calls.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jsonwebtoken::get_current_timestamp;
use lru::LruCache;
use mcp_core::Principal;
use sha2::{Digest as _, Sha256};

/// How many tokens of one key are remembered, about 200 bytes each. Who has not come for longest is forgotten.
const MAX_TOKENS: usize = 1024;

/// What stands for a token: a digest of all of it, so that no credential is kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }
}

/// The callers whose tokens one key has signed. It goes with the key, so that what a withdrawn key has signed is
/// not taken any longer.
pub(super) struct Accepted(Mutex<LruCache<Fingerprint, Caller>>);

struct Caller {
    /// Seconds since 1970 until which the token is taken.
    until: u64,
    principal: Principal,
}

impl Default for Accepted {
    fn default() -> Self {
        // It grows as tokens come.
        Self(Mutex::new(LruCache::unbounded()))
    }
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted").field("tokens", &self.tokens().len()).finish()
    }
}

impl Accepted {
    /// Whose token this is, if it was taken before and is still valid.
    pub(super) fn find(&self, token: &Fingerprint) -> Option<Principal> {
        let mut tokens = self.tokens();
        let caller = tokens.get(token)?;
        if caller.until < get_current_timestamp() {
            tokens.pop(token);
            return None;
        }
        Some(caller.principal.clone())
    }

    /// Remembers whose token this is, `until` so many seconds since 1970.
    pub(super) fn remember(&self, token: Fingerprint, until: u64, principal: &Principal) {
        let mut tokens = self.tokens();
        tokens.put(token, Caller { until, principal: principal.clone() });
        if tokens.len() > MAX_TOKENS {
            tokens.pop_lru();
        }
    }

    fn tokens(&self) -> MutexGuard<'_, LruCache<Fingerprint, Caller>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_until_it_expires() {
        let (accepted, ada) = (Accepted::default(), Principal::new("ada", ["sales:read"]));
        let (valid, expired) = (Fingerprint::of("valid"), Fingerprint::of("expired"));
        accepted.remember(valid, get_current_timestamp() + 3600, &ada);
        accepted.remember(expired, get_current_timestamp() - 1, &ada);
        assert_eq!(accepted.find(&valid), Some(ada));
        assert_eq!(accepted.find(&expired), None);
        assert_eq!(accepted.find(&Fingerprint::of("another")), None);
    }

    #[test]
    fn who_has_not_come_for_longest_is_forgotten() {
        let (accepted, ada) = (Accepted::default(), Principal::new("ada", ["sales:read"]));
        let fingerprint = |number: usize| Fingerprint::of(&number.to_string());
        for number in 0..=MAX_TOKENS {
            accepted.remember(fingerprint(number), u64::MAX, &ada);
            assert!(accepted.find(&fingerprint(0)).is_some(), "{number}");
        }
        assert_eq!(accepted.find(&fingerprint(1)), None);
        assert_eq!(accepted.tokens().len(), MAX_TOKENS);
    }
}
