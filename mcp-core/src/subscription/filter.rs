use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

use super::Change;
use crate::{ErrorKind, RpcError};

/// How many tasks one subscription may be about.
const MOST_TASKS: usize = 100;

/// `params` of `subscriptions/listen`.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    #[serde(deserialize_with = "object")]
    pub(crate) notifications: Filter,
}

/// Derived implementations would also take an array for the object.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Filter, D::Error> {
    let members = Map::<String, Value>::deserialize(deserializer)?;
    Filter::deserialize(Value::Object(members)).map_err(D::Error::custom)
}

/// What a subscription is about: what a client asks for, or what it gets of that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Filter {
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) tools_list_changed: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) prompts_list_changed: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) resources_list_changed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) resource_subscriptions: Vec<String>,
    /// Of the extension `io.modelcontextprotocol/tasks`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) task_ids: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Filter {
    /// # Errors
    ///
    /// When it is about more tasks than one subscription may be about.
    pub(crate) fn check(&self) -> Result<(), RpcError> {
        if self.task_ids.len() <= MOST_TASKS {
            return Ok(());
        }
        let message = format!("a subscription may be about no more than {MOST_TASKS} tasks");
        Err(RpcError::new(ErrorKind::InvalidParams, message))
    }

    /// The changes that it is about; those of tasks are none.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        let lists = [
            (self.tools_list_changed, Change::Tools),
            (self.prompts_list_changed, Change::Prompts),
            (self.resources_list_changed, Change::Resources),
        ];
        let lists = lists.into_iter().filter_map(|(wanted, change)| wanted.then_some(change));
        lists.chain(
            self.resource_subscriptions.iter().map(|uri| Change::Resource(uri.as_str().into())),
        )
    }
}
