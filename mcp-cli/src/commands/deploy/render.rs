//! `mcp deploy render`: a target's files, filled, and the commands that deploy them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    fill::{self, CODE, Filled, Places},
    next::{self, Deployment},
    parameters::Parameter,
    settings::{Given, Setting, Settings, is_name, is_region},
    targets::{self, Kind, REVIEWED, TARGETS, Target},
};
use crate::{
    args::Render,
    exit::Failure,
    file,
    output::{self, HEADING},
};

pub(super) fn run(render: Render, is_json: bool) -> Result<(), Failure> {
    let wanted: Vec<&Target> = if render.target == "all" {
        TARGETS.iter().collect()
    } else {
        vec![targets::find(&render.target).map_err(Failure::usage)?]
    };
    let mut settings = Settings::read(render.config.as_deref())?;
    for pair in &render.set {
        settings.set(pair)?;
    }
    check_names(&settings, &wanted)?;
    let name = name(render.name, &settings)?;
    if let Some(region) = render.region {
        if !is_region(&region) {
            return Err(Failure::usage(format!("--region {region}: expected one as us-east-1")));
        }
        settings.region = Some(region);
    }
    // Nothing is written before everything is known to be right.
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    let mut documents = Vec::new();
    let mut text = String::new();
    for target in wanted {
        let rendered = Rendered::of(target, &settings, &name, &render.output)?;
        text += &rendered.for_people(target);
        documents.push(rendered.for_programs(target));
        files.extend(rendered.files);
    }
    let mut written = BTreeSet::new();
    let mut backups = Vec::new();
    for (path, content) in files {
        if !written.insert(path.clone()) {
            continue;
        }
        let change = file::put(&path, &content)?;
        backups.extend(change.backup);
    }
    if is_json {
        return output::print_json(&json!({ "targets": documents, "backups": backups }));
    }
    for backup in backups {
        text += &format!("What was there is in {}\n", backup.display());
    }
    output::print(&text)
}

/// What a new project begins with: the files of a target, under `deploy`.
pub(in crate::commands) fn starter(name: &str) -> Result<Vec<(PathBuf, String)>, Failure> {
    let target = targets::find("lambda-function-url").map_err(Failure::local)?;
    Ok(Rendered::of(target, &Settings::default(), name, Path::new("deploy"))?.files)
}

/// A name that no template knows is a mistake; one that only others know is theirs.
fn check_names(settings: &Settings, wanted: &[&Target]) -> Result<(), Failure> {
    for setting in &settings.values {
        let own = setting.target.as_deref().and_then(|name| targets::find(name).ok());
        let candidates: Vec<&Target> = match own {
            Some(target) => vec![target],
            // A flag is meant for what is rendered now.
            None if setting.place == "--set" => wanted.to_vec(),
            None => TARGETS.iter().collect(),
        };
        let known: Vec<Parameter> =
            candidates.iter().flat_map(|target| fill::parameters(target)).collect();
        if known.iter().any(|parameter| parameter.is_called(&setting.name)) {
            continue;
        }
        let key = key(setting);
        let names: BTreeSet<&str> = known
            .iter()
            .filter(|known| !known.is_secret)
            .map(|known| known.name.as_str())
            .collect();
        let names: Vec<&str> = names.into_iter().collect();
        let there = match names.len() {
            0 => "it has none".to_owned(),
            _ => format!("there are {}", names.join(", ")),
        };
        return Err(Failure::usage(format!(
            "{}: {key}: there is no such parameter; {there}",
            setting.place
        )));
    }
    Ok(())
}

/// A setting as its writer finds it again.
fn key(setting: &Setting) -> String {
    match (&setting.target, setting.place.as_str()) {
        (Some(target), _) => format!("deploy.{target}.{}", setting.name),
        (None, "--set") => setting.name.clone(),
        (None, _) => format!("deploy.{}", setting.name),
    }
}

/// What the stack and the function are called.
fn name(given: Option<String>, settings: &Settings) -> Result<String, Failure> {
    if let Some(name) = given {
        if !is_name(&name) {
            return Err(Failure::usage(format!(
                "--name {name}: expected letters, digits and hyphens, a letter first, at most 64"
            )));
        }
        return Ok(name);
    }
    if let Some(name) = &settings.name {
        return Ok(name.clone());
    }
    let here = std::env::current_dir().unwrap_or_default();
    let folder = here.file_name().unwrap_or_default().to_string_lossy().replace('_', "-");
    Ok(if is_name(&folder) { folder } else { "mcp".to_owned() })
}

struct Rendered {
    files: Vec<(PathBuf, String)>,
    /// What is to be given to the command that deploys, with what it is.
    missing: Vec<(String, String)>,
    commands: Vec<String>,
}

impl Rendered {
    fn of(
        target: &Target,
        settings: &Settings,
        name: &str,
        output: &Path,
    ) -> Result<Self, Failure> {
        let parameters = fill::parameters(target);
        let filled = values(target, &parameters, settings)?;
        let value_of = |wanted: &str| {
            let found = filled.iter().find(|filled| filled.parameter.is_called(wanted));
            found.map(|filled| filled.value.joined())
        };
        let code = value_of(CODE).unwrap_or_else(|| "bootstrap.zip".to_owned());
        let main = output.join(target.files[0].path);
        let folder = main.parent().unwrap_or(output);
        let places = Places {
            code: way(folder, Path::new(&code)),
            context: way(folder, Path::new("target/image")),
            dockerfile: way(Path::new("target/image"), &output.join("image/Dockerfile")),
        };
        let mut files: Vec<(PathBuf, String)> = target
            .files
            .iter()
            .map(|file| {
                let text = fill::fill(target, file.path, file.text, &filled, &places);
                (output.join(file.path), text)
            })
            .collect();
        if matches!(target.kind, Kind::TerraformFunction | Kind::TerraformContainer) {
            let code = (target.kind == Kind::TerraformFunction).then_some(places.code.as_str());
            let (region, tags) = (settings.region.as_deref(), &settings.tags);
            let variables = fill::tfvars(&filled, name, region, tags, code);
            files.push((folder.join("terraform.tfvars"), variables));
        }
        files.extend(REVIEWED.iter().map(|file| (output.join(file.path), file.text.to_owned())));
        let missing: Vec<(String, String)> = parameters
            .iter()
            .filter(|parameter| parameter.default.is_none())
            .filter(|parameter| value_of(&parameter.name).is_none())
            .map(|parameter| (parameter.name.clone(), parameter.about.clone()))
            .collect();
        let commands = next::commands(&Deployment {
            target,
            template: &main,
            name,
            region: settings.region.as_deref(),
            tags: &settings.tags,
            missing: &missing,
            code: &code,
            image: value_of("Image").or_else(|| value_of("ImageUri")),
            architecture: value_of("Architecture"),
            artifacts: (value_of("ArtifactsBucket"), value_of("ArtifactsPrefix")),
            namespace: value_of("Namespace"),
        });
        Ok(Self { files, missing, commands })
    }

    fn for_people(&self, target: &Target) -> String {
        let mut text = format!("{HEADING}{}{HEADING:#}: {}\n", target.name, target.about);
        for (path, _) in &self.files {
            text += &format!("  {}\n", path.display());
        }
        if !self.missing.is_empty() {
            text += "Still to be said, in mcp.toml, with --set, or to the command below:\n";
            let rows =
                self.missing.iter().map(|(name, about)| [format!("  {name}"), about.clone()]);
            text += &output::table(rows);
            text += "\n";
        }
        text += "Next:\n";
        for command in &self.commands {
            text += &format!("  {command}\n");
        }
        text + "\n"
    }

    fn for_programs(&self, target: &Target) -> Value {
        let files: Vec<&PathBuf> = self.files.iter().map(|(path, _)| path).collect();
        let missing: Vec<&str> = self.missing.iter().map(|(name, _)| name.as_str()).collect();
        json!({
            "target": target.name,
            "files": files,
            "missing": missing,
            "commands": self.commands,
        })
    }
}

/// The values of a target's parameters, each held against what its template takes.
fn values<'a>(
    target: &Target,
    parameters: &'a [Parameter],
    settings: &'a Settings,
) -> Result<Vec<Filled<'a>>, Failure> {
    let mut filled = Vec::new();
    for parameter in parameters {
        // The last one counts.
        let setting = settings.values.iter().rev().find(|setting| {
            setting.target.as_deref().is_none_or(|name| name == target.name)
                && parameter.is_called(&setting.name)
        });
        let Some(setting) = setting else { continue };
        let wrong =
            |fault: String| Failure::usage(format!("{}: {}: {fault}", setting.place, key(setting)));
        if parameter.is_secret {
            return Err(wrong(
                "it is a secret, which no file should hold: give it to the command that deploys"
                    .to_owned(),
            ));
        }
        if !setting.value.fits(parameter.takes) {
            return Err(wrong("expected one value, found a list".to_owned()));
        }
        match &setting.value {
            Given::One(value) => parameter.check(value),
            Given::Many(values) => values.iter().try_for_each(|value| parameter.check(value)),
        }
        .map_err(wrong)?;
        filled.push(Filled { parameter, value: &setting.value });
    }
    Ok(filled)
}

/// The way from a folder to a file, both as seen from here. Where one of them is absolute, so is the way.
fn way(from: &Path, to: &Path) -> String {
    let goes_down = |path: &Path| {
        path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    };
    let way = if to.is_absolute() {
        to.to_owned()
    } else if goes_down(from) && goes_down(to) {
        let normal = |part: &Component<'_>| matches!(part, Component::Normal(_));
        let ups = from.components().filter(normal).map(|_| Component::ParentDir);
        let downs = to.components().filter(normal);
        ups.chain(downs).collect()
    } else {
        std::env::current_dir().and_then(fs::canonicalize).unwrap_or_default().join(to)
    };
    way.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_leads_from_a_template_to_the_project() {
        let way = |from: &str, to: &str| super::way(Path::new(from), Path::new(to));
        assert_eq!(way("deploy/lambda", "bootstrap.zip"), "../../bootstrap.zip");
        assert_eq!(way("./infra", "target/image"), "../target/image");
        assert_eq!(way("target/image", "deploy/image/Dockerfile"), "../../deploy/image/Dockerfile");
        assert_eq!(way("deploy/lambda", "/builds/it.zip"), "/builds/it.zip");
        assert!(way("/elsewhere/lambda", "bootstrap.zip").ends_with("/bootstrap.zip"));
    }
}
