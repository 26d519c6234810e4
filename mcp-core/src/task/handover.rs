use std::{collections::BTreeSet, fmt};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{ErrorKind, Message, Principal, Request, RpcError, Tenant};

/// The work of a task on its way to another process, as JSON:
/// `{"mcpTask":ID,"request":…,"caller":{"subject":…,"scopes":[…]},"tenant":…}`.
///
/// It holds the call's arguments, and the identifier that gives access to the task: whoever carries
/// it keeps it from others.
#[derive(Clone, Serialize, Deserialize)]
pub struct TaskHandover {
    #[serde(rename = "mcpTask")]
    id: String,
    request: Box<RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    caller: Option<Caller>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Caller {
    subject: String,
    scopes: BTreeSet<Box<str>>,
}

impl fmt::Debug for TaskHandover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandover").finish_non_exhaustive()
    }
}

impl TaskHandover {
    pub(crate) fn new(id: &str, request: &Request) -> Self {
        let caller = request.extensions().get::<Principal>().map(|principal| Caller {
            subject: principal.subject().to_owned(),
            scopes: principal.scopes().clone(),
        });
        let tenant =
            request.extensions().get::<Tenant>().map(|tenant| tenant.0.as_ref().to_owned());
        // Only requests that came as text become tasks.
        let text = serde_json::from_slice::<&RawValue>(request.text()).unwrap_or(RawValue::NULL);
        Self { id: id.to_owned(), request: text.to_owned(), caller, tenant }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The task's identifier, and the call as it came.
    pub(crate) fn open(self) -> Result<(String, Request), RpcError> {
        let text = Bytes::from(Box::<str>::from(self.request).into_string());
        let Ok(Message::Request(mut request)) = Message::parse(text) else {
            return Err(RpcError::new(ErrorKind::InvalidRequest, "this is no request's work"));
        };
        if let Some(Caller { subject, scopes }) = self.caller {
            request.extensions_mut().insert(Principal::new(subject, scopes));
        }
        if let Some(tenant) = self.tenant {
            request.extensions_mut().insert(Tenant(tenant.into()));
        }
        Ok((self.id, request))
    }
}
