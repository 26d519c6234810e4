//! Measures our server against the floor and against rmcp: processor time per call, latency,
//! context switches, memory, and the size of the smallest server's program.
//!
//! Expects the other programs beside itself, as `cargo xtask bench` builds them.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

mod cases;
mod measure;
mod plot;
mod report;
mod targets;

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::measure::Plan;

#[derive(Debug, Parser)]
#[command(about = "Measure our server against a hand-written one and rmcp's")]
struct Options {
    /// One short round: to see that everything runs.
    #[arg(long)]
    quick: bool,
    /// How many rounds.
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Measure only the cases whose name has this in it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Also write the table to a file.
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Also write all figures of all rounds to a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also draw the ratios to the floor into a file, as SVG.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut plan = if options.quick {
        Plan {
            rounds: 1,
            warm_up: Duration::from_millis(10),
            measured: Duration::from_millis(40),
            starts: 1,
        }
    } else {
        Plan {
            rounds: 7,
            warm_up: Duration::from_millis(150),
            measured: Duration::from_millis(450),
            starts: 9,
        }
    };
    plan.rounds = options.rounds.unwrap_or(plan.rounds);
    let measured = measure::run(plan, &options.only).await?;
    let table = report::table(&measured);
    print!("{table}");
    if let Some(file) = options.table {
        std::fs::write(&file, table)?;
    }
    if let Some(file) = options.json {
        std::fs::write(&file, format!("{:#}\n", report::json(&measured)))?;
    }
    if let Some(file) = options.plot {
        std::fs::write(&file, plot::svg(&measured)?)?;
    }
    Ok(())
}
