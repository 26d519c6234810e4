//! The messages of the protocol, parsed once and borrowed from their bytes.

mod client_response;
mod error;
mod id;
mod log_level;
mod message;
mod meta;
mod notification;
mod span;
mod trace;
mod version;
mod wire;

pub use self::{
    client_response::ClientResponse,
    error::{ErrorKind, RpcError},
    id::{ProgressToken, RequestId},
    log_level::LogLevel,
    message::{Arguments, Malformed, Message, Method, NotificationMessage, Request},
    meta::RequestMeta,
    notification::Notification,
    trace::TraceContext,
    version::{Era, LATEST_VERSION, SUPPORTED_VERSIONS},
};
pub(crate) use self::{
    trace::TraceIds,
    version::{LEGACY_VERSIONS, legacy_version},
};
