//! Measures our server against the floor and against rmcp: processor time per call, latency,
//! context switches, memory, and the size of the smallest server's program.
//!
//! Expects the other programs beside itself, as `cargo xtask bench` builds them.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod measure;
mod report;

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::measure::Plan;

#[derive(Debug, Parser)]
#[command(about = "Measure our server against a hand-written one and rmcp's")]
struct Options {
    /// Fewer and shorter rounds: under 20 s, to see that everything runs.
    #[arg(long)]
    quick: bool,
    /// Also write all figures of all rounds to a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let plan = if options.quick {
        Plan { rounds: 3, warm_up: Duration::from_millis(40), measured: Duration::from_millis(100) }
    } else {
        Plan {
            rounds: 7,
            warm_up: Duration::from_millis(150),
            measured: Duration::from_millis(450),
        }
    };
    let measured = measure::run(plan).await?;
    print!("{}", report::table(&measured));
    if let Some(file) = options.json {
        std::fs::write(&file, format!("{:#}\n", report::json(&measured)))?;
    }
    Ok(())
}
