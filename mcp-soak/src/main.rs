//! What a server endures, measured: `cargo xtask soak`.
//!
//! Each scenario has a server process of its own, so that its memory is its own, and limits of seconds
//! where a server in the field has minutes.

mod client;
mod process;
mod scenarios;
mod server;
mod streams;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;

/// What a server endures, measured.
#[derive(Parser)]
struct Cli {
    /// How long the scenarios that could go on for ever do so, each, in seconds.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Run only the scenarios whose name has this in it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Serve, for the scenarios.
    #[arg(long, hide = true)]
    serve: bool,
    #[command(flatten)]
    server: server::Options,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    if cli.serve {
        server::serve(&cli.server).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let duration = Duration::from_secs(cli.seconds);
    let mut failed = 0;
    for (name, run) in scenarios::ALL {
        if !name.contains(&cli.only) {
            continue;
        }
        let begin = Instant::now();
        // A hang is a failure, not the end of the run.
        let limit = Duration::from_secs(120) + 10 * duration;
        let result = match tokio::time::timeout(limit, run(duration)).await {
            Ok(result) => result,
            Err(_) => Err(anyhow::anyhow!("it hangs")),
        };
        let seconds = begin.elapsed().as_secs_f32();
        match result {
            Ok(measured) => eprintln!("ok      {name} ({seconds:.1} s)\n        {measured}"),
            Err(error) => {
                failed += 1;
                eprintln!("FAILED  {name} ({seconds:.1} s)\n        {error:#}");
            }
        }
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
