use mcp_core::{Call, Tool, ToolContext, ToolError, ToolErrorKind, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Aws, region::is_region};

/// Tells which AWS identity and account this server works with.
///
/// Use it first when another tool lacks a permission, or to make sure that figures are of the right
/// account. It asks AWS STS, costs nothing, changes nothing, and never shows credentials.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(title = "AWS identity", read_only, idempotent)]
pub struct Whoami {
    /// The region whose STS is asked, such as "eu-west-1"; the server's own when absent. Tells
    /// whether a region is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// An AWS identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// The account, twelve digits.
    pub account: String,
    /// The user or role.
    pub arn: String,
    /// The region that was asked.
    pub region: String,
}

impl Call<Aws> for Whoami {
    type Output = WithText<Identity>;

    async fn call(self, aws: &Aws, _cx: &ToolContext) -> ToolResult<Self::Output> {
        if let Some(region) = &self.region
            && !is_region(region)
        {
            return Err(ToolError::new(
                ToolErrorKind::InvalidArguments,
                "`region`: expected the code of a region, such as \"us-east-1\"",
            ));
        }
        let sts = aws.sts(self.region.as_deref()).await;
        let request = sts.get_caller_identity().send();
        let answer = aws.call(Action::GetCallerIdentity, self.region.as_deref(), request).await?;
        let identity = Identity {
            account: answer.account.unwrap_or_default(),
            arn: answer.arn.unwrap_or_default(),
            region: self.region.or_else(|| aws.region().map(str::to_owned)).unwrap_or_default(),
        };
        let Identity { account, arn, region } = &identity;
        let text = format!("Account {account} as {arn}, in {region}.");
        Ok(WithText::new(identity, text))
    }
}
