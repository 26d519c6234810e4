use std::{fmt, process::ExitCode};

/// Why a command ends without having done what it was asked to, and the code it ends with.
///
/// The codes are told to users by `mcp --help`.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// A tool or a server answered that it failed.
    pub(crate) fn answered(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    /// What the user wrote, on the command line or in a file, cannot be right.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    /// There is no server, or nothing that speaks the protocol.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self { code: 3, message: message.into() }
    }

    /// Something on this machine is missing or fails: a file, a toolchain, a disk.
    pub(crate) fn local(message: impl Into<String>) -> Self {
        Self { code: 4, message: message.into() }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
