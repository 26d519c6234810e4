use std::{borrow::Cow, fmt, time::Duration};

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::{Service, endpoint::encode_key};

/// Answers that are read as a whole may be so long, in bytes, unless a request says otherwise.
const RESPONSE_LIMIT: usize = 16 * 1024 * 1024;

/// One operation of a service and its parameters.
///
/// Parameters are given by the names of the service's documentation, and are written as its protocol
/// has them: as fields of a JSON object, as a form (lists and objects flattened), or, where there is
/// a path, in the query string.
#[derive(Clone)]
pub struct Request {
    pub(crate) service: Service,
    pub(crate) operation: Cow<'static, str>,
    pub(crate) action: Option<Cow<'static, str>>,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Bytes>,
    pub(crate) bucket: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) response_limit: usize,
    pub(crate) timeout: Option<Duration>,
    pub(crate) unsigned: bool,
    pub(crate) billed: bool,
}

/// Without what was asked: parameters may be secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("service", &self.service.name())
            .field("operation", &self.operation)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// A request of the JSON and query protocols, which are told apart by their operation alone.
    pub fn new(service: &Service, operation: impl Into<Cow<'static, str>>) -> Self {
        Self::rest(service, operation, "POST", "/")
    }

    /// A request of the REST protocols. The path is that of the documentation with its labels filled
    /// in, each by [`encode`](crate::encode); the operation is for permissions and messages.
    pub fn rest(
        service: &Service,
        operation: impl Into<Cow<'static, str>>,
        method: &'static str,
        path: impl Into<String>,
    ) -> Self {
        Self {
            service: *service,
            operation: operation.into(),
            action: None,
            method,
            path: path.into(),
            parameters: Map::new(),
            headers: Vec::new(),
            body: None,
            bucket: None,
            region: None,
            endpoint: None,
            response_limit: RESPONSE_LIMIT,
            timeout: None,
            unsigned: false,
            billed: false,
        }
    }

    /// Adds or replaces a parameter; `null` leaves it out of a form or a query string.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// Adds or replaces a parameter.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.parameters.insert(name.to_owned(), value.into());
    }

    /// Adds a header, which is signed. One that HTTP does not allow fails the request.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The body of a request of the REST protocols. JSON needs its `content-type` as a header.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The bucket that a request to S3 is about. It goes into the host, or into the path where an
    /// endpoint is configured or the name has dots.
    #[must_use]
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// The key of an object in that bucket, unencoded: the path.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.path = format!("/{}", encode_key(key));
        self
    }

    /// Only these bytes of an object, from the first to the last, both included.
    #[must_use]
    pub fn range(self, first: u64, last: u64) -> Self {
        self.header("range", format!("bytes={first}-{last}"))
    }

    /// The region to ask, in place of the configured one. What is no region's code fails the request.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// The URL that the path is appended to, in place of the configured endpoint and of AWS's own.
    /// The management of connections needs it: `https://API.execute-api.REGION.amazonaws.com/STAGE`.
    #[must_use]
    pub fn at(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// The action of IAM that allows the request, where it is not named after the operation, such as
    /// `s3:ListAllMyBuckets` for `ListBuckets`.
    #[must_use]
    pub fn allowed_by(mut self, action: impl Into<Cow<'static, str>>) -> Self {
        self.action = Some(action.into());
        self
    }

    /// How long, in bytes, an answer may be that is read as a whole; 16 MiB unless set.
    #[must_use]
    pub fn response_limit(mut self, bytes: usize) -> Self {
        self.response_limit = bytes;
        self
    }

    /// How long the request may take with its repetitions, in place of the configured time.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// Does not sign the request, so that it needs no credentials: for what AWS gives to everybody.
    #[must_use]
    pub fn unsigned(mut self) -> Self {
        self.unsigned = true;
        self
    }

    /// AWS bills the request: it is repeated only where AWS has said that it did not do it, which is
    /// when it is throttled or [refused for its time](crate::is_refused_for_its_time). Nobody knows
    /// whether one that got no answer is billed. So one attempt may take as long as all of them.
    #[must_use]
    pub fn billed(mut self) -> Self {
        self.billed = true;
        self
    }

    /// The action of IAM that allows the request.
    pub fn action(&self) -> String {
        match &self.action {
            Some(action) => action.clone().into_owned(),
            None => format!("{}:{}", self.service.iam_prefix(), self.operation),
        }
    }

    /// The operation's name.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The service that is asked.
    pub fn service(&self) -> &Service {
        &self.service
    }
}
