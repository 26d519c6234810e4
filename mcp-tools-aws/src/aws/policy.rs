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
    let actions: Vec<String> =
        Action::ALL.iter().map(|action| format!("        \"{}\"", action.iam())).collect();
    format!(
        "{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {{\n      \"Sid\": \"Costs\",\n      \
         \"Effect\": \"Allow\",\n      \"Action\": [\n{}\n      ],\n      \"Resource\": \"*\"\n    \
         }}\n  ]\n}}\n",
        actions.join(",\n")
    )
}
