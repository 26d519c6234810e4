use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    error::DisplayErrorContext,
    operation::update_item::UpdateItemError,
    types::{AttributeValue, KeysAndAttributes},
};
use mcp_core::{
    Principal, SessionSettings,
    connections::{
        ConnectionChange, ConnectionRecord, ConnectionStore, ConnectionStoreError, LeftMessage,
    },
};
use tokio::sync::OnceCell;

use crate::{
    clients,
    item::{Item, keyed, now_ms, number, number_value, text},
};

/// The sort key of a connection's own item.
const RECORD: &str = "record";
/// What the sort keys of messages begin with.
const LEFT: &str = "left#";

/// Keeps connections in a table of DynamoDB, whose keys the [crate](crate) documents.
///
/// A connection is opened with a conditional write, and each change of it is one update of its own.
/// Connections that have expired are gone at once, and their items when DynamoDB gets to them.
#[derive(Debug)]
pub struct DynamoDbConnectionStore {
    table: String,
    client: OnceCell<Client>,
}

impl DynamoDbConnectionStore {
    /// Keeps connections in this table, in the account and region that the environment says.
    pub fn new(table: impl Into<String>) -> Self {
        Self { table: table.into(), client: OnceCell::new() }
    }

    /// The same with a client of one's own.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.client = OnceCell::new_with(Some(client));
        self
    }

    async fn get_client(&self) -> &Client {
        self.client.get_or_init(|| async { Client::new(clients::config().await) }).await
    }
}

#[async_trait]
impl ConnectionStore for DynamoDbConnectionStore {
    async fn open(
        &self,
        connection: &str,
        opening: &str,
        principal: Option<&Principal>,
        keep: Duration,
    ) -> Result<(), ConnectionStoreError> {
        let now = now();
        let mut item = keyed(partition(connection), RECORD.to_owned(), now + keep.as_secs());
        item.insert("opening".to_owned(), text_value(opening));
        if let Some(principal) = principal {
            item.insert("subject".to_owned(), text_value(principal.subject()));
            let scopes: Vec<String> = principal.scopes().iter().map(ToString::to_string).collect();
            // DynamoDB has no empty sets.
            if !scopes.is_empty() {
                item.insert("scopes".to_owned(), AttributeValue::Ss(scopes));
            }
        }
        self.get_client()
            .await
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(
                "attribute_not_exists(pk) OR opening = :opening OR expires <= :now",
            )
            .expression_attribute_values(":opening", text_value(opening))
            .expression_attribute_values(":now", number_value(now))
            .send()
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn load(
        &self,
        connection: &str,
    ) -> Result<Option<ConnectionRecord>, ConnectionStoreError> {
        let got = self
            .get_client()
            .await
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(connection, RECORD)))
            // A client that is answered goes on from there.
            .consistent_read(true)
            .send()
            .await
            .map_err(failed)?;
        got.item.filter(is_alive).map(record).transpose()
    }

    async fn change(
        &self,
        connection: &str,
        change: ConnectionChange<'_>,
    ) -> Result<bool, ConnectionStoreError> {
        let (expression, value) = match change {
            ConnectionChange::Initialize(message) => {
                ("SET initialize = :value", text_value(message))
            }
            ConnectionChange::SetLogLevel(level) => {
                let level = serde_json::to_string(&level).map_err(ConnectionStoreError::new)?;
                ("SET log_level = :value", text_value(&level))
            }
            ConnectionChange::Subscribe(uri) => ("ADD subscriptions :value", set(uri)),
            ConnectionChange::Unsubscribe(uri) => ("DELETE subscriptions :value", set(uri)),
        };
        let updated = self
            .get_client()
            .await
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(connection, RECORD)))
            .update_expression(expression)
            .condition_expression("expires > :now")
            .expression_attribute_values(":value", value)
            .expression_attribute_values(":now", number_value(now()))
            .send()
            .await;
        match updated {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(failed(error)),
            },
        }
    }

    async fn remove(&self, connection: &str) -> Result<(), ConnectionStoreError> {
        self.get_client()
            .await
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(connection, RECORD)))
            .send()
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn leave(
        &self,
        connection: &str,
        under: &str,
        message: &str,
        keep: Duration,
    ) -> Result<(), ConnectionStoreError> {
        let expires = now() + keep.as_secs().max(1);
        let mut item = keyed(partition(connection), format!("{LEFT}{under}"), expires);
        item.insert("message".to_owned(), text_value(message));
        let put = self.get_client().await.put_item().table_name(&self.table);
        put.set_item(Some(item)).send().await.map(drop).map_err(failed)
    }

    async fn collect(
        &self,
        connection: &str,
        keys: &[String],
    ) -> Result<Option<Vec<LeftMessage>>, ConnectionStoreError> {
        let client = self.get_client().await;
        let sorts = keys.iter().map(|key| format!("{LEFT}{key}"));
        let wanted = sorts.chain([RECORD.to_owned()]).map(|sort| key(connection, &sort));
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(wanted.collect()))
            // Whether the record is there is all that is asked of it.
            .projection_expression("sk, expires, message")
            .build()
            .map_err(failed)?;
        let got = client.batch_get_item().request_items(&self.table, wanted).send().await;
        let got = got.map_err(failed)?;
        // A record that was not read for want of throughput must not pass for one that is gone.
        if got.unprocessed_keys.is_some_and(|keys| !keys.is_empty()) {
            return Err(ConnectionStoreError::new("the table is throttled"));
        }
        let items = got.responses.and_then(|mut all| all.remove(&self.table));

        let (mut is_there, mut left) = (false, Vec::new());
        for item in items.unwrap_or_default().into_iter().filter(is_alive) {
            match text(&item, "sk").map_err(failed)?.strip_prefix(LEFT) {
                Some(key) => left.push(LeftMessage {
                    key: key.to_owned(),
                    message: text(&item, "message").map_err(failed)?.to_owned(),
                }),
                None => is_there = true,
            }
        }
        for LeftMessage { key: taken, .. } in &left {
            let taken = key(connection, &format!("{LEFT}{taken}"));
            let delete = client.delete_item().table_name(&self.table).set_key(Some(taken));
            delete.send().await.map_err(failed)?;
        }
        Ok(is_there.then_some(left))
    }
}

fn partition(connection: &str) -> String {
    format!("connection#{connection}")
}

fn key(connection: &str, sort: &str) -> Item {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(partition(connection))),
        ("sk".to_owned(), text_value(sort)),
    ])
}

fn record(item: Item) -> Result<ConnectionRecord, ConnectionStoreError> {
    let optional = |name| text(&item, name).ok();
    let set = |name| item.get(name).and_then(|value| value.as_ss().ok()).into_iter().flatten();
    let level = optional("log_level").map(serde_json::from_str).transpose();
    let subscriptions: BTreeSet<Box<str>> =
        set("subscriptions").map(|uri| (**uri).into()).collect();
    Ok(ConnectionRecord {
        principal: optional("subject")
            .map(|subject| Principal::new(subject, set("scopes").map(String::as_str))),
        initialize: optional("initialize").map(str::to_owned),
        settings: SessionSettings {
            log_level: level.map_err(ConnectionStoreError::new)?,
            subscriptions,
        },
    })
}

fn is_alive(item: &Item) -> bool {
    number(item, "expires").is_ok_and(|expires| expires > now())
}

fn text_value(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn set(member: &str) -> AttributeValue {
    AttributeValue::Ss(vec![member.to_owned()])
}

/// Seconds since the Unix epoch, which time to live counts in.
fn now() -> u64 {
    now_ms() / 1000
}

/// The SDK's errors say what went wrong only in their sources.
fn failed(error: impl std::error::Error + Send + Sync + 'static) -> ConnectionStoreError {
    ConnectionStoreError::new(DisplayErrorContext(error).to_string())
}
