use std::{fmt, sync::Arc};

/// The keys that seal `requestState`: 32 bytes each.
///
/// The first seals; all of them open. To change a key without breaking what clients hold, deploy
/// the new one as the second, then as the first, then drop the old one once the answers' time
/// ([`ServerBuilder::answer_within`](crate::ServerBuilder::answer_within)) is over.
///
/// Replicas of a server must share their keys: a call that was answered by one may be made again
/// at another.
#[derive(Clone)]
pub struct StateKeys(Arc<[[u8; 32]]>);

/// A text that does not hold keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateKeyError {
    /// There is no key.
    #[error("there is no key")]
    Empty,
    /// One of the keys is not 64 hexadecimal digits. The key itself is not told.
    #[error("key {number} is not 32 bytes in hexadecimal: expected 64 digits")]
    Malformed {
        /// Which one, from 1.
        number: usize,
    },
}

impl StateKeys {
    /// Reads keys in hexadecimal, separated by commas, as the environment variable
    /// `MCP_STATE_KEY` has them.
    ///
    /// # Errors
    ///
    /// When there is none, or one is not 32 bytes in hexadecimal.
    pub fn from_hex(text: &str) -> Result<Self, StateKeyError> {
        if text.trim().is_empty() {
            return Err(StateKeyError::Empty);
        }
        let keys: Result<Vec<[u8; 32]>, StateKeyError> = text
            .split(',')
            .zip(1..)
            .map(|(key, number)| parse(key.trim()).ok_or(StateKeyError::Malformed { number }))
            .collect();
        keys.map(|keys| Self(keys.into()))
    }

    /// Takes keys as bytes, such as a secret store returns them.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn from_bytes(keys: impl IntoIterator<Item = [u8; 32]>) -> Result<Self, StateKeyError> {
        let keys: Arc<[[u8; 32]]> = keys.into_iter().collect();
        if keys.is_empty() { Err(StateKeyError::Empty) } else { Ok(Self(keys)) }
    }

    /// One key from the system's source of randomness.
    ///
    /// # Panics
    ///
    /// When the system has no randomness to give.
    pub fn random() -> Self {
        Self([super::seal::random()].into())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.0.iter()
    }
}

/// Says how many, and nothing of what they are.
impl fmt::Debug for StateKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateKeys({})", self.0.len())
    }
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut key = [0; 32];
    if digits.len() != 2 * key.len() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1F";

    #[test]
    fn keys_are_read_in_their_order() {
        let keys = StateKeys::from_hex(&format!("{KEY}, {}", "ff".repeat(32))).unwrap();
        let keys: Vec<_> = keys.iter().collect();
        assert_eq!(keys[0][..3], [0, 1, 2]);
        assert_eq!(keys[0][31], 0x1f);
        assert_eq!(keys[1], &[0xff; 32]);
    }

    #[test]
    fn what_is_no_key_is_told_by_its_number_and_not_by_its_text() {
        assert_eq!(StateKeys::from_hex(" ").unwrap_err(), StateKeyError::Empty);
        for (text, number) in [
            ("abc".to_owned(), 1),
            (format!("{KEY},"), 2),
            (format!("{KEY},{}", "zz".repeat(32)), 2),
            ("é".repeat(32), 1),
        ] {
            let error = StateKeys::from_hex(&text).unwrap_err();
            assert_eq!(error, StateKeyError::Malformed { number });
            assert!(!error.to_string().contains(&text));
        }
        assert_eq!(StateKeys::from_bytes([]).unwrap_err(), StateKeyError::Empty);
    }

    #[test]
    fn keys_are_not_told_by_debug() {
        assert_eq!(format!("{:?}", StateKeys::from_hex(KEY).unwrap()), "StateKeys(1)");
    }
}
