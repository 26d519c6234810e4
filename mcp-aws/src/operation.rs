//! One request, as the runtime of the SDKs makes it.

use std::{fmt, time::Duration};

use aws_config::SdkConfig;
use aws_credential_types::provider::{
    ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future,
};
use aws_runtime::{
    auth::{
        SigV4OperationSigningConfig, SigningOptions,
        sigv4::{SCHEME_ID, SigV4AuthScheme},
    },
    invocation_id::InvocationIdInterceptor,
    recursion_detection::RecursionDetectionInterceptor,
    request_info::RequestInfoInterceptor,
    retries::classifiers::{AwsErrorCodeClassifier, THROTTLING_ERRORS},
    service_clock_skew::ServiceClockSkewInterceptor,
    user_agent::{ApiMetadata, UserAgentInterceptor},
};
use aws_smithy_runtime::client::{
    auth::no_auth::{NO_AUTH_SCHEME_ID, NoAuthScheme},
    http::connection_poisoning::ConnectionPoisoningInterceptor,
    identity::{IdentityCache, no_auth::NoAuthIdentityResolver},
    orchestrator::operation::Operation,
    retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
    stalled_stream_protection::StalledStreamProtectionInterceptor,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{
            AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
            static_resolver::StaticAuthSchemeOptionResolver,
        },
        identity::SharedIdentityResolver,
        interceptors::context::{self, InterceptorContext},
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError, SensitiveOutput},
        result::SdkError,
        retries::classifiers::{ClassifyRetry, RetryAction},
        runtime_components::RuntimeComponentsBuilder,
        runtime_plugin::{SharedRuntimePlugin, StaticRuntimePlugin},
        ser_de::DeserializeResponse,
    },
    shared::IntoShared,
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::Layer,
    error::metadata::{ErrorMetadata, ProvideErrorMetadata},
    timeout::TimeoutConfig,
};
use aws_types::{SigningName, region::SigningRegion};
use bytes::Bytes;

use crate::{
    Error, Protocol, Request,
    body::Truncated,
    clock::{RetryAtTheRightTime, is_refused_for_its_time},
    endpoint::endpoint,
    protocol::{append, form, refusal},
    response::Headers,
};

/// What the SDKs' runtime gives back: the head of an answer, and its body or the stream of it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: SdkBody,
}

/// How a service did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    Refused(ErrorMetadata),
    TooLarge { limit: usize },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(metadata) => metadata.fmt(f),
            Self::TooLarge { limit } => write!(f, "the answer is longer than {limit} bytes"),
        }
    }
}

impl std::error::Error for Failure {}

impl ProvideErrorMetadata for Failure {
    fn meta(&self) -> &ErrorMetadata {
        static NONE: std::sync::LazyLock<ErrorMetadata> =
            std::sync::LazyLock::new(|| ErrorMetadata::builder().build());
        match self {
            Self::Refused(metadata) => metadata,
            Self::TooLarge { .. } => &NONE,
        }
    }
}

/// Stands in where a configuration has no credentials at all, so that the error says so.
#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let reason = "the configuration has no credentials provider";
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded(reason)))
    }
}

/// What all requests of a client have in common: identity, connector, retries, timeouts.
pub(crate) fn plugin(config: &SdkConfig) -> SharedRuntimePlugin {
    let mut layer = Layer::new("mcp-aws");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    // Bodies may be secrets: they stay out of the runtime's trace logs.
    layer.store_put(SensitiveOutput);
    if let Some(retries) = config.retry_config() {
        layer.store_put(retries.clone());
    }
    if let Some(timeouts) = config.timeout_config() {
        layer.store_put(timeouts.clone());
    }
    if let Some(name) = config.app_name() {
        layer.store_put(name.clone());
    }
    if let Some(protection) = config.stalled_stream_protection() {
        layer.store_put(protection);
    }
    let mut components = RuntimeComponentsBuilder::new("mcp-aws")
        .with_http_client(config.http_client())
        .with_identity_cache(Some(
            config.identity_cache().unwrap_or_else(|| IdentityCache::lazy().build()),
        ))
        .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
            StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
        )))
        .with_interceptor(StalledStreamProtectionInterceptor::default())
        .with_interceptor(ConnectionPoisoningInterceptor::new())
        .with_interceptor(ServiceClockSkewInterceptor::new())
        .with_interceptor(RequestInfoInterceptor::new())
        .with_interceptor(UserAgentInterceptor::new())
        .with_interceptor(InvocationIdInterceptor::new())
        .with_interceptor(RecursionDetectionInterceptor::new())
        .with_retry_classifier(TransientErrorClassifier::<Failure>::new())
        .with_retry_classifier(AwsErrorCodeClassifier::<Failure>::new())
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_retry_classifier(RetryAtTheRightTime::<Failure>::new());
    let credentials = config
        .credentials_provider()
        .unwrap_or_else(|| SharedCredentialsProvider::new(NoCredentials));
    components.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
    if let Some(sleep) = config.sleep_impl() {
        components.set_sleep_impl(Some(sleep));
    }
    if let Some(time) = config.time_source() {
        components.set_time_source(Some(time));
    }
    StaticRuntimePlugin::new()
        .with_config(layer.freeze())
        .with_runtime_components(components)
        .into_shared()
}

/// Makes a request; the body of its answer is whole unless `stream` is set.
pub(crate) async fn invoke(
    config: &SdkConfig,
    client: &SharedRuntimePlugin,
    request: Request,
    stream: bool,
) -> Result<Answer, Error> {
    let service = request.service;
    let region = request
        .region
        .clone()
        .or_else(|| config.region().map(|region| region.as_ref().to_owned()))
        .ok_or_else(|| Error::invalid(&service, "no region is configured: set AWS_REGION"))?;
    let (url, prefix) = endpoint(
        config,
        &service,
        &region,
        request.bucket.as_deref(),
        request.endpoint.as_deref(),
    )?;
    let (operation, action) = (request.operation.clone(), request.action());
    let limit = request.response_limit;
    let call = Operation::builder()
        // Retries are held back for a service and region, as in an SDK's client.
        .service_name(format!("{}-{region}", service.signing_name()))
        .operation_name(operation)
        .endpoint_url(&url)
        .runtime_plugin(client.clone())
        .runtime_plugin(of_request(config, &request, region))
        .serializer(move |()| serialize(&request, &prefix))
        .deserializer_impl::<Answer, Failure>(Deserializer { limit, stream })
        .build();
    call.invoke(()).await.map_err(|error| match error {
        SdkError::ServiceError(refused) if matches!(refused.err(), Failure::TooLarge { .. }) => {
            Error::too_large(&service, &action, limit)
        }
        error => Error::from_sdk(service.name(), &action, error),
    })
}

/// What is this request's own.
fn of_request(config: &SdkConfig, request: &Request, region: String) -> StaticRuntimePlugin {
    let mut layer = Layer::new("request");
    let mut options = SigningOptions::default();
    if request.service.signing_name() == "s3" {
        options.double_uri_encode = false;
        options.normalize_uri_path = false;
        options.content_sha256_header = true;
    }
    layer.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(aws_config::Region::new(region))),
        name: Some(SigningName::from_static(request.service.signing_name())),
        signing_options: options,
        ..SigV4OperationSigningConfig::default()
    });
    layer.store_put(ApiMetadata::new(request.service.id(), env!("CARGO_PKG_VERSION")));
    if let Some(time) = request.timeout {
        layer.store_put(timeout(time));
    } else if request.billed
        && let Some(time) = config.timeout_config().and_then(TimeoutConfig::operation_timeout)
    {
        // What is not repeated may take the time of the repetitions.
        layer.store_put(timeout(time));
    }
    let plugin = StaticRuntimePlugin::new();
    let mut components =
        if request.unsigned { no_auth() } else { RuntimeComponentsBuilder::new("request") };
    if request.billed {
        components = components.with_retry_classifier(OnlyUndone);
    }
    plugin.with_runtime_components(components).with_config(layer.freeze())
}

/// Forbids to make a request again that may already have been billed.
#[derive(Debug)]
struct OnlyUndone;

impl ClassifyRetry for OnlyUndone {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let code = match context.output_or_error() {
            Some(Ok(_)) => return RetryAction::NoActionIndicated,
            Some(Err(error)) => error
                .as_operation_error()
                .and_then(|error| error.downcast_ref::<Failure>())
                .and_then(ProvideErrorMetadata::code),
            None => None,
        };
        match code {
            Some(code) if THROTTLING_ERRORS.contains(&code) => RetryAction::throttling_error(),
            code if is_refused_for_its_time(context, code) => RetryAction::client_error(),
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "only what was not done"
    }
}

/// In place of the client's identity and signature.
fn no_auth() -> RuntimeComponentsBuilder {
    let mut components = RuntimeComponentsBuilder::new("unsigned")
        .with_identity_cache(Some(IdentityCache::no_cache()))
        .with_auth_scheme(SharedAuthScheme::new(NoAuthScheme::new()))
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
            StaticAuthSchemeOptionResolver::new(vec![NO_AUTH_SCHEME_ID]),
        )));
    components.set_identity_resolver(
        NO_AUTH_SCHEME_ID,
        SharedIdentityResolver::new(NoAuthIdentityResolver::new()),
    );
    components
}

fn timeout(time: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().operation_timeout(time).operation_attempt_timeout(time).build()
}

fn serialize(request: &Request, prefix: &str) -> Result<HttpRequest, BoxError> {
    let Request { operation, parameters, .. } = request;
    let mut query = String::new();
    let (kind, body) = match request.service.protocol() {
        protocol @ (Protocol::Json10 { target } | Protocol::Json11 { target }) => {
            let kind = match protocol {
                Protocol::Json10 { .. } => "application/x-amz-json-1.0",
                _ => "application/x-amz-json-1.1",
            };
            let body = Bytes::from(serde_json::to_vec(parameters)?);
            (Some((kind, Some(format!("{target}.{operation}")))), Some(body))
        }
        protocol @ (Protocol::Query { version } | Protocol::Ec2Query { version }) => {
            let body = Bytes::from(form(protocol, operation, version, parameters));
            (Some(("application/x-www-form-urlencoded", None)), Some(body))
        }
        Protocol::RestJson | Protocol::RestXml => {
            for (name, value) in parameters {
                append(&mut query, name, value, false);
            }
            (None, request.body.clone())
        }
    };
    let separator = match (query.is_empty(), request.path.contains('?')) {
        (true, _) => "",
        (false, true) => "&",
        (false, false) => "?",
    };
    let mut http = http::Request::builder()
        .method(request.method)
        .uri(format!("{prefix}{}{separator}{query}", request.path));
    if let Some((kind, target)) = kind {
        http = http.header("content-type", kind);
        if let Some(target) = target {
            http = http.header("x-amz-target", target);
        }
    }
    if let Some(body) = &body {
        http = http.header("content-length", body.len());
    }
    for (name, value) in &request.headers {
        http = http.header(*name, value);
    }
    let http = http.body(body.map_or_else(SdkBody::empty, SdkBody::from))?;
    Ok(HttpRequest::try_from(http)?)
}

#[derive(Debug)]
struct Deserializer {
    limit: usize,
    stream: bool,
}

fn answer(response: &HttpResponse, body: SdkBody) -> Answer {
    let headers = response.headers().iter();
    Answer {
        status: response.status().as_u16(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        body,
    }
}

impl DeserializeResponse for Deserializer {
    fn deserialize_streaming(
        &self,
        response: &mut HttpResponse,
    ) -> Option<Result<context::Output, OrchestratorError<context::Error>>> {
        let body = response.take_body();
        if self.stream && response.status().is_success() {
            return Some(Ok(context::Output::erase(answer(response, body))));
        }
        // One byte more, which tells that it is too long.
        let body = Truncated::new(body, self.limit.saturating_add(1));
        *response.body_mut() = SdkBody::from_body_1_x(body);
        None
    }

    fn deserialize_nonstreaming(
        &self,
        response: &HttpResponse,
    ) -> Result<context::Output, OrchestratorError<context::Error>> {
        let body = response.body().bytes().unwrap_or_default();
        let refused = |failure| Err(OrchestratorError::operation(context::Error::erase(failure)));
        if body.len() > self.limit {
            return refused(Failure::TooLarge { limit: self.limit });
        }
        if response.status().is_success() {
            let body = SdkBody::from(Bytes::copy_from_slice(body));
            return Ok(context::Output::erase(answer(response, body)));
        }
        let read = refusal(body, response.headers().get("x-amzn-errortype"));
        let header = |name| response.headers().get(name).map(str::to_owned);
        let request_id =
            header("x-amzn-requestid").or_else(|| header("x-amz-request-id")).or(read.request_id);
        let mut metadata = ErrorMetadata::builder();
        // The body of an error that answers HEAD is empty.
        let code = read.code.or_else(|| match response.status().as_u16() {
            404 => Some("NotFound".to_owned()),
            _ => None,
        });
        if let Some(code) = code {
            metadata = metadata.code(code);
        }
        if let Some(message) = read.message {
            metadata = metadata.message(message);
        }
        if let Some(request_id) = request_id {
            metadata = metadata.custom("aws_request_id", request_id);
        }
        refused(Failure::Refused(metadata.build()))
    }
}
