use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::{Client, Error, Request};

/// A page of an answer: it knows what to ask for next.
pub trait Page: DeserializeOwned {
    /// The parameter of the request that takes the token: `NextToken`, `Marker` and so on.
    const TOKEN: &'static str;

    /// The token of the next page, if there is one.
    fn next_token(&mut self) -> Option<String>;
}

/// The pages of an answer, one request each, as they are asked for.
///
/// Made by [`Client::pages`].
#[derive(Debug)]
pub struct Pages<T> {
    client: Client,
    request: Option<Request>,
    token: Option<String>,
    _page: PhantomData<fn() -> T>,
}

impl<T: Page> Pages<T> {
    pub(crate) fn new(client: Client, request: Request) -> Self {
        Self { client, request: Some(request), token: None, _page: PhantomData }
    }

    /// The next page; nothing after the last one. A service that hands out the same token twice
    /// would go on for ever, and is taken to be at its end.
    ///
    /// # Errors
    ///
    /// When the request fails; there are no pages after that.
    pub async fn next(&mut self) -> Result<Option<T>, Error> {
        let Some(request) = self.request.take() else { return Ok(None) };
        let mut page: T = self.client.call(request.clone()).await?;
        let token = page.next_token().filter(|token| !token.is_empty());
        if let Some(token) = token
            && self.token.as_ref() != Some(&token)
        {
            self.request = Some(request.with(T::TOKEN, token.as_str()));
            self.token = Some(token);
        }
        Ok(Some(page))
    }

    /// Whether a page is left.
    pub fn is_more(&self) -> bool {
        self.request.is_some()
    }
}
