//! The names that people give to services, and those that Cost Explorer has.

use mcp_core::{ToolError, ToolErrorKind, ToolResult};

/// How many close names an error lists.
const CLOSEST: usize = 5;

/// Short names, and the values of the dimension SERVICE that they stand for.
const SERVICES: &[(&str, &[&str])] = &[
    ("api gateway", &["Amazon API Gateway"]),
    ("athena", &["Amazon Athena"]),
    ("backup", &["AWS Backup"]),
    ("bedrock", &["Amazon Bedrock"]),
    ("cloudfront", &["Amazon CloudFront"]),
    ("cloudtrail", &["AWS CloudTrail"]),
    ("cloudwatch", &["AmazonCloudWatch"]),
    ("cognito", &["Amazon Cognito"]),
    ("config", &["AWS Config"]),
    ("cost explorer", &["AWS Cost Explorer"]),
    ("dynamodb", &["Amazon DynamoDB"]),
    ("ebs", &["EC2 - Other"]),
    ("ec2", &["Amazon Elastic Compute Cloud - Compute", "EC2 - Other"]),
    ("ecr", &["Amazon EC2 Container Registry (ECR)"]),
    ("ecs", &["Amazon Elastic Container Service"]),
    ("efs", &["Amazon Elastic File System"]),
    ("eks", &["Amazon Elastic Container Service for Kubernetes"]),
    ("elasticache", &["Amazon ElastiCache"]),
    ("elb", &["Amazon Elastic Load Balancing"]),
    ("fargate", &["Amazon Elastic Container Service"]),
    ("glue", &["AWS Glue"]),
    ("guardduty", &["Amazon GuardDuty"]),
    ("kinesis", &["Amazon Kinesis"]),
    ("kms", &["AWS Key Management Service"]),
    ("lambda", &["AWS Lambda"]),
    ("load balancer", &["Amazon Elastic Load Balancing"]),
    ("nat gateway", &["EC2 - Other"]),
    ("opensearch", &["Amazon OpenSearch Service"]),
    ("rds", &["Amazon Relational Database Service"]),
    ("redshift", &["Amazon Redshift"]),
    ("route 53", &["Amazon Route 53"]),
    ("s3", &["Amazon Simple Storage Service"]),
    ("sagemaker", &["Amazon SageMaker"]),
    ("secrets manager", &["AWS Secrets Manager"]),
    ("sns", &["Amazon Simple Notification Service"]),
    ("sqs", &["Amazon Simple Queue Service"]),
    ("step functions", &["AWS Step Functions"]),
    ("vpc", &["Amazon Virtual Private Cloud"]),
    ("waf", &["AWS WAF"]),
    ("x-ray", &["AWS X-Ray"]),
];

/// What Cost Explorer calls a service.
///
/// # Errors
///
/// When the name is neither a short one that is known nor looks like one of Cost Explorer's own; the
/// message lists close names. A name that Cost Explorer does not know would be answered with no
/// costs, for money.
pub(super) fn resolve(name: &str) -> ToolResult<Vec<String>> {
    let name = name.trim();
    let simple = simplify(name);
    let known = SERVICES.iter().find(|(short, full)| {
        simplify(short) == simple || full.iter().any(|full| simplify(full) == simple)
    });
    if let Some((short, full)) = known {
        // Of a full name only that one; `ec2` stands for two.
        let one = full.iter().find(|full| simplify(full) == simple && simplify(short) != simple);
        return Ok(match one {
            Some(one) => vec![(*one).to_owned()],
            None => full.iter().map(|&full| full.to_owned()).collect(),
        });
    }
    let looks_full = ["Amazon ", "AWS ", "Amazon"].iter().any(|prefix| name.starts_with(prefix));
    if looks_full && name.len() <= 128 && name.len() > "Amazon ".len() {
        return Ok(vec![name.to_owned()]);
    }
    let mut close: Vec<(f64, &str)> = SERVICES
        .iter()
        .map(|(short, _)| (strsim::jaro_winkler(&simple, &simplify(short)), *short))
        .collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0));
    let close: Vec<&str> = close.into_iter().take(CLOSEST).map(|(_, short)| short).collect();
    let asked: String = name.chars().take(64).collect();
    Err(ToolError::new(
        ToolErrorKind::NotFound,
        format!(
            "There is no service {asked:?}. The closest names: {}. A full name of Cost Explorer, such \
             as \"Amazon Simple Storage Service\", is taken as it is; get_cost_breakdown lists those \
             of the account.",
            close.join(", ")
        ),
    ))
}

/// Without the makers' names, and what people leave out or add.
fn simplify(name: &str) -> String {
    let lower = name.to_lowercase();
    let bare = ["amazon", "aws"].iter().find_map(|maker| lower.strip_prefix(maker));
    bare.unwrap_or(&lower).chars().filter(|c| c.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_name_services_in_many_ways() {
        for (name, full) in [
            ("lambda", "AWS Lambda"),
            ("Lambda", "AWS Lambda"),
            ("aws lambda", "AWS Lambda"),
            ("S3", "Amazon Simple Storage Service"),
            ("API-Gateway", "Amazon API Gateway"),
            ("route53", "Amazon Route 53"),
            ("CloudWatch", "AmazonCloudWatch"),
            ("EC2 - Other", "EC2 - Other"),
            ("Amazon Managed Grafana", "Amazon Managed Grafana"),
        ] {
            assert_eq!(resolve(name).unwrap(), [full], "{name}");
        }
        assert_eq!(resolve("ec2").unwrap().len(), 2);
    }

    #[test]
    fn an_unknown_service_lists_close_ones() {
        let error = resolve("lamda").unwrap_err();
        assert!(error.message().contains("The closest names: lambda"), "{error}");
        for name in ["", "   ", "Amazon", &"x".repeat(10_000)] {
            assert!(resolve(name).is_err(), "{name}");
        }
    }
}
