use std::time::Duration;

use mcp_core::{ToolContext, ToolResult};

use super::{About, tell_model};
use crate::{Answer, Filter, Measure, Query, QueryError, Sales, Scope};

/// How often is told how far loading is.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// A call that has to wait so long for the data goes on as a task.
const TASK_AFTER: Duration = Duration::from_secs(2);

/// The questions that a tool asks for one answer: all of the same scope, and what they cost.
pub(super) struct Asking<'a> {
    sales: &'a Sales,
    pub(super) scope: Scope,
    pub(super) about: About,
}

impl<'a> Asking<'a> {
    /// Finds what the filter means, for sums of these measures.
    pub(super) async fn new(
        sales: &'a Sales,
        cx: &ToolContext,
        filter: Filter,
        measures: &[Measure],
    ) -> ToolResult<Self> {
        let scope = loaded(sales, cx, sales.scope(filter, measures)).await?;
        let about = About::new(&scope);
        Ok(Self { sales, scope, about })
    }

    /// A question about the scope.
    pub(super) fn query(&self) -> Query {
        Query::new(self.scope.filter.clone())
    }

    pub(super) async fn ask(&mut self, query: &Query) -> ToolResult<Answer> {
        let answer = self.sales.answer(query).await.map_err(tell_model)?;
        self.about.charge(answer.cost);
        Ok(answer)
    }

    /// Notes that nothing counts, if nothing does.
    pub(super) fn note_if(&mut self, empty: bool) {
        self.about.note = empty.then(|| self.scope.note());
    }
}

/// The answer to a tool's first question. Where the data has to be loaded for it, tells how far that
/// is, and goes on as a task if it takes long and the client knows tasks.
pub(super) async fn loaded<T>(
    sales: &Sales,
    cx: &ToolContext,
    question: impl Future<Output = Result<T, QueryError>>,
) -> ToolResult<T> {
    let mut question = std::pin::pin!(question);
    let mut waited = Duration::ZERO;
    loop {
        match tokio::time::timeout(TELL_EVERY, &mut question).await {
            Ok(answer) => return answer.map_err(tell_model),
            Err(_) => waited += TELL_EVERY,
        }
        if let Some((done, all)) = sales.progress() {
            cx.progress_of(done, all, "loading the sales data").await;
        }
        if waited == TASK_AFTER {
            cx.continue_as_task().await;
        }
    }
}
