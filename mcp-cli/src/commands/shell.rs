use std::{fs, io, path::Path};

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{args::Cli, exit::Failure};

pub(super) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mcp", &mut script);
    crate::output::print(&String::from_utf8_lossy(&script))
}

/// One page for the program, one for each command.
pub(super) fn manual(folder: &Path) -> Result<(), Failure> {
    let cannot = |error: io::Error| {
        Failure::local(format!("cannot write the manual into {}: {error}", folder.display()))
    };
    fs::create_dir_all(folder).map_err(cannot)?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(cannot)
}
