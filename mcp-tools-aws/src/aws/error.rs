//! What the model and the operator are told of a request that failed.

use std::{error::Error, fmt};

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};
use mcp_core::{ToolError, ToolErrorKind};

use super::Action;

/// What the service itself said, without what was asked of it.
#[derive(Debug)]
struct Refused {
    action: &'static str,
    code: String,
    message: String,
    request_id: Option<String>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { action, code, message, request_id } = self;
        write!(f, "{action}: {code}: {message}")?;
        match request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl Error for Refused {}

/// Classified by the type of the failure and by the code of AWS, never by a message.
pub(super) fn tool_error<E, R>(action: Action, error: SdkError<E, R>) -> ToolError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: fmt::Debug + Send + Sync + 'static,
{
    if let SdkError::ServiceError(refusal) = &error {
        let metadata = refusal.err().meta();
        let code = metadata.code().unwrap_or("an unnamed error");
        let (kind, message) = refusal_message(action, code);
        return ToolError::new(kind, message).with_source(Refused {
            action: action.iam(),
            code: code.to_owned(),
            message: metadata.message().unwrap_or_default().to_owned(),
            request_id: metadata.extra("aws_request_id").map(str::to_owned),
        });
    }
    let service = action.service().name();
    let (kind, message) = if has_source::<CredentialsError>(&error) {
        (
            ToolErrorKind::PermissionDenied,
            "The server has no AWS credentials, or they cannot be loaded. Whoever runs it should \
             set AWS_PROFILE (and run `aws sso login` if the profile uses IAM Identity Center), or \
             give the function, task, pod or instance a role."
                .to_owned(),
        )
    } else {
        let what = match &error {
            SdkError::TimeoutError(_) => "did not answer in time",
            SdkError::DispatchFailure(_) => {
                "cannot be reached; the network of the server, or a region that is not enabled, may \
                 be the reason"
            }
            SdkError::ResponseError(_) => "answered something that cannot be read",
            _ => "could not be asked",
        };
        (ToolErrorKind::Unavailable, format!("{service} {what}. Trying again later may help."))
    };
    ToolError::new(kind, message).with_source(DisplayErrorContext(error).to_string())
}

fn has_source<T: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<T>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn refusal_message(action: Action, code: &str) -> (ToolErrorKind, String) {
    let service = action.service().name();
    match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => (
            ToolErrorKind::PermissionDenied,
            format!(
                "The server's AWS identity may not do `{}`. Ask whoever runs the server to allow \
                 this action in IAM; whoami tells which identity it is.",
                action.iam()
            ),
        ),
        "ExpiredToken" | "ExpiredTokenException" => (
            ToolErrorKind::PermissionDenied,
            "The server's AWS session has expired. Whoever runs it should log in again (`aws sso \
             login`) or renew the credentials."
                .to_owned(),
        ),
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => (
            ToolErrorKind::PermissionDenied,
            "AWS does not know the server's access key: it is wrong, deleted, or the region is not \
             enabled for the account. Whoever runs the server should check both."
                .to_owned(),
        ),
        "SignatureDoesNotMatch" | "InvalidSignatureException" | "IncompleteSignature" => (
            ToolErrorKind::PermissionDenied,
            "AWS refuses the server's signature: the secret key is wrong, or the server's clock is \
             more than five minutes off. Whoever runs the server should check both."
                .to_owned(),
        ),
        "RequestExpired" | "RequestTimeTooSkewed" => (
            ToolErrorKind::Unavailable,
            "The server's clock is off by more than AWS allows. Whoever runs it should correct the \
             clock."
                .to_owned(),
        ),
        "OptInRequired" | "SubscriptionRequiredException" => (
            ToolErrorKind::PermissionDenied,
            format!("The account has not enabled {service}, or the region. Its owner can, in the console."),
        ),
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "LimitExceededException" => (
            ToolErrorKind::Unavailable,
            format!("{service} is limiting the account's requests. Try again in a minute, with fewer calls."),
        ),
        "DataUnavailableException" => (
            ToolErrorKind::NotFound,
            format!(
                "{service} has no data for this yet: it starts to collect when it is opened for the \
                 first time, needs a day for costs, and more history for forecasts."
            ),
        ),
        "BillExpirationException" => (
            ToolErrorKind::NotFound,
            format!("{service} no longer has data of that period. Ask for a later one."),
        ),
        "ValidationException" | "InvalidParameterException" | "InvalidNextTokenException" => (
            ToolErrorKind::InvalidArguments,
            format!("{service} refuses the question as it was put. Ask for another period or filter."),
        ),
        _ => (
            ToolErrorKind::Unavailable,
            format!("{service} failed. Trying again later may help; the server's log tells more."),
        ),
    }
}
