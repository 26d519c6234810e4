//! `mcp package`: what AWS is given to run.

mod bootstrap;
mod compressing;
mod cross;
mod image;
mod zip;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use serde_json::json;

pub(super) use self::cross::{Linker, Toolchain};

use self::bootstrap::Bootstrap;
use super::project::Project;
use crate::{
    args::{Package, PackageKind},
    exit::Failure,
    output::{self, FAINT},
};

/// Where systems keep the certificates that they trust: Debian, Fedora, Alpine and macOS.
const CERTIFICATES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A processor that Lambda and Fargate have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Architecture {
    #[value(name = "x86_64")]
    X86_64,
    #[value(name = "arm64")]
    Arm64,
}

impl Architecture {
    /// This machine's.
    fn here() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// As Rust calls it.
    fn rust(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// As AWS calls it.
    fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }
}

pub(super) fn run(package: Package, is_json: bool) -> Result<(), Failure> {
    let bytes = match &package.program {
        Some(program) => read(program)?,
        None => read(&build(&package)?)?,
    };
    let program = Bootstrap::check(bytes, package.arch)?;
    let (file, size) = match package.kind {
        PackageKind::Lambda => {
            let file = package.output.unwrap_or_else(|| "bootstrap.zip".into());
            let zip = zip::of(&program.bytes)
                .map_err(|error| Failure::local(format!("cannot make the zip: {error}")))?;
            write(&file, &zip)?;
            (file, zip.len())
        }
        PackageKind::Image => {
            let file = package.output.unwrap_or_else(|| "image.tar".into());
            let tag = package.tag.unwrap_or_else(|| "server:latest".to_owned());
            let certificates = CERTIFICATES.iter().find_map(|path| fs::read(path).ok());
            if certificates.is_none() {
                anstream::eprintln!(
                    "{FAINT}there are no certificates in {}: the program in the image can call \
                     nothing over https{FAINT:#}",
                    CERTIFICATES.join(", ")
                );
            }
            let image = image::of(&program, &tag, certificates.as_deref())
                .map_err(|error| Failure::local(format!("cannot make the image: {error}")))?;
            write(&file, &image)?;
            (file, image.len())
        }
    };
    if is_json {
        return output::print_json(&json!({
            "file": file,
            "bytes": size,
            "program_bytes": program.bytes.len(),
            "architecture": program.architecture.name(),
        }));
    }
    let next = match package.kind {
        PackageKind::Lambda => format!(
            "aws lambda update-function-code --function-name NAME --zip-file fileb://{} \
             --architectures {}",
            file.display(),
            program.architecture.name()
        ),
        PackageKind::Image => format!("docker load < {}   (or podman, or skopeo)", file.display()),
    };
    output::print(&format!(
        "{}: {} for {}, the program in it {}\nNext: {next}",
        file.display(),
        megabytes(size),
        program.architecture.name(),
        megabytes(program.bytes.len()),
    ))
}

#[expect(clippy::cast_precision_loss, reason = "two places are shown")]
fn megabytes(bytes: usize) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

/// Builds the project for the processor, so that it needs no libraries.
fn build(package: &Package) -> Result<PathBuf, Failure> {
    let project = Project::here(package.bin.clone())?;
    let here = Architecture::here();
    let arch = package.arch.or(here).ok_or_else(|| {
        Failure::usage("Lambda has no processor like this machine's: choose one with --arch")
    })?;
    let is_native = here == Some(arch) && cfg!(target_os = "linux");
    let toolchain = if is_native { Toolchain::native() } else { Toolchain::cross(arch, &project)? };
    project.build_static(&toolchain, package.profile.as_str())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes)
        .map_err(|error| Failure::local(format!("cannot write {}: {error}", path.display())))
}
