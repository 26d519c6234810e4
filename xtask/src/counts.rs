//! `cargo xtask counts`: the instructions of the hot paths, against what is kept of them.
//!
//! Instructions do not depend on how busy a machine is. They depend on its processor's kind, on the compiler
//! and on the C library, for which there is a margin.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};

use crate::{
    shell::{self, skip, step},
    toolbox,
};

/// How much more than the baseline a path may take, in percent: with the compiler of the baseline, and
/// with another.
const MARGIN: u64 = 5;
const MARGIN_OF_ANOTHER_COMPILER: u64 = 15;
/// A round costs the difference between these two numbers of rounds, divided by that of the rounds.
const ROUNDS: [u64; 2] = [40, 240];

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Keep what is counted now as the baseline.
    #[arg(long)]
    update: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    step("the instructions of the hot paths");
    if !toolbox::valgrind()? {
        return skip(
            "counts of instructions",
            "there is no valgrind; install it, or run as root on Debian",
        );
    }
    shell::run(shell::cargo().args([
        "build",
        "--locked",
        "--profile=counts",
        "--package=mcp-counts",
    ]))?;
    let program = shell::target_directory()?.join("counts/mcp-counts");
    let mut counts = BTreeMap::new();
    for path in shell::output(&mut Command::new(&program))?.lines() {
        let [few, many] = ROUNDS.map(|rounds| instructions(&program, path, rounds));
        counts.insert(path.to_owned(), (many? - few?) / (ROUNDS[1] - ROUNDS[0]));
    }
    if options.update {
        return keep(&counts);
    }
    compare(&counts)
}

/// What valgrind counts of so many rounds, with the program's start and end.
fn instructions(program: &PathBuf, path: &str, rounds: u64) -> anyhow::Result<u64> {
    // Valgrind's summary is the last thing that it says; nothing is written.
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([path, &rounds.to_string()])
        .output()
        .context("cannot start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().rev().find_map(|line| line.split_once("Collected :"));
    match collected.and_then(|(_, count)| count.trim().parse().ok()) {
        Some(count) if output.status.success() => Ok(count),
        _ => bail!("valgrind did not count {path}: {}\n{said}", output.status),
    }
}

fn baseline() -> PathBuf {
    crate::root().join("mcp-counts/baseline.json")
}

fn kept() -> anyhow::Result<Value> {
    let file = baseline();
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

fn compiler() -> anyhow::Result<String> {
    Ok(shell::output(Command::new("rustc").arg("--version"))?.trim().to_owned())
}

/// Keeps the counts for processors of this kind, beside those for others.
fn keep(counts: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    let mut kept = kept().unwrap_or_else(|_| json!({}));
    kept[std::env::consts::ARCH] = json!({ "compiler": compiler()?, "instructions": counts });
    std::fs::write(baseline(), format!("{kept:#}\n"))?;
    for (path, count) in counts {
        eprintln!("{path:<28} {count:>9}");
    }
    Ok(())
}

fn compare(counts: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    let kept = &kept()?[std::env::consts::ARCH];
    let compiler = compiler()?;
    let margin = if kept["compiler"] == compiler { MARGIN } else { MARGIN_OF_ANOTHER_COMPILER };
    let mut worse = Vec::new();
    for (path, count) in counts {
        let Some(before) = kept["instructions"][path].as_u64() else {
            eprintln!("{path:<28} {count:>9}, and there is no baseline");
            continue;
        };
        let percent = (*count as f64 / before as f64 - 1.0) * 100.0;
        eprintln!("{path:<28} {count:>9} {percent:>+6.1} % of {before}");
        if *count * 100 > before * (100 + margin) {
            worse.push(path.as_str());
        }
    }
    if worse.is_empty() {
        return Ok(());
    }
    bail!(
        "{} took over {margin} % more instructions than the baseline of {}. Look into it with `valgrind \
         --tool=callgrind` on target/counts/mcp-counts; where the work is worth it, keep the new counts \
         with `cargo xtask counts --update`",
        worse.join(", "),
        kept["compiler"]
    )
}
