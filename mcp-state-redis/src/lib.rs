//! Legacy sessions in Redis or Valkey, for replicas to share.
//!
//! Depend on this crate to run several replicas behind a load balancer without affinity while
//! clients of the revisions before 2026-07-28 open sessions: each replica then goes on with the
//! sessions of the others, also of those that have died. Modern clients need nothing of it.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use mcp_state_redis::RedisSessionStore;
//!
//! # fn configure() -> Result<(), mcp_state_redis::RedisUrlError> {
//! let store = RedisSessionStore::new("redis://10.0.0.5:6379/0")?;
//! # let _: Arc<dyn mcp_core::sessions::SessionStore> = Arc::new(store);
//! # Ok(()) }
//! ```
//!
//! # What it keeps
//!
//! | key | value | kept |
//! |---|---|---|
//! | `mcp:session:ID` | the `initialize` request and who sent it, as JSON | as long as the session may be idle |
//! | `mcp:events:STREAM` | the last 128 events of a request, as a Redis stream | as long as its client may come back |
//!
//! It needs Redis 6.2, or any Valkey, and no scripts. Each request of a session is one round trip.
//!
//! # When Redis is away
//!
//! Nothing waits longer than two seconds. Sessions that a replica has in memory go on there; opening
//! a session, and going on with one of another replica, is answered with 503. Once Redis is back,
//! everything works again without a restart; sessions whose keys are lost with it are over.

mod store;

pub use crate::store::{RedisSessionStore, RedisUrlError};
