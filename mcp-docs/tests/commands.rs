//! Every command that the documentation shows is one that its program takes.
//!
//! A shell runs each page's blocks with stand-ins for all programs, so that what is checked is what a
//! reader's shell would make of them. Programs of this workspace are then given the same arguments
//! and `--help`, and parse them; those of others are compared with a reviewed list.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{fs, path::Path, process::Command};

use mcp_testing::lambda::Door;
use support::{
    Page, pages, programs, root,
    sandbox::{Called, Sandbox},
};

/// Commands of others, and the options that they are shown with. What is added here has been looked
/// up in that program's own documentation.
const OTHERS: &[(&str, &[&str])] = &[
    (
        "aws cloudformation deploy",
        &["--stack-name", "--template-file", "--capabilities", "--tags", "--parameter-overrides"],
    ),
    ("aws cloudformation describe-stacks", &["--stack-name", "--query"]),
    ("aws cloudformation package", &["--template-file", "--s3-bucket", "--output-template-file"]),
    ("aws cloudformation validate-template", &["--template-body"]),
    ("aws cloudwatch describe-alarms", &["--state-value"]),
    ("aws lambda invoke", &["--function-name", "--cli-binary-format", "--payload"]),
    ("aws logs tail", &["--follow", "--since"]),
    ("aws s3 cp", &[]),
    ("aws s3 sync", &[]),
    ("aws sso login", &["--profile"]),
    ("cargo add", &["--features", "--path", "--dev", "--git"]),
    (
        "cargo build",
        &["--release", "-p", "--features", "--no-default-features", "--bin", "--target"],
    ),
    ("cargo install", &["--path"]),
    ("cargo lambda build", &["--release", "--arm64", "--output-format", "-p"]),
    ("cargo lambda watch", &[]),
    ("cargo run", &["--release", "-p", "--features", "--example", "--no-default-features"]),
    ("cargo test", &["--release", "-p", "--test"]),
    ("cp", &[]),
    ("curl", &["-s", "-N", "-i", "-H", "-d"]),
    ("docker build", &["-f", "-t"]),
    ("docker compose", &["-f", "--build"]),
    ("docker load", &["-i"]),
    ("docker push", &[]),
    ("docker run", &["--rm", "-p", "--read-only", "--cap-drop", "-e"]),
    ("kubectl", &["-n", "-k", "--from-literal", "--from-file"]),
    ("npm install", &[]),
    ("npm run deploy", &["-c", "--parameters"]),
    ("npx @modelcontextprotocol/inspector", &["--cli", "--transport", "--method"]),
    ("npx cdk deploy", &["-c", "--parameters"]),
    ("pip install", &["-r"]),
    ("pyftsubset", &["--no-hinting", "--drop-tables+", "--name-IDs", "--unicodes"]),
    ("python", &["-m"]),
    ("rustup target", &[]),
    ("sam build", &[]),
    (
        "sam deploy",
        &[
            "--guided",
            "--template-file",
            "--stack-name",
            "--resolve-s3",
            "--image-repository",
            "--capabilities",
            "--tags",
            "--parameter-overrides",
        ],
    ),
    ("skopeo copy", &[]),
    ("terraform apply", &["-var"]),
    ("terraform init", &[]),
    ("websocat", &["--protocol"]),
];

/// The programs of the list, and who starts them.
fn stand_ins() -> Vec<&'static str> {
    let mut names: Vec<&str> =
        OTHERS.iter().filter_map(|(command, _)| command.split(' ').next()).collect();
    names.extend(["cargo-mcp"]);
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn every_command_of_the_pages_is_one_that_its_program_takes() {
    let sandbox = Sandbox::new(&stand_ins());
    let (mut faults, mut count) = (Vec::new(), 0);
    for page in pages() {
        let Some(script) = page.script() else { continue };
        match sandbox.run(&script) {
            Err(said) => faults.push(format!(
                "{}: a shell cannot run it (a new program goes into the list of this test): {said}",
                page.path
            )),
            Ok(calls) => {
                count += calls.len();
                let wrong =
                    calls.iter().filter_map(|call| check(call).err().map(|said| (call, said)));
                faults.extend(wrong.map(|(call, said)| {
                    format!(
                        "{}: {} {}\n    {said}",
                        page.path,
                        call.program,
                        call.arguments.join(" ")
                    )
                }));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 80, "only {count} commands are found");
}

/// Commands in the middle of a sentence, as far as they are whole: `NAME` and `…` stand for something.
#[test]
fn every_command_of_ours_in_a_sentence_is_one_that_its_program_takes() {
    let sandbox = Sandbox::new(&stand_ins());
    let (mut faults, mut count) = (Vec::new(), 0);
    for page in pages() {
        for text in spans(&page) {
            let first = text.split(' ').next().unwrap_or_default();
            let stands_for_something = |word: &str| {
                let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
                word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
            };
            let is_whole = (programs::is_ours(first) || first == "cargo")
                && text.contains(' ')
                // An assignment in another language.
                && !text.contains(" = ")
                && !text.contains('…')
                && !text.split([' ', '=', '/']).any(stands_for_something);
            if !is_whole {
                continue;
            }
            count += 1;
            let checked = sandbox.run(&text).and_then(|calls| calls.iter().try_for_each(check));
            if let Err(said) = checked {
                faults.push(format!("{}: `{text}`\n    {said}", page.path));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 10, "only {count} commands are found");
}

/// What stands between single back quotes on a page.
fn spans(page: &Page) -> Vec<String> {
    pulldown_cmark::Parser::new(&page.text)
        .filter_map(|event| match event {
            pulldown_cmark::Event::Code(text) => Some(text.into_string()),
            _ => None,
        })
        .collect()
}

fn check(call: &Called) -> Result<(), String> {
    for argument in &call.arguments {
        names_a_file(call, argument)?;
    }
    match (call.program.as_str(), call.arguments.first().map(String::as_str)) {
        ("cargo", Some("xtask")) => parses("xtask", &call.arguments[1..]),
        ("cargo", Some("mcp")) => parses("mcp", &call.arguments[1..]),
        ("cargo", _) => cargo(call),
        (program, _) if programs::is_ours(program) => parses(program, &call.arguments),
        _ => listed(call),
    }
}

/// Files of the repository that a command names have to be there.
fn names_a_file(call: &Called, argument: &str) -> Result<(), String> {
    let path = argument.trim_start_matches('@');
    let is_ours = ["deploy/", "docs/", "examples/", "mcp-", "overlays/"]
        .iter()
        .any(|start| path.starts_with(start));
    let path = root().join(&call.folder).join(path);
    // A package may have the name of its folder.
    if is_ours && argument.contains('/') && !path.exists() {
        return Err(format!("there is no {}", path.display()));
    }
    Ok(())
}

/// Has a program of ours parse its arguments, and say how it is used instead of doing it.
fn parses(program: &str, arguments: &[String]) -> Result<(), String> {
    // It looks for the server that it wraps before it reads its arguments, which are every server's.
    let program = if program == "wrap-stdio-server" { "hello" } else { program };
    match program {
        // It takes an address, and this is all.
        "mount-existing-axum-app" if arguments.is_empty() => return Ok(()),
        "lambda-emulator" => {
            let door = arguments.first().ok_or("it needs a door")?;
            return door.parse::<Door>().map(drop).map_err(|error| error.to_string());
        }
        _ if !programs::is_ours(program) => {
            return Err(format!("add {program} to the programs of this test"));
        }
        _ => {}
    }
    let mut command = Command::new(programs::program(program));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MCP_") {
            command.env_remove(name);
        }
    }
    let output = command.args(arguments).arg("--help").output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

fn cargo(call: &Called) -> Result<(), String> {
    let (own, rest) = match call.arguments.iter().position(|argument| argument == "--") {
        Some(at) => (&call.arguments[..at], &call.arguments[at + 1..]),
        None => (&call.arguments[..], &[][..]),
    };
    let all = Called {
        folder: call.folder.clone(),
        program: call.program.clone(),
        arguments: own.to_vec(),
    };
    listed(&all)?;
    let mut packages = own.windows(2).filter(|pair| pair[0] == "-p").map(|pair| pair[1].as_str());
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut runs = None;
    if let Some(package) = packages.find(|package| {
        runs = Some((*package).to_owned());
        ![format!("\"{package}\","), format!("\"examples/{package}\",")]
            .iter()
            .any(|member| manifest.contains(member))
    }) {
        return Err(format!("there is no package {package}"));
    }
    let is_program = !own.iter().any(|argument| argument == "--example");
    match (own.first().map(String::as_str), runs) {
        (Some("run"), Some(program)) if is_program => parses(&program, rest),
        _ => Ok(()),
    }
}

/// A command of the list, with options of the list.
fn listed(call: &Called) -> Result<(), String> {
    let words: Vec<&str> = std::iter::once(call.program.as_str())
        .chain(call.arguments.iter().map(String::as_str))
        .collect();
    let matching = OTHERS.iter().filter(|(command, _)| {
        let command: Vec<&str> = command.split(' ').collect();
        words.starts_with(&command)
    });
    let Some((command, options)) = matching.max_by_key(|(command, _)| command.len()) else {
        return Err("it is not in the list of this test".to_owned());
    };
    for word in &words {
        let option = word.split('=').next().unwrap_or_default();
        if option.starts_with('-')
            && option.len() > 1
            && option != "--"
            && !options.contains(&option)
        {
            return Err(format!("`{command}` with {option} is not in the list of this test"));
        }
    }
    parameters(call)
}

/// The names of parameters that a template is given are its own.
fn parameters(call: &Called) -> Result<(), String> {
    let folder = root().join(&call.folder);
    let after = |option: &str| {
        call.arguments
            .iter()
            .position(|argument| argument == option)
            .map(|at| &call.arguments[at + 1..])
    };
    if let (Some(template), Some(given)) =
        (after("--template-file"), after("--parameter-overrides"))
    {
        let text =
            fs::read_to_string(folder.join(&template[0])).map_err(|error| error.to_string())?;
        let given = given.iter().take_while(|argument| !argument.starts_with("--"));
        for name in given.filter_map(|argument| argument.split_once('=')).map(|(name, _)| name) {
            let parameters = text.split("\nResources:").next().unwrap_or_default();
            if !parameters.contains(&format!("\n  {name}:")) {
                return Err(format!("{} has no parameter {name}", template[0]));
            }
        }
    }
    if call.program == "terraform" {
        let variables =
            fs::read_to_string(folder.join("variables.tf")).map_err(|error| error.to_string())?;
        for pair in call.arguments.windows(2).filter(|pair| pair[0] == "-var") {
            let name = pair[1].split('=').next().unwrap_or_default();
            if !variables.contains(&format!("variable \"{name}\"")) {
                return Err(format!("there is no variable {name}"));
            }
        }
    }
    if call.program == "npm" && call.arguments.first().is_some_and(|argument| argument == "run") {
        let scripts =
            fs::read_to_string(folder.join(Path::new("package.json"))).unwrap_or_default();
        if !scripts.contains(&format!("\"{}\":", call.arguments[1])) {
            return Err(format!("package.json has no script {}", call.arguments[1]));
        }
    }
    Ok(())
}
