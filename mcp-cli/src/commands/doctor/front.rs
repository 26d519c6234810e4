//! What stands before a server: the network, TLS, load balancers, API Gateway, Lambda.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use reqwest::Url;

use super::{
    probe::Answer,
    report::{Finding, Report},
};
use crate::connect;

/// Skew that AWS's signatures still allow, and tokens mostly do not.
const SKEW: Duration = Duration::from_secs(60);
/// How long before its end a certificate should have been renewed.
const RENEWAL: Duration = Duration::from_secs(14 * 86_400);

pub(super) fn unreachable(address: &Url, error: &reqwest::Error) -> Finding {
    let cause = connect::chain(error);
    let advice = if cause.contains("certificate") {
        "the certificate is not one that this machine trusts, of another name, or out of date: look at it with \
         `openssl s_client -connect HOST:443`"
    } else if cause.contains("dns") || cause.contains("lookup") {
        "the name is not known here: check its spelling and the DNS record"
    } else if error.is_timeout() && error.is_connect() {
        "nothing refuses and nothing answers: a security group or a firewall keeps it out"
    } else if error.is_timeout() {
        "the connection stands and nothing is said: a process that hangs or a function that takes long to start, see \
         its log; --connect-timeout waits longer"
    } else if error.is_connect() {
        "nothing listens there: check the port, and that the server runs (its /health)"
    } else {
        "the connection is cut off: a server that ends in the middle of an answer, or TLS spoken to a port without \
         it; see its log"
    };
    Finding::wrong("reached", format!("{address} cannot be reached: {cause}"), advice)
}

pub(super) fn is_loopback(address: &Url) -> bool {
    matches!(address.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// Whether the way to the server is encrypted, and for how long its certificate is still good.
pub(super) fn transport_security(address: &Url, answer: &Answer, report: &mut Report) {
    const ABOUT: &str = "TLS";
    report.add(match address.scheme() {
        "https" => match answer.certificate_ends {
            Some(left) if left < RENEWAL => Finding::doubtful(
                ABOUT,
                format!("the certificate is trusted and ends in {} days", left.as_secs() / 86_400),
                "renew it; AWS Certificate Manager does that by itself for names that it can check by DNS",
            ),
            _ => Finding::good(ABOUT, "the connection is encrypted, the certificate trusted"),
        },
        _ if is_loopback(address) => Finding::good(ABOUT, "none, which is well on loopback"),
        _ => Finding::wrong(
            ABOUT,
            "none: whoever is on the way reads credentials and data",
            "use the https:// address; an Application Load Balancer or --tls-cert makes one",
        ),
    });
}

pub(super) fn clock(headers: &HeaderMap, report: &mut Report) {
    let date = headers.get(header::DATE).and_then(|date| date.to_str().ok());
    let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else { return };
    let ours = SystemTime::now();
    let skew = ours.duration_since(theirs).or_else(|_| theirs.duration_since(ours));
    let skew = skew.unwrap_or_default();
    report.add(if skew > SKEW {
        Finding::wrong(
            "clock",
            format!("the server's and this machine's are {} s apart", skew.as_secs()),
            "tokens and signatures are refused then (AWS allows 5 minutes): set the clock by NTP",
        )
    } else {
        Finding::good("clock", "agrees with the server's")
    });
}

/// What the service in front is known to wait for.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>,
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>
pub(super) fn waits(host: &str) -> Option<&'static str> {
    if host.contains(".execute-api.") {
        Some(
            "API Gateway waits 29 s for a REST API's whole reply and 30 s for an HTTP API's; a REST \
             API with streamed replies 15 minutes",
        )
    } else if host.contains(".lambda-url.") {
        Some("a Function URL waits as long as its function may run, at most 15 minutes")
    } else if host.ends_with(".elb.amazonaws.com") {
        Some(
            "a load balancer closes what is silent for 60 s by default; the server's keep-alives on \
             streams prevent that",
        )
    } else {
        None
    }
}

/// Nothing is said of an answer that came within this; clients that speak both eras take the server for an old one, or
/// give up, at 10 s.
const SLOW: Duration = Duration::from_secs(5);

pub(super) fn first_answer(took: Duration, report: &mut Report) {
    if took > SLOW {
        report.add(Finding::doubtful(
            "first answer",
            format!("it took {:.1} s", took.as_secs_f64()),
            "where only the first of many is slow, a function has to start: give it more memory, load less at its \
             start, keep processes ready (ProvisionedConcurrency), or run it on ECS; otherwise see what the server does",
        ));
    }
}

/// What answers in the server's place, told by what it answers; `None` where it is the server.
pub(super) fn stranger(answer: &Answer) -> Option<Finding> {
    const ABOUT: &str = "answer";
    let Answer { status, body, text, .. } = answer;
    if body["jsonrpc"] == "2.0" {
        return match (*status, body["error"]["message"].as_str()) {
            (StatusCode::FORBIDDEN, Some(said)) => Some(Finding::wrong(
                ABOUT,
                format!("the server refuses the request: {said}"),
                "it does not know the name in the address as its own (--allowed-host, MCP_ALLOWED_HOSTS), or the \
                 credential may not do this",
            )),
            _ => None,
        };
    }
    let location = answer.headers.get(header::LOCATION).and_then(|to| to.to_str().ok());
    let (found, advice) = match status.as_u16() {
        // Who may call is looked at next.
        401 | 403 => return None,
        _ if body["statusCode"].is_number() || text.contains(r#"{"statusCode":"#) => (
            "Lambda's envelope instead of what is in it".to_owned(),
            "the function streams and its door does not, or the other way: set MCP_LAMBDA_RESPONSE and the door's \
             mode (InvokeMode, responseTransferMode) to the same",
        ),
        300..=399 => (
            format!("{status} to {}", location.unwrap_or("nowhere")),
            "use that address: clients do not follow, as their credentials would go along",
        ),
        404 | 405 => (
            format!("{status} and no JSON-RPC"),
            "the path is the server's /mcp, behind API Gateway's stage where there is one, or sse:URL for a server of \
             HTTP+SSE; a load balancer or an Ingress needs a rule for it",
        ),
        406 | 415 => (
            format!("{status} and no JSON-RPC"),
            "a proxy has changed Accept or Content-Type: let both pass as they are",
        ),
        413 => (
            format!("{status} and no JSON-RPC"),
            "something in front takes smaller requests than the server: 1 MB to a function behind a load balancer, \
             6 MB to a function, 10 MB through API Gateway",
        ),
        429 => (
            format!("{status}, which is not the server's"),
            "a limit of API Gateway, of the web ACL or of the function's concurrency is reached: raise it \
             (ReservedConcurrency), or call less often",
        ),
        502 => (
            format!("{status} and no JSON-RPC"),
            "the function has failed, or has answered otherwise than its door expects (MCP_LAMBDA_RESPONSE): its log \
             says which; behind a load balancer the server has closed the connection",
        ),
        503 => (
            format!("{status} and no JSON-RPC"),
            "nobody is there to answer: no task is healthy (/ready), or the function has no concurrency left",
        ),
        504 => (
            format!("{status} and no JSON-RPC"),
            "the one in front has given up waiting: API Gateway after 29 s, a load balancer after its idle timeout. \
             Let it stream, allow more, or have the tool answer with a task",
        ),
        500..=599 => (
            format!("{status} and no JSON-RPC"),
            "the log of the server, or of what is in front, says why",
        ),
        // An older server may say so in words of its own, and go on to speak its revision.
        _ => return None,
    };
    Some(Finding::wrong(ABOUT, found, advice))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_in_front_is_known_by_its_name() {
        for (host, part) in [
            ("a1.execute-api.eu-west-1.amazonaws.com", "29 s"),
            ("a1.lambda-url.eu-west-1.on.aws", "15 minutes"),
            ("mcp-1.eu-west-1.elb.amazonaws.com", "60 s"),
        ] {
            assert!(waits(host).is_some_and(|said| said.contains(part)), "{host}");
        }
        assert_eq!(waits("mcp.example.com"), None);
    }
}
