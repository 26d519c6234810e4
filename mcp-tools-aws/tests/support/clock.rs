use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_smithy_async::time::TimeSource;
use chrono::{NaiveDateTime, Utc};

use super::{Asked, Fault};

/// A clock that is so many minutes fast, or slow where they are negative.
#[derive(Debug)]
pub struct Wrong(pub i64);

impl TimeSource for Wrong {
    fn now(&self) -> SystemTime {
        let by = Duration::from_secs(60 * self.0.unsigned_abs());
        let now = SystemTime::now();
        if self.0 < 0 { now - by } else { now + by }
    }
}

pub fn with_clock(config: &SdkConfig, minutes: i64) -> SdkConfig {
    config.to_builder().time_source(Wrong(minutes)).build()
}

/// Refuses what was signed more than five minutes from now, by a clock of its own, with the code that
/// each protocol has for it; as AWS does, and moto, which checks no signature, does not.
pub fn checks_the_time(asked: &Asked) -> Fault {
    if is_in_time(asked) {
        return Fault::None;
    }
    match asked.service.as_str() {
        "ec2" => Fault::Refuse(400, "RequestExpired"),
        "s3" => Fault::Refuse(403, "RequestTimeTooSkewed"),
        _ if asked.is_json() => Fault::Refuse(400, "InvalidSignatureException"),
        _ => Fault::Refuse(403, "SignatureDoesNotMatch"),
    }
}

pub fn is_in_time(asked: &Asked) -> bool {
    let signed = NaiveDateTime::parse_from_str(&asked.date, "%Y%m%dT%H%M%SZ").expect("a time");
    (Utc::now().naive_utc() - signed).num_minutes().abs() < 5
}
