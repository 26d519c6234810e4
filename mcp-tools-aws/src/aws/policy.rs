use super::Action;

/// The IAM policy that allows what the tools ask of AWS, and nothing else, as JSON.
///
/// It is made from the same list that every request goes through. None of the actions can be
/// limited to resources, and none writes.
///
/// ```
/// let policy = mcp_tools_aws::iam_policy();
/// assert!(policy.contains("\"ce:GetCostAndUsage\""));
/// ```
pub fn iam_policy() -> String {
    let mut statements = Vec::new();
    if cfg!(feature = "cost") {
        statements.push(statement("Costs", Action::ALL.iter().map(|action| action.iam())));
    }
    #[cfg(feature = "waste")]
    statements.push(statement("Waste", crate::waste::actions().into_iter()));
    #[cfg(feature = "operations")]
    statements.push(statement("Operations", crate::operations::actions().into_iter()));
    if statements.is_empty() {
        statements.push(statement("Identity", [Action::GetCallerIdentity.iam()].into_iter()));
    }
    let statements = statements.join(",\n");
    format!("{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n{statements}\n  ]\n}}\n")
}

fn statement<'a>(id: &str, actions: impl Iterator<Item = &'a str>) -> String {
    let actions: Vec<String> = actions.map(|action| format!("        \"{action}\"")).collect();
    format!(
        "    {{\n      \"Sid\": \"{id}\",\n      \"Effect\": \"Allow\",\n      \"Action\": \
         [\n{}\n      ],\n      \"Resource\": \"*\"\n    }}",
        actions.join(",\n")
    )
}
