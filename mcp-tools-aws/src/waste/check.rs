use futures_util::future::BoxFuture;

use super::{
    finding::Finding,
    scope::{Problem, Scope},
};
pub(super) use crate::aws::Api;

/// One thing to look for, in one region. It only reads.
pub(super) struct Check {
    /// Its name, beginning with what `services` calls its service.
    pub(super) id: &'static str,
    /// The service that it belongs to.
    pub(super) service: &'static str,
    /// What it finds, as a sentence for the model.
    pub(super) finds: &'static str,
    /// All that it asks.
    pub(super) apis: &'static [&'static Api],
    pub(super) run: for<'a> fn(&'a Scope, &'a mut Found) -> BoxFuture<'a, Result<(), Problem>>,
}

/// What a check has found.
pub(super) struct Found {
    pub(super) check: &'static Check,
    pub(super) findings: Vec<Finding>,
    /// What could not be looked at, where the rest could.
    pub(super) problems: Vec<Problem>,
}

impl Found {
    pub(super) fn new(check: &'static Check) -> Self {
        Self { check, findings: Vec::new(), problems: Vec::new() }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.findings.push(Finding { check: self.check.id.to_owned(), ..finding });
    }

    /// Notes that one of many requests failed. One note for each kind of failure is enough.
    pub(super) fn problem(&mut self, problem: Problem) {
        if !self.problems.iter().any(|known| known.same(&problem)) {
            self.problems.push(problem);
        }
    }
}
