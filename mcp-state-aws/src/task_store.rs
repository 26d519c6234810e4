use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    operation::put_item::PutItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use mcp_core::{
    BoxError,
    tasks::{TaskRecord, TaskStore, TaskStoreError},
};
use tokio::sync::OnceCell;

use crate::{
    clients,
    item::{Item, keyed, now_ms, number, number_value, pieces, text, unique},
};

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
        let json = serde_json::to_string(record).map_err(failed)?;
        let partition = || format!("task#{}", record.id);
        let expires = record.expires_ms() / 1000 + 1;

        let mut pieces = pieces(&json);
        if pieces.len() > MOST_PIECES {
            return Err(failed(format!("a task of {} bytes is too large to keep", json.len())));
        }
        let first = pieces.remove(0);
        let prefix = unique().map_err(failed)?;
        for (number, piece) in pieces.iter().enumerate() {
            let mut item = keyed(partition(), format!("part#{prefix}#{number}"), expires);
            item.insert("data".to_owned(), AttributeValue::S((*piece).to_owned()));
            let put = client.put_item().table_name(&self.table).set_item(Some(item));
            put.send().await.map_err(failed)?;
        }

        let mut item = keyed(partition(), "record".to_owned(), expires);
        item.extend([
            ("version".to_owned(), number_value(record.version)),
            ("record".to_owned(), AttributeValue::S(first.to_owned())),
            ("parts".to_owned(), number_value(pieces.len() as u64)),
            ("prefix".to_owned(), AttributeValue::S(prefix.clone())),
        ]);
        let values = (!values.is_empty()).then_some(values);
        client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_values(values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await
            .map(drop)
            .or_else(|error| match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                    // The SDK repeats a request whose connection was cut, which may have been done.
                    let found = refused.item().and_then(|item| item.get("prefix")?.as_s().ok());
                    if found == Some(&prefix) { Ok(()) } else { Err(TaskStoreError::Conflict) }
                }
                _ => Err(failed(error)),
            })
    }

    async fn item(&self, id: &str, sort: String) -> Result<Option<Item>, TaskStoreError> {
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
        let mut record = text(&item, "record").map_err(failed)?.to_owned();
        let parts = number(&item, "parts").map_err(failed)?;
        if parts > 0 {
            let prefix = text(&item, "prefix").map_err(failed)?;
            for part in 0..parts {
                let item = self.item(id, format!("part#{prefix}#{part}")).await?;
                let item = item.ok_or_else(|| failed("a part of a task is missing"))?;
                record.push_str(text(&item, "data").map_err(failed)?);
            }
        }
        let record: TaskRecord = serde_json::from_str(&record).map_err(failed)?;
        Ok((record.expires_ms() > now_ms()).then(|| Arc::new(record)))
    }

    async fn replace(&self, record: Arc<TaskRecord>) -> Result<(), TaskStoreError> {
        let values = HashMap::from([
            (":previous".to_owned(), number_value(record.version.saturating_sub(1))),
            (":now".to_owned(), number_value(now_ms() / 1000)),
        ]);
        self.put(&record, "version = :previous AND expires > :now", values).await
    }
}

fn failed(error: impl Into<BoxError>) -> TaskStoreError {
    TaskStoreError::Failed(error.into())
}
