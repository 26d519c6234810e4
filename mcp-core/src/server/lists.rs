//! What a server lists.

use rmcp::model;
use serde_json::{Value, json};

use super::{CacheHints, Response, ResponseFuture, features::no_such_method, list::List};
use crate::{Method, Request, app, tool::PackParts};

/// The lists, written down. There is none of what the server cannot offer.
pub(super) struct Lists {
    tools: List,
    /// For clients that show no apps, where there are any.
    tools_without_apps: Option<List>,
    resources: Option<List>,
    templates: Option<List>,
    prompts: Option<List>,
    pub(super) tool_names: Vec<String>,
}

impl Lists {
    /// The page that a request asks for.
    pub(super) fn answer(&self, request: &Request) -> ResponseFuture {
        let list = match request.method() {
            Method::ListTools => match &self.tools_without_apps {
                Some(tools) if !request.client_shows_apps() => Some(tools),
                _ => Some(&self.tools),
            },
            Method::ListResources => self.resources.as_ref(),
            Method::ListResourceTemplates => self.templates.as_ref(),
            Method::ListPrompts => self.prompts.as_ref(),
            _ => None,
        };
        match list.map(|list| list.page(request.era(), request.cursor())) {
            Some(Ok(page)) => Response::prebuilt(page).into(),
            Some(Err(error)) => Response::error(error).into(),
            None => no_such_method(request.method()),
        }
    }
}

/// How lists are written down.
pub(super) struct Listing {
    pub(super) has_resources: bool,
    pub(super) has_prompts: bool,
    pub(super) page_size: usize,
    pub(super) cache: CacheHints,
    pub(super) meta: Value,
}

/// What is to be listed, in its order.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    tools: Vec<model::Tool>,
    resources: Vec<model::Resource>,
    templates: Vec<model::ResourceTemplate>,
    prompts: Vec<model::Prompt>,
}

impl Listed {
    /// Adds what a pack has. What is invalid is told elsewhere.
    pub(super) fn add(&mut self, pack: &PackParts) {
        let tools = pack.tools.iter().flatten();
        self.tools.extend(tools.map(|tool| tool.definition.model.clone()));
        self.resources.extend(pack.resources.iter().map(|resource| resource.model.clone()));
        let templates = pack.templates.iter().flatten();
        self.templates.extend(templates.map(|template| template.model.clone()));
        self.prompts.extend(pack.prompts.iter().map(|prompt| prompt.model.clone()));
    }

    pub(super) fn extend(&mut self, other: &Self) {
        self.tools.extend_from_slice(&other.tools);
        self.resources.extend_from_slice(&other.resources);
        self.templates.extend_from_slice(&other.templates);
        self.prompts.extend_from_slice(&other.prompts);
    }

    pub(super) fn write_down(&self, listing: &Listing) -> Lists {
        let Listing { has_resources, has_prompts, page_size, cache, ref meta } = *listing;
        let resources =
            || List::new("resources", &self.resources, |item| json!(item), page_size, cache, meta);
        let templates = || {
            let items = &self.templates;
            List::new("resourceTemplates", items, |item| json!(item), page_size, cache, meta)
        };
        let prompts =
            || List::new("prompts", &self.prompts, |item| json!(item), page_size, cache, meta);
        let has_apps = self.tools.iter().any(|tool| app::of_tool(tool).is_some());
        let tools_without_apps = || {
            let tools: Vec<model::Tool> = self.tools.iter().filter_map(app::without).collect();
            List::new("tools", &tools, legacy_tool, page_size, cache, meta)
        };
        Lists {
            tools_without_apps: has_apps.then(tools_without_apps),
            tools: List::new("tools", &self.tools, legacy_tool, page_size, cache, meta),
            resources: has_resources.then(resources),
            templates: has_resources.then(templates),
            prompts: has_prompts.then(prompts),
            tool_names: self.tools.iter().map(|tool| tool.name.clone().into_owned()).collect(),
        }
    }
}

/// Legacy revisions know only objects as structured content.
fn legacy_tool(tool: &model::Tool) -> Value {
    let mut tool = tool.clone();
    tool.output_schema =
        tool.output_schema.filter(|schema| schema.get("type").is_some_and(|kind| kind == "object"));
    json!(tool)
}
