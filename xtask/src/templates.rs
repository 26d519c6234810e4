//! `cargo xtask templates`: every target rendered by `mcp deploy render`, and held by `mcp deploy check` against
//! the tools of the field, which are installed here.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::Value;

use crate::{
    shell::{self, exists, skip, step},
    toolbox,
};

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Render and check only this target, such as `eks`.
    #[arg(long)]
    target: Option<String>,
    /// Run only this linter, such as `cfn-lint`.
    #[arg(long, value_name = "NAME")]
    linter: Option<String>,
}

/// What each of the templates is filled with.
const VALUES: &str = include_str!("templates/mcp.toml");

/// What goes into no file.
const SECRETS: [&str; 4] = ["StateKey", "state_key", "ApiKeys", "api_keys"];

const WHAT: &str = "checks of templates";

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let Some(path) = path_with_linters()? else {
        return skip(WHAT, toolbox::NO_PYTHON);
    };
    step("templates: every target, rendered");
    let mcp = mcp()?;
    let folder = shell::target_directory()?.join("templates");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("mcp.toml"), VALUES)?;
    // The CDK and SAM want what they deploy to be there; what is in it is not looked at. An empty zip.
    fs::write(folder.join("bootstrap.zip"), [&b"PK\x05\x06"[..], &[0; 18]].concat())?;
    let render = |arguments: &[&str]| {
        let mut command = Command::new(&mcp);
        command.args(["deploy", "render", "--json"]).args(arguments).current_dir(&folder);
        shell::output(&mut command)
    };
    let target = options.target.as_deref().unwrap_or("all");
    ready(&render(&[target])?)?;
    if matches!(target, "all" | "cdk") {
        render(&["cdk", "--set", "door=rest-api", "--name", "mcp-rest-api", "-o", "rest-api"])?;
        for application in ["deploy/cdk", "rest-api/cdk"] {
            if !install(&folder.join(application))? {
                return skip(WHAT, toolbox::NO_NPM);
            }
        }
    }
    step("templates: linters");
    let mut check = Command::new(&mcp);
    check.env("PATH", &path).args(["deploy", "check"]).current_dir(&folder);
    match &options.linter {
        Some(linter) => {
            check.args(["--only", linter]);
        }
        // Its format is all that could be checked without HashiCorp's registry; the schema is checked below.
        None if !exists("terraform") => {
            eprintln!("there is no terraform: the format of *.tf is left unchecked");
            check.args(["--skip", "terraform"]);
        }
        None => {}
    }
    shell::run(check.arg("."))?;
    if options.target.is_some() || options.linter.is_some() {
        return Ok(());
    }
    // Examples are there to be read; what is there to be deployed is above.
    shell::run(
        Command::new(&mcp)
            .env("PATH", &path)
            .args(["deploy", "check", "--skip", "checkov"])
            .arg(crate::root().join("examples")),
    )?;
    terraform(&folder.join("deploy/terraform"))?;
    moto(&folder.join("deploy"))
}

/// The PATH with all linters on it, each from an environment of its own; or `None` where there is no Python.
pub(crate) fn path_with_linters() -> anyhow::Result<Option<OsString>> {
    let packages = [
        // SAM brings another cfn-lint along.
        toolbox::CFN_LINT,
        toolbox::SAM,
        toolbox::CHECKOV,
        toolbox::HADOLINT,
        toolbox::KUBERNETES_VALIDATE,
        toolbox::CHECK_JSONSCHEMA,
    ];
    let mut folders = Vec::new();
    for packages in packages {
        let Some(python) = toolbox::python(packages)? else { return Ok(None) };
        folders.push(python.with_file_name(""));
    }
    if !exists("systemd-analyze") {
        toolbox::debian(&["systemd"])?;
    }
    if !exists("node") {
        // The CDK's compiler runs on it.
        if let Some(programs) = toolbox::npm(toolbox::TERRAFORM_AWS)? {
            folders.push(programs);
        }
    }
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    Ok(Some(env::join_paths(folders)?))
}

/// The command, built. Not by itself, but as a test of its own has it built in `cargo test --workspace`, after which
/// nothing is left to compile.
pub(crate) fn mcp() -> anyhow::Result<PathBuf> {
    shell::run(shell::cargo().args([
        "test",
        "--workspace",
        "--locked",
        "--no-run",
        "--test=client_config",
    ]))?;
    Ok(shell::target_directory()?.join("debug").join(format!("mcp{}", env::consts::EXE_SUFFIX)))
}

/// Whether every target has all that it needs but secrets, so that every parameter is checked.
fn ready(rendered: &str) -> anyhow::Result<()> {
    let rendered: Value = serde_json::from_str(rendered)?;
    for target in rendered["targets"].as_array().into_iter().flatten() {
        let missing = target["missing"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let missing: Vec<&str> = missing.filter(|name| !SECRETS.contains(name)).collect();
        ensure!(
            missing.is_empty(),
            "{} is not told {}: say it in xtask/src/templates/mcp.toml",
            target["target"],
            missing.join(", ")
        );
    }
    Ok(())
}

/// Puts what an application of the CDK needs beside it.
fn install(application: &Path) -> anyhow::Result<bool> {
    let manifest = fs::read_to_string(application.join("package.json"))?;
    let manifest: Value = serde_json::from_str(&manifest)?;
    // It has exact versions.
    let pins: Vec<String> = ["dependencies", "devDependencies"]
        .into_iter()
        .filter_map(|needs| manifest[needs].as_object())
        .flatten()
        .filter_map(|(name, version)| Some(format!("{name}@{}", version.as_str()?)))
        .collect();
    let pins: Vec<&str> = pins.iter().map(String::as_str).collect();
    let Some(programs) = toolbox::npm_all(&pins)? else { return Ok(false) };
    let modules = programs.parent().context("programs lie in a folder")?;
    symlink(modules, application.join("node_modules"))?;
    Ok(true)
}

/// Holds Terraform against the schema of its AWS provider. The provider itself, which `terraform validate`
/// asks, comes from HashiCorp's registry alone; what was generated of its schema is on npm.
fn terraform(folder: &Path) -> anyhow::Result<()> {
    const WHAT: &str = "checks of Terraform";
    let Some(python) = toolbox::python(toolbox::PYTHON_HCL2)? else {
        return skip(WHAT, toolbox::NO_PYTHON);
    };
    let Some(programs) = toolbox::npm(toolbox::TERRAFORM_AWS)? else {
        return skip(WHAT, toolbox::NO_NPM);
    };
    step("templates: Terraform against the provider's schema");
    let mut files = Vec::new();
    for module in fs::read_dir(folder)? {
        for file in fs::read_dir(module?.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "tf") {
                files.push(path);
            }
        }
    }
    shell::run(
        Command::new(python)
            .arg(crate::root().join("xtask/src/templates/terraform.py"))
            .arg(programs.with_file_name("@cdktf").join("provider-aws"))
            .args(files),
    )
}

/// Applies stacks to an emulator of AWS, as far as it knows their resources, and looks at what they make.
fn moto(rendered: &Path) -> anyhow::Result<()> {
    let python = (toolbox::python(toolbox::MOTO)?, toolbox::python(toolbox::SAM)?);
    let (Some(python), Some(sam)) = python else {
        return skip("applying templates to moto", toolbox::NO_PYTHON);
    };
    step("templates: applied to moto");
    shell::run(
        Command::new(python)
            // Nobody asks for them, but the SDK wants to sign.
            .env("AWS_ACCESS_KEY_ID", "moto")
            .env("AWS_SECRET_ACCESS_KEY", "moto")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(crate::root().join("xtask/src/templates/apply.py"))
            .arg(sam)
            .arg(rendered),
    )
}
