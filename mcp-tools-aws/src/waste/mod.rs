//! Resources that cost money and are of no use.

mod check;
mod checks;
mod finding;
mod identify_unused_resources;
mod inventory;
mod list_waste_checks;
mod metrics;
mod rates;
mod report;
mod scope;

use std::collections::BTreeSet;

use mcp_core::ToolPack;

pub use self::{
    finding::{Confidence, Evidence, Finding},
    identify_unused_resources::IdentifyUnusedResources,
    list_waste_checks::{ListWasteChecks, WasteCheck, WasteChecks},
    rates::Saving,
    report::{CheckProblem, ServiceWaste, WasteReport},
};
use crate::Aws;

/// The tools that look for resources that cost money and are of no use. All of them only read, and
/// what they find is for people to judge.
///
/// A scan lists the resources of the services that it looks at, and reads metrics of CloudWatch,
/// which bills $0.01 for a thousand; the answer says how many.
pub fn waste_pack(aws: Aws) -> ToolPack<Aws> {
    ToolPack::new("waste", aws).tool::<IdentifyUnusedResources>().tool::<ListWasteChecks>()
}

/// What every scan begins with.
const IDENTITY: &str = crate::aws::Action::GetCallerIdentity.iam();

/// The actions of IAM that a scan needs, in the order of the alphabet.
pub(crate) fn actions() -> BTreeSet<&'static str> {
    let checks = checks::CHECKS.iter().flat_map(|check| check.apis).map(|api| api.action);
    checks.chain([identify_unused_resources::DESCRIBE_REGIONS.action, IDENTITY]).collect()
}
