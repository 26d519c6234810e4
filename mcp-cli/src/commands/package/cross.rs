//! What builds a static program for a processor that is not this machine's.

use super::Architecture;
use crate::{
    commands::{path::program, project::Project},
    exit::Failure,
};

/// A target of Rust, and what links for it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) struct Toolchain {
    pub(in crate::commands) target: String,
    pub(in crate::commands) linker: Linker,
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) enum Linker {
    /// The compiler that this machine's programs are linked with.
    Native,
    /// `cargo zigbuild`, which brings a linker for everywhere.
    Zig,
    /// A C compiler for the target, which also compiles what of a crate is written in C.
    Gcc(String),
}

impl Toolchain {
    /// For Linux on this machine's own processor.
    pub(super) fn native() -> Self {
        let target = std::env::consts::ARCH.to_owned() + "-unknown-linux-gnu";
        Self { target, linker: Linker::Native }
    }

    /// The first that is installed of cargo-zigbuild and the cross compilers for musl and for glibc.
    pub(super) fn cross(architecture: Architecture, project: &Project) -> Result<Self, Failure> {
        let arch = architecture.rust();
        let musl = format!("{arch}-unknown-linux-musl");
        let gcc = |libc: &str| {
            let compiler = format!("{arch}-linux-{libc}-gcc");
            program(&compiler).map(|_| Self {
                target: format!("{arch}-unknown-linux-{libc}"),
                linker: Linker::Gcc(compiler),
            })
        };
        let zig =
            program("cargo-zigbuild").map(|_| Self { target: musl.clone(), linker: Linker::Zig });
        let found = zig.or_else(|| gcc("musl")).or_else(|| gcc("gnu"));
        let Some(found) = found else {
            let debian = match architecture {
                Architecture::Arm64 => "gcc-aarch64-linux-gnu",
                Architecture::X86_64 => "gcc-x86-64-linux-gnu",
            };
            return Err(Failure::local(format!(
                "nothing here links for {}: `cargo install cargo-zigbuild` with `pip install \
                 ziglang` does, with `rustup target add {musl}`, or Debian's {debian} with `rustup \
                 target add {arch}-unknown-linux-gnu`; or build on a machine of that kind, and pass \
                 the result with --program",
                architecture.name()
            )));
        };
        // A toolchain that does not say what it has is tried.
        let installed = project.installed_targets();
        if installed.is_some_and(|targets| !targets.contains(&found.target)) {
            return Err(Failure::local(format!(
                "this Rust does not build for {0}: `rustup target add {0}` adds what it needs",
                found.target
            )));
        }
        Ok(found)
    }
}
