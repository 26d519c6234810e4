use std::{borrow::Cow, time::Duration};

use rmcp::model::{Icon, ToolAnnotations};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::schema;
use crate::{app, task::TaskSupport};

/// What the model sees of a tool: its name, its description and the schema of its arguments.
///
/// Derived on the type of the arguments with `#[derive(Tool)]`. The type's doc comment is the
/// description, the fields' doc comments are theirs; both are required. `#[tool(…)]` takes
///
/// | on the type | |
/// |---|---|
/// | `name = "…"` | the tool's name; the type's name in snake case by default |
/// | `aliases = ["…"]` | further names that calls may use; they are not listed |
/// | `title = "…"` | a name for people |
/// | `read_only`, `destructive`, `idempotent`, `open_world` | annotations; each also takes `= false` |
/// | `scopes = ["…"]` | what the caller must have been granted |
/// | `timeout = "20s"` | the deadline of a call (`ms`, `s`, `m`) instead of the server's |
/// | `icons = ["https://…"]` | images for people, `https:` or `data:` |
/// | `ui = "ui://…"` | the [app](crate::apps) that shows the results |
/// | `app_only` | only the app calls the tool, and no model |
/// | `task`, `task = "required"`, `task = "on_demand"` | calls become [tasks](crate::tasks::TaskSupport) |
///
/// and on a field `header = "Region"`, which has HTTP clients mirror the argument into the header
/// `Mcp-Param-Region`, so that gateways can route on it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    label = "not a tool",
    note = "put `#[derive(Deserialize, JsonSchema, Tool)]` on the type of its arguments"
)]
pub trait Tool: DeserializeOwned + JsonSchema + Send + 'static {
    /// The tool's name.
    const NAME: &'static str;

    /// All that `tools/list` says about the tool.
    fn definition() -> ToolDefinition;
}

/// The description of a tool. Made by `#[derive(Tool)]`.
#[derive(Clone, Debug)]
pub struct ToolDefinition {
    pub(crate) model: rmcp::model::Tool,
    pub(crate) aliases: Vec<Cow<'static, str>>,
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) headers: Vec<HeaderParam>,
    pub(crate) task: TaskSupport,
}

impl ToolDefinition {
    /// A tool with the arguments of type `T`.
    pub fn new<T: JsonSchema>(name: &'static str, description: &'static str) -> Self {
        Self {
            model: rmcp::model::Tool::new(
                name,
                schema::join_lines(description),
                schema::of_input::<T>(),
            ),
            aliases: Vec::new(),
            scopes: Vec::new(),
            timeout: None,
            headers: Vec::new(),
            task: TaskSupport::Never,
        }
    }

    /// Sets the schema of the arguments instead of the one that the type has: a hand-written JSON
    /// Schema 2020-12, listed as it is, with its `$schema`, `$defs` and all other keywords.
    ///
    /// Arguments are checked against it before the type reads them. Set it before [`Self::header`].
    ///
    /// ```
    /// use mcp_core::{Tool, ToolDefinition};
    /// use serde_json::{Map, json};
    ///
    /// /// Sends a greeting.
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Greet { name: String }
    ///
    /// impl Tool for Greet {
    ///     const NAME: &'static str = "greet";
    ///
    ///     fn definition() -> ToolDefinition {
    ///         let schema = json!({
    ///             "$schema": "https://json-schema.org/draft/2020-12/schema",
    ///             "$defs": { "name": { "type": "string", "minLength": 1 } },
    ///             "type": "object",
    ///             "properties": { "name": { "$ref": "#/$defs/name" } },
    ///             "required": ["name"],
    ///         });
    ///         let schema = schema.as_object().cloned().unwrap_or_default();
    ///         ToolDefinition::new::<Self>(Self::NAME, "Sends a greeting.").input_schema(schema)
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn input_schema(mut self, schema: Map<String, Value>) -> Self {
        self.model.input_schema = schema.into();
        self
    }

    /// The tool as `tools/list` describes it.
    pub fn as_model(&self) -> &rmcp::model::Tool {
        &self.model
    }

    /// Sets further names that calls may use, such as one that the tool had before.
    ///
    /// They are not listed, so that a model meets each tool once. A namespace prefixes them, too.
    #[must_use]
    pub fn aliases(mut self, aliases: &[&'static str]) -> Self {
        self.aliases = aliases.iter().copied().map(Cow::Borrowed).collect();
        self
    }

    /// Puts the tool's names into a namespace.
    pub(crate) fn prefix(&mut self, namespace: &str) {
        self.model.name = format!("{namespace}_{}", self.model.name).into();
        for alias in &mut self.aliases {
            *alias = format!("{namespace}_{alias}").into();
        }
    }

    /// Sets the name for people.
    #[must_use]
    pub fn title(mut self, title: &str) -> Self {
        self.model.title = Some(title.to_owned());
        self
    }

    /// Sets what the tool promises about its effects.
    #[must_use]
    pub fn annotations(mut self, annotations: ToolAnnotations) -> Self {
        self.model.annotations = Some(annotations);
        self
    }

    /// Sets the images for people.
    #[must_use]
    pub fn icons(mut self, sources: &[&str]) -> Self {
        self.model.icons = Some(sources.iter().map(|source| Icon::new(*source)).collect());
        self
    }

    /// Sets what the caller must have been granted.
    #[must_use]
    pub fn scopes(mut self, scopes: &[&'static str]) -> Self {
        self.scopes = scopes.to_vec();
        self
    }

    /// Sets how long a call may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets whether calls become tasks.
    #[must_use]
    pub fn task(mut self, support: TaskSupport) -> Self {
        self.task = support;
        self
    }

    /// Names the [`App`](crate::apps::App) that shows the results, by its URI.
    ///
    /// # Panics
    ///
    /// When the URI does not begin with `ui://`.
    #[must_use]
    #[track_caller]
    pub fn ui(mut self, uri: &str) -> Self {
        assert!(app::is_app_uri(uri), "the URI of an app begins with `ui://`, not `{uri}`");
        self.set_ui("resourceUri", uri.into());
        self
    }

    /// Has only the app call the tool, and no model.
    #[must_use]
    pub fn app_only(mut self) -> Self {
        self.set_ui("visibility", serde_json::json!(["app"]));
        self
    }

    fn set_ui(&mut self, member: &str, value: Value) {
        let meta = self.model.meta.get_or_insert_default();
        meta.0.entry("ui").or_insert_with(|| Value::Object(Map::new()))[member] = value;
    }

    /// Has HTTP clients mirror an argument into the header `Mcp-Param-{header}`.
    ///
    /// # Panics
    ///
    /// When there is no such argument, or it is not a string, an integer or a boolean.
    #[must_use]
    #[track_caller]
    pub fn header(mut self, argument: &str, header: &'static str) -> Self {
        let name = &self.model.name;
        let mut input = Map::clone(&self.model.input_schema);
        let property = input
            .get_mut("properties")
            .and_then(|properties| properties.get_mut(argument))
            .and_then(Value::as_object_mut)
            .unwrap_or_else(|| panic!("tool `{name}` has no argument `{argument}` for a header"));
        let is_primitive = |kind: &Value| {
            ["string", "integer", "boolean"].iter().any(|primitive| kind == primitive)
        };
        let fits = match property.get("type") {
            Some(Value::Array(kinds)) => {
                kinds.iter().all(|kind| kind == "null" || is_primitive(kind))
            }
            Some(kind) => is_primitive(kind),
            None => false,
        };
        assert!(
            fits,
            "argument `{argument}` of tool `{name}` cannot be a header: only strings, integers \
             and booleans can"
        );
        property.insert("x-mcp-header".to_owned(), header.into());
        self.model.input_schema = input.into();
        self.headers.push(HeaderParam {
            argument: argument.to_owned(),
            header: format!("mcp-param-{}", header.to_ascii_lowercase()),
        });
        self
    }
}

/// A definition that has been written as data. Arguments that its schema marks with `x-mcp-header`
/// are mirrored into headers.
impl From<rmcp::model::Tool> for ToolDefinition {
    fn from(model: rmcp::model::Tool) -> Self {
        let properties = model.input_schema.get("properties").and_then(Value::as_object);
        let headers = properties
            .into_iter()
            .flatten()
            .filter_map(|(argument, property)| {
                let header = property.get("x-mcp-header")?.as_str()?;
                Some(HeaderParam {
                    argument: argument.clone(),
                    header: format!("mcp-param-{}", header.to_ascii_lowercase()),
                })
            })
            .collect();
        Self {
            model,
            aliases: Vec::new(),
            scopes: Vec::new(),
            timeout: None,
            headers,
            task: TaskSupport::Never,
        }
    }
}

/// An argument that HTTP clients mirror into a header.
#[derive(Clone, Debug)]
pub struct HeaderParam {
    argument: String,
    header: String,
}

impl HeaderParam {
    /// The argument's name.
    pub fn argument(&self) -> &str {
        &self.argument
    }

    /// The header's name in lower case.
    pub fn header(&self) -> &str {
        &self.header
    }
}
