//! A test harness for Model Context Protocol servers.
//!
//! Depend on it from the `[dev-dependencies]` of a server or of a tool pack. A [`Harness`] is a
//! client (rmcp's, which is not our own code) connected to a server in memory, over stdio, over
//! HTTP, over a WebSocket or over HTTP+SSE, in the modern or the legacy protocol era; [`macro@test`] runs one test body in all of
//! these places.
//!
//! ```
//! use mcp_core::{Server, tool};
//! use mcp_testing::Harness;
//!
//! /// Adds two integers.
//! #[tool]
//! async fn add(a: i64, b: i64) -> i64 {
//!     a + b
//! }
//!
//! fn server() -> Server {
//!     Server::builder("calculator", "1.0").tool::<add>().build()
//! }
//!
//! #[mcp_testing::test(server())]
//! async fn adds(mcp: Harness) {
//!     assert_eq!(mcp.call(add { a: 1, b: 2 }).await.text(), "3");
//! }
//! # mcp_testing::__private::block_on(async {
//! #     let mcp = Harness::in_memory(server()).await;
//! #     assert_eq!(mcp.call(add { a: 1, b: 2 }).await.text(), "3");
//! # });
//! ```

mod answers;
mod changes;
mod connect;
mod harness;
mod http_sse;
mod in_memory;
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(feature = "moto")]
mod moto;
mod outcome;
mod prompts;
mod recorder;
mod resources;
mod web_socket;

/// Runs one test over every transport and in both protocol eras.
///
/// `#[mcp_testing::test(server())]` on an `async fn name(mcp: Harness)` makes a module `name` with
/// a test for each place: `in_memory_modern`, `in_memory_legacy`, `stdio_modern`, `stdio_legacy`,
/// `http_modern`, `http_legacy`, `web_socket_modern`, `web_socket_legacy` and `http_sse_legacy`. The
/// expression makes the server anew for each.
///
/// `#[mcp_testing::test(server(), lambda)]`, with the feature `lambda`, adds AWS Lambda behind each
/// `lambda::Door`. There the server is another process, whose state the test does not share.
/// `web_socket_api`, with the feature `web-socket-api`, adds the one that needs a table of DynamoDB,
/// which is moto's.
pub use mcp_macros::transport_test as test;

pub use crate::{
    answers::{Answer, Asked},
    changes::{Changed, Changes},
    connect::Connect,
    harness::{Failure, Harness},
    outcome::Outcome,
};

#[cfg(feature = "moto")]
pub use crate::moto::{Moto, MotoAccount};

/// What the macro expands to. Not a public API.
#[doc(hidden)]
pub mod __private {
    #[cfg(feature = "lambda")]
    pub use crate::lambda::harness::private as lambda;

    /// Runs a test to its end, and no longer than a minute.
    #[allow(clippy::missing_panics_doc, reason = "a failure is a failed test")]
    pub fn block_on(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be built");
        runtime.block_on(async {
            // A hang must fail a test, not the whole run.
            tokio::time::timeout(std::time::Duration::from_secs(120), test)
                .await
                .expect("the test ends within two minutes");
        });
    }
}
