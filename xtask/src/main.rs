//! Project automation. `cargo xtask --help` tells what there is.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

mod arm64;
mod bench;
mod conformance;
mod counts;
mod deps;
mod image;
mod shell;
mod soak;
mod templates;
mod test;
mod toolbox;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project automation")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what the tests need, and run all of them.
    Test {
        /// Leave out the tests with official clients, which need Python and Node.
        #[arg(long)]
        skip_clients: bool,
    },
    /// Run the official conformance suites against the fixture server, over HTTP.
    Conformance(conformance::Options),
    /// Check that crates depend on each other only as ARCHITECTURE.md lists.
    Deps,
    /// Render every target of `deploy`, and check it with the linters of its kinds; the examples' templates, too.
    Templates(templates::Options),
    /// Build the container image of `deploy/image` from a static binary, and run it.
    Image,
    /// Package a server for arm64 with Zig, and run it under QEMU.
    Arm64,
    /// Measure what a server endures: sessions left open, slow clients, a stop in the middle.
    Soak(soak::Options),
    /// Measure the CPU per call against a hand-written server and rmcp's own services.
    Bench(bench::Options),
    /// Count the instructions of the hot paths, and compare them with the baseline.
    Counts(counts::Options),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Test { skip_clients } => test::run(skip_clients),
        Command::Conformance(options) => conformance::run(&options),
        Command::Deps => deps::run(),
        Command::Image => image::run(),
        Command::Arm64 => arm64::run(),
        Command::Templates(options) => templates::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Counts(options) => counts::run(&options),
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}
