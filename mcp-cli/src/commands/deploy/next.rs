//! The commands that deploy a target. They are printed; nothing here calls AWS.

use std::path::Path;

use super::targets::{Kind, Target};

#[derive(Debug)]
pub(super) struct Deployment<'a> {
    pub(super) target: &'a Target,
    /// The file with the parameters.
    pub(super) template: &'a Path,
    pub(super) name: &'a str,
    pub(super) region: Option<&'a str>,
    pub(super) tags: &'a [(String, String)],
    /// Names of parameters without a value, with what they are.
    pub(super) missing: &'a [(String, String)],
    /// What a function is made of.
    pub(super) code: &'a str,
    pub(super) image: Option<String>,
    pub(super) architecture: Option<String>,
    /// Bucket and prefix.
    pub(super) artifacts: (Option<String>, Option<String>),
    pub(super) namespace: Option<String>,
}

/// The digest of the key that the line before has made.
const DIGEST: &str = "sha256:$(printf %s \"$KEY\" | sha256sum | cut -d' ' -f1)";

pub(super) fn commands(deployment: &Deployment<'_>) -> Vec<String> {
    let mut commands = Vec::new();
    match deployment.target.kind {
        Kind::Function => {
            commands.extend(deployment.packaged());
            commands.extend(deployment.key());
            commands.push(deployment.sam());
        }
        Kind::FunctionImage if !deployment.target.has_dockerfile() => {
            commands.extend(deployment.pushed());
            commands.push(deployment.sam());
        }
        Kind::FunctionImage => {
            let folder = deployment.folder();
            let image = deployment.image();
            commands.push("mcp package lambda --arch arm64".to_owned());
            commands.extend(deployment.context("unzip -p bootstrap.zip bootstrap"));
            commands.push(format!(
                "docker build --platform linux/arm64 -f {folder}/Dockerfile -t {image} target/image"
            ));
            commands.extend(deployment.login("docker"));
            commands.push(format!("docker push {image}"));
            commands.push(deployment.sam());
        }
        Kind::Container => {
            // An agent is somebody else's program.
            if deployment.target.name != "ecs-fargate-agent" {
                commands.extend(deployment.pushed());
            }
            commands.extend(deployment.key());
            commands.push(deployment.stack());
        }
        Kind::Stack => commands.push(deployment.stack()),
        Kind::Instance => {
            let (bucket, prefix) = &deployment.artifacts;
            let (bucket, prefix) =
                (bucket.as_deref().unwrap_or("…"), prefix.as_deref().unwrap_or("…"));
            let (folder, region) = (deployment.folder(), deployment.region());
            commands.push("mcp package lambda --arch arm64".to_owned());
            commands.push(format!(
                "unzip -p bootstrap.zip bootstrap | aws s3 cp - \
                 s3://{bucket}/{prefix}/mcp-server{region}"
            ));
            commands.push(format!(
                "aws s3 cp {folder}/mcp.service s3://{bucket}/{prefix}/mcp.service{region}"
            ));
            commands.push(deployment.stack());
        }
        Kind::Cdk => {
            let folder = deployment.folder();
            commands.extend(deployment.packaged());
            commands.push(format!("npm install --prefix {folder}"));
            commands.push(format!(
                "npm run deploy --prefix {folder} -- -c name={} --parameters StateKey=$(openssl rand \
                 -hex 32)",
                deployment.name
            ));
        }
        Kind::TerraformFunction | Kind::TerraformContainer => {
            let folder = deployment.folder();
            if deployment.target.kind == Kind::TerraformFunction {
                commands.extend(deployment.packaged());
            } else {
                commands.extend(deployment.pushed());
            }
            commands.extend(deployment.key());
            commands.push(format!("terraform -chdir={folder} init"));
            let given: String = deployment.missing.iter().map(|(name, _)| variable(name)).collect();
            commands.push(format!("terraform -chdir={folder} apply{given}"));
        }
        Kind::Kubernetes => {
            let folder = deployment.folder();
            let namespace = deployment.namespace.as_deref().unwrap_or("mcp");
            commands.extend(deployment.pushed());
            commands.push(deployment.stack());
            commands.push(format!("kubectl create namespace {namespace}"));
            commands.push("KEY=$(openssl rand -hex 32)".to_owned());
            commands.push(format!(
                "kubectl -n {namespace} create secret generic mcp \
                 --from-literal=state-key=$(openssl rand -hex 32) \
                 --from-literal=api-keys=\"ci {DIGEST}\""
            ));
            commands.push(format!("kubectl apply -k {folder}/overlays/production"));
        }
        Kind::Compose => {
            commands.push("mcp package lambda".to_owned());
            commands.extend(deployment.context("unzip -p bootstrap.zip bootstrap"));
            let template = deployment.template.display();
            commands.push(format!("docker compose -f {template} up --build"));
        }
        Kind::Image => {
            commands.push("mcp package lambda".to_owned());
            commands.extend(deployment.context("unzip -p bootstrap.zip bootstrap"));
            let (template, name) = (deployment.template.display(), deployment.name);
            commands.push(format!("docker build -f {template} -t {name}:1 target/image"));
        }
    }
    commands
}

impl Deployment<'_> {
    fn folder(&self) -> String {
        let folder = self.template.parent().unwrap_or(Path::new("."));
        word(&folder.to_string_lossy())
    }

    fn region(&self) -> String {
        self.region.map(|region| format!(" --region {region}")).unwrap_or_default()
    }

    fn tags(&self) -> String {
        let own = if self.tags.iter().any(|(name, _)| name == "app") {
            String::new()
        } else {
            format!(" app={}", self.name)
        };
        let tags =
            self.tags.iter().map(|(name, value)| format!(" {}", word(&format!("{name}={value}"))));
        format!(" --tags{own}{}", tags.collect::<String>())
    }

    fn overrides(&self) -> String {
        // What only the manifests ask for is no parameter of the stack beside them.
        let is_manifest = |name: &str| {
            self.target.kind == Kind::Kubernetes && ["Image", "HostName", "RoleArn"].contains(&name)
        };
        let missing = self.missing.iter().filter(|(name, _)| !is_manifest(name));
        let given: Vec<String> = missing.map(|(name, _)| parameter(name)).collect();
        if given.is_empty() {
            return String::new();
        }
        format!(" --parameter-overrides {}", given.join(" "))
    }

    /// Makes the stack, and brings the templates that it holds to a bucket before.
    fn sam(&self) -> String {
        // Asked for wherever a function is an image, although this one is in its repository already.
        let repository = match self.target.kind {
            Kind::FunctionImage => format!(" --image-repository {}", self.repository()),
            _ => String::new(),
        };
        format!(
            "sam deploy --template-file {} --stack-name {} --resolve-s3{repository} --capabilities \
             CAPABILITY_IAM CAPABILITY_AUTO_EXPAND{}{}{}",
            word(&self.template.to_string_lossy()),
            self.name,
            self.region(),
            self.tags(),
            self.overrides()
        )
    }

    /// Makes the stack of a template of CloudFormation.
    fn stack(&self) -> String {
        if self.target.is_nested() {
            return self.sam();
        }
        format!(
            "aws cloudformation deploy --template-file {} --stack-name {} --capabilities \
             CAPABILITY_IAM{}{}{}",
            word(&self.template.to_string_lossy()),
            self.stack_name(),
            self.region(),
            self.tags(),
            self.overrides()
        )
    }

    /// Stacks that go together cannot have one name.
    fn stack_name(&self) -> String {
        let suffix = match self.target.name {
            "ecs-fargate-agent" => "-agent",
            "ecs-ec2" => "-instances",
            name => match name.strip_prefix("module-") {
                Some(module) => return format!("{}-{module}", self.name),
                None => "",
            },
        };
        format!("{}{suffix}", self.name)
    }

    /// Makes the zip, unless something else makes it.
    fn packaged(&self) -> Option<String> {
        let is_zip = Path::new(self.code).extension().is_some_and(|extension| extension == "zip");
        let architecture = self.architecture.as_deref().unwrap_or("arm64");
        is_zip.then(|| match self.code {
            "bootstrap.zip" => format!("mcp package lambda --arch {architecture}"),
            code => format!("mcp package lambda --arch {architecture} -o {}", word(code)),
        })
    }

    /// Makes the key that callers are given, where the digest of one is asked for.
    fn key(&self) -> Option<String> {
        let asks = |name: &str| matches!(name, "ApiKeys" | "api_keys");
        let is_asked = self.missing.iter().any(|(name, _)| asks(name));
        is_asked.then(|| "KEY=$(openssl rand -hex 32)   # for the caller".to_owned())
    }

    fn image(&self) -> String {
        self.image.as_deref().map_or_else(|| "…".to_owned(), word)
    }

    /// The folder that an image is built from.
    fn context(&self, program: &str) -> [String; 2] {
        [
            format!("mkdir -p target/image && {program} > target/image/server"),
            "cp /etc/ssl/certs/ca-certificates.crt target/image/".to_owned(),
        ]
    }

    /// Where the image is, without its tag or digest.
    fn repository(&self) -> String {
        let image = self.image.as_deref().unwrap_or("…");
        let image = image.split('@').next().unwrap_or_default();
        let is_tag = |(_, tag): &(&str, &str)| !tag.contains('/');
        word(image.rsplit_once(':').filter(is_tag).map_or(image, |(repository, _)| repository))
    }

    fn login(&self, program: &str) -> Option<String> {
        let registry = self.image.as_deref()?.split('/').next()?;
        registry.contains(".dkr.ecr.").then(|| {
            format!(
                "aws ecr get-login-password{} | {program} login --username AWS --password-stdin \
                 {registry}",
                self.region()
            )
        })
    }

    /// Makes an image, and brings it to its registry.
    fn pushed(&self) -> Vec<String> {
        let architecture = match (self.architecture.as_deref(), self.target.name) {
            (Some("X86_64" | "x86_64"), _) | (None, "ecs-express") => "x86_64",
            _ => "arm64",
        };
        let mut commands = vec![format!("mcp package image --arch {architecture}")];
        commands.extend(self.login("skopeo"));
        commands.push(format!("skopeo copy oci-archive:image.tar docker://{}", self.image()));
        commands
    }
}

/// A parameter that the user has to give.
fn parameter(name: &str) -> String {
    match name {
        // Later deployments are given the same.
        "StateKey" => "StateKey=$(openssl rand -hex 32)".to_owned(),
        "ApiKeys" => format!("ApiKeys=\"ci {DIGEST}\""),
        "ClientAddress" => {
            "ClientAddress=\"$(curl -s https://checkip.amazonaws.com)/32\"".to_owned()
        }
        "ClientPublicKey" => "ClientPublicKey=\"$(cat ~/.ssh/id_ed25519.pub)\"".to_owned(),
        name => format!("{name}=…"),
    }
}

fn variable(name: &str) -> String {
    match name {
        "state_key" => " -var state_key=$(openssl rand -hex 32)".to_owned(),
        "api_keys" => format!(" -var \"api_keys=ci {DIGEST}\""),
        name => format!(" -var {name}=…"),
    }
}

/// A word of a shell. An equals sign within is harmless.
fn word(text: &str) -> String {
    match text.split_once('=') {
        Some((name, value)) => {
            format!("{}={}", shell_words::quote(name), shell_words::quote(value))
        }
        None => shell_words::quote(text).into_owned(),
    }
}
