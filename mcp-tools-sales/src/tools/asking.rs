use mcp_core::ToolResult;

use super::{About, tell_model};
use crate::{Answer, Filter, Measure, Query, Sales, Scope};

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
        filter: Filter,
        measures: &[Measure],
    ) -> ToolResult<Self> {
        let scope = sales.scope(filter, measures).await.map_err(tell_model)?;
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
