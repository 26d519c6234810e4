use std::{fmt, sync::Arc};

use tokio::time::Instant;

use super::{Filter, Hub};
use crate::server::TaskWatch;

/// A subscription that has been granted. What layers see of `subscriptions/listen`: the stream
/// goes on outside of them, so that no timeout ends it and no concurrency limit counts it.
///
/// Written down it is the result with which the stream ends.
#[derive(Clone)]
pub struct Listening {
    pub(crate) hub: Arc<Hub>,
    pub(crate) filter: Arc<Filter>,
    pub(crate) tasks: Arc<[TaskWatch]>,
    pub(crate) limit: Option<Instant>,
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening").field("filter", &self.filter).finish_non_exhaustive()
    }
}
