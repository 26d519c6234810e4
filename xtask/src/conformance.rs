//! `cargo xtask conformance`: the official suites against the fixture server.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::Args;

use self::{
    fixture::Fixture,
    replicas::Replicas,
    results::{Results, Status},
};
use crate::{
    shell::{self, skip, step},
    toolbox,
};

mod client;
mod doors;
mod dynamodb;
mod fixture;
mod replicas;
mod results;

/// How long one suite may take.
const LIMIT: Duration = Duration::from_secs(300);

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Run only the suites whose name has this in it, such as `0.1.16` or `all 2025-11-25`.
    #[arg(long, value_name = "TEXT")]
    suite: Option<String>,
    /// Run one scenario of the newer suites, and show all that it says.
    #[arg(long, value_name = "NAME", conflicts_with = "suite")]
    scenario: Option<String>,
    /// The protocol version of that scenario.
    #[arg(long, value_name = "VERSION", default_value = "2026-07-28")]
    spec_version: String,
    /// Test the server that listens here instead of the fixture server.
    #[arg(long)]
    url: Option<String>,
    /// Test so many fixture servers behind a proxy that gives each request to the next one. Only
    /// modern clients can be served so: sessions are one server's. Tasks are kept in a table.
    #[arg(long, value_name = "COUNT", conflicts_with = "url")]
    replicas: Option<usize>,
    /// Have the servers ask for a credential. A proxy adds it, since the suites send none.
    #[arg(long, conflicts_with = "url")]
    authenticated: bool,
}

impl Options {
    /// The suites of what the specification requires, with servers that ask for a credential.
    pub(crate) fn authenticated() -> Self {
        Self { suite: Some("requirements".into()), authenticated: true, ..Self::default() }
    }
}

/// One run of a suite.
struct Suite {
    name: &'static str,
    /// Which of the installed releases has it.
    release: usize,
    arguments: &'static [&'static str],
}

const SUITES: &[Suite] = &[
    Suite { name: "0.1.16 active", release: 0, arguments: &["--suite", "active"] },
    Suite { name: "0.1.16 pending", release: 0, arguments: &["--suite", "pending"] },
    Suite { name: "0.1.16 all", release: 0, arguments: &["--suite", "all"] },
    Suite {
        name: "0.2.0 requirements 2025-11-25",
        release: 1,
        arguments: &["--requirements", "2025-11-25"],
    },
    Suite {
        name: "0.2.0 requirements 2026-07-28",
        release: 1,
        arguments: &["--requirements", "2026-07-28"],
    },
    Suite { name: "0.2.0 active", release: 1, arguments: &["--suite", "active"] },
    Suite { name: "0.2.0 draft", release: 1, arguments: &["--suite", "draft"] },
    Suite { name: "0.2.0 pending", release: 1, arguments: &["--suite", "pending"] },
    Suite {
        name: "0.2.0 all 2025-06-18",
        release: 1,
        arguments: &["--suite", "all", "--spec-version", "2025-06-18"],
    },
    Suite {
        name: "0.2.0 all 2025-11-25",
        release: 1,
        arguments: &["--suite", "all", "--spec-version", "2025-11-25"],
    },
    Suite {
        name: "0.2.0 all 2026-07-28",
        release: 1,
        arguments: &["--suite", "all", "--spec-version", "2026-07-28"],
    },
];

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let wanted = |name: &str| options.suite.as_deref().is_none_or(|wanted| name.contains(wanted));
    let suites: Vec<&Suite> = SUITES.iter().filter(|suite| wanted(suite.name)).collect();
    if suites.is_empty() && !doors::names().chain(client::names()).any(wanted) {
        let names = SUITES.iter().map(|suite| suite.name);
        let names: Vec<&str> = names.chain(doors::names()).chain(client::names()).collect();
        bail!("no suite has that in its name; there are:\n  {}", names.join("\n  "));
    }

    let mut programs = Vec::new();
    for package in toolbox::CONFORMANCE {
        let Some(folder) = toolbox::npm(package)? else {
            return skip("the conformance suites", toolbox::NO_NPM);
        };
        programs.push(folder);
    }
    let (mut fixture, mut replicas) = (None, None);
    let url = match (&options.url, options.replicas) {
        (Some(url), _) => url,
        (None, Some(count)) => {
            replicas.insert(Replicas::start(count.max(1), options.authenticated)?).url()
        }
        (None, None) if options.authenticated => replicas.insert(Replicas::start(1, true)?).url(),
        (None, None) => {
            Fixture::build()?;
            fixture.insert(Fixture::start(&[])?).url()
        }
    };

    if let Some(scenario) = &options.scenario {
        let version = &options.spec_version;
        return shell::run(suite_command(&programs[1], url)?.args([
            "--scenario",
            scenario,
            "--spec-version",
            version,
            "--verbose",
        ]));
    }

    let output = shell::target_directory()?.join("conformance");
    let mut table = Vec::new();
    for suite in suites {
        step(&format!("conformance: {}", suite.name));
        let mut results = run_suite(suite, &programs[suite.release], url, &output)?;
        if options.replicas.is_some() {
            results.except_one_process();
        }
        results.print_faults();
        table.push((suite.name, results));
    }
    let is_everything = options.url.is_none() && options.replicas.is_none();
    if is_everything {
        doors::run(|suite| wanted(suite.name), &programs, &output, &mut table)?;
    }
    if is_everything {
        client::run(wanted, &programs[1])?;
    }
    results::print_table(&table);
    if table.iter().all(|(_, results)| results.are_clean()) {
        return Ok(());
    }
    bail!("not everything passed; what each check said is in {}", output.display());
}

/// The suites' program, told which server to test.
fn suite_command(programs: &Path, url: &str) -> anyhow::Result<Command> {
    let mut command = program(programs)?;
    command.args(["server", "--url", url]);
    Ok(command)
}

/// The suites' program.
fn program(programs: &Path) -> anyhow::Result<Command> {
    let path = toolbox::path_with(programs);
    // A folder of its own: it writes beside itself what it is not told where to write.
    let place = shell::target_directory()?;
    fs::create_dir_all(&place)?;
    let mut command = Command::new(programs.join("conformance"));
    command.env("PATH", path).current_dir(place);
    Ok(command)
}

fn run_suite(suite: &Suite, programs: &Path, url: &str, output: &Path) -> anyhow::Result<Results> {
    let folder: PathBuf = output.join(suite.name.replace(' ', "-"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let said = folder.join("output.txt");
    let log = File::create(&said)?;
    let mut child = suite_command(programs, url)?
        .args(suite.arguments)
        .arg("-o")
        .arg(&folder)
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start the conformance suite")?;

    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            bail!("the suite `{}` took longer than {LIMIT:?}; see {}", suite.name, said.display());
        }
        thread::sleep(Duration::from_millis(50));
    };
    let results = Results::read(&folder, &fs::read_to_string(&said)?)?;
    // Its own judgement counts, too: it may see a fault that is none of a check.
    if !status.success() && results.count(Status::Failure) == 0 {
        bail!("the suite `{}` failed: {status}; see {}", suite.name, said.display());
    }
    Ok(results)
}
