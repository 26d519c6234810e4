//! What a server lists.

use rmcp::model;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    CacheHints, Response, ResponseFuture,
    features::no_such_method,
    scoped_list::{Form, Item, ScopedList},
};
use crate::{Method, Request, app, tool::PackParts};

const TOOLS: Form<model::Tool> = Form { member: "tools", legacy: legacy_tool };
const RESOURCES: Form<model::Resource> = Form { member: "resources", legacy: same };
const TEMPLATES: Form<model::ResourceTemplate> = Form { member: "resourceTemplates", legacy: same };
const PROMPTS: Form<model::Prompt> = Form { member: "prompts", legacy: same };

/// The lists, written down. There is none of what the server cannot offer.
pub(super) struct Lists {
    tools: ScopedList<model::Tool>,
    /// For clients that show no apps, where there are any.
    tools_without_apps: Option<ScopedList<model::Tool>>,
    resources: Option<ScopedList<model::Resource>>,
    templates: Option<ScopedList<model::ResourceTemplate>>,
    prompts: Option<ScopedList<model::Prompt>>,
    pub(super) tool_names: Vec<String>,
}

impl Lists {
    /// The page that a request asks for.
    pub(super) fn answer(&self, request: &Request) -> ResponseFuture {
        let page = match request.method() {
            Method::ListTools => Some(match &self.tools_without_apps {
                Some(tools) if !request.client_shows_apps() => tools.page(request),
                _ => self.tools.page(request),
            }),
            Method::ListResources => self.resources.as_ref().map(|list| list.page(request)),
            Method::ListResourceTemplates => self.templates.as_ref().map(|list| list.page(request)),
            Method::ListPrompts => self.prompts.as_ref().map(|list| list.page(request)),
            _ => None,
        };
        match page {
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
    tools: Vec<Item<model::Tool>>,
    resources: Vec<Item<model::Resource>>,
    templates: Vec<Item<model::ResourceTemplate>>,
    prompts: Vec<Item<model::Prompt>>,
}

impl Listed {
    /// Adds what a pack has. What is invalid is told elsewhere.
    pub(super) fn add(&mut self, pack: &PackParts) {
        let tools = pack.tools.iter().flatten();
        self.tools.extend(tools.map(|tool| Item {
            model: tool.definition.model.clone(),
            scopes: tool.subject.scopes.clone(),
        }));
        self.resources.extend(pack.resources.iter().map(|resource| Item {
            model: resource.model.clone(),
            scopes: resource.subject.scopes.clone(),
        }));
        let templates = pack.templates.iter().flatten();
        self.templates.extend(templates.map(|template| Item {
            model: template.model.clone(),
            scopes: template.subject.scopes.clone(),
        }));
        self.prompts.extend(pack.prompts.iter().map(|prompt| Item {
            model: prompt.model.clone(),
            scopes: prompt.subject.scopes.clone(),
        }));
    }

    pub(super) fn extend(&mut self, other: &Self) {
        self.tools.extend_from_slice(&other.tools);
        self.resources.extend_from_slice(&other.resources);
        self.templates.extend_from_slice(&other.templates);
        self.prompts.extend_from_slice(&other.prompts);
    }

    pub(super) fn write_down(&self, listing: &Listing) -> Lists {
        let Listing { has_resources, has_prompts, .. } = *listing;
        let resources = || ScopedList::new(RESOURCES, self.resources.clone(), listing);
        let templates = || ScopedList::new(TEMPLATES, self.templates.clone(), listing);
        let prompts = || ScopedList::new(PROMPTS, self.prompts.clone(), listing);
        let has_apps = self.tools.iter().any(|tool| app::of_tool(&tool.model).is_some());
        let tools_without_apps = || {
            let tools = self.tools.iter().filter_map(|tool| {
                let model = app::without(&tool.model)?;
                Some(Item { model, scopes: tool.scopes.clone() })
            });
            ScopedList::new(TOOLS, tools.collect(), listing)
        };
        Lists {
            tools_without_apps: has_apps.then(tools_without_apps),
            tools: ScopedList::new(TOOLS, self.tools.clone(), listing),
            resources: has_resources.then(resources),
            templates: has_resources.then(templates),
            prompts: has_prompts.then(prompts),
            tool_names: self
                .tools
                .iter()
                .map(|tool| tool.model.name.clone().into_owned())
                .collect(),
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

fn same<M: Serialize>(item: &M) -> Value {
    json!(item)
}
