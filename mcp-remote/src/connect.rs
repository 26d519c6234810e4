use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};
use tokio::process::Command;

#[cfg(feature = "lambda")]
use crate::lambda::Function;
use crate::{ConnectError, Remote, connection::Endpoint, link::Link};

/// A connection to another server that is about to be made; see [`Remote::http`],
/// [`Remote::command`] and, with the feature `lambda`, `Remote::lambda`.
#[must_use = "`connect().await` connects"]
pub struct Connect {
    endpoint: Endpoint,
    limit: Duration,
    timeout: Option<Duration>,
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("to", &format_args!("{}", self.endpoint))
            .finish_non_exhaustive()
    }
}

impl Connect {
    fn to(endpoint: Endpoint) -> Self {
        Self { endpoint, limit: Duration::from_secs(15), timeout: None }
    }

    pub(crate) fn http(url: Arc<str>) -> Self {
        Self::to(Endpoint::Http { url, bearer: None, headers: HashMap::new() })
    }

    pub(crate) fn command(command: Command) -> Self {
        Self::to(Endpoint::Command(command.into()))
    }

    #[cfg(feature = "lambda")]
    pub(crate) fn lambda(function: Arc<str>) -> Self {
        Self::to(Endpoint::Lambda(Function::new(function)))
    }

    /// Invokes with a client of one's own, for another region, role or account than the
    /// environment names. For functions of Lambda.
    ///
    /// What it says of retries and timeouts does not hold: a call is not made twice, and takes as
    /// long as it may.
    #[cfg(feature = "lambda")]
    pub fn client(mut self, client: aws_sdk_lambda::Client) -> Self {
        if let Endpoint::Lambda(function) = &mut self.endpoint {
            function.set_client(client);
        }
        self
    }

    /// Sends `Authorization: Bearer …` with each request. For HTTP; a program gets its secrets
    /// from its environment.
    pub fn bearer(mut self, token: impl Into<String>) -> Self {
        if let Endpoint::Http { bearer, .. } = &mut self.endpoint {
            *bearer = Some(token.into());
        }
        self
    }

    /// Sends a header with each request over HTTP.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        if let Endpoint::Http { headers, .. } = &mut self.endpoint {
            headers.insert(name, value);
        }
        self
    }

    /// Sets how long a call may take; as long as the server that mounts lets its own tools take by
    /// default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how long it may take to connect, to agree on a protocol and to list the tools; 15 s by
    /// default.
    ///
    /// A legacy program that leaves the first message unanswered is spoken to in its own way after
    /// 10 s of it.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Connects, speaking 2026-07-28 or else what the server knows, and lists the tools.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, refuses, or takes too long.
    pub async fn connect(self) -> Result<Remote, ConnectError> {
        let link = Link::open(self.endpoint, self.limit).await?;
        Ok(Remote::new(link, self.timeout))
    }
}
