//! What a test does with prompts, and with suggestions for their arguments.

use mcp_core::model::{
    ArgumentInfo, CompleteRequestParams, CompletionContext, CompletionInfo, GetPromptRequestParams,
    GetPromptResult, Prompt, Reference,
};
use rmcp::ServiceError;
use serde_json::Value;

use crate::{Failure, Harness};

impl Harness {
    /// All prompts, from all pages.
    ///
    /// # Panics
    ///
    /// When the server does not list them.
    pub async fn list_prompts(&self) -> Vec<Prompt> {
        self.client.list_all_prompts().await.expect("the server lists its prompts")
    }

    /// Fills a prompt in.
    ///
    /// # Panics
    ///
    /// When the arguments are no object, or the server does not serve the request.
    pub async fn get_prompt(&self, prompt: &str, arguments: Value) -> GetPromptResult {
        match self.try_get_prompt(prompt, arguments).await {
            Ok(result) => result,
            Err(failure) => panic!("`{prompt}` was not served: {failure:?}"),
        }
    }

    /// Fills a prompt in.
    ///
    /// # Errors
    ///
    /// When the server does not serve the request.
    ///
    /// # Panics
    ///
    /// When the arguments are no object, or the connection breaks.
    pub async fn try_get_prompt(
        &self,
        prompt: &str,
        arguments: Value,
    ) -> Result<GetPromptResult, Failure> {
        let mut params = GetPromptRequestParams::new(prompt);
        params.arguments = match arguments {
            Value::Object(arguments) => Some(arguments),
            Value::Null => None,
            other => panic!("the arguments of a prompt are an object, not {other}"),
        };
        self.client.get_prompt(params).await.map_err(Failure::from_service)
    }

    /// Asks for suggestions for an argument of a prompt, given the values of others.
    ///
    /// # Errors
    ///
    /// When the server does not serve the request.
    ///
    /// # Panics
    ///
    /// When the connection breaks.
    pub async fn complete_prompt(
        &self,
        prompt: &str,
        argument: &str,
        value: &str,
        given: &[(&str, &str)],
    ) -> Result<CompletionInfo, Failure> {
        self.complete(Reference::for_prompt(prompt), argument, value, given).await
    }

    pub(crate) async fn complete(
        &self,
        reference: Reference,
        argument: &str,
        value: &str,
        given: &[(&str, &str)],
    ) -> Result<CompletionInfo, Failure> {
        let argument = ArgumentInfo::new(argument, value);
        let mut params = CompleteRequestParams::new(reference, argument);
        if !given.is_empty() {
            let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            params = params.with_context(CompletionContext::with_arguments(given.collect()));
        }
        let completed = self.client.complete(params).await;
        completed.map(|result| result.completion).map_err(Failure::from_service)
    }
}

impl Failure {
    /// The error that the server answered.
    ///
    /// # Panics
    ///
    /// When it answered none.
    pub(crate) fn from_service(error: ServiceError) -> Self {
        match error {
            ServiceError::McpError(error) => {
                Self { code: error.code.0, message: error.message.into_owned() }
            }
            error => panic!("the connection broke: {error}"),
        }
    }
}
