use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a call knows from the times that it was made before.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// The questions that were asked: each one's key, and a digest of what was asked under it.
    #[serde(rename = "q")]
    pub(super) asked: BTreeMap<String, String>,
    /// The answers to them.
    #[serde(rename = "a")]
    pub(super) answers: BTreeMap<String, Box<RawValue>>,
    /// What came of finished steps.
    #[serde(rename = "s")]
    pub(super) steps: BTreeMap<String, Box<RawValue>>,
    /// What this request answers, not yet looked at.
    #[serde(skip)]
    pub(super) fresh: BTreeMap<String, Box<RawValue>>,
}

/// Says what there is, and nothing of what anyone answered.
impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("asked", &self.asked.len())
            .field("answers", &self.answers.len())
            .field("steps", &self.steps.len())
            .field("fresh", &self.fresh.len())
            .finish()
    }
}
