//! `cargo xtask bench`: the comparison of `mcp-bench`, built for release and run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;
use clap::Args;

use crate::{
    counts,
    shell::{self, step},
};

#[derive(Args)]
pub(crate) struct Options {
    /// One short round of programs that are not optimized, and the instructions of the hot paths.
    #[arg(long, conflicts_with_all = ["write", "json"])]
    quick: bool,
    /// Also write the table into docs/benchmarks.md, and the plot beside it.
    #[arg(long)]
    write: bool,
    /// Also write all figures of all rounds to a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The servers that are measured as they are.
const EXAMPLES: [&str; 3] = ["--package=hello", "--package=sales-server", "--package=cost-server"];

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.quick {
        let packages = ["--package=mcp-bench", EXAMPLES[0]];
        shell::run(shell::cargo().args(["build", "--locked"]).args(packages))?;
        see_that_it_runs()?;
        return counts::run(&counts::Options::default());
    }
    step("building the servers for release");
    let build = || {
        let mut cargo = shell::cargo();
        cargo.args(["build", "--release", "--locked"]);
        cargo
    };
    // Each by itself, as its users build it: with no features but its own.
    for package in EXAMPLES.into_iter().chain(["--package=mcp-bench"]) {
        shell::run(build().arg(package))?;
    }
    let programs = shell::target_directory()?.join("release");
    step("measuring functions of AWS Lambda");
    shell::run(&mut Command::new(programs.join("lambda")))?;
    step("measuring");
    let mut compare = Command::new(programs.join("compare"));
    let table = programs.join("benchmarks.txt");
    if options.write {
        compare.arg("--table").arg(&table);
        compare.arg("--plot").arg(crate::root().join("docs/benchmarks.svg"));
    }
    if let Some(file) = &options.json {
        compare.arg("--json").arg(file);
    }
    shell::run(&mut compare)?;
    if options.write { write(&table) } else { Ok(()) }
}

/// Measures what the tests have built, as quickly as can be. Not functions of AWS Lambda: to pack programs
/// that are not optimized takes longer than all of this.
pub(crate) fn see_that_it_runs() -> anyhow::Result<()> {
    step("the benchmarks, in short");
    let programs = shell::target_directory()?.join("debug");
    shell::run(Command::new(programs.join("compare")).arg("--quick"))
}

/// Puts the table into its place in the page.
fn write(table: &Path) -> anyhow::Result<()> {
    const BEGIN: &str = "<!-- measured -->\n";
    const END: &str = "<!-- /measured -->";
    let page = crate::root().join("docs/benchmarks.md");
    let text = fs::read_to_string(&page)?;
    let marks = || format!("no `{}` and `{END}` in {}", BEGIN.trim(), page.display());
    let (before, rest) = text.split_once(BEGIN).with_context(marks)?;
    let (_, after) = rest.split_once(END).with_context(marks)?;
    let date = shell::output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let compiler = shell::output(Command::new("rustc").arg("--version"))?;
    let versions = ["rmcp", "tokio", "hyper", "tokio-tungstenite", "serde_json"].map(version);
    let versions: Vec<String> = versions.into_iter().collect::<anyhow::Result<_>>()?;
    let table = fs::read_to_string(table)?;
    let measured = format!(
        "{}, {}, {}:\n\n![The processor time of a call against the floor's](benchmarks.svg)\n\n```text\n{table}```\n",
        date.trim(),
        compiler.trim(),
        versions.join(", "),
    );
    fs::write(&page, format!("{before}{BEGIN}{measured}{END}{after}"))?;
    Ok(())
}

/// A crate's name and the version of it that is locked; the newest where there are several.
fn version(of: &str) -> anyhow::Result<String> {
    let lock = fs::read_to_string(crate::root().join("Cargo.lock"))?;
    let name = format!("name = \"{of}\"\nversion = \"");
    let found = lock.rsplit_once(&name).and_then(|(_, rest)| rest.split_once('"'));
    let (version, _) = found.with_context(|| format!("Cargo.lock has no {of}"))?;
    Ok(format!("{of} {version}"))
}
