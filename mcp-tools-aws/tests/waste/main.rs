//! The scan for unused resources, through the real runtime against moto, with resources that are
//! made for each test.
#![cfg(all(feature = "operations", feature = "waste"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "modules of one test binary")]

mod bad_days;
mod checks;
mod policy;
mod scan;
#[path = "../support/mod.rs"]
mod support;
