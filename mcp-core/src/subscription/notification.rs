use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::{Change, Filter};
use crate::{RequestId, tasks::TaskRecord};

/// What a `subscriptions/listen` stream tells, tagged with the subscription that it belongs to.
#[derive(Clone, Debug)]
pub struct SubscriptionNotification {
    /// The identifier of the request that opened the stream.
    pub(super) subscription: RequestId,
    pub(super) event: Event,
}

#[derive(Clone, Debug)]
pub(super) enum Event {
    Acknowledged(Arc<Filter>),
    Changed(Change),
    Task(Arc<TaskRecord>),
}

impl Change {
    fn method(&self) -> &'static str {
        match self {
            Self::Tools => "notifications/tools/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
            Self::Resources => "notifications/resources/list_changed",
            Self::Resource(_) => "notifications/resources/updated",
        }
    }

    /// The message that tells a legacy session of it.
    pub(crate) fn to_message(&self) -> Bytes {
        let mut message = json!({ "jsonrpc": "2.0", "method": self.method() });
        if let Self::Resource(uri) = self {
            message["params"] = json!({ "uri": uri });
        }
        message.to_string().into()
    }
}

impl SubscriptionNotification {
    /// The method of the message.
    pub fn method(&self) -> &'static str {
        match &self.event {
            Event::Acknowledged(_) => "notifications/subscriptions/acknowledged",
            Event::Changed(change) => change.method(),
            Event::Task(_) => "notifications/tasks",
        }
    }

    /// Appends the message but for its last two braces.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        let Self { subscription, event } = self;
        // Writing to memory, and serializing strings and lists of them, does not fail.
        let _ = write!(
            out,
            r#"{{"jsonrpc":"2.0","method":"{}","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{subscription}}}"#,
            self.method()
        );
        match event {
            Event::Acknowledged(filter) => {
                out.extend_from_slice(br#","notifications":"#);
                let _ = serde_json::to_writer(&mut *out, &**filter);
            }
            Event::Changed(Change::Resource(uri)) => {
                out.extend_from_slice(br#","uri":"#);
                let _ = serde_json::to_writer(&mut *out, &**uri);
            }
            Event::Changed(_) => {}
            Event::Task(record) => {
                out.push(b',');
                record.write_detailed(out);
            }
        }
    }
}
