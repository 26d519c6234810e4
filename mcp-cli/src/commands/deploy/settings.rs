//! What a user says of a deployment: `mcp.toml` and flags.

use std::{fs, io, ops::Range, path::Path};

use toml::de::{DeTable, DeValue};

use super::{parameters::Takes, targets};
use crate::exit::Failure;

/// A value for a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// As it was written.
    pub(super) name: String,
    pub(super) value: Given,
    /// Which target it is for; each that has such a parameter, if none is named.
    pub(super) target: Option<String>,
    /// Where it was written: `mcp.toml:3` or `--set`.
    pub(super) place: String,
}

/// A value before it is known what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    One(String),
    Many(Vec<String>),
}

impl Given {
    /// As one text, as CloudFormation has lists.
    pub(super) fn joined(&self) -> String {
        match self {
            Self::One(value) => value.clone(),
            Self::Many(values) => values.join(","),
        }
    }

    /// Its parts, where a list is taken.
    pub(super) fn parts(&self) -> Vec<String> {
        match self {
            Self::One(value) => value.split(',').map(|part| part.trim().to_owned()).collect(),
            Self::Many(values) => values.clone(),
        }
    }

    pub(super) fn fits(&self, takes: Takes) -> bool {
        matches!(self, Self::One(_)) || takes == Takes::List
    }
}

#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) name: Option<String>,
    pub(super) region: Option<String>,
    pub(super) tags: Vec<(String, String)>,
    /// Later ones go before earlier ones.
    pub(super) values: Vec<Setting>,
}

/// A fault in a file: where, at which key, and what.
type Fault = (Range<usize>, String, String);

impl Settings {
    /// Reads a file; without one it is `mcp.toml`, which need not be there.
    pub(super) fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let path = file.unwrap_or(Path::new("mcp.toml"));
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && file.is_none() => {
                return Ok(Self::default());
            }
            Err(error) => {
                return Err(Failure::usage(format!("cannot read {}: {error}", path.display())));
            }
        };
        let place = |span: &Range<usize>| {
            let line = text.get(..span.start).unwrap_or_default().matches('\n').count() + 1;
            format!("{}:{line}", path.display())
        };
        let mut settings = Self::parse(&text).map_err(|(span, key, fault)| {
            let at = if key.is_empty() { String::new() } else { format!("{key}: ") };
            Failure::usage(format!("{}: {at}{fault}", place(&span)))
        })?;
        for setting in &mut settings.values {
            let start = setting.place.parse().unwrap_or_default();
            setting.place = place(&(start..start));
        }
        Ok(settings)
    }

    /// The place of each value is the byte that it begins at.
    fn parse(text: &str) -> Result<Self, Fault> {
        let whole = |error: &toml::de::Error| {
            let message = error.message().lines().next().unwrap_or_default().to_owned();
            (error.span().unwrap_or_default(), String::new(), message)
        };
        let document = DeTable::parse(text).map_err(|error| whole(&error))?;
        let mut settings = Self::default();
        for (key, value) in document.get_ref() {
            let (name, span) = (key.get_ref().as_ref(), key.span());
            let fault = |what: &str| (value.span(), name.to_owned(), what.to_owned());
            match (name, value.get_ref()) {
                ("name", DeValue::String(text)) if is_name(text) => {
                    settings.name = Some(text.to_string());
                }
                ("name", _) => {
                    return Err(fault(
                        "expected letters, digits and hyphens, a letter first, at most 64",
                    ));
                }
                ("region", DeValue::String(text)) if is_region(text) => {
                    settings.region = Some(text.to_string());
                }
                ("region", _) => return Err(fault("expected a region such as \"us-east-1\"")),
                ("tags", DeValue::Table(tags)) => {
                    for (key, value) in tags {
                        let DeValue::String(text) = value.get_ref() else {
                            let key = format!("tags.{}", key.get_ref());
                            return Err((value.span(), key, "expected a text".to_owned()));
                        };
                        settings.tags.push((key.get_ref().to_string(), text.to_string()));
                    }
                }
                ("tags", _) => return Err(fault("expected a table")),
                ("deploy", DeValue::Table(table)) => settings.deploy(table)?,
                ("deploy", _) => return Err(fault("expected a table")),
                _ => {
                    let known = "there is no such key; there are name, region, tags and deploy";
                    return Err((span, name.to_owned(), known.to_owned()));
                }
            }
        }
        Ok(settings)
    }

    fn deploy(&mut self, table: &DeTable<'_>) -> Result<(), Fault> {
        // What is said for one target goes before what is said for all.
        for is_for_one in [false, true] {
            for (key, value) in table {
                let name: &str = key.get_ref().as_ref();
                match value.get_ref() {
                    DeValue::Table(own) if is_for_one => {
                        targets::find(name)
                            .map_err(|fault| (key.span(), format!("deploy.{name}"), fault))?;
                        for (parameter, value) in own {
                            let parameter: &str = parameter.get_ref().as_ref();
                            let key = format!("deploy.{name}.{parameter}");
                            let given = given(value.get_ref())
                                .ok_or_else(|| (value.span(), key, NO_VALUE.to_owned()))?;
                            self.add(parameter, given, Some(name), value.span().start);
                        }
                    }
                    DeValue::Table(_) => {}
                    _ if is_for_one => {}
                    value_of_all => {
                        let key = format!("deploy.{name}");
                        let given = given(value_of_all)
                            .ok_or_else(|| (value.span(), key, NO_VALUE.to_owned()))?;
                        self.add(name, given, None, value.span().start);
                    }
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str, value: Given, target: Option<&str>, start: usize) {
        self.values.push(Setting {
            name: name.to_owned(),
            value,
            target: target.map(str::to_owned),
            place: start.to_string(),
        });
    }

    /// Adds what a flag says, as `NAME=VALUE`.
    pub(super) fn set(&mut self, pair: &str) -> Result<(), Failure> {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--set {pair}: expected NAME=VALUE")))?;
        self.values.push(Setting {
            name: name.trim().to_owned(),
            value: Given::One(value.to_owned()),
            target: None,
            place: "--set".to_owned(),
        });
        Ok(())
    }
}

const NO_VALUE: &str = "expected a text, a number, true or false, or a list of texts";

fn given(value: &DeValue<'_>) -> Option<Given> {
    let scalar = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|it| it.to_string())
        }
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    };
    match value {
        DeValue::Array(values) => {
            let values = values.iter().map(|value| scalar(value.get_ref()));
            values.collect::<Option<Vec<_>>>().map(Given::Many)
        }
        value => scalar(value).map(Given::One),
    }
}

/// Whether CloudFormation takes a text as the name of a stack, and Lambda as that of a function.
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

pub(super) fn is_region(text: &str) -> bool {
    text.len() <= 32
        && text.matches('-').count() >= 2
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_says_more_than_all() {
        let settings = Settings::parse(
            "name = \"sales\"\nregion = \"eu-west-1\"\n[tags]\nstage = \"test\"\n[deploy]\nmemory_mib \
             = 512\n[deploy.lambda-function-url]\nmemory_mib = 1024\n[deploy.ecs-express]\nsubnets = \
             [\"subnet-1\", \"subnet-2\"]\n",
        )
        .expect("settings");
        assert_eq!(settings.name.as_deref(), Some("sales"));
        assert_eq!(settings.tags, [("stage".to_owned(), "test".to_owned())]);
        let of = |name: &str| -> Vec<(Option<&str>, String)> {
            let own = settings.values.iter().filter(|setting| setting.name == name);
            own.map(|setting| (setting.target.as_deref(), setting.value.joined())).collect()
        };
        assert_eq!(
            of("memory_mib"),
            [(None, "512".to_owned()), (Some("lambda-function-url"), "1024".to_owned())]
        );
        assert_eq!(of("subnets"), [(Some("ecs-express"), "subnet-1,subnet-2".to_owned())]);
    }

    #[test]
    fn a_fault_is_told_with_its_line_and_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("mcp.toml");
        for (text, line, part) in [
            ("name = \"sales\"\nregoin = \"x\"\n", 2, "regoin: there is no such key"),
            ("\n\nname = 3\n", 3, "name: expected letters"),
            ("[deploy]\nx = { y = 1 }\n", 2, "deploy.x: there is no target"),
            ("[deploy.ec2]\nx = [[1]]\n", 2, "deploy.ec2.x: expected a text"),
            ("region = \"Dallas\"\n", 1, "region: expected a region"),
            ("[tags]\na = 1\n", 2, "tags.a: expected a text"),
        ] {
            fs::write(&file, text).expect("a file");
            let fault = Settings::read(Some(&file)).expect_err(text).to_string();
            assert!(fault.contains(&format!("mcp.toml:{line}: ")), "{text}: {fault}");
            assert!(fault.contains(part), "{text}: {fault}");
            assert_eq!(fault.lines().count(), 1, "{text}: {fault}");
        }
        assert!(Settings::read(Some(&folder.path().join("none.toml"))).is_err());
    }
}
