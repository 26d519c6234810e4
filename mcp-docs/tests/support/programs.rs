//! The workspace's own programs.

use std::{
    path::PathBuf,
    process::Command,
    sync::{LazyLock, Mutex, PoisonError},
};

use super::root;

/// Programs that the documentation names, and what to build them with where they are not there yet.
/// `cargo test --workspace` has built them all, beside this test, before it runs.
const PROGRAMS: &[(&str, &[&str])] = &[
    ("ask", &["--package=ask"]),
    ("cost-server", &["--package=cost-server"]),
    ("durable-task", &["--package=durable-task"]),
    ("front-door", &["--package=front-door"]),
    ("gateway", &["--package=gateway"]),
    ("hello", &["--package=hello", "--features=mcp-serve/ws,mcp-serve/redis-tls"]),
    ("lambda-emulator", &["--package=mcp-testing", "--features=lambda", "--bin=lambda-emulator"]),
    ("mcp", &["--package=mcp-cli", "--bin=mcp"]),
    ("mount-existing-axum-app", &["--package=mount-existing-axum-app"]),
    ("sales-server", &["--package=sales-server"]),
    ("websocket", &["--package=websocket"]),
    ("wrap-stdio-server", &["--package=wrap-stdio-server"]),
    ("xtask", &["--package=xtask"]),
];

pub fn is_ours(name: &str) -> bool {
    PROGRAMS.iter().any(|(program, _)| *program == name)
}

pub fn names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|(name, _)| *name)
}

/// Where cargo puts programs: this test is in `deps` beside them.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
});

/// A program's path. One that is not there is built.
pub fn program(name: &str) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = FOLDER.join(name);
    if !path.exists() {
        let (_, arguments) = PROGRAMS.iter().find(|(program, _)| *program == name).unwrap();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // The test's own target folder, wherever that is.
        cargo.current_dir(root()).args(["build", "--locked"]).args(*arguments);
        if FOLDER.ends_with("release") {
            cargo.arg("--release");
        }
        let status = cargo.arg("--target-dir").arg(FOLDER.parent().unwrap()).status().unwrap();
        assert!(status.success(), "{name} cannot be built");
    }
    path
}
