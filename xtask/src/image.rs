//! `cargo xtask image`: the image of `deploy/image`, built as its README says, and run: as a server, and as a function
//! under AWS's Runtime Interface Emulator.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};

use crate::{
    shell::{self, exists, output, skip, step},
    toolbox,
};

/// The smallest of the servers, as its dependencies are compiled for this alone.
const PACKAGE: &str = "hello";
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// A call of a tool.
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":40}}}"#;

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
    ensure!(answer.contains(r#""text":"42""#), "the call is answered with {answer}");
    // As the image's own health check does.
    let listen = format!("MCP_LISTEN={}", server.address);
    shell::run(images.in_container(&listen).arg("health"))?;
    drop(server);
    function(&images)?;
    images.clear()?;
    let size = fs::metadata(context.join("server"))?.len();
    eprintln!("an image of {:.1} MB answers from `FROM scratch`", size as f64 / 1e6);
    Ok(())
}

/// The same image as a function: Lambda starts its program without arguments, and says in the environment where
/// events are.
fn function(images: &Images) -> anyhow::Result<()> {
    const WHAT: &str = "the container image as a function";
    let Some(emulator) = toolbox::lambda_rie()? else { return skip(WHAT, toolbox::NO_PYTHON) };
    step(WHAT);
    // The emulator starts a program; what it is told is handed on.
    let mut program = "#!/bin/sh\nexec".to_owned();
    let mut run = images.buildah("run");
    run.arg("--isolation=chroot");
    for part in std::iter::once(run.get_program()).chain(run.get_args()) {
        program += &format!(" '{}'", part.to_string_lossy());
    }
    for variable in [
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "MCP_ALLOW_ANONYMOUS",
        "MCP_STATE_KEY",
    ] {
        program += &format!(" --env {variable}=\"${variable}\"");
    }
    program += " check -- /server\n";
    let bootstrap = images.folder.join("bootstrap");
    fs::write(&bootstrap, program)?;
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755))?;

    let (address, runtime_api) = (free_address()?, free_address()?);
    let child = Command::new(emulator)
        .args(["--runtime-interface-emulator-address", &address.to_string()])
        .args(["--runtime-api-address", &runtime_api.to_string()])
        .arg(&bootstrap)
        .env("AWS_LAMBDA_FUNCTION_NAME", "function")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("MCP_ALLOW_ANONYMOUS", "true")
        .env("MCP_STATE_KEY", "ab".repeat(32))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let mut emulator = Emulator(child);
    while TcpStream::connect(address).is_err() {
        if let Some(status) = emulator.0.try_wait()? {
            bail!("the emulator has ended: {status}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    let path = "POST /2015-03-31/functions/function/invocations";
    let answer = request(&address.to_string(), path, CALL)?;
    ensure!(answer.contains(r#""text":"42""#), "the invocation is answered with {answer}");
    Ok(())
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Ends what it has started along with itself.
struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Fills the folder that the image is built from. Not with the profile `release`: what the image has to be is the same,
/// and optimizing it would take minutes of each run.
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

/// A server that listens, in its container or as a program, until it is dropped.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: String,
    /// Read to the end by nobody: the server says little, and a pipe that is closed would stop it.
    _stderr: BufReader<ChildStderr>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut stderr = BufReader::new(child.stderr.take().context("standard error is a pipe")?);
        let mut said = String::new();
        let address = loop {
            let before = said.len();
            if stderr.read_line(&mut said)? == 0 {
                bail!("the server does not start: {said}");
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
