//! The places to run at, and the files of `deploy/` that belong to each.

/// A file as it is in `deploy/`, which is where its path begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    pub(super) path: &'static str,
    pub(super) text: &'static str,
}

/// What a target's templates are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A template of SAM with a function in a zip.
    Function,
    /// A template of SAM with a function in an image.
    FunctionImage,
    /// A template of CloudFormation for a container image.
    Container,
    /// A template of CloudFormation that needs nothing of the server.
    Stack,
    /// A template of CloudFormation for a binary in S3.
    Instance,
    Cdk,
    TerraformFunction,
    TerraformContainer,
    /// Kustomizations, and a stack beside them.
    Kubernetes,
    Compose,
    Image,
}

#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) kind: Kind,
    /// The template that has the parameters first, then what goes with it.
    pub(super) files: &'static [File],
}

macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        &[$(File {
            path: $path,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/", $path)),
        }),+]
    };
}

/// What is written along with every target: which findings of checkov are kept, each with its reason.
pub(super) const REVIEWED: &[File] = files![".checkov.yaml"];

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "lambda-function-url",
        about: "Lambda behind a Function URL, streamed; IAM or tokens",
        kind: Kind::Function,
        files: files!["lambda/function-url.yaml", "modules/function-monitoring.yaml"],
    },
    Target {
        name: "lambda-http-api",
        about: "Lambda behind an HTTP API of API Gateway; tokens",
        kind: Kind::Function,
        files: files!["lambda/http-api.yaml", "modules/function-monitoring.yaml"],
    },
    Target {
        name: "lambda-rest-api",
        about: "Lambda behind a REST API of API Gateway, streamed; IAM",
        kind: Kind::Function,
        files: files!["lambda/rest-api.yaml", "modules/function-monitoring.yaml"],
    },
    Target {
        name: "lambda-alb",
        about: "Lambda behind a load balancer that is there already; API keys",
        kind: Kind::Function,
        files: files!["lambda/alb.yaml", "modules/function-monitoring.yaml"],
    },
    Target {
        name: "lambda-websocket-api",
        about: "Lambda behind a WebSocket API, connections in DynamoDB; IAM",
        kind: Kind::Function,
        files: files!["lambda/websocket-api.yaml", "modules/function-monitoring.yaml"],
    },
    Target {
        name: "lambda-durable-tasks",
        about: "Lambda behind a Function URL, tasks in DynamoDB; IAM",
        kind: Kind::Function,
        files: files!["lambda/durable-tasks.yaml", "modules/function-monitoring.yaml"],
    },
    Target {
        name: "lambda-managed-instances",
        about: "Lambda on Managed Instances behind a Function URL; IAM",
        kind: Kind::Function,
        files: files!["lambda/managed-instances.yaml", "modules/function-monitoring.yaml"],
    },
    Target {
        name: "lambda-image",
        about: "Lambda as a container image behind a Function URL, streamed; IAM or tokens",
        kind: Kind::FunctionImage,
        files: files!["lambda/image.yaml", "modules/function-monitoring.yaml"],
    },
    Target {
        name: "lambda-web-adapter",
        about: "the HTTP server in an image, behind the Lambda Web Adapter",
        kind: Kind::FunctionImage,
        files: files![
            "lambda-web-adapter/template.yaml",
            "lambda-web-adapter/Dockerfile",
            "modules/function-monitoring.yaml",
        ],
    },
    Target {
        name: "cdk",
        about: "Lambda behind a Function URL or a REST API, by the CDK in TypeScript",
        kind: Kind::Cdk,
        files: files![
            "cdk/cdk.json",
            "cdk/package.json",
            "cdk/tsconfig.json",
            "cdk/.gitignore",
            "cdk/bin/app.ts",
            "cdk/lib/mcp-server-stack.ts",
            "cdk/lib/watch.ts",
        ],
    },
    Target {
        name: "terraform-lambda",
        about: "Lambda behind a Function URL, by Terraform",
        kind: Kind::TerraformFunction,
        files: files![
            "terraform/lambda/variables.tf",
            "terraform/lambda/main.tf",
            "terraform/lambda/watch.tf",
            "terraform/lambda/outputs.tf",
        ],
    },
    Target {
        name: "terraform-fargate",
        about: "ECS on Fargate behind HTTPS, by Terraform",
        kind: Kind::TerraformContainer,
        files: files![
            "terraform/fargate/variables.tf",
            "terraform/fargate/main.tf",
            "terraform/fargate/load_balancer.tf",
            "terraform/fargate/watch.tf",
            "terraform/fargate/outputs.tf",
        ],
    },
    Target {
        name: "ecs-fargate",
        about: "ECS on Fargate behind HTTPS, 2 to 10 tasks, in Cloud Map for agents",
        kind: Kind::Container,
        files: files!["ecs-fargate/template.yaml"],
    },
    Target {
        name: "ecs-fargate-agent",
        about: "an agent in front of ecs-fargate",
        kind: Kind::Container,
        files: files!["ecs-fargate/agent.yaml"],
    },
    Target {
        name: "ecs-ec2",
        about: "instances of one's own for ecs-fargate's service",
        kind: Kind::Stack,
        files: files!["ecs-ec2/template.yaml"],
    },
    Target {
        name: "ecs-express",
        about: "ECS Express Mode, where App Runner is no longer to be had; API keys",
        kind: Kind::Container,
        files: files!["ecs-express/template.yaml", "modules/monitoring.yaml"],
    },
    Target {
        name: "eks",
        about: "Kubernetes manifests with overlays, and a role for the pods",
        kind: Kind::Kubernetes,
        files: files![
            "eks/aws.yaml",
            "modules/monitoring.yaml",
            "eks/base/kustomization.yaml",
            "eks/base/autoscaler.yaml",
            "eks/base/deployment.yaml",
            "eks/base/disruption-budget.yaml",
            "eks/base/ingress.yaml",
            "eks/base/network-policy.yaml",
            "eks/base/service-account.yaml",
            "eks/base/service.yaml",
            "eks/overlays/production/kustomization.yaml",
            "eks/overlays/staging/kustomization.yaml",
        ],
    },
    Target {
        name: "ec2",
        about: "one instance over SSH, for stdio; HTTP through a tunnel",
        kind: Kind::Instance,
        files: files![
            "ec2/template.yaml",
            "ec2/mcp.service",
            "ec2/authorized_keys",
            "modules/monitoring.yaml",
        ],
    },
    Target {
        name: "agentcore",
        about: "Bedrock AgentCore Runtime, and a gateway in front; IAM or tokens",
        kind: Kind::Container,
        files: files!["agentcore/template.yaml"],
    },
    Target {
        name: "compose",
        about: "docker compose on a laptop",
        kind: Kind::Compose,
        files: files!["compose/docker-compose.yml", "image/Dockerfile"],
    },
    Target {
        name: "image",
        about: "a Dockerfile for a static binary, which mcp package image does without",
        kind: Kind::Image,
        files: files!["image/Dockerfile"],
    },
    Target {
        name: "module-network",
        about: "a VPC with public and private subnets",
        kind: Kind::Stack,
        files: files!["modules/network.yaml"],
    },
    Target {
        name: "module-vpc-endpoints",
        about: "AWS's services without the internet",
        kind: Kind::Stack,
        files: files!["modules/vpc-endpoints.yaml"],
    },
    Target {
        name: "module-waf",
        about: "a web ACL with a rate limit",
        kind: Kind::Stack,
        files: files!["modules/waf.yaml"],
    },
    Target {
        name: "module-cognito",
        about: "a user pool with scopes for tools",
        kind: Kind::Stack,
        files: files!["modules/cognito.yaml"],
    },
    Target {
        name: "module-cloudtrail",
        about: "who did what with the account's APIs",
        kind: Kind::Stack,
        files: files!["modules/cloudtrail.yaml"],
    },
    Target {
        name: "module-monitoring",
        about: "alarms and a dashboard from the server's own metrics",
        kind: Kind::Stack,
        files: files!["modules/monitoring.yaml"],
    },
    Target {
        name: "module-function-monitoring",
        about: "alarms and a dashboard of a function; nested in the lambda targets",
        kind: Kind::Stack,
        files: files!["modules/function-monitoring.yaml"],
    },
];

impl Target {
    /// Whether its image is built by a file of its own instead of by `mcp package image`.
    pub(super) fn has_dockerfile(&self) -> bool {
        self.files.iter().any(|file| file.path.ends_with("/Dockerfile"))
    }

    /// Whether its template holds another one, which a bucket has to have before CloudFormation can.
    pub(super) fn is_nested(&self) -> bool {
        self.files[0].text.contains("Type: AWS::CloudFormation::Stack")
    }
}

/// The target of a name, or what to say instead.
pub(super) fn find(name: &str) -> Result<&'static Target, String> {
    TARGETS.iter().find(|target| target.name == name).ok_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        format!("there is no target {name:?}; there are all, {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    fn walk(folder: &Path, found: &mut BTreeSet<String>, root: &Path) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                let is_made = ["node_modules", "cdk.out", "dist", ".terraform"]
                    .iter()
                    .any(|made| path.ends_with(made));
                if !is_made {
                    walk(&path, found, root);
                }
            } else if path.file_name().is_none_or(|name| name != "README.md") {
                let path = path.strip_prefix(root).expect("inside").to_string_lossy();
                found.insert(path.replace('\\', "/"));
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_belongs_to_a_target() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
        let mut there = BTreeSet::new();
        walk(&root, &mut there, &root);
        let files = TARGETS.iter().flat_map(|target| target.files).chain(REVIEWED);
        let known: BTreeSet<String> = files.map(|file| file.path.to_owned()).collect();
        assert_eq!(there, known);
    }

    /// What is there to be watched is of each place; that the words are where they belong is seen by the linters.
    #[test]
    fn every_place_that_runs_the_server_keeps_logs_for_a_time_and_is_watched() {
        let mut faults = Vec::new();
        let mut places = 0;
        for target in TARGETS {
            if matches!(target.kind, Kind::Stack | Kind::Compose | Kind::Image) {
                continue;
            }
            places += 1;
            let text: String = target.files.iter().map(|file| file.text).collect();
            for (what, words) in [
                ("how long logs are kept", &["RetentionInDays", "retention"][..]),
                ("errors", &["ErrorsAlarm", "HTTPCode_Target_5XX_Count", "    Errors "]),
                // Behind a load balancer, what it or the server turns away.
                ("throttles", &["ThrottlesAlarm", "HTTPCode_Target_4XX_Count", "    Throttles "]),
                ("the 99th percentile", &["p99"]),
                // An agent goes with a server, whose stack watches the account.
                ("charges", &["EstimatedCharges", "The server's output AlarmTopic."]),
                ("a dashboard", &["Dashboard", "dashboard"]),
            ] {
                if !words.iter().any(|word| text.contains(word)) {
                    faults.push(format!("{}: {what}", target.name));
                }
            }
        }
        assert!(faults.is_empty(), "{faults:?}");
        assert!(places >= 16, "only {places} places");
    }

    #[test]
    fn an_unknown_target_is_told_the_known_ones() {
        let fault = find("fargate").expect_err("no target");
        assert!(fault.contains("ecs-fargate") && fault.contains("terraform-fargate"), "{fault}");
    }
}
