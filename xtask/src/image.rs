//! `cargo xtask image`: the image of `deploy/image`, built as its README says, and run.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};

use crate::{
    shell::{self, exists, output, skip, step},
    toolbox,
};

const PACKAGE: &str = "sales-server";
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// A call that only the server's data can answer.
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"top_n_products","arguments":{"n":3,"operation":"Dallas"}}}"#;

pub(crate) fn run() -> anyhow::Result<()> {
    const WHAT: &str = "the container image";
    if !toolbox::is_root() {
        return skip(WHAT, "building one without a container engine needs root");
    }
    if !exists("buildah") {
        toolbox::debian(&["buildah"])?;
    }
    if !exists("buildah") {
        return skip(WHAT, "there is no buildah; install it");
    }
    if !Path::new(CERTIFICATES).exists() {
        toolbox::debian(&["ca-certificates"])?;
    }
    step(WHAT);
    let folder = shell::target_directory()?.join("image");
    let context = fill(&folder.join("context"))?;
    let images = Images { folder: folder.join("storage") };
    images.clear()?;
    let file = crate::root().join("deploy/image/Dockerfile");
    // Docker's own format, as OCI's has no health checks.
    shell::run(
        images
            .buildah("build")
            .args(["--isolation=chroot", "--format=docker", "--quiet", "--tag=mcp:check", "--file"])
            .arg(file)
            .arg(&context)
            .stdout(Stdio::null()),
    )?;
    output(images.buildah("from").args(["--pull-never", "--name=check", "localhost/mcp:check"]))?;
    let server = Running::start(images.in_container("MCP_LISTEN=127.0.0.1:0"))?;
    let health = request(&server.address, "GET /health", "")?;
    ensure!(health.contains(r#""status":"ok""#), "GET /health is answered with {health}");
    let answer = request(&server.address, "POST /mcp", CALL)?;
    ensure!(answer.contains(r#""products":[{"rank":1"#), "the call is answered with {answer}");
    // As the image's own health check does.
    let listen = format!("MCP_LISTEN={}", server.address);
    shell::run(images.in_container(&listen).arg("health"))?;
    drop(server);
    images.clear()?;
    let size = fs::metadata(context.join("server"))?.len();
    eprintln!("an image of {:.1} MB answers from `FROM scratch`", size as f64 / 1e6);
    Ok(())
}

/// Fills the folder that the image is built from.
fn fill(context: &Path) -> anyhow::Result<PathBuf> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say which host it is for")?;
    // The target is named on purpose: without one, the flag would apply to macros as well. Without
    // debugging information, which would be most of the image.
    shell::run(
        shell::cargo()
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .args(["build", "--locked", "--package", PACKAGE, "--target", host]),
    )?;
    let binary = shell::target_directory()?.join(host).join("debug").join(PACKAGE);
    fs::create_dir_all(context)?;
    fs::copy(binary, context.join("server"))?;
    fs::copy(CERTIFICATES, context.join("ca-certificates.crt")).context(CERTIFICATES)?;
    Ok(context.to_owned())
}

/// A store of images of our own, so that the machine's is left alone.
struct Images {
    folder: PathBuf,
}

impl Images {
    fn buildah(&self, command: &str) -> Command {
        let mut buildah = Command::new("buildah");
        buildah
            // Works on every file system, and without the kernel's overlays.
            .arg("--storage-driver=vfs")
            .arg("--root")
            .arg(self.folder.join("root"))
            .arg("--runroot")
            .arg(self.folder.join("run"))
            .arg(command);
        buildah
    }

    /// The image's program, with a variable in its environment.
    fn in_container(&self, variable: &str) -> Command {
        let mut command = self.buildah("run");
        command.args(["--isolation=chroot", "--env", variable, "check", "--", "/server"]);
        command
    }

    fn clear(&self) -> anyhow::Result<()> {
        if self.folder.exists() {
            shell::run(self.buildah("rm").arg("--all").stdout(Stdio::null()))?;
            fs::remove_dir_all(&self.folder)?;
        }
        Ok(())
    }
}

/// The server in its container.
struct Running {
    child: Child,
    address: String,
    /// Read to the end by nobody: the server says little, and a pipe that is closed would stop it.
    _stderr: BufReader<ChildStderr>,
}

impl Running {
    fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut stderr = BufReader::new(child.stderr.take().context("standard error is a pipe")?);
        let mut said = String::new();
        let address = loop {
            let before = said.len();
            if stderr.read_line(&mut said)? == 0 {
                bail!("the server does not start in its container: {said}");
            }
            if let Some((_, rest)) = said[before..].split_once("http://") {
                break rest.split('/').next().unwrap_or_default().to_owned();
            }
        };
        Ok(Self { child, address, _stderr: stderr })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // buildah hands the signal on to the container.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn request(address: &str, what: &str, body: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "{what} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
