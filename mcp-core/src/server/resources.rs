//! `resources/read`: which resource or template a URI belongs to.

use std::{collections::HashMap, sync::Arc};

use super::{
    BuildError, Response, ResponseFuture, call,
    features::{CompletionOffer, Defaults, Offer, inside},
};
use crate::{
    ErrorKind, Request, ResultBody, RpcError, TextArguments,
    resource::{ErasedResource, ErasedTemplate, InvalidTemplate},
    subject::Subject,
    text::excerpt,
    tool::{BoxService, Refusal},
};

#[derive(Clone, Default)]
pub(super) struct Resources {
    by_uri: HashMap<Box<str>, Offer<ErasedResource>>,
    templates: Vec<Offer<ErasedTemplate>>,
}

impl Resources {
    /// Those of a pack, which are not yet in its layers. `known` are all that are there already.
    ///
    /// # Errors
    ///
    /// When a URI or a template is none, or is there already.
    pub(super) fn of_pack(
        resources: Vec<ErasedResource>,
        templates: Vec<Result<ErasedTemplate, InvalidTemplate>>,
        pack: &str,
        known: &[&Self],
        defaults: &Defaults,
    ) -> Result<Self, BuildError> {
        let &Defaults { timeout, cache, .. } = defaults;
        let mut added = Self::default();
        for mut resource in resources {
            let uri = resource.model.uri.clone();
            resource.check_uri().map_err(|reason| BuildError::InvalidUri {
                uri: uri.clone(),
                pack: pack.to_owned(),
                reason,
            })?;
            let first = known.iter().find_map(|known| known.by_uri.get(&*uri));
            if let Some(first) = first.or_else(|| added.by_uri.get(&*uri)) {
                return Err(BuildError::DuplicateResource {
                    uri,
                    first: first.item.subject.pack.to_string(),
                    second: pack.to_owned(),
                });
            }
            resource.write_down(cache);
            let timeout = resource.timeout.unwrap_or(timeout);
            added.by_uri.insert(uri.into(), Offer::new(resource, timeout));
        }
        for template in templates {
            let template = template.map_err(|invalid| BuildError::InvalidUri {
                uri: invalid.template,
                pack: pack.to_owned(),
                reason: invalid.reason,
            })?;
            let all = known.iter().flat_map(|known| &known.templates);
            let overlapped =
                all.chain(&added.templates).find(|other| other.item.uri.overlaps(&template.uri));
            if let Some(other) = overlapped {
                return Err(BuildError::OverlappingTemplates {
                    first: other.item.model.uri_template.clone(),
                    first_pack: other.item.subject.pack.to_string(),
                    second: template.model.uri_template,
                    second_pack: pack.to_owned(),
                });
            }
            let timeout = template.timeout.unwrap_or(timeout);
            added.templates.push(Offer::new(template, timeout));
        }
        Ok(added)
    }

    /// The same inside the pack's layers.
    pub(super) fn inside(&self) -> Self {
        Self {
            by_uri: inside(&self.by_uri),
            templates: self.templates.iter().map(Offer::inside).collect(),
        }
    }

    /// Takes over those of a pack, behind its layers if it has any.
    pub(super) fn extend(&mut self, pack: Self, layered: Option<&BoxService>) {
        self.by_uri.extend(pack.by_uri.into_iter().map(|(uri, mut offer)| {
            offer.layered = layered.cloned();
            (uri, offer)
        }));
        self.templates.extend(pack.templates.into_iter().map(|mut offer| {
            offer.layered = layered.cloned();
            offer
        }));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_uri.is_empty() && self.templates.is_empty()
    }

    pub(super) fn can_complete(&self) -> bool {
        self.templates.iter().any(|offer| !offer.item.completer.is_empty())
    }

    pub(super) fn read(&self, request: Request) -> ResponseFuture {
        let Some(uri) = request.name() else {
            return Response::error(RpcError::new(
                ErrorKind::MalformedParams,
                "`params.uri` is missing: resources/read needs the URI of a resource",
            ))
            .into();
        };
        if let Some(offer) = self.by_uri.get(uri) {
            if let Some(service) = &offer.layered {
                return ResponseFuture::layered(service.clone(), request);
            }
            if let Some(contents) = offer.item.contents() {
                let body = ResultBody::Resource(contents.clone());
                return call::answer(&offer.item.subject, request, body);
            }
            let timeout = offer.timeout;
            return call::start(&offer.item.subject, timeout, request, |request| {
                Ok(offer.item.read(request, timeout))
            });
        }
        let found = self
            .templates
            .iter()
            .find_map(|offer| offer.item.uri.values(uri).map(|values| (offer, values)));
        let Some((offer, values)) = found else {
            let message = format!("there is no resource {}", excerpt(uri));
            return Response::error(call::no_such_resource(uri, request.era(), message)).into();
        };
        if let Some(service) = &offer.layered {
            return ResponseFuture::layered(service.clone(), request);
        }
        let variables = TextArguments::new(offer.item.uri.as_str(), values);
        let timeout = offer.timeout;
        call::start(&offer.item.subject, timeout, request, |request| {
            let (uri, era) = (request.name().unwrap_or_default().to_owned(), request.era());
            offer.item.read(request, &variables, timeout).map_err(|error| {
                // A URI whose variables are of another type is one that does not exist.
                let message = format!("there is no such resource: {}", error.message());
                Refusal::Rpc(call::no_such_resource(&uri, era, message))
            })
        })
    }

    /// The template that is meant by its own text, or by a URI that belongs to it.
    fn template(&self, uri: &str) -> Option<&Offer<ErasedTemplate>> {
        let is_meant = |offer: &&Offer<ErasedTemplate>| offer.item.uri.as_str() == uri;
        let matches = |offer: &&Offer<ErasedTemplate>| offer.item.uri.values(uri).is_some();
        self.templates.iter().find(is_meant).or_else(|| self.templates.iter().find(matches))
    }

    /// The resource that has this URI, or the template by which one can have it.
    pub(super) fn subject(&self, uri: &str) -> Option<&Arc<Subject>> {
        let known = self.by_uri.get(uri).map(|offer| &offer.item.subject);
        known.or_else(|| {
            let matches = |offer: &&Offer<ErasedTemplate>| offer.item.uri.values(uri).is_some();
            self.templates.iter().find(matches).map(|offer| &offer.item.subject)
        })
    }

    /// Whose variables are completed, by a template's own text or by a URI.
    pub(super) fn completed(&self, uri: &str) -> Option<&Arc<Subject>> {
        let template = self.template(uri).map(|offer| &offer.item.subject);
        template.or_else(|| self.subject(uri))
    }

    pub(super) fn subjects(&self) -> impl Iterator<Item = &Arc<Subject>> {
        let resources = self.by_uri.values().map(|offer| &offer.item.subject);
        resources.chain(self.templates.iter().map(|offer| &offer.item.subject))
    }

    pub(super) fn is_known(&self, uri: &str) -> bool {
        self.by_uri.contains_key(uri)
    }

    pub(super) fn completion(&self, uri: &str, argument: &str) -> Option<CompletionOffer<'_>> {
        let offer = self.template(uri)?;
        Some(CompletionOffer {
            subject: &offer.item.subject,
            completer: &offer.item.completer,
            timeout: offer.timeout,
            layered: offer.layered.as_ref(),
            has_argument: offer.item.uri.variables().any(|variable| variable == argument),
        })
    }
}
