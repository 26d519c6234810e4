use std::{collections::BTreeMap, fmt::Write as _};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{finding::Finding, scope::Problem};
use crate::Usd;

/// What a scan found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WasteReport {
    /// The account.
    pub account: String,
    /// The regions that were looked at.
    pub regions: Vec<String>,
    /// How many checks were made, each region counted.
    pub checks: u32,
    /// What could be saved in a month, in US dollars, by list prices; without the findings for which
    /// no price is known.
    pub monthly_saving: Usd,
    /// The same by service, the greatest first.
    pub by_service: Vec<ServiceWaste>,
    /// How many resources were found.
    pub found: u32,
    /// The findings, the greatest saving first; only the first `max_findings`.
    pub findings: Vec<Finding>,
    /// What could not be looked at. The rest of the answer stands.
    pub problems: Vec<CheckProblem>,
    /// Why the answer is not the whole, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// How many requests were made.
    pub requests: u64,
    /// How many metrics of CloudWatch were read.
    pub metrics: u64,
    /// What CloudWatch bills for them, in US dollars: $0.01 for a thousand
    /// (<https://aws.amazon.com/cloudwatch/pricing/>).
    pub billed: Usd,
    /// A warning about the prices, if they are old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_warning: Option<String>,
}

/// What was found of one service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceWaste {
    /// The service, as `services` names it.
    pub service: String,
    /// How many resources.
    pub found: u32,
    /// What could be saved in a month, in US dollars.
    pub monthly_saving: Usd,
}

/// A check that could not be made, or not for all resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckProblem {
    /// The check.
    pub check: String,
    /// Where.
    pub region: String,
    /// The action of IAM that the server's identity lacks, if that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacks_action: Option<String>,
    /// What is the matter, and what to do.
    pub message: String,
}

impl CheckProblem {
    pub(super) fn new(check: &str, region: &str, problem: Problem) -> Self {
        Self {
            check: check.to_owned(),
            region: region.to_owned(),
            lacks_action: problem.lacks,
            message: problem.message,
        }
    }
}

/// What a finding could save.
pub(super) fn saving(finding: &Finding) -> Usd {
    finding.monthly_saving.as_ref().map_or(Usd::ZERO, |saving| saving.usd)
}

/// What findings come to, by the service in the name of their check.
pub(super) fn by_service(findings: &[Finding]) -> Vec<ServiceWaste> {
    let mut services: BTreeMap<&str, (u32, Usd)> = BTreeMap::new();
    for finding in findings {
        let service = finding.check.split('_').next().unwrap_or_default();
        let (found, usd) = services.entry(service).or_default();
        *found += 1;
        *usd += saving(finding);
    }
    let mut services: Vec<ServiceWaste> = services
        .into_iter()
        .map(|(service, (found, monthly_saving))| ServiceWaste {
            service: service.to_owned(),
            found,
            monthly_saving,
        })
        .collect();
    services.sort_by_key(|service| std::cmp::Reverse(service.monthly_saving));
    services
}

/// So many findings are told in words; all are in the structured answer.
const TOLD: usize = 20;

impl WasteReport {
    pub(super) fn to_text(&self) -> String {
        let mut text = format!(
            "{} resources of account {} in {} seem to be of no use: up to {} a month by list prices.",
            self.found,
            self.account,
            self.regions.join(", "),
            self.monthly_saving
        );
        // Writing to a string does not fail.
        for finding in self.findings.iter().take(TOLD) {
            let _ = write!(text, "\n- {}: {}", finding.arn, finding.reason);
            if let Some(saving) = &finding.monthly_saving {
                let _ = write!(text, " {} a month.", saving.usd);
            }
            let _ = write!(text, " Verify: {}", finding.verify);
        }
        if self.findings.len() > TOLD {
            let _ = write!(text, "\n- and {} more", self.found as usize - TOLD);
        }
        for problem in &self.problems {
            let _ = write!(
                text,
                "\nNot looked at: {} in {}: {}",
                problem.check, problem.region, problem.message
            );
        }
        if let Some(partial) = &self.partial {
            let _ = write!(text, "\nPartial: {partial}");
        }
        if let Some(warning) = &self.price_warning {
            let _ = write!(text, "\n{warning}");
        }
        let _ = write!(
            text,
            "\n{} requests; {} metrics of CloudWatch: {}. Nothing was changed; look at each before \
             you delete it.",
            self.requests, self.metrics, self.billed
        );
        text
    }
}
