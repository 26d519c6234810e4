//! `mcp dev`: a Lambda function behind AWS's front doors, on this machine.

mod watch;

use std::{
    io,
    path::{Path, PathBuf},
    pin::pin,
    time::Duration,
};

use mcp_testing::lambda::{Door, Emulator};
use serde_json::{Value, json};

use super::{path, project::Project};
use crate::{
    args::Dev,
    exit::Failure,
    output::{self, FAINT, HEADING},
    user::one_line,
};

/// How often what the function has written is looked for.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn run(dev: Dev, is_json: bool) -> Result<(), Failure> {
    super::runtime()?.block_on(serve(dev, is_json))
}

async fn serve(dev: Dev, is_json: bool) -> Result<(), Failure> {
    let source = Source::of(&dev)?;
    let program = source.program()?;
    let mut functions = Vec::new();
    let mut rows = Vec::new();
    for (place, door) in doors(&dev)?.into_iter().enumerate() {
        let function = function(door, &program, &dev);
        let port = match dev.port {
            0 => 0,
            first => u16::try_from(place)
                .ok()
                .and_then(|place| first.checked_add(place))
                .ok_or_else(|| Failure::usage("--port: there is no port for each door"))?,
        };
        let url = function.open_at(door, port).await.map_err(|error| taken(port, &error))?;
        rows.push((door, url));
        functions.push((door, function, Told::default()));
    }
    announce(&rows, is_json)?;

    let mut changes = source.watch()?;
    let mut interrupted = pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            _ = &mut interrupted => break,
            () = tokio::time::sleep(LOOK) => {
                for (door, function, told) in &mut functions {
                    told.tell(*door, function);
                }
            }
            () = changes.next() => {
                // Without a program that runs, the last one goes on.
                if let Err(failure) = source.program() {
                    output::complain(&failure);
                    continue;
                }
                for (_, function, _) in &functions {
                    function.restart();
                }
                anstream::eprintln!("{FAINT}changed: the next request meets the new program{FAINT:#}");
            }
        }
    }
    // As Lambda ends processes, and with what that has them say. Another Ctrl-C has no patience.
    for (door, function, told) in &mut functions {
        tokio::select! {
            () = function.shut_down() => told.tell(*door, function),
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    Ok(())
}

/// Where the function comes from.
#[derive(Debug)]
enum Source {
    /// A program that somebody else builds.
    Program(PathBuf),
    /// A cargo project, which is built here.
    Project(Project),
}

impl Source {
    fn of(dev: &Dev) -> Result<Self, Failure> {
        match dev.program.first() {
            Some(program) => {
                let path = match std::fs::canonicalize(program) {
                    Ok(path) => path,
                    Err(error) => path::program(program).ok_or_else(|| {
                        Failure::usage(format!("there is no program {program}: {error}"))
                    })?,
                };
                Ok(Self::Program(path))
            }
            None => Project::here(dev.bin.clone()).map(Self::Project),
        }
    }

    /// The program, built where that is to be done here.
    fn program(&self) -> Result<PathBuf, Failure> {
        match self {
            Self::Program(path) => Ok(path.clone()),
            Self::Project(project) => project.build(),
        }
    }

    fn watch(&self) -> Result<watch::Changes, Failure> {
        match self {
            Self::Program(path) => watch::file(path),
            Self::Project(project) => watch::sources(&project.root, &project.target),
        }
    }
}

fn doors(dev: &Dev) -> Result<Vec<Door>, Failure> {
    if dev.door.is_empty() {
        let mut doors = Door::HTTP.to_vec();
        // Its connections are kept in a table, which is somewhere else.
        if std::env::var_os("MCP_CONNECTION_TABLE").is_some() {
            doors.push(Door::WebSocketApi);
        }
        doors.push(Door::Invoke);
        return Ok(doors);
    }
    dev.door.iter().map(|name| name.parse().map_err(Failure::usage)).collect()
}

fn function(door: Door, program: &Path, dev: &Dev) -> Emulator {
    let mut function = Emulator::new(program).timeout(dev.timeout);
    for argument in dev.program.iter().skip(1) {
        function = function.arg(argument);
    }
    let mode = if door.streams() { "stream" } else { "buffered" };
    for (name, value) in [("MCP_LAMBDA_RESPONSE", mode), ("MCP_ALLOW_ANONYMOUS", "true")] {
        if std::env::var_os(name).is_none() {
            function = function.env(name, value);
        }
    }
    function
}

fn taken(port: u16, error: &io::Error) -> Failure {
    Failure::local(format!(
        "cannot listen on port {port}: {error}; --port names another to begin at"
    ))
}

fn announce(rows: &[(Door, String)], is_json: bool) -> Result<(), Failure> {
    if is_json {
        let doors: Vec<Value> = rows
            .iter()
            .map(|(door, url)| json!({ "door": door.name(), "url": url, "try": attempt(*door, url) }))
            .collect();
        return output::print_json(&json!({ "doors": doors }));
    }
    let mut text = String::new();
    for (door, url) in rows {
        text += &format!("{HEADING}{}{HEADING:#}  {url}\n  {}\n", door.name(), attempt(*door, url));
    }
    text += &format!("{FAINT}Ctrl-C ends it.{FAINT:#}");
    output::print(&text)
}

/// A line to try a door with.
fn attempt(door: Door, url: &str) -> String {
    if door == Door::WebSocketApi {
        return format!("mcp list {url}");
    }
    format!(
        r#"curl -s {url} -H 'Content-Type: application/json' -d '{{"jsonrpc":"2.0","id":1,"method":"tools/list"}}'"#
    )
}

/// How much of what a function has written was shown.
#[derive(Debug, Default)]
struct Told {
    lines: usize,
    faults: usize,
}

impl Told {
    fn tell(&mut self, door: Door, function: &Emulator) {
        let (lines, faults) = (function.output(), function.faults());
        for line in lines.iter().skip(self.lines) {
            anstream::eprintln!("{FAINT}{}{FAINT:#} {}", door.name(), one_line(line));
        }
        for fault in faults.iter().skip(self.faults) {
            output::complain(&Failure::local(format!("{}: {fault}", door.name())));
        }
        (self.lines, self.faults) = (lines.len(), faults.len());
    }
}
