use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    error::ProvideErrorMetadata as _,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use mcp_core::sessions::{SessionEvent, SessionRecord, SessionStore, SessionStoreError};
use tokio::sync::OnceCell;

use crate::{
    clients,
    item::{Item, keyed, now_ms, number, number_value, pieces, text, unique},
};

/// How many events of one request are kept: those that a client may have missed who comes back.
const MOST_EVENTS: u64 = 128;
/// How many items one event may take: 7 MB, which is more than Lambda answers with.
const MOST_PIECES: usize = 20;
/// How much longer than needed events stay, in seconds: what is written with each event is not
/// written anew with each that follows, and a call may take long between the two.
const LINGER: u64 = 24 * 3600;
/// For how long one request of a session waits for DynamoDB, over all attempts.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps legacy sessions in a table of DynamoDB, whose keys the [crate](crate) documents, for
/// processes to share: functions of Lambda, and replicas behind a load balancer without affinity.
///
/// A request of a session costs a read, and a write only when an eighth of the time has passed that
/// the session may be idle. Nothing waits longer than two seconds for the table.
#[derive(Debug)]
pub struct DynamoDbSessionStore {
    table: String,
    client: OnceCell<Client>,
}

impl DynamoDbSessionStore {
    /// Keeps sessions in this table, in the account and region that the environment says.
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

    /// A session that is not over.
    async fn session(&self, id: &str) -> Result<Option<Item>, SessionStoreError> {
        let [partition, sort] = session_key(id);
        let got = self.get_client().await.get_item().table_name(&self.table);
        // One that was ended is over for all, at once.
        let got = got.key("pk", partition).key("sk", sort).consistent_read(true).send().await;
        let item = got.map_err(SessionStoreError::new)?.item;
        let Some(item) = item else { return Ok(None) };
        let is_over = number(&item, "until").map_err(SessionStoreError::new)? <= now_ms();
        Ok((!is_over).then_some(item))
    }

    async fn put(&self, item: Item) -> Result<(), SessionStoreError> {
        let put = self.get_client().await.put_item().table_name(&self.table);
        put.set_item(Some(item)).send().await.map(drop).map_err(SessionStoreError::new)
    }

    async fn do_save(
        &self,
        id: &str,
        session: &SessionRecord,
        keep: Duration,
    ) -> Result<(), SessionStoreError> {
        let until = kept_until(keep);
        let mut item = keyed(session_partition(id), SESSION.to_owned(), expires(until));
        item.insert("initialize".to_owned(), AttributeValue::S(session.initialize.clone()));
        item.insert("until".to_owned(), number_value(until));
        if let Some(owner) = &session.owner {
            item.insert("owner".to_owned(), AttributeValue::S(owner.as_ref().to_owned()));
        }
        let put = self.get_client().await.put_item().table_name(&self.table).set_item(Some(item));
        // Names of sessions are drawn from 128 bits; one that is there is never taken over.
        put.condition_expression("attribute_not_exists(pk) OR #until <= :now")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":now", number_value(now_ms()))
            .send()
            .await
            .map(drop)
            .map_err(SessionStoreError::new)
    }

    async fn do_touch(&self, id: &str, keep: Duration) -> Result<bool, SessionStoreError> {
        let Some(item) = self.session(id).await? else { return Ok(false) };
        let until = number(&item, "until").map_err(SessionStoreError::new)?;
        if until >= now_ms() + millis(keep) {
            return Ok(true);
        }
        let until = kept_until(keep);
        let [partition, sort] = session_key(id);
        let updated = self
            .get_client()
            .await
            .update_item()
            .table_name(&self.table)
            .key("pk", partition)
            .key("sk", sort)
            .update_expression("SET #until = :until, expires = :expires")
            // It may have been deleted meanwhile, and must not come back.
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":until", number_value(until))
            .expression_attribute_values(":expires", number_value(expires(until)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::None)
            .send()
            .await;
        match updated {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(SessionStoreError::new(error)),
        }
    }

    async fn do_append(
        &self,
        stream: &str,
        event: &SessionEvent,
        keep: Duration,
    ) -> Result<(), SessionStoreError> {
        let until = now_ms().saturating_add(millis(keep));
        let expires = expires(until) + LINGER;
        let message = event.message.as_deref().unwrap_or_default();
        let mut pieces = pieces(message);
        if pieces.len() > MOST_PIECES {
            let size = message.len();
            return Err(SessionStoreError::new(format!("{size} bytes are too many for an event")));
        }
        let first = pieces.remove(0);
        // An event takes the place of the one that is so many before it.
        let slot = event.index % MOST_EVENTS;
        let prefix = unique().map_err(SessionStoreError::new)?;
        for (number, piece) in pieces.iter().enumerate() {
            let sort = format!("part#{prefix}#{number}");
            let mut item = keyed(events_partition(stream), sort, expires);
            item.insert("data".to_owned(), AttributeValue::S((*piece).to_owned()));
            self.put(item).await?;
        }
        let mut item = keyed(events_partition(stream), format!("event#{slot:03}"), expires);
        item.extend([
            ("index".to_owned(), number_value(event.index)),
            ("last".to_owned(), AttributeValue::Bool(event.is_last)),
            ("until".to_owned(), number_value(until)),
        ]);
        if event.message.is_some() {
            item.extend([
                ("message".to_owned(), AttributeValue::S(first.to_owned())),
                ("parts".to_owned(), number_value(pieces.len() as u64)),
                ("prefix".to_owned(), AttributeValue::S(prefix)),
            ]);
        }
        self.put(item).await
    }

    async fn do_events_after(
        &self,
        stream: &str,
        index: u64,
    ) -> Result<Option<Vec<SessionEvent>>, SessionStoreError> {
        let mut items = Vec::new();
        let mut from = None;
        loop {
            let page = self
                .get_client()
                .await
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :stream AND begins_with(sk, :event)")
                .expression_attribute_values(":stream", AttributeValue::S(events_partition(stream)))
                .expression_attribute_values(":event", AttributeValue::S("event#".to_owned()))
                .consistent_read(true)
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(SessionStoreError::new)?;
            items.extend(page.items.unwrap_or_default());
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        let now = now_ms();
        // The newest event says how long all are kept.
        if !items.iter().any(|item| number(item, "until").is_ok_and(|until| until > now)) {
            return Ok(None);
        }
        let mut events = Vec::new();
        for item in &items {
            let place = number(item, "index").map_err(SessionStoreError::new)?;
            if place > index {
                events.push(SessionEvent {
                    index: place,
                    message: self.message(stream, item).await?,
                    is_last: item.get("last") == Some(&AttributeValue::Bool(true)),
                });
            }
        }
        events.sort_unstable_by_key(|event| event.index);
        Ok(Some(events))
    }

    /// An event's message, put together.
    async fn message(
        &self,
        stream: &str,
        item: &Item,
    ) -> Result<Option<String>, SessionStoreError> {
        if !item.contains_key("message") {
            return Ok(None);
        }
        let mut message = text(item, "message").map_err(SessionStoreError::new)?.to_owned();
        let parts = number(item, "parts").map_err(SessionStoreError::new)?;
        for part in 0..parts {
            let prefix = text(item, "prefix").map_err(SessionStoreError::new)?;
            let sort = AttributeValue::S(format!("part#{prefix}#{part}"));
            let got = self.get_client().await.get_item().table_name(&self.table);
            let got = got.key("pk", AttributeValue::S(events_partition(stream))).key("sk", sort);
            let got = got.consistent_read(true).send().await.map_err(SessionStoreError::new)?;
            let missing = || SessionStoreError::new("a part of an event is missing");
            let part = got.item.ok_or_else(missing)?;
            message.push_str(text(&part, "data").map_err(SessionStoreError::new)?);
        }
        Ok(Some(message))
    }
}

/// The sort key of a session.
const SESSION: &str = "session";

fn session_partition(id: &str) -> String {
    format!("session#{id}")
}

fn session_key(id: &str) -> [AttributeValue; 2] {
    [AttributeValue::S(session_partition(id)), AttributeValue::S(SESSION.to_owned())]
}

fn events_partition(stream: &str) -> String {
    format!("events#{stream}")
}

/// Until when a session is kept that is to be kept for so long: a little longer, so that not every
/// request has to write.
fn kept_until(keep: Duration) -> u64 {
    now_ms().saturating_add(millis(keep)).saturating_add(millis(keep / 8))
}

/// When DynamoDB may delete what is kept until then, in seconds.
fn expires(until: u64) -> u64 {
    until / 1000 + 1
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 4).max(1)
}

async fn patiently<T>(
    asking: impl Future<Output = Result<T, SessionStoreError>> + Send,
) -> Result<T, SessionStoreError> {
    let late = |_| SessionStoreError::new(format!("DynamoDB did not answer within {PATIENCE:?}"));
    tokio::time::timeout(PATIENCE, asking).await.map_err(late)?
}

#[async_trait]
impl SessionStore for DynamoDbSessionStore {
    async fn save(
        &self,
        id: &str,
        session: &SessionRecord,
        keep: Duration,
    ) -> Result<(), SessionStoreError> {
        patiently(self.do_save(id, session, keep)).await
    }

    async fn load(&self, id: &str) -> Result<Option<SessionRecord>, SessionStoreError> {
        let Some(item) = patiently(self.session(id)).await? else { return Ok(None) };
        let initialize = text(&item, "initialize").map_err(SessionStoreError::new)?.to_owned();
        let owner = text(&item, "owner").ok().map(Arc::from);
        Ok(Some(SessionRecord { initialize, owner }))
    }

    async fn touch(&self, id: &str, keep: Duration) -> Result<bool, SessionStoreError> {
        patiently(self.do_touch(id, keep)).await
    }

    async fn delete(&self, id: &str) -> Result<(), SessionStoreError> {
        let [partition, sort] = session_key(id);
        let key = HashMap::from([("pk".to_owned(), partition), ("sk".to_owned(), sort)]);
        patiently(async {
            let delete = self.get_client().await.delete_item().table_name(&self.table);
            delete.set_key(Some(key)).send().await.map(drop).map_err(SessionStoreError::new)
        })
        .await
    }

    async fn append(
        &self,
        stream: &str,
        event: &SessionEvent,
        keep: Duration,
    ) -> Result<(), SessionStoreError> {
        patiently(self.do_append(stream, event, keep)).await
    }

    async fn events_after(
        &self,
        stream: &str,
        index: u64,
    ) -> Result<Option<Vec<SessionEvent>>, SessionStoreError> {
        patiently(self.do_events_after(stream, index)).await
    }
}
