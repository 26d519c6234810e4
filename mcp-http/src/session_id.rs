use std::{fmt::Write as _, sync::Arc};

/// A session's identifier, which cannot be guessed: 128 random bits in hexadecimal.
pub(crate) fn random() -> Option<Arc<str>> {
    let mut bytes = [0; 16];
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::error!(%error, "the system gives no random numbers");
        return None;
    }
    let mut id = String::with_capacity(32);
    for byte in bytes {
        // Writing to memory does not fail.
        let _ = write!(id, "{byte:02x}");
    }
    Some(id.into())
}
