//! What a test hears of changes on the server.
#![allow(deprecated, reason = "what the client calls deprecated is what legacy sessions have")]

use mcp_core::{
    Era,
    model::{ServerNotification, SubscriptionFilter},
};
use rmcp::{
    model::{SubscribeRequestParams, UnsubscribeRequestParams},
    service::Subscription,
};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::Harness;

/// A change that a server told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The list of resources.
    Resources,
    /// The resource of this URI.
    Resource(String),
}

/// What a server tells of changes, from [`Harness::listen`] on.
#[derive(Debug)]
pub struct Changes(Source);

#[derive(Debug)]
enum Source {
    Modern(Box<Subscription>),
    Legacy(UnboundedReceiver<Changed>),
}

impl Harness {
    /// Listens for changes of all lists, and for updates of some resources: with
    /// `subscriptions/listen` in the modern era; in a legacy session, which hears of lists by
    /// itself, with `resources/subscribe`.
    ///
    /// # Panics
    ///
    /// When the server does not take the subscription.
    pub async fn listen(&self, resources: &[&str]) -> Changes {
        if self.era() == Era::Modern {
            let filter = SubscriptionFilter::builder()
                .tools_list_changed()
                .prompts_list_changed()
                .resources_list_changed()
                .resource_subscriptions(resources.iter().map(|uri| (*uri).to_owned()))
                .build();
            let subscription = self.client.listen(filter).await.expect("the server is listened to");
            return Changes(Source::Modern(Box::new(subscription)));
        }
        let changes = self.client.service().changes();
        for uri in resources {
            let subscribed = self.client.subscribe(SubscribeRequestParams::new(*uri)).await;
            subscribed.expect("the server takes the subscription");
        }
        Changes(Source::Legacy(changes))
    }

    /// Ends the subscription of a legacy session to a resource.
    ///
    /// # Panics
    ///
    /// When the server does not take it.
    pub async fn unsubscribe(&self, uri: &str) {
        let ended = self.client.unsubscribe(UnsubscribeRequestParams::new(uri)).await;
        ended.expect("the server ends the subscription");
    }
}

impl Changes {
    /// The next change, however long it takes; `None` once the server tells of no more.
    ///
    /// # Panics
    ///
    /// When the server tells what was not asked for.
    pub async fn next(&mut self) -> Option<Changed> {
        let subscription = match &mut self.0 {
            Source::Legacy(changes) => return changes.recv().await,
            Source::Modern(subscription) => subscription,
        };
        let told = subscription.next().await.expect("the server tells what was asked for");
        Some(match told? {
            ServerNotification::ToolListChangedNotification(_) => Changed::Tools,
            ServerNotification::PromptListChangedNotification(_) => Changed::Prompts,
            ServerNotification::ResourceListChangedNotification(_) => Changed::Resources,
            ServerNotification::ResourceUpdatedNotification(updated) => {
                Changed::Resource(updated.params.uri)
            }
            other => panic!("not asked for: {other:?}"),
        })
    }
}
