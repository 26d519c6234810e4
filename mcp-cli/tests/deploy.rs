//! `mcp deploy`: what is written for each target, and which mistakes are told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{fs, process::Command};

use serde_json::{Value, json};
use support::{Said, mcp_in};
use tempfile::TempDir;

/// An empty folder, and what `mcp` says in it.
struct Project(TempDir);

impl Project {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn mcp(&self, arguments: &[&str]) -> Said {
        mcp_in(self.0.path(), arguments)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }
}

fn targets() -> Vec<String> {
    let list = Project::new().mcp(&["deploy", "list", "--json"]).json();
    let targets = list["targets"].as_array().unwrap().iter();
    targets.map(|target| target["name"].as_str().unwrap().to_owned()).collect()
}

/// A value that a parameter's template takes.
fn value(name: &str) -> &'static str {
    match name {
        "Image" | "ImageUri" | "image" => "123456789012.dkr.ecr.eu-west-1.amazonaws.com/sales:2.1",
        "Repository" => "sales",
        "VpcId" | "vpc_id" => "vpc-0123456789abcdef0",
        "Subnets" | "PublicSubnets" | "PrivateSubnets" | "public_subnets" | "private_subnets" => {
            "subnet-0123456789abcdef0,subnet-0123456789abcdef1"
        }
        "PublicSubnet" => "subnet-0123456789abcdef0",
        "PrivateRouteTables" => "rtb-0123456789abcdef0,rtb-0123456789abcdef1",
        "CertificateArn" | "certificate_arn" => {
            "arn:aws:acm:eu-west-1:123456789012:certificate/0b1c2d3e"
        }
        "HttpsListenerArn" | "HttpsListener" => {
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/mcp/50dc6c495c0c9188/f2f7dc8efc522ab2"
        }
        "ProtectedArn" => {
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/mcp/50dc6c495c0c9188"
        }
        "ServerKeySecretArn" => "arn:aws:secretsmanager:eu-west-1:123456789012:secret:agent-AbCdEf",
        "BalancerSecurityGroup" | "AgentSecurityGroup" => "sg-0123456789abcdef0",
        "AlarmTopic" => "arn:aws:sns:eu-west-1:123456789012:alarms",
        "ServerUrl" => "http://server.mcp.internal:8000/mcp",
        "Resource" => "https://mcp.example.com/mcp",
        "JwtIssuer" => "https://issuer.example.com",
        "ClientAddress" => "203.0.113.7/32",
        "ClientPublicKey" => "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB ada@laptop",
        "ArtifactsBucket" => "artifacts",
        "ArtifactsPrefix" => "sales/2.1",
        "OidcProvider" => "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF",
        "RoleArn" => "arn:aws:iam::123456789012:role/sales",
        "ApiKeys" | "api_keys" => {
            "ci sha256:694bb7a0f985ba1c278fbba5ee3eb0e0c46d563d5720959a08fdeb66b998a48b"
        }
        "HostName" | "DomainName" | "domain_name" => "mcp.example.org",
        _ => "sales",
    }
}

#[test]
fn every_target_is_rendered_and_nothing_is_left_to_say_once_all_is_said() {
    for target in targets() {
        let project = Project::new();
        let bare = project.mcp(&["deploy", "render", &target, "--json"]).json();
        let missing: Vec<String> =
            serde_json::from_value(bare["targets"][0]["missing"].clone()).unwrap();
        let commands = bare["targets"][0]["commands"].to_string();
        for file in bare["targets"][0]["files"].as_array().unwrap() {
            assert!(project.path(file.as_str().unwrap()).exists(), "{target}: {file}");
        }

        let parameters = project.mcp(&["deploy", "list", &target, "--json"]).json();
        let is_secret = |name: &str| {
            let parameters = parameters["parameters"].as_array().unwrap();
            parameters.iter().any(|it| it["name"] == *name && it["secret"] == json!(true))
        };
        let (secrets, others): (Vec<_>, Vec<_>) = missing.iter().partition(|name| is_secret(name));
        for secret in &secrets {
            assert!(commands.contains(secret.as_str()), "{target}: {secret} in {commands}");
        }
        let set: Vec<String> =
            others.iter().map(|name| format!("--set={name}={}", value(name))).collect();
        let mut arguments = vec!["deploy", "render", &target, "--json", "-o", "full"];
        arguments.extend(set.iter().map(String::as_str));
        let full = project.mcp(&arguments).json();
        assert_eq!(full["targets"][0]["missing"], json!(secrets), "{target}");
    }
}

#[test]
fn values_come_from_the_file_and_flags_go_before_them() {
    let project = Project::new();
    project.write(
        "mcp.toml",
        "name = \"sales\"\nregion = \"eu-west-1\"\n[tags]\nstage = \"test\"\n\n[deploy]\nalarm_email = \
         \"ops@example.com\"\nmemory_mib = 512\n\n[deploy.lambda-function-url]\ntimeout-seconds = 30\n",
    );
    let set = ["--set", "MemoryMiB=1024"];
    let rendered =
        project.mcp(&[&["deploy", "render", "lambda-function-url", "--json"][..], &set].concat());
    let commands = rendered.json()["targets"][0]["commands"].clone();
    assert_eq!(commands[0], json!("mcp package lambda --arch arm64"));
    let deploy = commands[1].as_str().unwrap();
    for part in [
        "sam deploy --template-file deploy/lambda/function-url.yaml --stack-name sales",
        "--region eu-west-1",
        "--tags app=sales stage=test",
        "StateKey=$(openssl rand -hex 32)",
    ] {
        assert!(deploy.contains(part), "{part} in {deploy}");
    }
    let template = project.read("deploy/lambda/function-url.yaml");
    for part in [
        "    Type: Number\n    Default: 1024\n",
        "    Type: Number\n    Default: 30\n",
        "    Default: \"ops@example.com\"\n",
        "      CodeUri: ../../bootstrap.zip\n",
    ] {
        assert!(template.contains(part), "{part} in {template}");
    }
    assert!(project.path("deploy/modules/function-monitoring.yaml").exists());
}

#[test]
fn each_kind_of_template_is_told_in_its_own_way() {
    let project = Project::new();
    project.write(
        "mcp.toml",
        "name = \"sales\"\n[deploy]\nimage = \"123456789012.dkr.ecr.eu-west-1.amazonaws.com/sales@sha256:ab\"\nhost_name = \
         \"sales.example.com\"\npublic_subnets = [\"subnet-1\", \"subnet-2\"]\nalarm_email = \
         \"ops@example.com\"\n[deploy.cdk]\ndoor = \"rest-api\"\n",
    );
    let all = project.mcp(&["deploy", "render", "all", "-o", "out"]);
    assert_eq!(all.code, 0, "{all:?}");
    let production = project.read("out/eks/overlays/production/kustomization.yaml");
    assert!(
        production.contains("newName: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/sales\n"),
        "{production}"
    );
    assert!(production.contains("    digest: sha256:ab\n"), "{production}");
    assert!(project.read("out/eks/base/ingress.yaml").contains("host: sales.example.com"));
    let variables = project.read("out/terraform/fargate/terraform.tfvars");
    assert!(variables.contains("= [\"subnet-1\", \"subnet-2\"]\n"), "{variables}");
    let variables = project.read("out/terraform/lambda/terraform.tfvars");
    assert!(variables.contains("= \"../../../bootstrap.zip\"\n"), "{variables}");
    let cdk: Value = serde_json::from_str(&project.read("out/cdk/cdk.json")).unwrap();
    assert_eq!(cdk["context"]["door"], json!("rest-api"));
    assert_eq!(cdk["context"]["alarmEmail"], json!("ops@example.com"));
    assert_eq!(cdk["context"]["code"], json!("../../bootstrap.zip"));
    let compose = project.read("out/compose/docker-compose.yml");
    assert!(compose.contains("dockerfile: ../../out/image/Dockerfile"), "{compose}");
    assert!(project.read("out/ecs-fargate/template.yaml").contains("\"subnet-1,subnet-2\""));
}

#[test]
fn nothing_is_overwritten_without_a_backup() {
    let project = Project::new();
    let render = ["deploy", "render", "module-waf", "--json"];
    assert_eq!(project.mcp(&render).json()["backups"], json!([]));
    let template = "deploy/modules/waf.yaml";
    project.write(template, "mine");
    assert_eq!(project.mcp(&render).json()["backups"].as_array().unwrap().len(), 1);
    assert_eq!(project.read("deploy/modules/waf.yaml.bak"), "mine");
    assert_eq!(project.mcp(&render).json()["backups"], json!([]));
    assert_ne!(project.read(template), "mine");
}

#[test]
fn a_mistake_is_one_line_with_its_place_and_nothing_is_written() {
    let url = "lambda-function-url";
    for (file, arguments, part) in [
        ("", &["deploy", "render", "fargate"][..], "there is no target \"fargate\""),
        ("name = ", &["deploy", "render", url], "mcp.toml:1: "),
        ("\nregion = 1\n", &["deploy", "render", url], "mcp.toml:2: region: "),
        (
            "[deploy]\nmemory = 1\n",
            &["deploy", "render", url],
            "mcp.toml:2: deploy.memory: there is no such parameter; there are ",
        ),
        (
            "[deploy]\n\nmemory_mib = 64\n",
            &["deploy", "render", url],
            "mcp.toml:3: deploy.memory_mib: expected 128 to 10240, found 64",
        ),
        (
            "[deploy.ec2]\nclient_address = \"203.0.113.0/24\"\n",
            &["deploy", "render", "ec2"],
            "mcp.toml:2: deploy.ec2.client_address: ",
        ),
        (
            "[deploy.ec2]\nmemory_mib = 128\n",
            &["deploy", "render", url],
            "mcp.toml:2: deploy.ec2.memory_mib: there is no such parameter",
        ),
        (
            "[deploy]\nstate_key = \"00\"\n",
            &["deploy", "render", url],
            "mcp.toml:2: deploy.state_key: it is a secret",
        ),
        (
            "[deploy]\nalarm_email = [\"a\", \"b\"]\n",
            &["deploy", "render", url],
            "mcp.toml:2: deploy.alarm_email: expected one value",
        ),
        ("", &["deploy", "render", url, "--set", "DoorBell=1"], "--set: DoorBell: "),
        ("", &["deploy", "render", "compose", "--set", "MemoryMiB=1"], "it has none"),
        ("", &["deploy", "render", url, "--name", "a b"], "--name a b: "),
        ("", &["deploy", "render", url, "--config", "none.toml"], "cannot read none.toml"),
    ] {
        let project = Project::new();
        project.write("mcp.toml", file);
        let said = project.mcp(arguments);
        assert_eq!(said.code, 2, "{file}: {said:?}");
        assert_eq!(said.err.lines().count(), 1, "{file}: {said:?}");
        assert!(said.err.contains(part), "{file}: {said:?}");
        assert!(!project.path("deploy").exists(), "{file}");
    }
}

#[test]
fn a_linter_that_is_missing_is_named_with_the_way_to_get_it() {
    let project = Project::new();
    assert_eq!(project.mcp(&["deploy", "render", "lambda-http-api"]).code, 0);
    let check = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp"));
        command.args(["deploy", "check"]).args(arguments).current_dir(project.0.path());
        support::said(command.env("PATH", project.0.path()).output().unwrap())
    };
    let missing = check(&[]);
    assert_eq!(missing.code, 4, "{missing:?}");
    assert!(missing.out.contains("pipx install cfn-lint"), "{missing:?}");
    assert!(missing.err.contains("cfn-lint, sam, checkov"), "{missing:?}");
    let skipped = check(&["--skip", "cfn-lint", "--skip", "sam", "--skip", "checkov"]);
    assert_eq!(skipped.code, 0, "{skipped:?}");
    let unknown = check(&["--only", "cfnlint"]);
    assert_eq!((unknown.code, unknown.err.lines().count()), (2, 1), "{unknown:?}");
}

#[test]
fn a_folder_without_templates_is_no_success() {
    let project = Project::new();
    let none = project.mcp(&["deploy", "check"]);
    assert_eq!(none.code, 2, "{none:?}");
    project.write("notes.md", "");
    let none = project.mcp(&["deploy", "check", "."]);
    assert!(none.err.contains("mcp deploy render"), "{none:?}");
}

/// `cargo xtask templates` asks every linter about every target; this is what becomes of a fault.
#[test]
fn what_a_linter_finds_is_shown_and_ends_in_1() {
    let Some(path) = std::env::var_os("MCP_TEST_LINTERS") else {
        eprintln!("skipped: MCP_TEST_LINTERS does not say where cfn-lint is");
        return;
    };
    let project = Project::new();
    assert_eq!(project.mcp(&["deploy", "render", "module-waf"]).code, 0);
    let check = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp"));
        command.args(["deploy", "check", "--only", "cfn-lint"]).current_dir(project.0.path());
        support::said(command.env("PATH", &path).output().unwrap())
    };
    let sound = check();
    assert_eq!(sound.code, 0, "{sound:?}");
    let template = "deploy/modules/waf.yaml";
    let text = project.read(template);
    project.write(template, &text.replace("AWS::WAFv2::WebACL\n", "AWS::WAFv2::WebAcl\n"));
    let found = check();
    assert_eq!(found.code, 1, "{found:?}");
    assert!(found.out.contains("AWS::WAFv2::WebAcl"), "{found:?}");
    assert!(found.err.contains("faults: cfn-lint"), "{found:?}");
}
