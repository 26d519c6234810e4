//! Values written into the files of a target.

use serde_json::{Map, Value};

use super::{
    parameters::{Parameter, Takes, of_cloudformation, of_terraform},
    settings::Given,
    targets::{Kind, Target},
};

/// Where a target's files lie, as they see it.
#[derive(Debug)]
pub(super) struct Places {
    /// The way from a folder beside the target's template to what the function is made of.
    pub(super) code: String,
    /// The way from there to the folder that an image is built from.
    pub(super) context: String,
    /// The way from that folder to the Dockerfile.
    pub(super) dockerfile: String,
}

/// A parameter and what it is set to.
#[derive(Debug)]
pub(super) struct Filled<'a> {
    pub(super) parameter: &'a Parameter,
    pub(super) value: &'a Given,
}

/// What a target can be told.
pub(super) fn parameters(target: &Target) -> Vec<Parameter> {
    let template = target.files[0].text;
    match target.kind {
        Kind::Function => {
            let mut parameters = of_cloudformation(template);
            parameters.push(Parameter::new(CODE, CODE_ABOUT).or("bootstrap.zip"));
            parameters
        }
        Kind::FunctionImage | Kind::Container | Kind::Stack | Kind::Instance => {
            of_cloudformation(template)
        }
        Kind::Cdk => vec![
            Parameter::new("door", "What is in front of the function.")
                .or("function-url")
                .one_of(&["function-url", "rest-api"]),
            Parameter::new("alarmEmail", "Who is told of alarms; nobody if empty.").or(""),
            Parameter::new(CODE, CODE_ABOUT).or("bootstrap.zip"),
        ],
        Kind::TerraformFunction | Kind::TerraformContainer => {
            let mut parameters = of_terraform(template);
            // Where the zip is follows from where the module is; name, region and tags are those
            // of the whole file.
            parameters.retain(|parameter| {
                !["zip", "name", "region", "tags"].contains(&parameter.name.as_str())
            });
            if target.kind == Kind::TerraformFunction {
                parameters.push(Parameter::new(CODE, CODE_ABOUT).or("bootstrap.zip"));
            }
            parameters
        }
        Kind::Kubernetes => {
            let mut parameters = of_cloudformation(template);
            parameters.extend([
                Parameter::new("Image", "The image with its tag or digest."),
                Parameter::new(
                    "HostName",
                    "The name by which clients know the server, such as mcp.example.com.",
                ),
                Parameter::new("RoleArn", "The output ServerRoleArn of the stack in aws.yaml."),
            ]);
            parameters
        }
        Kind::Compose | Kind::Image => Vec::new(),
    }
}

/// What a function is made of.
pub(super) const CODE: &str = "Code";
const CODE_ABOUT: &str =
    "What the function is made of: what `mcp package lambda` writes, or a folder with `bootstrap`.";

/// A file of a target with values in it. Secrets stay out.
pub(super) fn fill(
    target: &Target,
    path: &str,
    text: &str,
    filled: &[Filled<'_>],
    places: &Places,
) -> String {
    let is_main = path == target.files[0].path;
    match target.kind {
        Kind::Function if is_main => with_code(&with_defaults(text, filled), &places.code),
        Kind::FunctionImage | Kind::Container | Kind::Stack | Kind::Instance if is_main => {
            with_defaults(text, filled)
        }
        Kind::Kubernetes if is_main => with_defaults(text, filled),
        Kind::Kubernetes => in_manifest(path, text, filled),
        Kind::Cdk if is_main => in_context(text, filled, &places.code),
        Kind::Compose if is_main => text
            .replace("../../deploy/image/Dockerfile", &places.dockerfile)
            .replace("context: ../../target/image", &format!("context: {}", places.context)),
        _ => text.to_owned(),
    }
}

/// The template with other defaults of its parameters.
fn with_defaults(template: &str, filled: &[Filled<'_>]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut is_inside = false;
    let mut current: Option<&Filled<'_>> = None;
    for line in template.lines() {
        let is_top = !line.is_empty() && !line.starts_with([' ', '#']);
        if is_top {
            is_inside = line == "Parameters:";
        }
        let is_name = is_inside && line.starts_with("  ") && !line.starts_with("   ");
        if is_name && !line.trim_start().starts_with('#') {
            let name = line.trim().trim_end_matches(':');
            current = filled.iter().find(|filled| filled.parameter.name == name);
        }
        match current {
            // The one that comes instead stands below the type.
            Some(_) if is_inside && line.starts_with("    Default:") => continue,
            Some(filled) if is_inside && line.starts_with("    Type:") => {
                text += line;
                text += "\n    Default: ";
                text += &yaml(filled);
            }
            _ => text += line,
        }
        text.push('\n');
    }
    text
}

fn yaml(filled: &Filled<'_>) -> String {
    let value = filled.value.joined();
    if filled.parameter.takes == Takes::Number { value } else { quoted(&value) }
}

/// A text as JSON has it, which YAML and the language of Terraform read as well.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn with_code(template: &str, code: &str) -> String {
    let lines = template.lines().map(|line| match line.split_once("CodeUri:") {
        Some((indent, _)) if indent.trim().is_empty() => format!("{indent}CodeUri: {code}\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// `cdk.json` with values in its context.
fn in_context(settings: &str, filled: &[Filled<'_>], code: &str) -> String {
    let mut settings: Map<String, Value> = serde_json::from_str(settings).unwrap_or_default();
    if let Some(Value::Object(context)) = settings.get_mut("context") {
        for Filled { parameter, value } in filled {
            if parameter.name != CODE {
                context.insert(parameter.name.clone(), value.joined().into());
            }
        }
        context.insert("code".to_owned(), code.into());
    }
    let text = serde_json::to_string_pretty(&settings).unwrap_or_default();
    text + "\n"
}

/// The variables of a module, as `terraform.tfvars`.
pub(super) fn tfvars(
    filled: &[Filled<'_>],
    name: &str,
    region: Option<&str>,
    tags: &[(String, String)],
    code: Option<&str>,
) -> String {
    let mut lines = vec![format!("name = {}", quoted(name))];
    lines.extend(region.map(|region| format!("region = {}", quoted(region))));
    lines.extend(code.map(|code| format!("zip = {}", quoted(code))));
    for Filled { parameter, value } in filled {
        if parameter.name == CODE {
            continue;
        }
        let value = match parameter.takes {
            Takes::Number | Takes::Truth => value.joined(),
            Takes::List => {
                let parts: Vec<String> = value.parts().iter().map(|part| quoted(part)).collect();
                format!("[{}]", parts.join(", "))
            }
            Takes::Text | Takes::Map => quoted(&value.joined()),
        };
        lines.push(format!("{} = {value}", parameter.name));
    }
    if !tags.is_empty() {
        let tags: Vec<String> =
            tags.iter().map(|(name, value)| format!("{name} = {}", quoted(value))).collect();
        lines.push(format!("tags = {{ {} }}", tags.join(", ")));
    }
    // As `terraform fmt` has it.
    let width = lines.iter().filter_map(|line| line.find(" = ")).max().unwrap_or_default();
    let aligned = lines.iter().map(|line| {
        let (name, value) = line.split_once(" = ").unwrap_or((line, ""));
        format!("{name:width$} = {value}\n")
    });
    aligned.collect()
}

/// A kustomization with the image, the host and the role of its parameters.
fn in_manifest(path: &str, text: &str, filled: &[Filled<'_>]) -> String {
    let value_of = |name: &str| {
        let found = filled.iter().find(|filled| filled.parameter.name == name);
        found.map(|filled| filled.value.joined())
    };
    let is_production = path.contains("/production/");
    let mut text = text.to_owned();
    if let Some(namespace) = value_of("Namespace").filter(|_| is_production) {
        text = text.replace("namespace: mcp\n", &format!("namespace: {namespace}\n"));
    }
    if let Some(role) = value_of("RoleArn").filter(|_| is_production) {
        let own = "\"arn:aws:iam::123456789012:role/mcp\"";
        text = text.replace(own, &quoted(&role));
    }
    if let Some(host) = value_of("HostName").filter(|_| path.ends_with("/ingress.yaml")) {
        text = text.replace("host: mcp.example.com", &format!("host: {host}"));
    }
    let Some(image) = value_of("Image").filter(|_| path.contains("/overlays/")) else {
        return text;
    };
    let (repository, version) = match image.split_once('@') {
        Some((repository, digest)) => (repository, format!("digest: {digest}")),
        None => match image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')) {
            Some((repository, tag)) => (repository, format!("newTag: {}", quoted(tag))),
            None => (image.as_str(), "newTag: latest".to_owned()),
        },
    };
    let lines = text.lines().map(|line| {
        if line.starts_with("    newName:") {
            format!("    newName: {repository}\n")
        } else if line.starts_with("    newTag:") {
            format!("    {version}\n")
        } else {
            format!("{line}\n")
        }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(value: &str) -> Given {
        Given::One(value.to_owned())
    }

    #[test]
    fn a_default_is_replaced_or_added() {
        let template = "Parameters:\n  # One.\n  A:\n    Type: String\n    Default: \"\"\n  B:\n    \
                        Type: Number\nResources:\n  A:\n    Type: X\n    Default: 1\n";
        let parameters = of_cloudformation(template);
        let (a, b) = (one("x: y"), one("3"));
        let filled = [
            Filled { parameter: &parameters[0], value: &a },
            Filled { parameter: &parameters[1], value: &b },
        ];
        assert_eq!(
            with_defaults(template, &filled),
            "Parameters:\n  # One.\n  A:\n    Type: String\n    Default: \"x: y\"\n  B:\n    Type: \
             Number\n    Default: 3\nResources:\n  A:\n    Type: X\n    Default: 1\n"
        );
        assert_eq!(with_defaults(template, &[]), template);
    }

    #[test]
    fn an_image_has_a_tag_or_a_digest() {
        let image = Parameter::new("Image", "");
        let text = "images:\n  - name: mcp\n    newName: x\n    newTag: 1.0.0\n";
        for (value, part) in [
            ("repo:5000/mcp:1.2", "newName: repo:5000/mcp\n    newTag: \"1.2\"\n"),
            ("repo/mcp@sha256:ab", "newName: repo/mcp\n    digest: sha256:ab\n"),
        ] {
            let value = one(value);
            let filled = [Filled { parameter: &image, value: &value }];
            let text = in_manifest("eks/overlays/staging/kustomization.yaml", text, &filled);
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn variables_are_aligned() {
        let mut subnets = Parameter::new("public_subnets", "");
        subnets.takes = Takes::List;
        let value = one("a,b");
        let filled = [Filled { parameter: &subnets, value: &value }];
        let tags = [("stage".to_owned(), "test".to_owned())];
        assert_eq!(
            tfvars(&filled, "mcp", None, &tags, None),
            "name           = \"mcp\"\npublic_subnets = [\"a\", \"b\"]\ntags           = { stage = \
             \"test\" }\n"
        );
    }
}
