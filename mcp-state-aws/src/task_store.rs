use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use aws_sdk_dynamodb::{Client, operation::put_item::PutItemError, types::AttributeValue};
use mcp_core::{
    BoxError,
    tasks::{TaskRecord, TaskStore, TaskStoreError},
};
use tokio::sync::OnceCell;

use crate::clients;

/// How much of a record goes into one item, in bytes. DynamoDB allows 400 KB, names included
/// ("Service, account, and table quotas").
const PIECE: usize = 380 * 1024;
/// How many pieces a record may have: 37 MB, which is more than Lambda answers with.
const MOST_PIECES: usize = 100;

/// Keeps tasks in a table of DynamoDB, whose keys the [crate](crate) documents.
///
/// A change is one conditional write: of two processes that change a task at once, one is told so
/// and tries anew. Tasks that have expired are gone at once, and their items when DynamoDB gets to
/// them. A record of any size up to 37 MB is kept, in several items if need be.
#[derive(Debug)]
pub struct DynamoDbTaskStore {
    table: String,
    client: OnceCell<Client>,
}

impl DynamoDbTaskStore {
    /// Keeps tasks in this table, in the account and region that the environment says.
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

    /// Writes a record where `condition` holds of what is there.
    async fn put(
        &self,
        record: &TaskRecord,
        condition: &str,
        values: HashMap<String, AttributeValue>,
    ) -> Result<(), TaskStoreError> {
        let client = self.get_client().await;
        let text = serde_json::to_string(record).map_err(failed)?;
        let expires = AttributeValue::N((record.expires_ms() / 1000 + 1).to_string());
        let key = |sort: String| {
            HashMap::from([
                ("pk".to_owned(), AttributeValue::S(format!("task#{}", record.id))),
                ("sk".to_owned(), AttributeValue::S(sort)),
                ("expires".to_owned(), expires.clone()),
            ])
        };

        let mut pieces = pieces(&text);
        if pieces.len() > MOST_PIECES {
            return Err(failed(format!("a task of {} bytes is too large to keep", text.len())));
        }
        let first = pieces.remove(0);
        // Another process may be writing the same version.
        let prefix = format!("{:016x}", RandomState::new().hash_one(record.version));
        for (number, piece) in pieces.iter().enumerate() {
            let mut item = key(format!("part#{prefix}#{number}"));
            item.insert("data".to_owned(), AttributeValue::S((*piece).to_owned()));
            let put = client.put_item().table_name(&self.table).set_item(Some(item));
            put.send().await.map_err(failed)?;
        }

        let mut item = key("record".to_owned());
        item.extend([
            ("version".to_owned(), AttributeValue::N(record.version.to_string())),
            ("record".to_owned(), AttributeValue::S(first.to_owned())),
            ("parts".to_owned(), AttributeValue::N(pieces.len().to_string())),
            ("prefix".to_owned(), AttributeValue::S(prefix)),
        ]);
        let values = (!values.is_empty()).then_some(values);
        client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_values(values)
            .send()
            .await
            .map(drop)
            .map_err(|error| match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => TaskStoreError::Conflict,
                _ => failed(error),
            })
    }

    async fn item(
        &self,
        id: &str,
        sort: String,
    ) -> Result<Option<HashMap<String, AttributeValue>>, TaskStoreError> {
        let got = self
            .get_client()
            .await
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(format!("task#{id}")))
            .key("sk", AttributeValue::S(sort))
            // Whoever is told of a task finds it, and finds it as it was left.
            .consistent_read(true)
            .send()
            .await
            .map_err(failed)?;
        Ok(got.item)
    }
}

#[async_trait]
impl TaskStore for DynamoDbTaskStore {
    async fn create(&self, record: Arc<TaskRecord>) -> Result<(), TaskStoreError> {
        self.put(&record, "attribute_not_exists(pk)", HashMap::new()).await
    }

    async fn get(&self, id: &str) -> Result<Option<Arc<TaskRecord>>, TaskStoreError> {
        let Some(item) = self.item(id, "record".to_owned()).await? else {
            return Ok(None);
        };
        let mut text = string(&item, "record")?.to_owned();
        let parts: usize = number(&item, "parts")?;
        if parts > 0 {
            let prefix = string(&item, "prefix")?;
            for part in 0..parts {
                let item = self.item(id, format!("part#{prefix}#{part}")).await?;
                let item = item.ok_or_else(|| failed("a part of a task is missing"))?;
                text.push_str(string(&item, "data")?);
            }
        }
        let record: TaskRecord = serde_json::from_str(&text).map_err(failed)?;
        Ok((record.expires_ms() > now_ms()).then(|| Arc::new(record)))
    }

    async fn replace(&self, record: Arc<TaskRecord>) -> Result<(), TaskStoreError> {
        let previous = record.version.saturating_sub(1).to_string();
        let values = HashMap::from([
            (":previous".to_owned(), AttributeValue::N(previous)),
            (":now".to_owned(), AttributeValue::N((now_ms() / 1000).to_string())),
        ]);
        self.put(&record, "version = :previous AND expires > :now", values).await
    }
}

/// Cuts a text between characters.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::with_capacity(text.len() / PIECE + 1);
    let mut rest = text;
    loop {
        let mut end = rest.len().min(PIECE);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, more) = rest.split_at(end);
        pieces.push(piece);
        if more.is_empty() {
            return pieces;
        }
        rest = more;
    }
}

fn string<'a>(
    item: &'a HashMap<String, AttributeValue>,
    name: &str,
) -> Result<&'a str, TaskStoreError> {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.map(String::as_str).ok_or_else(|| failed(format!("an item has no text `{name}`")))
}

fn number(item: &HashMap<String, AttributeValue>, name: &str) -> Result<usize, TaskStoreError> {
    let value = item.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
    value.ok_or_else(|| failed(format!("an item has no number `{name}`")))
}

fn failed(error: impl Into<BoxError>) -> TaskStoreError {
    TaskStoreError::Failed(error.into())
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_nothing_is_lost() {
        for text in [String::new(), "short".to_owned(), "ä🦀x".repeat(300_000)] {
            let pieces = pieces(&text);
            assert_eq!(pieces.concat(), text);
            assert!(pieces.iter().all(|piece| piece.len() <= PIECE));
        }
    }
}
