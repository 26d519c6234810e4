use futures_util::future::BoxFuture;
use mcp_aws::{Request, Service};

use super::{
    finding::Finding,
    scope::{Problem, Scope},
};

/// An operation that checks ask for, with the action of IAM that allows it. The policy is made of
/// those that checks declare; what a check has not declared, it cannot ask.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) service: &'static Service,
    pub(super) operation: &'static str,
    pub(super) action: &'static str,
    /// Of the REST protocols: the path, with `{}` for its labels.
    path: Option<&'static str>,
}

impl Api {
    pub(super) const fn new(
        service: &'static Service,
        operation: &'static str,
        action: &'static str,
    ) -> Self {
        Self { service, operation, action, path: None }
    }

    /// A GET of the REST protocols.
    pub(super) const fn get(
        service: &'static Service,
        operation: &'static str,
        action: &'static str,
        path: &'static str,
    ) -> Self {
        Self { service, operation, action, path: Some(path) }
    }

    /// A request, with the labels of its path, if it has some.
    pub(super) fn request(&self, labels: &[&str]) -> Request {
        let request = match self.path {
            None => Request::new(self.service, self.operation),
            Some(path) => {
                let mut filled = String::new();
                let mut labels = labels.iter();
                for (index, part) in path.split("{}").enumerate() {
                    if index > 0 {
                        let label = labels.next().copied().unwrap_or_default();
                        filled.push_str(&mcp_aws::encode(label).to_string());
                    }
                    filled.push_str(part);
                }
                Request::rest(self.service, self.operation, "GET", filled)
            }
        };
        request.allowed_by(self.action)
    }
}

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
