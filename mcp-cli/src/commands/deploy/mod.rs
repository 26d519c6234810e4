//! `mcp deploy`: templates for every place to run at, filled and checked.

mod check;
mod fill;
mod next;
mod parameters;
mod render;
mod settings;
mod targets;

use serde_json::{Value, json};

pub(super) use self::render::starter;

use self::targets::TARGETS;
use crate::{args::Deploy, exit::Failure, output};

pub(super) fn run(deploy: Deploy, is_json: bool) -> Result<(), Failure> {
    match deploy {
        Deploy::List { target: None } => list(is_json),
        Deploy::List { target: Some(target) } => describe(&target, is_json),
        Deploy::Render(render) => render::run(render, is_json),
        Deploy::Check(check) => check::run(&check, is_json),
    }
}

fn list(is_json: bool) -> Result<(), Failure> {
    if is_json {
        let targets: Vec<Value> = TARGETS
            .iter()
            .map(|target| json!({ "name": target.name, "about": target.about }))
            .collect();
        return output::print_json(&json!({ "targets": targets }));
    }
    let rows = TARGETS.iter().map(|target| [target.name.to_owned(), target.about.to_owned()]);
    output::print(&output::table(rows))
}

/// What a target can be told.
fn describe(name: &str, is_json: bool) -> Result<(), Failure> {
    let target = targets::find(name).map_err(Failure::usage)?;
    let parameters = fill::parameters(target);
    if is_json {
        let parameters: Vec<Value> = parameters
            .iter()
            .map(|parameter| {
                json!({
                    "name": parameter.name,
                    "about": parameter.about,
                    "default": parameter.default,
                    "secret": parameter.is_secret,
                })
            })
            .collect();
        let about = target.about;
        return output::print_json(
            &json!({ "name": name, "about": about, "parameters": parameters }),
        );
    }
    let rows = parameters.into_iter().map(|parameter| {
        let default = match (&parameter.default, parameter.is_secret) {
            (_, true) => " (a secret, for the command that deploys)".to_owned(),
            (None, _) => " (has to be given)".to_owned(),
            (Some(default), _) if default.is_empty() => String::new(),
            (Some(default), _) => format!(" ({default})"),
        };
        [parameter.name, format!("{}{default}", parameter.about)]
    });
    output::print(&format!("{}\n\n{}", target.about, output::table(rows)))
}
