use rmcp::model::{ClientCapabilities, JsonObject, MetaObject, ResourceContents};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Contents, Resource};

/// The extension's identifier.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/ui";
/// What the HTML of an app is declared as.
const MIME_TYPE: &str = "text/html;profile=mcp-app";

/// An HTML document that shows a tool's results: a resource whose URI begins with `ui://`.
///
/// Its host puts the document into a sandbox that reaches nothing, unless the app says what it
/// needs. See [`apps`](crate::apps).
#[derive(Clone, Debug)]
#[must_use = "an app does nothing until it is added to a server or a pack"]
pub struct App {
    resource: Resource<()>,
    html: String,
    options: Options,
}

/// `_meta.ui` of the resource.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    #[serde(skip_serializing_if = "Csp::is_empty")]
    csp: Csp,
    /// Each has an empty object for its value.
    #[serde(skip_serializing_if = "JsonObject::is_empty")]
    permissions: JsonObject,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefers_border: Option<bool>,
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Csp {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    connect_domains: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resource_domains: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    frame_domains: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    base_uri_domains: Vec<String>,
}

impl Csp {
    fn is_empty(&self) -> bool {
        let Self { connect_domains, resource_domains, frame_domains, base_uri_domains } = self;
        [connect_domains, resource_domains, frame_domains, base_uri_domains]
            .iter()
            .all(|domains| domains.is_empty())
    }
}

impl App {
    /// An app with an HTML document.
    ///
    /// # Panics
    ///
    /// When the URI does not begin with `ui://`.
    #[track_caller]
    pub fn new(uri: &str, name: impl Into<String>, html: impl Into<String>) -> Self {
        assert!(is_app_uri(uri), "the URI of an app begins with `ui://`, not `{uri}`");
        let resource = Resource::new(uri, name).mime_type(MIME_TYPE);
        Self { resource, html: html.into(), options: Options::default() }
    }

    /// Sets the name for people.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.resource = self.resource.title(title);
        self
    }

    /// Says what it shows.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.resource = self.resource.description(description);
        self
    }

    /// Adds an origin that the document may send requests to, such as `https://api.example.com`.
    pub fn connects_to(mut self, origin: impl Into<String>) -> Self {
        self.options.csp.connect_domains.push(origin.into());
        self
    }

    /// Adds an origin that scripts, styles, images, fonts and media may come from, such as
    /// `https://*.example.com`.
    pub fn loads_from(mut self, origin: impl Into<String>) -> Self {
        self.options.csp.resource_domains.push(origin.into());
        self
    }

    /// Adds an origin whose pages may be embedded.
    pub fn embeds(mut self, origin: impl Into<String>) -> Self {
        self.options.csp.frame_domains.push(origin.into());
        self
    }

    /// Adds an origin that the document may have for its base URI.
    pub fn base_uri(mut self, origin: impl Into<String>) -> Self {
        self.options.csp.base_uri_domains.push(origin.into());
        self
    }

    /// Asks for a permission of the browser: `camera`, `microphone`, `geolocation` or
    /// `clipboardWrite`. The host may refuse it.
    pub fn permission(mut self, name: impl Into<String>) -> Self {
        self.options.permissions.insert(name.into(), json!({}));
        self
    }

    /// Asks for an origin of its own, in the form that the host prescribes.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.options.domain = Some(domain.into());
        self
    }

    /// Says whether the host should draw a border and a background.
    pub fn prefers_border(mut self, border: bool) -> Self {
        self.options.prefers_border = Some(border);
        self
    }
}

impl From<App> for Resource {
    fn from(app: App) -> Self {
        let App { resource, html, options } = app;
        // It is made of texts and maps with string keys.
        let options = serde_json::to_value(&options).unwrap_or_default();
        let meta = (options != json!({})).then(|| {
            let mut meta = JsonObject::new();
            meta.insert("ui".to_owned(), options);
            MetaObject::from(meta)
        });
        let resource = resource.size(html.len() as u64).meta(meta.clone());
        let contents = ResourceContents::TextResourceContents {
            uri: resource.uri().to_owned(),
            mime_type: Some(MIME_TYPE.to_owned()),
            text: html,
            meta,
        };
        resource.with_contents(Contents::from(contents))
    }
}

pub(crate) fn is_app_uri(uri: &str) -> bool {
    uri.strip_prefix("ui://").is_some_and(|rest| !rest.is_empty())
}

/// Whether a client shows apps.
pub(crate) fn are_shown_by(client: &ClientCapabilities) -> bool {
    let settings = client.extensions.as_ref().and_then(|extensions| extensions.get(EXTENSION));
    let types = settings.and_then(|settings| settings.get("mimeTypes")).and_then(Value::as_array);
    types.is_some_and(|types| types.iter().any(|kind| kind == MIME_TYPE))
}

/// `_meta.ui` of a tool.
pub(crate) fn of_tool(tool: &rmcp::model::Tool) -> Option<&Value> {
    tool.meta.as_ref()?.0.get("ui")
}

/// The app of a tool.
pub(crate) fn uri_of(tool: &rmcp::model::Tool) -> Option<&str> {
    of_tool(tool)?["resourceUri"].as_str()
}

/// A tool as a client sees it that does not show apps, if it is of any use there.
pub(crate) fn without(tool: &rmcp::model::Tool) -> Option<rmcp::model::Tool> {
    let mut tool = tool.clone();
    let Some(meta) = &mut tool.meta else { return Some(tool) };
    let Some(ui) = meta.0.remove("ui") else { return Some(tool) };
    if meta.0.is_empty() {
        tool.meta = None;
    }
    let visibility = ui["visibility"].as_array();
    let is_for_models = |visibility: &Vec<Value>| visibility.iter().any(|who| who == "model");
    visibility.is_none_or(is_for_models).then_some(tool)
}
