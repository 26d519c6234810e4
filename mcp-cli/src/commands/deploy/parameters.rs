//! What a target can be told: the parameters of its template, and what each takes.

use regex_lite::Regex;

/// A parameter, as its template describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Parameter {
    /// The name in the template, such as `AlarmEmail` or `alarm_email`.
    pub(super) name: String,
    pub(super) takes: Takes,
    pub(super) about: String,
    /// Without one a value has to be given.
    pub(super) default: Option<String>,
    /// Values that are taken; any where there are none.
    allowed: Vec<String>,
    pattern: Option<String>,
    /// What a value has to be, where the template says it in words.
    constraint: Option<String>,
    least: Option<f64>,
    most: Option<f64>,
    /// Goes into no file.
    pub(super) is_secret: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Takes {
    #[default]
    Text,
    Number,
    /// Texts; with commas between them where they are one.
    List,
    Truth,
    /// Texts by name.
    Map,
}

impl Parameter {
    pub(super) fn new(name: &str, about: &str) -> Self {
        Self { name: name.to_owned(), about: about.to_owned(), ..Self::default() }
    }

    pub(super) fn or(self, default: &str) -> Self {
        Self { default: Some(default.to_owned()), ..self }
    }

    pub(super) fn one_of(self, allowed: &[&str]) -> Self {
        Self { allowed: allowed.iter().map(|&value| value.to_owned()).collect(), ..self }
    }

    /// Whether a name is this one's, in whichever style it is written.
    pub(super) fn is_called(&self, name: &str) -> bool {
        plain(&self.name) == plain(name)
    }

    /// Why a value cannot be this parameter's.
    pub(super) fn check(&self, value: &str) -> Result<(), String> {
        if value.chars().any(char::is_control) {
            return Err("a value is on one line".to_owned());
        }
        if self.takes == Takes::Number {
            let number: f64 =
                value.parse().map_err(|_| format!("expected a number, found {value:?}"))?;
            if self.least.is_some_and(|least| number < least)
                || self.most.is_some_and(|most| number > most)
            {
                return Err(match (self.least, self.most) {
                    (Some(least), Some(most)) => {
                        format!("expected {least} to {most}, found {value}")
                    }
                    (Some(least), None) => format!("expected {least} or more, found {value}"),
                    (_, Some(most)) => format!("expected {most} or less, found {value}"),
                    (None, None) => String::new(),
                });
            }
        }
        if self.takes == Takes::Truth && !["true", "false"].contains(&value) {
            return Err(format!("expected true or false, found {value:?}"));
        }
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| allowed == value) {
            return Err(format!("expected one of {}, found {value:?}", self.allowed.join(", ")));
        }
        if let Some(pattern) = &self.pattern
            && !Regex::new(pattern).is_ok_and(|regex| whole(&regex, value))
        {
            return Err(match &self.constraint {
                Some(constraint) => format!("expected what {constraint}, found {value:?}"),
                None => format!("{value:?} does not match {pattern}"),
            });
        }
        Ok(())
    }
}

/// CloudFormation holds patterns against the whole value.
fn whole(regex: &Regex, value: &str) -> bool {
    regex.find(value).is_some_and(|found| found.start() == 0 && found.end() == value.len())
}

/// A name without its style: `alarm_email`, `alarm-email` and `AlarmEmail` are one.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-')).map(|c| c.to_ascii_lowercase()).collect()
}

/// The parameters of a template of CloudFormation.
pub(super) fn of_cloudformation(template: &str) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    // Whose lines follow: `>-` goes on below.
    let mut is_about = false;
    for line in section(template, "Parameters:") {
        let text = line.trim();
        match line.len() - line.trim_start().len() {
            2 => {
                let name = text.trim_end_matches(':');
                parameters.push(Parameter { name: name.to_owned(), ..Parameter::default() });
            }
            4 => {
                let (Some(parameter), Some((key, value))) =
                    (parameters.last_mut(), text.split_once(':'))
                else {
                    continue;
                };
                let value = unquoted(value.trim());
                is_about = key == "Description";
                match key {
                    "Type" => parameter.takes = takes(value),
                    "Default" => parameter.default = Some(value.to_owned()),
                    "Description" if value != ">-" => parameter.about = value.to_owned(),
                    "AllowedPattern" => parameter.pattern = Some(value.to_owned()),
                    "ConstraintDescription" => parameter.constraint = Some(value.to_owned()),
                    "AllowedValues" => {
                        let values = value.trim_start_matches('[').trim_end_matches(']');
                        let values = values.split(',').map(|value| unquoted(value.trim()));
                        parameter.allowed = values.map(str::to_owned).collect();
                    }
                    "MinValue" => parameter.least = value.parse().ok(),
                    "MaxValue" => parameter.most = value.parse().ok(),
                    "NoEcho" => parameter.is_secret = value == "true",
                    _ => {}
                }
            }
            _ if is_about => {
                if let Some(parameter) = parameters.last_mut() {
                    let space = if parameter.about.is_empty() { "" } else { " " };
                    parameter.about = format!("{}{space}{text}", parameter.about);
                }
            }
            _ => {}
        }
    }
    parameters
}

fn takes(kind: &str) -> Takes {
    match kind {
        "Number" => Takes::Number,
        "CommaDelimitedList" => Takes::List,
        kind if kind.starts_with("List<") => Takes::List,
        _ => Takes::Text,
    }
}

/// The lines of a key of the document.
fn section<'a>(template: &'a str, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let key = key.to_owned();
    template
        .lines()
        .skip_while(move |line| *line != key)
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with([' ', '#']))
        .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

/// The variables of a module of Terraform.
pub(super) fn of_terraform(variables: &str) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for line in variables.lines() {
        if let Some(name) = line.strip_prefix("variable ") {
            let name = unquoted(name.trim_end_matches('{').trim());
            parameters.push(Parameter { name: name.to_owned(), ..Parameter::default() });
            continue;
        }
        // What is deeper belongs to a block of its own.
        let is_own = line.starts_with("  ") && !line.starts_with("   ");
        let (true, Some(parameter), Some((key, value))) =
            (is_own, parameters.last_mut(), line.split_once('='))
        else {
            continue;
        };
        let value = unquoted(value.trim());
        match key.trim() {
            "description" => parameter.about = value.to_owned(),
            "default" => parameter.default = Some(value.to_owned()),
            "sensitive" => parameter.is_secret = value == "true",
            "type" => {
                parameter.takes = match value {
                    "number" => Takes::Number,
                    "bool" => Takes::Truth,
                    list if list.starts_with("list") => Takes::List,
                    map if map.starts_with("map") => Takes::Map,
                    _ => Takes::Text,
                };
            }
            _ => {}
        }
    }
    parameters
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
Description: A stack.

Parameters:
  # A comment.
  MemoryMiB:
    Type: Number
    Default: 256
    MinValue: 128
    MaxValue: 10240
    Description: Memory.
  Image:
    Type: String
    AllowedPattern: .+[:@].+
    ConstraintDescription: is an image with its tag or digest
    Description: >-
      The image,
      in ECR.
  Days:
    Type: Number
    AllowedValues: [1, 3]
  StateKey:
    Type: String
    NoEcho: true
  Subnets:
    Type: List<AWS::EC2::Subnet::Id>

Resources: {}
";

    #[test]
    fn a_template_tells_its_parameters() {
        let found = of_cloudformation(TEMPLATE);
        let names: Vec<&str> = found.iter().map(|parameter| parameter.name.as_str()).collect();
        assert_eq!(names, ["MemoryMiB", "Image", "Days", "StateKey", "Subnets"]);
        assert_eq!(found[0].default.as_deref(), Some("256"));
        assert_eq!(found[1].about, "The image, in ECR.");
        assert!(found[3].is_secret && !found[0].is_secret);
        assert_eq!((found[4].takes, &found[4].default), (Takes::List, &None));
    }

    #[test]
    fn a_value_is_held_against_what_the_template_takes() {
        let found = of_cloudformation(TEMPLATE);
        for (place, good, bad, part) in [
            (0, "512", "64", "128 to 10240"),
            (0, "128", "much", "a number"),
            (1, "mcp:1", "mcp", "with its tag"),
            (2, "3", "2", "one of 1, 3"),
        ] {
            assert_eq!(found[place].check(good), Ok(()));
            let fault = found[place].check(bad).expect_err(bad);
            assert!(fault.contains(part), "{fault}");
        }
        assert!(found[4].check("a\nb").is_err());
    }

    #[test]
    fn a_module_of_terraform_tells_its_variables() {
        let found = of_terraform(
            "variable \"state_key\" {\n  description = \"A key.\"\n  type        = string\n  \
             sensitive   = true\n  validation {\n    condition = 1\n  }\n}\n\nvariable \"cpu\" \
             {\n  type    = number\n  default = 256\n}\n",
        );
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].about.as_str(), found[0].is_secret), ("A key.", true));
        assert_eq!((found[1].takes, found[1].default.as_deref()), (Takes::Number, Some("256")));
    }

    #[test]
    fn styles_of_a_name_are_one() {
        let email = Parameter::new("AlarmEmail", "");
        for name in ["alarm_email", "alarm-email", "AlarmEmail", "alarmEmail"] {
            assert!(email.is_called(name), "{name}");
        }
        assert!(!email.is_called("email"));
    }
}
