//! What the model and the operator are told of a request that failed.

use std::{error::Error as StdError, fmt};

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};
use mcp_core::{ToolError, ToolErrorKind};

use crate::Service;

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There are no credentials, or they cannot be loaded.
    NoCredentials,
    /// The credentials have expired.
    ExpiredCredentials,
    /// AWS does not know the credentials: they are wrong, deleted, or the region is not enabled.
    UnknownCredentials,
    /// The signature is wrong: the secret key, or the clock.
    WrongSignature,
    /// The clock is off by more than AWS allows.
    WrongClock,
    /// The identity may not do it: [`Error::action`] says what.
    AccessDenied,
    /// The account has not enabled the service or the region.
    NotEnabled,
    /// Too many requests.
    Throttled,
    /// What was asked for is not there.
    NotFound,
    /// The service has no data for this yet, or no longer.
    NoData,
    /// The service, or this crate, refuses the request as it was put.
    Invalid,
    /// No answer in time.
    TimedOut,
    /// No connection, or one that was cut.
    Unreachable,
    /// An answer that is not what was expected.
    Unreadable,
    /// An answer longer than the request's limit.
    TooLarge,
    /// Any other refusal, most often a failure of the service itself.
    Failed,
}

/// A request failed.
///
/// `Display` is for operators: it has what the service said, and nothing of what it was asked.
/// [`advice`](Self::advice) is for whoever asked, and says what to do.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    service: String,
    action: String,
    code: Option<String>,
    message: Option<String>,
    status: Option<u16>,
    request_id: Option<String>,
    source: Option<String>,
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.inner.kind)
            .field("action", &self.inner.action)
            .field("code", &self.inner.code)
            .field("status", &self.inner.status)
            .field("message", &self.inner.message)
            .field("source", &self.inner.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { action, code, message, status, request_id, source, .. } = &*self.inner;
        f.write_str(action)?;
        if let Some(code) = code {
            write!(f, ": {code}")?;
        } else if let (None, Some(status)) = (code, status) {
            write!(f, ": HTTP {status}")?;
        }
        for text in [message, source].into_iter().flatten() {
            write!(f, ": {text}")?;
        }
        match request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {}

impl Error {
    fn new(kind: ErrorKind, service: &str, action: &str) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                service: service.to_owned(),
                action: action.to_owned(),
                code: None,
                message: None,
                status: None,
                request_id: None,
                source: None,
            }),
        }
    }

    pub(crate) fn invalid(service: &Service, message: &str) -> Self {
        let mut error = Self::new(ErrorKind::Invalid, service.name(), service.name());
        error.inner.message = Some(message.to_owned());
        error
    }

    pub(crate) fn too_large(service: &Service, action: &str, limit: usize) -> Self {
        let mut error = Self::new(ErrorKind::TooLarge, service.name(), action);
        error.inner.message = Some(format!("the answer is longer than {limit} bytes"));
        error
    }

    pub(crate) fn unreadable(service: &Service, operation: &str, reason: &str) -> Self {
        let action = format!("{}:{operation}", service.iam_prefix());
        let mut error = Self::new(ErrorKind::Unreadable, service.name(), &action);
        error.inner.source = Some(reason.to_owned());
        error
    }

    /// An error of a service's own SDK, for those who use both: the service's name for people, the
    /// action of IAM that allows the request, and what the SDK said.
    pub fn from_sdk<E>(service: &str, action: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        if let SdkError::ServiceError(refusal) = &error {
            let metadata = refusal.err().meta();
            let code = metadata.code();
            let mut error = Self::new(kind_of(code, status), service, action);
            error.inner.code = code.map(str::to_owned);
            error.inner.message = metadata.message().map(str::to_owned);
            error.inner.request_id = metadata.extra("aws_request_id").map(str::to_owned);
            error.inner.status = status;
            return error;
        }
        let kind = match &error {
            error if has_source::<CredentialsError>(error) => ErrorKind::NoCredentials,
            SdkError::TimeoutError(_) => ErrorKind::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => ErrorKind::TimedOut,
            SdkError::DispatchFailure(_) => ErrorKind::Unreachable,
            // A body that was cut.
            SdkError::ResponseError(_) => ErrorKind::Unreachable,
            _ => ErrorKind::Invalid,
        };
        let mut failed = Self::new(kind, service, action);
        failed.inner.status = status;
        failed.inner.source = Some(DisplayErrorContext(error).to_string());
        failed
    }

    /// Why it failed.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The service's error code, such as `AccessDeniedException`, if it answered one.
    pub fn code(&self) -> Option<&str> {
        self.inner.code.as_deref()
    }

    /// What the service said. It may tell names of the account; it is not for strangers.
    pub fn message(&self) -> Option<&str> {
        self.inner.message.as_deref()
    }

    /// The HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        self.inner.status
    }

    /// The action of IAM that allows the request, such as `ec2:DescribeVolumes`: the one that is
    /// lacking if the [`kind`](Self::kind) is [`ErrorKind::AccessDenied`].
    pub fn action(&self) -> &str {
        &self.inner.action
    }

    /// The same as an error of throttling: for a request without an answer of which its caller knows
    /// that it was held back, because AWS has throttled those before it.
    #[must_use]
    pub fn into_throttled(mut self) -> Self {
        self.inner.kind = ErrorKind::Throttled;
        self
    }

    /// Whether the same request may succeed later. It has been repeated already.
    pub fn is_retryable(&self) -> bool {
        match self.kind() {
            ErrorKind::Throttled | ErrorKind::TimedOut | ErrorKind::Unreachable => true,
            ErrorKind::Failed => self.inner.status.is_none_or(|status| status >= 500),
            _ => false,
        }
    }

    /// A sentence or two for whoever asked, a model for example: what is the matter and what to do.
    /// It has nothing of the account but the action that is lacking.
    pub fn advice(&self) -> String {
        let service = &self.inner.service;
        match self.kind() {
            ErrorKind::NoCredentials => {
                "The server has no AWS credentials, or they cannot be loaded. Whoever runs it \
                 should set AWS_PROFILE (and run `aws sso login` if the profile uses IAM Identity \
                 Center), or give the function, task, pod or instance a role."
                    .to_owned()
            }
            ErrorKind::ExpiredCredentials => {
                "The server's AWS session has expired. Whoever runs it should log in again (`aws \
                 sso login`) or renew the credentials."
                    .to_owned()
            }
            ErrorKind::UnknownCredentials => {
                "AWS does not know the server's access key: it is wrong, deleted, or the region is \
                 not enabled for the account. Whoever runs the server should check both."
                    .to_owned()
            }
            ErrorKind::WrongSignature => {
                "AWS refuses the server's signature: the secret key is wrong, or the server's clock \
                 is more than five minutes off. Whoever runs the server should check both."
                    .to_owned()
            }
            ErrorKind::WrongClock => {
                "The server's clock is off by more than AWS allows. Whoever runs it should correct \
                 the clock."
                    .to_owned()
            }
            ErrorKind::AccessDenied => format!(
                "The server's AWS identity may not do `{}`. Ask whoever runs the server to allow \
                 this action in IAM; whoami tells which identity it is.",
                self.action()
            ),
            ErrorKind::NotEnabled => format!(
                "The account has not enabled {service}, or the region. Its owner can, in the \
                 console."
            ),
            ErrorKind::Throttled => format!(
                "{service} is limiting the account's requests. Try again in a minute, with fewer \
                 calls."
            ),
            ErrorKind::NotFound => format!("{service} does not have what was asked for."),
            ErrorKind::NoData => match self.code() {
                Some("BillExpirationException") => format!(
                    "{service} no longer has data of that period. Ask for a later one."
                ),
                _ => format!(
                    "{service} has no data for this yet: it starts to collect when it is opened for \
                     the first time, needs a day for costs, and more history for forecasts."
                ),
            },
            // This crate's own words.
            ErrorKind::Invalid if self.code().is_none() && self.message().is_some() => {
                format!("{service} was not asked: {}.", self.message().unwrap_or_default())
            }
            ErrorKind::Invalid => format!(
                "{service} refuses the question as it was put. Ask for another period or filter."
            ),
            ErrorKind::TimedOut => {
                format!("{service} did not answer in time. Trying again later may help.")
            }
            ErrorKind::Unreachable => format!(
                "{service} cannot be reached; the network of the server, or a region that is not \
                 enabled, may be the reason. Trying again later may help."
            ),
            ErrorKind::Unreadable => format!(
                "{service} answered something that cannot be read. Trying again later may help."
            ),
            ErrorKind::TooLarge => {
                format!("{service} answered more than is read at once. Ask for less.")
            }
            ErrorKind::Failed => format!(
                "{service} failed. Trying again later may help; the server's log tells more."
            ),
        }
    }

    /// The error as a tool's: its [`advice`](Self::advice) for the model, the rest for the operator.
    pub fn into_tool_error(self) -> ToolError {
        let kind = match self.kind() {
            ErrorKind::NoCredentials
            | ErrorKind::ExpiredCredentials
            | ErrorKind::UnknownCredentials
            | ErrorKind::WrongSignature
            | ErrorKind::AccessDenied
            | ErrorKind::NotEnabled => ToolErrorKind::PermissionDenied,
            ErrorKind::NotFound | ErrorKind::NoData => ToolErrorKind::NotFound,
            ErrorKind::Invalid => ToolErrorKind::InvalidArguments,
            _ => ToolErrorKind::Unavailable,
        };
        ToolError::new(kind, self.advice()).with_source(self)
    }
}

fn has_source<T: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<T>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// By the codes that services share; they are not agreed on how to call a thing.
fn kind_of(code: Option<&str>, status: Option<u16>) -> ErrorKind {
    match code.unwrap_or_default() {
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AuthorizationError"
        | "AuthorizationErrorException"
        | "NotAuthorized"
        | "UnauthorizedException"
        | "ForbiddenException" => ErrorKind::AccessDenied,
        "ExpiredToken" | "ExpiredTokenException" => ErrorKind::ExpiredCredentials,
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "InvalidToken" => ErrorKind::UnknownCredentials,
        "SignatureDoesNotMatch" | "InvalidSignatureException" | "IncompleteSignature" => {
            ErrorKind::WrongSignature
        }
        "RequestExpired" | "RequestTimeTooSkewed" => ErrorKind::WrongClock,
        "OptInRequired" | "SubscriptionRequiredException" => ErrorKind::NotEnabled,
        "DataUnavailableException" | "BillExpirationException" => ErrorKind::NoData,
        "ValidationException"
        | "ValidationError"
        | "InvalidParameterException"
        | "InvalidParameterValue"
        | "InvalidParameterValueException"
        | "InvalidRequestException"
        | "InvalidNextTokenException"
        | "BadRequestException"
        | "SerializationException"
        | "MissingParameter" => ErrorKind::Invalid,
        code if is_throttling(code) => ErrorKind::Throttled,
        code if code.contains("NotFound")
            || code.contains("DoesNotExist")
            || code.contains("NonExistent")
            || code.starts_with("NoSuch")
            || code == "GoneException" =>
        {
            ErrorKind::NotFound
        }
        _ => match status {
            Some(403) => ErrorKind::AccessDenied,
            Some(404 | 410) => ErrorKind::NotFound,
            Some(429) => ErrorKind::Throttled,
            _ => ErrorKind::Failed,
        },
    }
}

fn is_throttling(code: &str) -> bool {
    aws_runtime::retries::classifiers::THROTTLING_ERRORS.contains(&code)
}
