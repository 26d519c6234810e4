//! `prompts/get`: which prompt a name is of.

use std::{collections::HashMap, sync::Arc};

use super::{
    BuildError, Response, ResponseFuture,
    builder::is_name,
    call,
    features::{CompletionOffer, Defaults, Offer, inside},
};
use crate::{
    ErrorKind, Request, RpcError,
    prompt::ErasedPrompt,
    subject::Subject,
    text::excerpt,
    tool::{BoxService, Refusal},
};

#[derive(Clone, Default)]
pub(super) struct Prompts(HashMap<Box<str>, Offer<ErasedPrompt>>);

impl Prompts {
    /// Those of a pack, which are not yet in its layers. `known` are all that are there already.
    ///
    /// # Errors
    ///
    /// When a name is none that all clients take, or is there already.
    pub(super) fn of_pack(
        prompts: Vec<ErasedPrompt>,
        pack: &str,
        known: &[&Self],
        defaults: &Defaults,
    ) -> Result<Self, BuildError> {
        let mut added = Self::default();
        for prompt in prompts {
            let name = prompt.model.name.clone();
            if !is_name(&name) {
                return Err(BuildError::InvalidPromptName { prompt: name, pack: pack.to_owned() });
            }
            let first = known.iter().find_map(|known| known.0.get(&*name));
            if let Some(first) = first.or_else(|| added.0.get(&*name)) {
                return Err(BuildError::DuplicatePrompt {
                    prompt: name,
                    first: first.item.subject.pack.to_string(),
                    second: pack.to_owned(),
                });
            }
            let timeout = prompt.timeout.unwrap_or(defaults.timeout);
            added.0.insert(name.into(), Offer::new(prompt, timeout));
        }
        Ok(added)
    }

    /// The same inside the pack's layers.
    pub(super) fn inside(&self) -> Self {
        Self(inside(&self.0))
    }

    /// Takes over those of a pack, behind its layers if it has any.
    pub(super) fn extend(&mut self, pack: Self, layered: Option<&BoxService>) {
        self.0.extend(pack.0.into_iter().map(|(name, mut offer)| {
            offer.layered = layered.cloned();
            (name, offer)
        }));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The prompt of a name.
    pub(super) fn subject(&self, name: &str) -> Option<&Arc<Subject>> {
        self.0.get(name).map(|offer| &offer.item.subject)
    }

    pub(super) fn subjects(&self) -> impl Iterator<Item = &Arc<Subject>> {
        self.0.values().map(|offer| &offer.item.subject)
    }

    pub(super) fn can_complete(&self) -> bool {
        self.0.values().any(|offer| !offer.item.completer.is_empty())
    }

    pub(super) fn get(&self, request: Request) -> ResponseFuture {
        let Some(name) = request.name() else {
            return Response::error(RpcError::new(
                ErrorKind::MalformedParams,
                "`params.name` is missing: prompts/get needs the name of a prompt",
            ))
            .into();
        };
        let Some(offer) = self.0.get(name) else {
            let message = format!("unknown prompt: {}", excerpt(name));
            return Response::error(RpcError::new(ErrorKind::InvalidParams, message)).into();
        };
        if let Some(service) = &offer.layered {
            return ResponseFuture::layered(service.clone(), request);
        }
        let timeout = offer.timeout;
        call::start(&offer.item.subject, timeout, request, |request| {
            offer.item.get(request, timeout).map_err(Refusal::Rpc)
        })
    }

    pub(super) fn completion(&self, name: &str, argument: &str) -> Option<CompletionOffer<'_>> {
        let offer = self.0.get(name)?;
        Some(CompletionOffer {
            subject: &offer.item.subject,
            completer: &offer.item.completer,
            timeout: offer.timeout,
            layered: offer.layered.as_ref(),
            has_argument: offer.item.arguments().any(|known| known == argument),
        })
    }
}
