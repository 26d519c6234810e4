use std::{
    ffi::OsString,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;
use serde_json::Value;

use super::{
    Linting,
    files::{Found, Kind},
};
use crate::{
    shell::{exists, output, run, skip},
    toolbox,
};

/// Where templates are checked for: the region that has every service, and the prices' own.
const REGION: &str = "us-east-1";

/// The settings of `deploy/cdk` that make another stack.
const DOORS: [&str; 2] = ["function-url", "rest-api"];

/// Compiles the application of the CDK, and synthesizes it; its stacks are then linted like templates
/// written by hand.
pub(super) fn cdk(linting: &Linting<'_>) -> anyhow::Result<()> {
    let source = folder(linting.files[0])?;
    let pins = pins(&source.join("package.json"))?;
    let pins: Vec<&str> = pins.iter().map(String::as_str).collect();
    let Some(programs) = toolbox::npm_all(&pins)? else {
        return skip("the CDK's templates", toolbox::NO_NPM);
    };
    let Some(python) = toolbox::python(toolbox::CFN_LINT)? else {
        return skip("the CDK's templates", toolbox::NO_PYTHON);
    };
    let modules = programs.parent().context("programs lie in a folder")?;
    let copy = linting.output.join("cdk");
    copy_folder(source, &copy)?;
    symlink(modules, copy.join("node_modules"))?;
    // What is deployed has to be there; what is in it is not looked at.
    let code = copy.join("code");
    fs::create_dir_all(&code)?;
    fs::write(code.join("bootstrap"), "")?;
    let path = toolbox::path_with(&programs);
    run(Command::new(programs.join("tsc")).env("PATH", &path).current_dir(&copy))?;
    for door in DOORS {
        run(Command::new(programs.join("cdk"))
            .env("PATH", &path)
            .env("CDK_DISABLE_CLI_TELEMETRY", "true")
            .env("CDK_DEFAULT_REGION", REGION)
            .current_dir(&copy)
            .args(["synth", "--quiet", "--strict", "--no-notices", "--no-version-reporting"])
            .args(["--context", "code=code", "--context", &format!("door={door}")])
            .args([
                "--context",
                &format!("name=mcp-{door}"),
                "--context",
                "alarmEmail=ops@example.com",
            ])
            .args(["--output", &format!("out-{door}")]))?;
        fs::copy(
            copy.join(format!("out-{door}/mcp-{door}.template.json")),
            linting.output.join(format!("cdk-{door}.template.json")),
        )?;
    }
    run(Command::new(beside(&python, "cfn-lint"))
        // The CDK writes out the order of resources, also where references tell it.
        .args(["--ignore-checks", "W3005", "--regions", REGION, "--"])
        .args(with_ending(&linting.output, ".template.json")?))
}

/// What an application needs, as `name@version`; its manifest has exact versions.
fn pins(manifest: &Path) -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(manifest)
        .with_context(|| format!("cannot read {}", manifest.display()))?;
    let manifest: Value = serde_json::from_str(&text)?;
    let needs = ["dependencies", "devDependencies"].into_iter();
    Ok(needs
        .filter_map(|needs| manifest[needs].as_object())
        .flatten()
        .filter_map(|(name, version)| Some(format!("{name}@{}", version.as_str()?)))
        .collect())
}

/// Puts each kustomization together, and holds what comes out against the schemas of the API.
pub(super) fn kubernetes(linting: &Linting<'_>) -> anyhow::Result<()> {
    const WHAT: &str = "checks of Kubernetes manifests";
    let Some(python) = toolbox::python(toolbox::KUBERNETES_VALIDATE)? else {
        return skip(WHAT, toolbox::NO_PYTHON);
    };
    let Some(build) = kustomize() else {
        return skip(WHAT, "there is neither kubectl nor kustomize; install one of them");
    };
    let rendered = linting.output.join("kubernetes");
    fs::create_dir_all(&rendered)?;
    let mut files = Vec::new();
    for file in &linting.files {
        let folder = folder(file)?;
        let manifests = output(Command::new(build[0]).args(&build[1..]).arg(folder))?;
        let name = folder.strip_prefix(crate::root())?.to_string_lossy().replace('/', "-");
        let path = rendered.join(format!("{name}.yaml"));
        fs::write(&path, manifests)?;
        files.push(path);
    }
    run(Command::new(beside(&python, "kubernetes-validate"))
        .args(["--strict", "--quiet"])
        .args(files))
}

fn kustomize() -> Option<&'static [&'static str]> {
    let has = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
    };
    if has("kubectl", &["kustomize", "--help"]) {
        return Some(&["kubectl", "kustomize"]);
    }
    has("kustomize", &["version"]).then_some(&["kustomize", "build"])
}

pub(super) fn cfn_lint(linting: &Linting<'_>) -> anyhow::Result<()> {
    let Some(python) = toolbox::python(toolbox::CFN_LINT)? else {
        return skip("cfn-lint", toolbox::NO_PYTHON);
    };
    run(Command::new(beside(&python, "cfn-lint"))
        .args(["--regions", REGION, "--"])
        .args(paths(linting)))
}

pub(super) fn sam(linting: &Linting<'_>) -> anyhow::Result<()> {
    let Some(python) = toolbox::python(toolbox::SAM)? else {
        return skip("sam validate", toolbox::NO_PYTHON);
    };
    for path in paths(linting) {
        run(Command::new(beside(&python, "sam"))
            .env("SAM_CLI_TELEMETRY", "0")
            .args(["validate", "--lint", "--region", REGION, "--template"])
            .arg(path))?;
    }
    Ok(())
}

/// Applies stacks to an emulator of AWS, as far as it knows their resources, and looks at what they make.
pub(super) fn moto(_: &Linting<'_>) -> anyhow::Result<()> {
    let Some(python) = toolbox::python(toolbox::MOTO)? else {
        return skip("applying templates to moto", toolbox::NO_PYTHON);
    };
    run(Command::new(python)
        // Nobody asks for them, but the SDK wants to sign.
        .env("AWS_ACCESS_KEY_ID", "moto")
        .env("AWS_SECRET_ACCESS_KEY", "moto")
        .arg(crate::root().join("xtask/src/templates/apply.py"))
        .arg(crate::root().join("deploy")))
}

pub(super) fn hadolint(linting: &Linting<'_>) -> anyhow::Result<()> {
    let Some(python) = toolbox::python(toolbox::HADOLINT)? else {
        return skip("hadolint", toolbox::NO_PYTHON);
    };
    run(Command::new(beside(&python, "hadolint")).args(paths(linting)))
}

/// Holds compose files against the schema of the Compose specification.
pub(super) fn compose(linting: &Linting<'_>) -> anyhow::Result<()> {
    let Some(python) = toolbox::python(toolbox::CHECK_JSONSCHEMA)? else {
        return skip("checks of compose files", toolbox::NO_PYTHON);
    };
    run(Command::new(beside(&python, "check-jsonschema"))
        .args(["--builtin-schema", "vendor.compose-spec"])
        .args(paths(linting)))
}

/// Reads units as systemd does, and asks it how exposed their services are.
pub(super) fn systemd(linting: &Linting<'_>) -> anyhow::Result<()> {
    if !exists("systemd-analyze") {
        toolbox::debian(&["systemd"])?;
    }
    if !exists("systemd-analyze") {
        return skip("checks of units", "there is no systemd-analyze; it is a part of systemd");
    }
    // A unit whose program is not there does not pass; the programs are stood in for.
    let programs = linting.output.join("systemd");
    fs::create_dir_all(&programs)?;
    let mut units = Vec::new();
    for path in paths(linting) {
        let unit = fs::read_to_string(&path)?;
        let lines = unit.lines().map(|line| match line.strip_prefix("ExecStart=/usr/local/bin/") {
            Some(_) => "ExecStart=/bin/true",
            None => line,
        });
        let copy = programs.join(path.file_name().unwrap_or_default());
        fs::write(&copy, lines.fold(String::new(), |text, line| text + line + "\n"))?;
        units.push(copy);
    }
    run(Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units))?;
    run(Command::new("systemd-analyze")
        .args(["security", "--no-pager", "--offline=true", "--threshold=20"])
        .args(&units)
        .stdout(std::process::Stdio::null()))
}

/// Holds Terraform against the schema of its AWS provider. The provider itself, which `terraform validate`
/// asks, comes from HashiCorp's registry alone; what was generated of its schema is on npm.
pub(super) fn terraform(linting: &Linting<'_>) -> anyhow::Result<()> {
    let Some(python) = toolbox::python(toolbox::PYTHON_HCL2)? else {
        return skip("checks of Terraform", toolbox::NO_PYTHON);
    };
    let Some(programs) = toolbox::npm(toolbox::TERRAFORM_AWS)? else {
        return skip("checks of Terraform", toolbox::NO_NPM);
    };
    run(Command::new(python)
        .arg(crate::root().join("xtask/src/templates/terraform.py"))
        .arg(programs.with_file_name("@cdktf").join("provider-aws"))
        .args(paths(linting)))?;
    if !exists("terraform") {
        eprintln!("there is no terraform: the format of *.tf is left unchecked");
        return Ok(());
    }
    run(Command::new("terraform")
        .env("CHECKPOINT_DISABLE", "1")
        .args(["fmt", "-check", "-diff"])
        .args(paths(linting)))
}

/// Looks for what is insecure. What it finds and we keep stands in `deploy/.checkov.yaml`, with a reason each.
pub(super) fn checkov(linting: &Linting<'_>) -> anyhow::Result<()> {
    let Some(python) = toolbox::python(toolbox::CHECKOV)? else {
        return skip("checkov", toolbox::NO_PYTHON);
    };
    // Examples are there to be read; what is there to be deployed is in one folder.
    let deploy = crate::root().join("deploy");
    let mut files: Vec<PathBuf> = linting
        .of(&[Kind::CloudFormation, Kind::Dockerfile, Kind::Sam, Kind::Terraform])
        .filter(|file| file.path.starts_with(&deploy))
        .map(|file| file.path.clone())
        .collect();
    // A base is not applied; what is made of it is.
    let manifests = with_ending(&linting.output.join("kubernetes"), ".yaml")?;
    files.extend(
        manifests.into_iter().filter(|path| !path.to_string_lossy().ends_with("-base.yaml")),
    );
    files.extend(with_ending(&linting.output, ".template.json")?);
    if files.is_empty() {
        return Ok(());
    }
    let mut command = Command::new(beside(&python, "checkov"));
    command
        .args(["--skip-download", "--quiet", "--compact", "--config-file"])
        .arg(deploy.join(".checkov.yaml"));
    for file in files {
        command.arg("--file").arg(file);
    }
    run(&mut command)
}

/// A program that a Python's packages have brought.
fn beside(python: &Path, program: &str) -> PathBuf {
    python.with_file_name(program)
}

fn paths(linting: &Linting<'_>) -> Vec<PathBuf> {
    linting.files.iter().map(|file| file.path.clone()).collect()
}

fn folder(file: &Found) -> anyhow::Result<&Path> {
    file.path.parent().context("a file lies in a folder")
}

/// The files of a folder whose name ends so, in order; none where there is no such folder.
fn with_ending(folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    let ignored: [OsString; 3] = ["node_modules".into(), "cdk.out".into(), "dist".into()];
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if ignored.contains(&entry.file_name()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
