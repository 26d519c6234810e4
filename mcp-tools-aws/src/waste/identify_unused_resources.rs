use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chrono::{TimeDelta, Utc};
use futures_util::{StreamExt as _, stream};
use mcp_aws::{List, service};
use mcp_core::{Call, LogLevel, Tool, ToolContext, ToolError, ToolErrorKind, ToolResult, WithText};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::timeout_at;

use super::{
    check::{Api, Check, Found},
    checks::CHECKS,
    finding::Finding,
    rates::Rates,
    report::{CheckProblem, WasteReport, by_service, saving},
    scope::{Problem, Scan, Scope},
};
use crate::{
    Aws, Usd,
    aws::{Action, is_region},
};

/// So many checks are under way at once, over all regions.
const CHECKS_AT_ONCE: usize = 16;
/// More regions than AWS has.
const MOST_REGIONS: usize = 50;
const MOST_FINDINGS: u32 = 1000;
/// What is left of the call's time when a scan ends early, for its answer to be written.
const RESERVE: Duration = Duration::from_secs(2);

/// What `regions: ["all"]` asks.
pub(super) const DESCRIBE_REGIONS: Api =
    Api::new(&service::EC2, "DescribeRegions", "ec2:DescribeRegions");

/// Looks for AWS resources that cost money and are of no use, and estimates what could be saved.
///
/// Finds unattached volumes, idle instances, databases, load balancers and NAT gateways, forgotten
/// snapshots, addresses, keys, secrets, images and more: list_waste_checks lists all checks. Each
/// finding has evidence, an estimate by list prices, and a command to verify it. This only reads:
/// nothing is ever deleted or changed. It reads metrics of CloudWatch, which bills $0.01 for a
/// thousand. A scan of all services takes seconds in a small account and minutes in a large one; ask
/// for fewer services or regions to be quick.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Unused resources",
    aliases = ["identify-unused-resources"],
    read_only,
    idempotent,
    task,
    timeout = "10m",
    scopes = ["cost:read"]
)]
pub struct IdentifyUnusedResources {
    /// Only these services: "ebs", "ec2", "rds", "lambda" and so on, or names of checks. All of them
    /// when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub services: Vec<String>,
    /// The regions to look at, such as "eu-west-1", or "all" for those that the account has enabled.
    /// The server's own when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub regions: Vec<String>,
    /// Only what is at least so many days old, or has been in its state for so long. 30 when absent;
    /// 0 for everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 3650))]
    pub min_age_days: Option<u32>,
    /// How many findings to tell, those with the greatest saving first. 200 when absent. Totals count
    /// all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MOST_FINDINGS))]
    pub max_findings: Option<u32>,
}

/// The checks that a caller names, by their services or by their own names.
pub(super) fn choose(services: &[String]) -> ToolResult<Vec<&'static Check>> {
    if services.is_empty() {
        return Ok(CHECKS.to_vec());
    }
    let wanted: Vec<String> =
        services.iter().map(|name| name.trim().to_lowercase().replace('-', "_")).collect();
    for name in &wanted {
        if !CHECKS.iter().any(|check| check.service == name || check.id == name) {
            return Err(unknown(name));
        }
    }
    let is_wanted =
        |check: &&Check| wanted.iter().any(|name| check.service == name || check.id == name);
    Ok(CHECKS.iter().copied().filter(is_wanted).collect())
}

fn unknown(name: &str) -> ToolError {
    let mut known: Vec<&str> = CHECKS.iter().map(|check| check.service).collect();
    known.dedup();
    let closest = CHECKS
        .iter()
        .flat_map(|check| [check.service, check.id])
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    let hint = closest.map(|(_, known)| format!(" Did you mean {known:?}?")).unwrap_or_default();
    ToolError::new(
        ToolErrorKind::InvalidArguments,
        format!(
            "`services`: there is no {name:?}.{hint} Services with checks: {}.",
            known.join(", ")
        ),
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Regions {
    #[serde(default)]
    region_info: List<Region>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    region_name: String,
}

impl IdentifyUnusedResources {
    /// The regions to look at, each once.
    async fn regions(&self, aws: &Aws) -> ToolResult<Vec<String>> {
        let client = aws.client().await;
        let mut regions = self.regions.clone();
        if regions.iter().any(|region| region == "all") {
            let request = DESCRIBE_REGIONS.request(&[]);
            let home = client.region().unwrap_or_default();
            let answer: Regions = aws.ask(&DESCRIBE_REGIONS, request, home).await?;
            regions = answer.region_info.into_iter().map(|region| region.region_name).collect();
        }
        if regions.is_empty() {
            regions.extend(client.region().map(str::to_owned));
        }
        regions.sort_unstable();
        regions.dedup();
        let wrong = regions.iter().find(|region| !is_region(region));
        if wrong.is_some() || regions.len() > MOST_REGIONS {
            return Err(ToolError::new(
                ToolErrorKind::InvalidArguments,
                "`regions`: expected codes of regions, such as \"us-east-1\", or \"all\"",
            ));
        }
        Ok(regions)
    }
}

/// A check that has been made, or not.
struct Made {
    region: String,
    found: Found,
}

impl Call<Aws> for IdentifyUnusedResources {
    type Output = WithText<WasteReport>;

    async fn call(self, aws: &Aws, cx: &ToolContext) -> ToolResult<Self::Output> {
        let checks = choose(&self.services)?;
        let sts = aws.sts(None).await;
        let identity =
            aws.call(Action::GetCallerIdentity, None, sts.get_caller_identity().send()).await?;
        let regions = self.regions(aws).await?;
        let arn = identity.arn.unwrap_or_default();
        let scan = Arc::new(Scan {
            account: identity.account.unwrap_or_default(),
            partition: arn
                .split(':')
                .nth(1)
                .filter(|part| !part.is_empty())
                .unwrap_or("aws")
                .to_owned(),
            now: Utc::now(),
            min_age: TimeDelta::days(self.min_age_days.unwrap_or(30).into()),
            requests: 0.into(),
            metrics: 0.into(),
        });
        let scopes: Vec<Scope> = regions
            .iter()
            .map(|region| Scope::new(Arc::clone(&scan), aws.clone(), region.clone()))
            .collect();
        let mut progress = Progress::new(&checks, regions.len());
        let total = checks.len() * scopes.len();
        // One service after the other, so that what is found of it can be told together.
        let mut waiting = Vec::with_capacity(total);
        for check in checks {
            waiting.extend(scopes.iter().map(|scope| make(check, scope)));
        }
        let mut under_way = stream::iter(waiting).buffer_unordered(CHECKS_AT_ONCE);

        let mut findings = Vec::new();
        let mut problems = Vec::new();
        let mut partial = None;
        let end = cx.deadline() - RESERVE;
        let mut made = 0;
        loop {
            let Made { region, found } = match timeout_at(end, under_way.next()).await {
                Ok(Some(done)) => done,
                Ok(None) => break,
                Err(_) => {
                    partial = Some(format!(
                        "The time was up after {made} of {total} checks; ask for fewer services or \
                         regions."
                    ));
                    break;
                }
            };
            made += 1;
            for problem in found.problems {
                log(&problem, found.check, &region);
                problems.push(CheckProblem::new(found.check.id, &region, problem));
            }
            let told = format!("{} in {region}: {} found", found.check.id, found.findings.len());
            cx.progress_of(made as u64, total as u64, told).await;
            if let Some(service) = progress.made(found.check, &found.findings) {
                cx.log(LogLevel::Info, service).await;
            }
            findings.extend(found.findings);
        }
        drop(under_way);

        if partial.is_none() && !problems.is_empty() {
            let checks: std::collections::BTreeSet<_> =
                problems.iter().map(|problem| (&problem.check, &problem.region)).collect();
            partial =
                Some(format!("{} of {total} checks could not be made in full.", checks.len()));
        }
        findings.sort_by_key(|finding| Reverse(saving(finding)));
        problems.sort_by(|a, b| (&a.check, &a.region).cmp(&(&b.check, &b.region)));
        let by_service = by_service(&findings);
        let metrics = scan.metrics.load(Ordering::Relaxed);
        let report = WasteReport {
            account: scan.account.clone(),
            regions,
            checks: u32::try_from(made).unwrap_or(u32::MAX),
            monthly_saving: findings.iter().map(saving).sum(),
            by_service,
            found: u32::try_from(findings.len()).unwrap_or(u32::MAX),
            findings: {
                findings.truncate(self.max_findings.unwrap_or(200).min(MOST_FINDINGS) as usize);
                findings
            },
            problems,
            partial,
            requests: scan.requests.load(Ordering::Relaxed),
            metrics,
            billed: Usd::from(Decimal::from(metrics) * Decimal::new(1, 5)),
            price_warning: Rates::built_in().age_warning(scan.now.date_naive()),
        };
        let text = report.to_text();
        Ok(WithText::new(report, text))
    }
}

async fn make(check: &'static Check, scope: &Scope) -> Made {
    let mut found = Found::new(check);
    if let Err(problem) = (check.run)(scope, &mut found).await {
        found.problem(problem);
    }
    Made { region: scope.region().to_owned(), found }
}

/// For the operator, what the model is not told.
fn log(problem: &Problem, check: &Check, region: &str) {
    let source = problem.source.as_ref().map(tracing::field::display);
    tracing::warn!(check = check.id, region, source, "a check could not be made in full");
}

/// Collects what is found of a service until its last check is made.
struct Progress {
    left: BTreeMap<&'static str, usize>,
    findings: BTreeMap<&'static str, Vec<Finding>>,
}

impl Progress {
    fn new(checks: &[&'static Check], regions: usize) -> Self {
        let mut left = BTreeMap::new();
        for check in checks {
            *left.entry(check.service).or_default() += regions;
        }
        Self { left, findings: BTreeMap::new() }
    }

    /// What is told of a service when this was its last check.
    fn made(&mut self, check: &Check, findings: &[Finding]) -> Option<serde_json::Value> {
        self.findings.entry(check.service).or_default().extend_from_slice(findings);
        let left = self.left.get_mut(check.service)?;
        *left -= 1;
        if *left > 0 {
            return None;
        }
        let mut findings = self.findings.remove(check.service).unwrap_or_default();
        let found = findings.len();
        findings.truncate(MOST_FINDINGS as usize);
        Some(json!({ "service": check.service, "found": found, "findings": findings }))
    }
}
