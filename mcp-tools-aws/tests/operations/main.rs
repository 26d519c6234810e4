//! Metrics, logs and alarms of a server, through the real runtime against moto with seeded data.
//!
//! Moto knows no percentiles: where an answer has some, the proxy answers in the documented form.
#![cfg(all(feature = "operations", feature = "waste"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "modules of one test binary")]

mod alarms;
mod bad_days;
mod logs;
mod metrics;
mod policy;
#[path = "../support/mod.rs"]
mod support;
