use mcp_aws::{List, service};
use serde::{Deserialize, de::IgnoredAny};

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    scope::{Problem, Scope},
};
use crate::aws::page;

const DESCRIBE_TARGET_GROUPS: Api =
    Api::new(&service::ELB, "DescribeTargetGroups", "elasticloadbalancing:DescribeTargetGroups");
const DESCRIBE_TARGET_HEALTH: Api =
    Api::new(&service::ELB, "DescribeTargetHealth", "elasticloadbalancing:DescribeTargetHealth");

page!(TargetGroups { target_groups: List<TargetGroup> }, "PascalCase", "Marker", next_marker);

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TargetGroup {
    target_group_arn: String,
    target_group_name: String,
    #[serde(default)]
    load_balancer_arns: List<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TargetHealth {
    #[serde(default)]
    target_health_descriptions: List<IgnoredAny>,
}

pub(super) static CHECK: Check = Check {
    id: "elb_empty_target_groups",
    service: "elb",
    finds: "Target groups that no load balancer uses, or without a target. They cost nothing, but a load balancer of nothing else does.",
    apis: &[&DESCRIBE_TARGET_GROUPS, &DESCRIBE_TARGET_HEALTH],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request = DESCRIBE_TARGET_GROUPS.request(&[]).with("PageSize", 400);
    let pages: Vec<TargetGroups> = scope.pages(&DESCRIBE_TARGET_GROUPS, request).await?;
    let groups: Vec<TargetGroup> = pages.into_iter().flat_map(|page| page.target_groups).collect();
    let targets = scope
        .each(groups, |group: TargetGroup| async move {
            if group.load_balancer_arns.is_empty() {
                return Ok(None);
            }
            let request = DESCRIBE_TARGET_HEALTH
                .request(&[])
                .with("TargetGroupArn", group.target_group_arn.as_str());
            let health: TargetHealth = scope.call(&DESCRIBE_TARGET_HEALTH, request).await?;
            Ok(Some(health.target_health_descriptions.len()))
        })
        .await;
    for (group, targets) in targets {
        let (reason, confidence) = match targets {
            Err(problem) => {
                found.problem(problem);
                continue;
            }
            Ok(None) => ("A target group that no load balancer uses.", Confidence::High),
            Ok(Some(0)) => ("A target group without a target.", Confidence::Medium),
            Ok(Some(_)) => continue,
        };
        let arn = group.target_group_arn;
        found.add(
            Finding::of_arn(scope, arn.clone(), reason)
                .name(Some(&group.target_group_name))
                .now("LoadBalancerArns", group.load_balancer_arns.len())
                .confidence(confidence)
                .verify("elbv2 describe-target-health", &["--target-group-arn", &arn]),
        );
    }
    Ok(())
}
