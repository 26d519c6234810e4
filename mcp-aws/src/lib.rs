//! Requests to any service of AWS, without that service's SDK.
//!
//! An SDK of a service is generated from all that the service can do: EC2's takes minutes to
//! compile and gigabytes of memory. This crate is for those who need a handful of operations. It is
//! the runtime that all SDKs share, driven by hand: a [`Request`] names an operation and its
//! parameters, a [`Client`] writes it in the service's protocol, signs, sends and repeats it as the
//! [`SdkConfig`](aws_config::SdkConfig) says, and reads the answer into a type with the fields that
//! its caller wants.
//!
//! ```no_run
//! use mcp_aws::{Client, Request, service};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "PascalCase")]
//! struct Parameter {
//!     value: String,
//! }
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "PascalCase")]
//! struct GetParameter {
//!     parameter: Parameter,
//! }
//!
//! # async fn example() -> Result<(), mcp_aws::Error> {
//! let client = Client::new(&mcp_aws::load_config().await);
//! let request = Request::new(&service::SSM, "GetParameter")
//!     .with("Name", "/app/theme")
//!     .with("WithDecryption", true);
//! let answer: GetParameter = client.call(request).await?;
//! assert_eq!(answer.parameter.value, "dark");
//! # Ok(())
//! # }
//! ```
//!
//! [`AwsSecret`] is where a server reads secrets from that AWS keeps, such as API keys.
//!
//! What an SDK has and this has not: the service's types, its rules for endpoints (FIPS, dual stack,
//! and partitions beyond a table of four), checksums, event streams, and validation before a request
//! is sent.

mod body;
mod client;
mod clock;
mod config;
mod endpoint;
mod error;
mod operation;
mod pages;
mod protocol;
mod request;
mod response;
mod secret;
pub mod service;

pub use crate::{
    client::Client,
    clock::{RetryAtTheRightTime, is_refused_for_its_time},
    config::{connector, load_config, with_defaults},
    endpoint::encode,
    error::{Error, ErrorKind},
    pages::{Page, Pages},
    protocol::{List, Protocol},
    request::Request,
    response::{Response, Streamed},
    secret::{AwsSecret, AwsSecretError},
    service::Service,
};
