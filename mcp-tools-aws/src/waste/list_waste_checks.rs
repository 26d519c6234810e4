use std::{collections::BTreeSet, fmt::Write as _};

use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{checks::CHECKS, identify_unused_resources::choose};
use crate::Aws;

/// Lists the checks for unused AWS resources: what each finds, and which permissions it needs.
///
/// Use it to choose `services` for identify_unused_resources, or to write an IAM policy. It asks
/// nobody, costs nothing and changes nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Checks for unused resources",
    aliases = ["list-waste-checks"],
    read_only,
    idempotent,
    scopes = ["cost:read"]
)]
pub struct ListWasteChecks {
    /// Only the checks of these services, such as "ebs" or "rds"; all of them when absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub services: Vec<String>,
}

/// The checks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WasteChecks {
    /// What `services` may name.
    pub services: Vec<String>,
    /// Each check.
    pub checks: Vec<WasteCheck>,
}

/// A check for resources that are of no use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WasteCheck {
    /// Its name, which findings carry.
    pub name: String,
    /// The service that it belongs to.
    pub service: String,
    /// What it finds.
    pub finds: String,
    /// The actions of IAM that it needs. All of them only read.
    pub actions: Vec<String>,
}

impl Call<Aws> for ListWasteChecks {
    type Output = WithText<WasteChecks>;

    async fn call(self, _aws: &Aws, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let services: BTreeSet<&str> = CHECKS.iter().map(|check| check.service).collect();
        let checks = choose(&self.services)?.into_iter().map(|check| WasteCheck {
            name: check.id.to_owned(),
            service: check.service.to_owned(),
            finds: check.finds.to_owned(),
            actions: check.apis.iter().map(|api| api.action.to_owned()).collect(),
        });
        let checks = WasteChecks {
            services: services.into_iter().map(str::to_owned).collect(),
            checks: checks.collect(),
        };
        let mut text = format!("{} checks:", checks.checks.len());
        for WasteCheck { name, finds, .. } in &checks.checks {
            // Writing to a string does not fail.
            let _ = write!(text, "\n- {name}: {finds}");
        }
        Ok(WithText::new(checks, text))
    }
}
