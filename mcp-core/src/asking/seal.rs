//! `requestState`: what a call knows, carried by its client, which can neither read nor change it.

use std::{
    fmt,
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{Memory, StateKeys};
use crate::{ErrorKind, Principal, Request, RpcError};

/// The longest `requestState` that is written or read, in characters.
///
/// It travels with every message of a call's rounds, and a Lambda's whole message is 6 MB.
const MOST: usize = 256 * 1024;
/// The length of the nonce.
const NONCE: usize = 24;
/// What the sealed bytes begin with; another layout takes another number.
const LAYOUT: u8 = 1;

/// Seals and opens `requestState`.
///
/// The cipher is XChaCha20-Poly1305: its nonces of 24 bytes may be drawn at random by any number
/// of replicas that share a key, and it needs no special instructions of the processor to be fast
/// and to take the same time for all keys. AES-GCM-SIV would forgive a repeated nonce, which does
/// not occur here, and wants AES instructions.
///
/// What the state belongs to (server, method, tool, arguments and caller) is not inside of it but
/// authenticated along with it, so that it cannot be opened for anything else.
#[derive(Debug)]
pub(crate) struct Seal {
    server: String,
    keys: OnceLock<StateKeys>,
    answer_within: Duration,
}

#[derive(Serialize, Deserialize)]
struct Content<M> {
    /// Seconds since 1970.
    #[serde(rename = "e")]
    expires: u64,
    #[serde(rename = "m")]
    memory: M,
}

impl Seal {
    pub(crate) fn new(server: &str, keys: Option<StateKeys>, answer_within: Duration) -> Self {
        let seal = Self { server: server.to_owned(), keys: OnceLock::new(), answer_within };
        if let Some(keys) = keys {
            let _ = seal.keys.set(keys);
        }
        seal
    }

    /// Sets the keys, unless there are any already.
    pub(crate) fn set_keys(&self, keys: StateKeys) -> bool {
        self.keys.set(keys).is_ok()
    }

    pub(crate) fn has_keys(&self) -> bool {
        self.keys.get().is_some()
    }

    pub(crate) fn answer_within(&self) -> Duration {
        self.answer_within
    }

    fn keys(&self) -> &StateKeys {
        self.keys.get_or_init(StateKeys::random)
    }

    /// What a state belongs to. Lengths stand before the parts, so that no two requests share it.
    fn bound_to(&self, binding: &Binding) -> Vec<u8> {
        let mut bound = Vec::with_capacity(64 + binding.0.len());
        push(&mut bound, self.server.as_bytes());
        bound.extend_from_slice(&binding.0);
        bound
    }

    /// Writes down what the call knows.
    ///
    /// # Errors
    ///
    /// When that is too much: the tool keeps too large results of its steps.
    pub(crate) fn seal(&self, binding: &Binding, memory: &Memory) -> Result<String, RpcError> {
        let expires = now().saturating_add(self.answer_within.as_secs());
        let internal = || RpcError::new(ErrorKind::Internal, "internal error");
        let content = serde_json::to_vec(&Content { expires, memory }).map_err(|_| internal())?;
        let aad = self.bound_to(binding);
        let nonce: [u8; NONCE] = random();
        // There is always a first key.
        let key = self.keys().iter().next().ok_or_else(internal)?;
        let sealed = XChaCha20Poly1305::new(key.into())
            .encrypt(&XNonce::from(nonce), Payload { msg: &content, aad: &aad })
            .map_err(|_| internal())?;
        let mut bytes = Vec::with_capacity(1 + NONCE + sealed.len());
        bytes.push(LAYOUT);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        let state = URL_SAFE_NO_PAD.encode(bytes);
        if state.len() > MOST {
            tracing::error!(
                length = state.len(),
                limit = MOST,
                "`requestState` is too long: the results of a tool's steps are too large"
            );
            return Err(internal());
        }
        Ok(state)
    }

    /// What this request brings along from earlier times; `None` if nothing.
    ///
    /// # Errors
    ///
    /// When the answers are malformed, or the state is not one that was issued for this very call
    /// and is still valid.
    pub(crate) fn open(&self, request: &Request) -> Result<Option<Memory>, RpcError> {
        let Some((responses, state)) = request.input() else { return Ok(None) };
        let mut memory = match state {
            Some(state) => self.open_state(&Binding::of(request)?, state)?,
            None => Memory::default(),
        };
        if let Some(responses) = responses {
            memory.fresh = serde_json::from_str(responses).map_err(|error| {
                let message = format!("`params.inputResponses` must be an object: {error}");
                RpcError::new(ErrorKind::MalformedParams, message)
            })?;
        }
        Ok(Some(memory))
    }

    fn open_state(&self, binding: &Binding, state: &str) -> Result<Memory, RpcError> {
        let refused = |message: &'static str| RpcError::new(ErrorKind::InvalidParams, message);
        if state.len() > MOST {
            return Err(refused("`requestState` is longer than any that this server issues"));
        }
        let foreign = || {
            refused(
                "`requestState` is not valid for this call: it was altered, or issued for another \
                 caller, tool or arguments, or by a server with other keys; call again without it",
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(state).map_err(|_| foreign())?;
        let Some((&LAYOUT, rest)) = bytes.split_first() else { return Err(foreign()) };
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or_else(foreign)?;
        let aad = self.bound_to(binding);
        let content = self
            .keys()
            .iter()
            .find_map(|key| {
                let payload = Payload { msg: sealed, aad: &aad };
                XChaCha20Poly1305::new(key.into()).decrypt(&XNonce::from(*nonce), payload).ok()
            })
            .ok_or_else(foreign)?;
        // Issued by another release of this software, if it cannot be read.
        let content: Content<Memory> = serde_json::from_slice(&content).map_err(|_| foreign())?;
        if content.expires <= now() {
            return Err(refused("`requestState` has expired; call again without it"));
        }
        Ok(content.memory)
    }
}

/// The request that a state belongs to.
pub(crate) struct Binding(Vec<u8>);

impl Binding {
    /// # Errors
    ///
    /// When the arguments cannot be read.
    pub(crate) fn of(request: &Request) -> Result<Self, RpcError> {
        let mut bound = Vec::with_capacity(256);
        push(&mut bound, request.method().as_str().as_bytes());
        push(&mut bound, request.name().unwrap_or_default().as_bytes());
        match request.extensions().get::<Principal>() {
            Some(principal) => push(&mut bound, principal.subject().as_bytes()),
            // No subject has this length.
            None => bound.extend_from_slice(&u64::MAX.to_le_bytes()),
        }
        // Clients may write the same arguments in another order the next time.
        write_sorted(&request.arguments()?, &mut bound);
        Ok(Self(bound))
    }
}

fn push(bound: &mut Vec<u8>, part: &[u8]) {
    bound.extend_from_slice(&(part.len() as u64).to_le_bytes());
    bound.extend_from_slice(part);
}

/// JSON without whitespace, objects sorted by their keys.
fn write_sorted(value: &Value, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            out.push(b'{');
            for (index, (key, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                let _ = serde_json::to_writer(&mut *out, key);
                out.push(b':');
                write_sorted(value, out);
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_sorted(item, out);
            }
            out.push(b']');
        }
        other => drop(serde_json::to_writer(out, other)),
    }
}

/// Bytes from the system's source of randomness.
#[allow(clippy::expect_used, reason = "no secret can be kept without randomness")]
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness to give");
    bytes
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_secs())
}

/// What a call needs to be told before it can go on (`InputRequiredResult`, modern).
#[derive(Clone)]
pub struct InputRequired {
    requests: Vec<(String, Box<RawValue>)>,
    state: String,
}

impl InputRequired {
    pub(crate) fn new(requests: Vec<(String, Box<RawValue>)>, state: String) -> Self {
        Self { requests, state }
    }

    /// What is asked: the keys, and the requests as JSON.
    pub fn requests(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.requests.iter().map(|(key, request)| (key.as_str(), &**request))
    }

    /// The `requestState`, which only this server can read.
    pub fn state(&self) -> &str {
        &self.state
    }

    pub(crate) fn size(&self) -> usize {
        let requests = self.requests.iter().map(|(key, request)| key.len() + request.get().len());
        requests.map(|length| length + 8).sum::<usize>() + self.state.len() + 64
    }

    /// Writes the members of the result, without braces.
    pub(crate) fn write_members(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#""resultType":"input_required","inputRequests":{"#);
        for (index, (key, request)) in self.requests.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            // Writing to memory does not fail.
            let _ = serde_json::to_writer(&mut *out, key);
            out.push(b':');
            out.extend_from_slice(request.get().as_bytes());
        }
        // Nothing in the state's alphabet needs an escape.
        out.extend_from_slice(br#"},"requestState":""#);
        out.extend_from_slice(self.state.as_bytes());
        out.push(b'"');
    }
}

impl fmt::Debug for InputRequired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.requests().map(|(key, _)| key).collect();
        f.debug_struct("InputRequired").field("keys", &keys).finish_non_exhaustive()
    }
}
