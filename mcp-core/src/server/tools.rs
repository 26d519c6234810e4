//! `tools/call`: which tool a name is of.

use std::{collections::HashMap, sync::Arc, time::Duration};

use foldhash::fast::RandomState;

use super::{
    BuildError, Response, ResponseFuture, builder::is_name, call, features::Defaults, tasks::Tasks,
};
use crate::{
    ErrorKind, Request, RpcError,
    subject::Subject,
    task::TaskSupport,
    tool::{BoxService, ErasedTool},
};

/// The tools by name, with the layers of their packs. No stranger adds any, so that the hash need not
/// withstand names that are chosen to collide.
#[derive(Clone, Default)]
pub(super) struct Tools(HashMap<Box<str>, Entry, RandomState>);

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) tool: Arc<ErasedTool>,
    timeout: Duration,
    /// Only where the tool's calls may become tasks.
    pub(super) tasks: Option<Arc<Tasks>>,
    /// The pack's layers around a service that calls any tool of the pack.
    layered: Option<BoxService>,
}

impl Tools {
    /// Those of a pack, which are not yet in its layers. `known` are all that are there already.
    ///
    /// # Errors
    ///
    /// When a name or a schema is invalid, or a name is taken.
    pub(super) fn of_pack(
        tools: Vec<Result<ErasedTool, String>>,
        pack: &str,
        known: &[&Self],
        defaults: &Defaults,
    ) -> Result<Self, BuildError> {
        let mut added = Self::default();
        for tool in tools {
            let tool =
                tool.map_err(|reason| BuildError::InvalidSchema { pack: pack.to_owned(), reason })?;
            let timeout = tool.definition.timeout.unwrap_or(defaults.timeout);
            let is_task = tool.definition.task != TaskSupport::Never;
            let tasks = is_task.then(|| Arc::clone(&defaults.tasks));
            let entry = Entry { tool: Arc::new(tool), timeout, tasks, layered: None };
            for name in entry.tool.names() {
                if !is_name(name) {
                    let (tool, pack) = (name.to_owned(), pack.to_owned());
                    return Err(BuildError::InvalidName { tool, pack });
                }
                let first = known.iter().find_map(|tools| tools.get(name));
                if let Some(first) = first.or_else(|| added.get(name)) {
                    return Err(BuildError::DuplicateTool {
                        tool: name.to_owned(),
                        first: first.tool.subject.pack.to_string(),
                        second: pack.to_owned(),
                    });
                }
                added.0.insert(name.into(), entry.clone());
            }
        }
        Ok(added)
    }

    /// The same inside the pack's layers.
    pub(super) fn inside(&self) -> Self {
        let inside = |entry: &Entry| Entry { layered: None, ..entry.clone() };
        Self(self.0.iter().map(|(name, entry)| (name.clone(), inside(entry))).collect())
    }

    /// Takes over those of a pack, behind its layers if it has any.
    pub(super) fn extend(&mut self, pack: Self, layered: Option<&BoxService>) {
        self.0.extend(pack.0.into_iter().map(|(name, mut entry)| {
            entry.layered = layered.cloned();
            (name, entry)
        }));
    }

    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.0.get(name)
    }

    pub(super) fn subjects(&self) -> impl Iterator<Item = &Arc<Subject>> {
        self.0.values().map(|entry| &entry.tool.subject)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &ErasedTool> {
        self.0.values().map(|entry| &*entry.tool)
    }

    /// Whether calls of any tool may become tasks.
    pub(super) fn have_tasks(&self) -> bool {
        self.0.values().any(|entry| entry.tasks.is_some())
    }

    pub(super) fn call(&self, request: Request) -> ResponseFuture {
        let Some(name) = request.name() else {
            return Response::error(RpcError::new(
                ErrorKind::MalformedParams,
                "`params.name` is missing: tools/call needs the name of a tool",
            ))
            .into();
        };
        let Some(entry) = self.0.get(name) else {
            return Response::error(RpcError::new(
                ErrorKind::InvalidParams,
                format!("unknown tool: {}", name.chars().take(128).collect::<String>()),
            ))
            .into();
        };
        match &entry.layered {
            Some(service) => ResponseFuture::layered(service.clone(), request),
            None => entry.call(request),
        }
    }
}

impl Entry {
    /// Calls the tool, inside all layers.
    fn call(&self, request: Request) -> ResponseFuture {
        match &self.tasks {
            None => call::start(&self.tool.subject, self.timeout, request, |request| {
                self.tool.call(request, self.timeout)
            }),
            Some(tasks) => match call::refusal(&self.tool.subject, &request) {
                None => tasks.call(&self.tool, self.timeout, request),
                Some(refusal) => refusal,
            },
        }
    }
}
