//! `cargo xtask arm64`: a whole server, packaged by `mcp package` for the processor that most of AWS's templates name, and
//! run under QEMU, over standard streams, over HTTP and as a function.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::{
    image::Running,
    shell::{self, output, skip, step},
    templates, toolbox,
};

/// The smallest of the servers, as its dependencies are compiled for this alone.
const PACKAGE: &str = "hello";
const TARGET: &str = "aarch64-unknown-linux-musl";
const CALL: [&str; 3] = ["add", "a=2", "b=40"];

pub(crate) fn run() -> anyhow::Result<()> {
    const WHAT: &str = "packages for arm64";
    if cfg!(target_arch = "aarch64") {
        eprintln!("{WHAT} are this machine's own, which other tests make");
        return Ok(());
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).status();
    if !added.is_ok_and(|status| status.success()) {
        return skip(WHAT, &format!("`rustup target add {TARGET}` does not work here"));
    }
    let Some(python) = toolbox::python(toolbox::ZIG)? else {
        return skip(WHAT, toolbox::NO_PYTHON);
    };
    let Some(qemu) = toolbox::qemu_aarch64()? else {
        return skip(WHAT, "there is no qemu-aarch64; install Debian's qemu-user-static");
    };
    let mcp = Mcp(templates::mcp()?);
    step(WHAT);
    let folder = shell::target_directory()?.join("arm64");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;

    let programs = python.parent().context("a Python is in a folder")?;
    let path = toolbox::path_with(programs);
    mcp.package("lambda", &folder.join("bootstrap.zip"), &path)?;
    mcp.package("image", &folder.join("image.tar"), &path)?;
    let bootstrap = unzip(&python, &folder)?;
    let server = from_image(&folder.join("image.tar"), &folder.join("image"))?;
    ensure!(fs::read(&bootstrap)? == fs::read(server)?, "the image holds another program");
    // Archives are unpacked without what may be executed.
    shell::run(Command::new("chmod").arg("+x").arg(&bootstrap))?;

    mcp.answers(&format!("{qemu} '{}' stdio", bootstrap.display()))?;
    let mut http = Command::new(qemu);
    http.arg(&bootstrap).arg("http").env("MCP_LISTEN", "127.0.0.1:0");
    let server = Running::start(http)?;
    mcp.answers(&format!("http://{}/mcp", server.address))?;
    drop(server);
    let function = Function::start(&mcp, qemu, &bootstrap)?;
    for url in &function.urls {
        mcp.answers(url)?;
    }
    let size = fs::metadata(folder.join("bootstrap.zip"))?.len();
    eprintln!(
        "a zip of {:.1} MB, not optimized, answers as a program for arm64",
        size as f64 / 1e6
    );
    Ok(())
}

/// The command `mcp`.
struct Mcp(PathBuf);

impl Mcp {
    fn package(&self, kind: &str, file: &Path, path: &OsString) -> anyhow::Result<()> {
        let mut command = Command::new(&self.0);
        command.args(["package", kind, "--arch=arm64", "--profile=dev", "--json", "--output"]);
        command.arg(file).current_dir(crate::root().join("examples").join(PACKAGE));
        // Without debugging information, which would be most of it.
        command.env("PATH", path).env("CARGO_PROFILE_DEV_DEBUG", "false");
        let made: Value = serde_json::from_str(&output(&mut command)?)?;
        ensure!(made["architecture"] == "arm64", "the package is {made}");
        Ok(())
    }

    fn answers(&self, target: &str) -> anyhow::Result<()> {
        let answer = output(Command::new(&self.0).args(["call", target]).args(CALL))?;
        ensure!(answer.trim() == "42", "{target} answers {answer}");
        Ok(())
    }
}

/// The program that Lambda would start.
fn unzip(python: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let zip = folder.join("bootstrap.zip");
    shell::run(Command::new(python).args(["-m", "zipfile", "-e"]).arg(zip).arg(folder))?;
    Ok(folder.join("bootstrap"))
}

/// The program that a container would start, found as a container engine finds it.
fn from_image(image: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir(folder)?;
    shell::run(Command::new("tar").arg("-xf").arg(image).arg("-C").arg(folder))?;
    let json =
        |path: &Path| -> anyhow::Result<Value> { Ok(serde_json::from_slice(&fs::read(path)?)?) };
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().and_then(|digest| digest.split_once(':'));
        let (algorithm, digest) = digest.with_context(|| format!("no descriptor: {descriptor}"))?;
        anyhow::Ok(folder.join("blobs").join(algorithm).join(digest))
    };
    let index = json(&folder.join("index.json"))?;
    let platform = &index["manifests"][0]["platform"];
    let manifest = json(&blob(&index["manifests"][0])?)?;
    let config = json(&blob(&manifest["config"])?)?;
    for told in [platform, &config] {
        ensure!(
            told["architecture"] == "arm64" && told["os"] == "linux",
            "the image is for {told}"
        );
    }
    let layer = blob(&manifest["layers"][0])?;
    shell::run(Command::new("tar").arg("-xzf").arg(layer).arg("-C").arg(folder))?;
    let entry = config["config"]["Entrypoint"][0].as_str().context("the image starts nothing")?;
    Ok(folder.join(entry.trim_start_matches('/')))
}

/// The program as a function behind two of the front doors, by `mcp dev`.
struct Function {
    child: Child,
    urls: Vec<String>,
}

impl Function {
    fn start(mcp: &Mcp, qemu: &str, program: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(&mcp.0)
            .args(["dev", "--json", "--port=0", "--door=function-url-stream", "--door=alb", qemu])
            .arg(program)
            .env("MCP_STATE_KEY", "ab".repeat(32))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().context("standard output is a pipe")?);
        let mut function = Self { child, urls: Vec::new() };
        let mut text = String::new();
        let document: Value = loop {
            ensure!(stdout.read_line(&mut text)? > 0, "`mcp dev` does not start: {text}");
            if let Ok(document) = serde_json::from_str(&text) {
                break document;
            }
        };
        let doors = document["doors"].as_array().into_iter().flatten();
        function.urls = doors.filter_map(|door| Some(door["url"].as_str()?.to_owned())).collect();
        ensure!(function.urls.len() == 2, "`mcp dev` says {document}");
        Ok(function)
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}
