use mcp_aws::{Request, Service};

/// An operation of a service without its SDK, with the action of IAM that allows it. The policy is
/// made of those that checks and tools declare.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) service: &'static Service,
    pub(crate) operation: &'static str,
    pub(crate) action: &'static str,
    /// Of the REST protocols: the path, with `{}` for its labels.
    path: Option<&'static str>,
}

impl Api {
    pub(crate) const fn new(
        service: &'static Service,
        operation: &'static str,
        action: &'static str,
    ) -> Self {
        Self { service, operation, action, path: None }
    }

    /// A GET of the REST protocols.
    pub(crate) const fn get(
        service: &'static Service,
        operation: &'static str,
        action: &'static str,
        path: &'static str,
    ) -> Self {
        Self { service, operation, action, path: Some(path) }
    }

    /// A request, with the labels of its path, if it has some.
    pub(crate) fn request(&self, labels: &[&str]) -> Request {
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
