use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Saving, scope::Scope};

/// A resource that seems to be of no use, or to cost more than it has to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The check that found it.
    pub check: String,
    /// The resource.
    pub arn: String,
    /// Where it is.
    pub region: String,
    /// Its name or tag `Name`, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How long it has been there, or in its state, in days; absent where AWS does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_days: Option<u32>,
    /// What is the matter with it.
    pub reason: String,
    /// What was measured.
    pub evidence: Vec<Evidence>,
    /// What could be saved; absent where it costs nothing by itself or no price is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_saving: Option<Saving>,
    /// How likely it is that nobody misses it.
    pub confidence: Confidence,
    /// The command of the AWS CLI that shows it, which only reads. Names are quoted for a POSIX
    /// shell.
    pub verify: String,
}

/// A figure, and the time that it is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// A metric of CloudWatch (`AWS/EC2 CPUUtilization Maximum`) or a field of the service's answer.
    pub metric: String,
    /// Its value.
    pub value: String,
    /// "14 days", or "now".
    pub window: String,
}

/// How likely it is that a finding is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// It cannot be of use as it is.
    High,
    /// It was not used for as long as was looked at.
    Medium,
    /// A hint that someone who knows it has to judge.
    Low,
}

impl Finding {
    /// A resource of this region, by the service and the resource part of its ARN.
    pub(super) fn new(
        scope: &Scope,
        service: &str,
        resource: &str,
        reason: impl Into<String>,
    ) -> Self {
        Self::of_arn(scope, scope.arn(service, resource), reason)
    }

    /// A resource by its whole ARN.
    pub(super) fn of_arn(scope: &Scope, arn: String, reason: impl Into<String>) -> Self {
        Self {
            check: String::new(),
            arn,
            region: scope.region().to_owned(),
            name: None,
            age_days: None,
            reason: reason.into(),
            evidence: Vec::new(),
            monthly_saving: None,
            confidence: Confidence::Medium,
            verify: String::new(),
        }
    }

    #[must_use]
    pub(super) fn name(mut self, name: Option<&str>) -> Self {
        self.name = name.filter(|name| !name.is_empty()).map(str::to_owned);
        self
    }

    #[must_use]
    pub(super) fn since(mut self, scope: &Scope, time: Option<DateTime<Utc>>) -> Self {
        self.age_days = time.map(|time| scope.age_days(time));
        self
    }

    /// What a field of an answer says now.
    #[must_use]
    pub(super) fn now(mut self, metric: &str, value: impl ToString) -> Self {
        let (metric, value, window) = (metric.to_owned(), value.to_string(), "now".to_owned());
        self.evidence.push(Evidence { metric, value, window });
        self
    }

    /// What a metric was over the window that is looked at.
    #[must_use]
    pub(super) fn measured(mut self, metric: &str, value: Option<f64>) -> Self {
        let value = value.map_or_else(|| "no data".to_owned(), |value| format!("{}", round(value)));
        let window = format!("{} days", super::metrics::WINDOW_DAYS);
        self.evidence.push(Evidence { metric: metric.to_owned(), value, window });
        self
    }

    #[must_use]
    pub(super) fn saves(mut self, saving: impl Into<Option<Saving>>) -> Self {
        self.monthly_saving = saving.into();
        self
    }

    #[must_use]
    pub(super) fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// The command's words after `aws`, and then its options and values, which may hold anything.
    #[must_use]
    pub(super) fn verify(mut self, command: &str, words: &[&str]) -> Self {
        self.verify = format!("aws {command}");
        for word in words {
            // Writing to a string does not fail.
            let _ = write!(self.verify, " {}", quote(word));
        }
        let _ = write!(self.verify, " --region {}", self.region);
        self
    }
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// A word for a POSIX shell. Whoever may name a resource must not be able to make its reader run
/// something.
fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@=,+".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_quotes() {
        for (name, quoted) in [
            ("vol-1", "vol-1"),
            ("/aws/lambda/a", "/aws/lambda/a"),
            ("a b", "'a b'"),
            ("$(rm -rf ~)", "'$(rm -rf ~)'"),
            ("a'; b", r"'a'\''; b'"),
            ("", "''"),
            ("ü", "'ü'"),
        ] {
            assert_eq!(quote(name), quoted);
        }
    }
}
