use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Stream, StreamExt as _, future::ready};
use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
};

/// How much of what is no message is kept, in characters.
const KEPT: usize = 200;

/// The first thing that a server said which is no message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<Option<String>>>);

impl Heard {
    pub(crate) fn first(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn note(&self, text: &str) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none() {
            let text: String =
                text.chars().take(KEPT).map(|c| if c.is_control() { ' ' } else { c }).collect();
            *first = Some(text.trim().to_owned());
        }
    }

    /// The messages among texts.
    pub(crate) fn messages<S: Stream<Item = String> + Send>(
        &self,
        texts: S,
    ) -> impl Stream<Item = RxJsonRpcMessage<RoleClient>> + Send + use<S> {
        let heard = self.clone();
        texts.filter_map(move |text| {
            let message = match serde_json::from_str(&text) {
                Ok(message) => Some(message),
                Err(_) if text.trim().is_empty() => None,
                Err(_) => {
                    heard.note(&text);
                    None
                }
            };
            ready(message)
        })
    }
}

/// A client's message as it is sent.
pub(crate) fn text(message: &TxJsonRpcMessage<RoleClient>) -> Result<String, serde_json::Error> {
    serde_json::to_string(message)
}
