//! What packs do at start and after a restore.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use mcp_core::{
    Call, ErrorKind, Message, Server, Tool, ToolContext, ToolError, ToolErrorKind, ToolPack,
    ToolResult,
};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::OnceCell;

/// A database that counts who connects to it, and is away at first if it is told so.
#[derive(Default)]
struct Database {
    connections: Arc<AtomicU32>,
    away: AtomicU32,
    connection: OnceCell<u32>,
}

impl Database {
    async fn connect(&self) -> Result<&u32, &'static str> {
        let connecting = async || {
            tokio::task::yield_now().await;
            let away = self.away.load(Ordering::SeqCst);
            if away > 0 {
                self.away.store(away - 1, Ordering::SeqCst);
                return Err("the database is away");
            }
            Ok(self.connections.fetch_add(1, Ordering::SeqCst) + 1)
        };
        self.connection.get_or_try_init(connecting).await
    }
}

/// Asks the database.
#[derive(Deserialize, JsonSchema, Tool)]
struct Query {}

impl Call<Database> for Query {
    type Output = u32;

    async fn call(self, database: &Database, _: &ToolContext) -> ToolResult<u32> {
        let connected = database.connect().await.copied();
        connected.map_err(|error| ToolError::new(ToolErrorKind::Unavailable, error))
    }
}

fn pack(away: u32) -> (ToolPack<Database>, Arc<AtomicU32>) {
    let database = Database { away: away.into(), ..Database::default() };
    let connections = Arc::clone(&database.connections);
    (ToolPack::new("data", database).tool::<Query>(), connections)
}

fn server(pack: ToolPack<Database>) -> Server {
    Server::builder("hooks", "1").pack(pack).build()
}

/// Ten calls at once. How many of them have failed.
async fn query(server: &Server) -> usize {
    let calls = (0..10).map(|_| {
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query"}}"#;
        let Ok(Message::Request(request)) = Message::parse(call) else { panic!() };
        let server = server.clone();
        tokio::spawn(async move { server.call(request).response().await })
    });
    let mut failed = 0;
    for call in calls.collect::<Vec<_>>() {
        let answer = String::from_utf8(call.await.unwrap().into_bytes().to_vec()).unwrap();
        failed += usize::from(answer.contains(r#""isError":true"#));
    }
    failed
}

#[tokio::test]
async fn a_pack_connects_once_when_it_is_first_needed() {
    let (pack, connections) = pack(0);
    let server = server(pack);
    server.start().await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    assert_eq!(query(&server).await, 0);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_pack_connects_once_at_the_start_if_it_wants_to() {
    let (pack, connections) = pack(0);
    let server = server(pack.on_start(|data| async move { data.connect().await.map(drop) }));
    let again = server.clone();
    let (one, other) = tokio::join!(server.start(), again.start());
    one.unwrap();
    other.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert_eq!(query(&server).await, 0);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_start_that_fails_names_the_pack_and_can_be_tried_again() {
    let (pack, connections) = pack(1);
    let server = server(pack.on_start(|data| async move { data.connect().await.map(drop) }));
    let error = server.start().await.unwrap_err();
    assert_eq!(error.to_string(), "the pack `data` could not be started: the database is away");
    server.start().await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn packs_hear_of_every_restore() {
    let (pack, connections) = pack(0);
    let server = server(pack.on_restore(|data| async move {
        data.connections.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::convert::Infallible>(())
    }));
    for restored in 1..=2 {
        server.restored().await.unwrap();
        assert_eq!(connections.load(Ordering::SeqCst), restored);
    }
}

/// What a process draws before its snapshot is taken, all that are restored from it have in common.
#[tokio::test]
async fn no_key_is_drawn_before_it_is_needed() {
    let (pack, _) = pack(0);
    let server = server(pack);
    server.start().await.unwrap();
    assert_eq!(query(&server).await, 0);
    assert!(!server.has_state_keys());
    let unknown = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"none"}}"#;
    let Ok(Message::Request(request)) = Message::parse(unknown) else { panic!() };
    let error = server.call(request).response().await.into_bytes();
    assert!(String::from_utf8_lossy(&error).contains(&ErrorKind::InvalidParams.code().to_string()));
}
