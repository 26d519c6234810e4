use mcp_aws::{Page, Request};
use mcp_core::{ToolError, ToolErrorKind, ToolResult};
use serde::de::DeserializeOwned;

use crate::{
    Aws,
    aws::{Api, is_region},
    closest::closest,
};

/// A list of names, for those like the one that is not there, is read for so many pages.
const PAGES_OF_NAMES: usize = 4;

/// AWS in one region, as these tools read it.
#[derive(Debug)]
pub(super) struct Place<'a> {
    aws: &'a Aws,
    region: String,
}

impl<'a> Place<'a> {
    /// The region that a caller names, or the server's own.
    pub(super) async fn new(aws: &'a Aws, region: Option<&str>) -> ToolResult<Self> {
        let client = aws.client().await;
        let region = region.or_else(|| client.region()).unwrap_or_default().to_owned();
        if !is_region(&region) {
            return Err(ToolError::new(
                ToolErrorKind::InvalidArguments,
                "`region`: expected the code of a region, such as \"us-east-1\"",
            ));
        }
        Ok(Self { aws, region })
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        api: &'static Api,
        request: Request,
    ) -> ToolResult<T> {
        Ok(self.aws.ask(api, request, &self.region).await?)
    }

    /// Some pages of a list, and whether there are more.
    pub(super) async fn pages<T: Page>(
        &self,
        api: &'static Api,
        mut request: Request,
        most: usize,
    ) -> ToolResult<(Vec<T>, bool)> {
        let mut pages = Vec::new();
        loop {
            let mut page: T = self.ask(api, request.clone()).await?;
            let next = page.next_token().filter(|token| !token.is_empty());
            pages.push(page);
            match next {
                None => return Ok((pages, false)),
                Some(_) if pages.len() == most => return Ok((pages, true)),
                Some(token) => request.set(T::TOKEN, token),
            }
        }
    }

    /// Says that there is no such thing, and which names are like its. The names are a help: when they
    /// cannot be listed, the answer is the same without them.
    pub(super) async fn unknown<T: Page>(
        &self,
        what: &str,
        name: &str,
        api: &'static Api,
        request: Request,
        names: impl Fn(T) -> Vec<String>,
    ) -> ToolError {
        let pages = self.pages::<T>(api, request, PAGES_OF_NAMES).await;
        let names: Vec<String> =
            pages.map(|(pages, _)| pages.into_iter().flat_map(names).collect()).unwrap_or_default();
        let close = closest(name, names.iter().map(String::as_str));
        let mut message = format!("There is no {what} {name:?} in {}.", self.region);
        if !close.is_empty() {
            message.push_str(&format!(" The closest names: {}.", one_line(&close.join(", "))));
        }
        ToolError::new(ToolErrorKind::NotFound, message)
    }
}

/// A text of somebody else's as a line shows it: control characters, which move the cursor of a
/// terminal, are spaces.
pub(super) fn one_line(text: &str) -> String {
    text.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
