//! A clock that is wrong, set right by what AWS answers, as the AWS SDKs of other languages do; that
//! for Rust does not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::{
    client::{
        connector_metadata::ConnectorMetadata,
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        interceptors::context::InterceptorContext,
        orchestrator::HttpRequest,
        retries::classifiers::{ClassifyRetry, RetryAction},
        runtime_components::RuntimeComponents,
    },
    http::Headers,
};
use aws_smithy_types::{DateTime, date_time::Format, error::metadata::ProvideErrorMetadata};

/// AWS takes a signature within five minutes of its own time, some services within fifteen.
const TOLERATED: i64 = 4 * 60;

/// Tells [`is_refused_for_its_time`] of a response that has set the clock: neither the request nor
/// extensions of the response are there where a retry is decided on.
const HAS_SET_THE_CLOCK: &str = "x-mcp-aws-clock";

/// A time source and by how many seconds it is behind AWS.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    source: SharedTimeSource,
    behind: Arc<AtomicI64>,
}

impl Clock {
    pub(crate) fn new(source: SharedTimeSource) -> Self {
        Self { source, behind: Arc::default() }
    }

    /// Sets the clock by a response that refuses a signature made at another time than its own.
    fn set(&self, now: DateTime) {
        let behind = now.secs() - DateTime::from(self.source.now()).secs();
        self.behind.store(behind, Ordering::Relaxed);
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        let behind = self.behind.load(Ordering::Relaxed);
        let by = Duration::from_secs(behind.unsigned_abs());
        let now = self.source.now();
        let corrected = if behind < 0 { now.checked_sub(by) } else { now.checked_add(by) };
        corrected.unwrap_or(now)
    }
}

/// An HTTP client that sets a clock. It does not pass on the validation of configurations, with which
/// the SDK's client makes its connector, certificates and all, once more for each client, before it
/// is needed.
#[derive(Debug)]
pub(crate) struct ClockSetting {
    client: SharedHttpClient,
    clock: Clock,
}

impl ClockSetting {
    pub(crate) fn new(client: SharedHttpClient, clock: Clock) -> Self {
        Self { client, clock }
    }
}

impl HttpClient for ClockSetting {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            connector: self.client.http_connector(settings, components),
            clock: self.clock.clone(),
        })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.client.connector_metadata()
    }
}

#[derive(Debug)]
struct Connector {
    connector: SharedHttpConnector,
    clock: Clock,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let signed = signed_at(request.headers());
        let (answer, clock) = (self.connector.call(request), self.clock.clone());
        HttpConnectorFuture::new(async move {
            let mut answer = answer.await?;
            answer.headers_mut().remove(HAS_SET_THE_CLOCK);
            if let Some(signed) = signed
                && let Some(now) = refused_at(answer.status().as_u16(), answer.headers())
                && is_far(signed, now)
            {
                clock.set(now);
                answer.headers_mut().insert(HAS_SET_THE_CLOCK, "set");
            }
            Ok(answer)
        })
    }
}

/// When a request was signed.
fn signed_at(headers: &Headers) -> Option<DateTime> {
    let date = headers.get("x-amz-date")?;
    // 20260131T235959Z, which the runtime has no format for.
    let part = |from, to| date.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(9, 11)?, part(11, 13)?, part(13, 15)?);
    let date = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    DateTime::from_str(&date, Format::DateTime).ok()
}

/// When a request was refused, by the clock of who refused it.
fn refused_at(status: u16, headers: &Headers) -> Option<DateTime> {
    if !(400..=403).contains(&status) {
        return None;
    }
    DateTime::from_str(headers.get("date")?, Format::HttpDate).ok()
}

fn is_far(signed: DateTime, now: DateTime) -> bool {
    signed.secs().abs_diff(now.secs()) > TOLERATED.unsigned_abs()
}

/// Whether AWS refused a request, and did not do it, as it was signed at a time too far from AWS's
/// own: with this error code, and with a `Date` that has set the clock of
/// [`with_defaults`](crate::with_defaults). Repeated, it is signed at the right time.
pub fn is_refused_for_its_time(context: &InterceptorContext, code: Option<&str>) -> bool {
    let is_code = matches!(
        code,
        Some(
            "RequestExpired"
                | "RequestTimeTooSkewed"
                | "RequestInTheFuture"
                | "InvalidSignatureException"
                | "SignatureDoesNotMatch"
                | "AuthFailure"
        )
    );
    let response = context.response();
    is_code && response.is_some_and(|it| it.headers().get(HAS_SET_THE_CLOCK).is_some())
}

/// Repeats what AWS has refused for its time ([`is_refused_for_its_time`]), for clients of an SDK; `E`
/// is the error of the operation. Clients of this crate do so by themselves.
#[derive(Debug)]
pub struct RetryAtTheRightTime<E> {
    error: std::marker::PhantomData<fn() -> E>,
}

impl<E> RetryAtTheRightTime<E> {
    /// A classifier for the operation with this error.
    pub const fn new() -> Self {
        Self { error: std::marker::PhantomData }
    }
}

impl<E> Default for RetryAtTheRightTime<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> ClassifyRetry for RetryAtTheRightTime<E>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let code = match context.output_or_error() {
            Some(Err(error)) => error
                .as_operation_error()
                .and_then(|error| error.downcast_ref::<E>())
                .and_then(ProvideErrorMetadata::code),
            _ => None,
        };
        match is_refused_for_its_time(context, code) {
            true => RetryAction::client_error(),
            false => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "retry at the right time"
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_async::time::StaticTimeSource;

    use super::*;

    fn header(name: &'static str, value: &str) -> Headers {
        let mut headers = Headers::new();
        headers.insert(name, value.to_owned());
        headers
    }

    #[test]
    fn times_of_signatures_and_answers_are_read() {
        let signed = signed_at(&header("x-amz-date", "20261121T184500Z")).expect("a time");
        let date = header("date", "Sat, 21 Nov 2026 18:49:01 GMT");
        let refused = refused_at(403, &date).expect("a time");
        assert_eq!(refused.secs() - signed.secs(), 241);
        assert!(is_far(signed, refused) && !is_far(refused, refused));
        for wrong in ["", "2026", "20261121T1845", "20261121T18450\u{e9}Z", "20269921T184500Z"] {
            assert_eq!(signed_at(&header("x-amz-date", wrong)), None, "{wrong}");
        }
        assert_eq!(refused_at(200, &date), None);
        assert_eq!(refused_at(403, &header("date", "yesterday")), None);
    }

    #[test]
    fn a_clock_is_set_forward_and_back() {
        let clock = Clock::new(SharedTimeSource::new(StaticTimeSource::from_secs(0)));
        for seconds in [1200, -1200, 0] {
            clock.set(DateTime::from_secs(seconds));
            let now = DateTime::from(clock.now());
            assert_eq!(now.secs(), seconds);
        }
    }
}
