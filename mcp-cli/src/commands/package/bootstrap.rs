use object::{Architecture as Machine, Object as _, ObjectSection as _};

use super::Architecture;
use crate::exit::Failure;

/// The version of the C library of Lambda's runtime `provided.al2023`.
const GLIBC: (u32, u32) = (2, 34);

/// A program that runs where it is sent.
#[derive(Debug)]
pub(super) struct Bootstrap {
    pub(super) bytes: Vec<u8>,
    pub(super) architecture: Architecture,
    /// Whether it needs no libraries, and so no files beside it.
    pub(super) is_static: bool,
}

impl Bootstrap {
    /// Says why a program would not start, which Lambda tells only when it is called.
    pub(super) fn check(bytes: Vec<u8>, wanted: Option<Architecture>) -> Result<Self, Failure> {
        let file = object::File::parse(&*bytes).map_err(|_| {
            Failure::usage("the program is no binary: Lambda and images need one for Linux")
        })?;
        if file.format() != object::BinaryFormat::Elf {
            return Err(Failure::usage(
                "the program is not for Linux: build it with --target x86_64-unknown-linux-musl, \
                 or leave that to `mcp package` without --program",
            ));
        }
        let architecture = match file.architecture() {
            Machine::X86_64 => Architecture::X86_64,
            Machine::Aarch64 => Architecture::Arm64,
            other => {
                let message = format!("AWS has no processor for the program: {other:?}");
                return Err(Failure::usage(message));
            }
        };
        if let Some(wanted) = wanted.filter(|wanted| *wanted != architecture) {
            return Err(Failure::usage(format!(
                "the program is for {}, not for {}",
                architecture.name(),
                wanted.name()
            )));
        }
        let needs = file.section_by_name(".dynstr").and_then(|strings| strings.data().ok());
        let needs = needs.and_then(newest_glibc);
        if let Some((major, minor)) = needs.filter(|needs| *needs > GLIBC) {
            return Err(Failure::usage(format!(
                "the program needs glibc {major}.{minor}, and Lambda has {}.{}: link it statically, \
                 with RUSTFLAGS='-C target-feature=+crt-static'",
                GLIBC.0, GLIBC.1
            )));
        }
        let has_interpreter = file.section_by_name(".interp").is_some();
        Ok(Self { architecture, is_static: !has_interpreter, bytes })
    }
}

/// The newest version of the C library among the names of symbols' versions.
fn newest_glibc(strings: &[u8]) -> Option<(u32, u32)> {
    let names = strings.split(|byte| *byte == 0).filter_map(|name| std::str::from_utf8(name).ok());
    let versions = names.filter_map(|name| {
        let (major, rest) = name.strip_prefix("GLIBC_")?.split_once('.')?;
        let minor = rest.split('.').next()?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    versions.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_counts() {
        let strings = b"\0libc.so.6\0GLIBC_2.2.5\0GLIBC_2.39\0GLIBC_2.4\0GLIBC_PRIVATE\0";
        assert_eq!(newest_glibc(strings), Some((2, 39)));
        assert_eq!(newest_glibc(b"\0libc.so.6\0"), None);
    }

    #[test]
    fn what_is_no_program_for_linux_is_refused() {
        for bytes in [&b""[..], b"#!/bin/sh\n", b"\x7fELF"] {
            assert!(Bootstrap::check(bytes.to_vec(), None).is_err(), "{bytes:?}");
        }
    }
}
