//! Legacy sessions: `rmcp`'s engine in front, the same dispatch behind.

#![allow(deprecated, reason = "the engine calls deprecated what legacy sessions still have")]

mod logging;
mod subscriptions;

use std::{
    borrow::Cow,
    future::{Future, poll_fn},
    sync::Arc,
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult,
        CustomRequest, CustomResult, GetPromptRequestParams, GetPromptResponse, GetPromptResult,
        InitializeRequestParams, InitializeResult, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProgressNotificationParam,
        ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult,
        SetLevelRequestParams, SubscribeRequestMethod, SubscribeRequestParams,
        UnsubscribeRequestMethod, UnsubscribeRequestParams,
    },
    service::RequestContext,
};
use serde::de::DeserializeOwned;

pub(super) use self::subscriptions::Subscriptions;
use self::{logging::SessionLog, subscriptions::SessionSubscriptions};
use super::{ResultBody, Server, call::no_such_resource, reply::TypedPart};
use crate::{
    Era, ErrorKind, Method, Notification, Principal, ProgressToken, Request, RequestId,
    ResponseStream, RpcError, TraceContext, asking::LegacyPeer, protocol::LEGACY_VERSIONS,
};

/// The handler of one legacy session (2024-11-05 to 2025-11-25), for `rmcp`'s engine.
///
/// The engine keeps the session, its streams and its handshake; each request goes through the
/// same dispatch as a modern one.
///
/// A binding that numbers requests for the engine in its own way puts the client's [`RequestId`]
/// into the request's extensions: it is the one that stands in the log. One that speaks HTTP puts
/// [`http::request::Parts`] there, any other [`http::Extensions`], to tell who is calling.
#[derive(Debug)]
pub struct LegacySession {
    server: Server,
    log: SessionLog,
    subscriptions: SessionSubscriptions,
}

impl LegacySession {
    pub(super) fn new(server: Server) -> Self {
        let subscriptions = SessionSubscriptions::new(&server.inner.subscriptions);
        Self { server, log: SessionLog::default(), subscriptions }
    }

    /// A request as the dispatch takes it.
    fn request(&self, method: Method, context: &RequestContext<RoleServer>) -> Request {
        let token = context.meta.get_progress_token();
        let id = context.extensions.get::<RequestId>().cloned();
        let mut request = Request::legacy(
            id.unwrap_or_else(|| RequestId::from_rmcp(&context.id)),
            method,
            token.as_ref().map(|token| ProgressToken::from_rmcp(&token.0)),
        );
        let answer_within = self.server.inner.seal.answer_within();
        let peer = LegacyPeer::new(context.peer.clone(), answer_within);
        request.extensions_mut().insert(Arc::new(peer));
        request.set_log_level(self.log.level());
        if let Some(stream) = context.extensions.get::<ResponseStream>() {
            request.extensions_mut().insert(stream.clone());
        }
        let parts = context.extensions.get::<http::request::Parts>();
        let carried = parts.map(|parts| &parts.extensions);
        let carried = carried.or_else(|| context.extensions.get::<http::Extensions>());
        if let Some(principal) = carried.and_then(|carried| carried.get::<Principal>()) {
            request.extensions_mut().insert(principal.clone());
        }
        let meta = |key: &str| context.meta.0.0.get(key).and_then(serde_json::Value::as_str);
        let trace = meta("traceparent")
            .and_then(|parent| TraceContext::parse(parent, meta("tracestate"), meta("baggage")))
            .or_else(|| TraceContext::from_headers(&parts?.headers));
        if let Some(trace) = trace {
            request.extensions_mut().insert(trace);
        }
        request
    }

    /// Has the dispatch answer a request, and tells the client what comes before the result.
    async fn answer(
        &self,
        request: Request,
        context: RequestContext<RoleServer>,
    ) -> Result<ResultBody, ErrorData> {
        let mut reply = self.server.call(request);
        loop {
            // Leaving this function drops the reply, which cancels the work.
            let part = tokio::select! {
                part = poll_fn(|cx| reply.poll_part(cx)) => part,
                () = context.ct.cancelled() => {
                    return Err(ErrorData::internal_error("the request was cancelled", None));
                }
            };
            match part {
                Some(TypedPart::Notification(Notification::Progress {
                    token,
                    progress,
                    total,
                    message,
                })) => {
                    let mut params = ProgressNotificationParam::new(token.to_rmcp(), progress);
                    params.total = total;
                    params.message = message.map(Cow::into_owned);
                    // An error means that the client is gone; the engine cancels the call.
                    let _ = context.peer.notify_progress(params).await;
                }
                Some(TypedPart::Notification(Notification::Log { level, logger, data })) => {
                    self.log.send(&context.peer, level, logger, data).await;
                }
                Some(TypedPart::Response(response)) => {
                    return response.into_result().map_err(RpcError::into_rmcp);
                }
                None => return Err(ErrorData::internal_error("internal error", None)),
            }
        }
    }

    /// A page of a list, which the engine wants as its own type.
    async fn list<T: DeserializeOwned>(
        &self,
        method: Method,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<T, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        let list = self.request(method, &context).with_cursor(cursor);
        match self.answer(list, context).await? {
            ResultBody::Prebuilt(page) => {
                serde_json::from_slice(&page).map_err(|_| of_another_kind())
            }
            _ => Err(of_another_kind()),
        }
    }
}

/// A layer has answered with the result of another method.
fn of_another_kind() -> ErrorData {
    tracing::error!("a layer answered a request with the result of another method");
    ErrorData::internal_error("internal error", None)
}

impl ServerHandler for LegacySession {
    fn get_info(&self) -> InitializeResult {
        let inner = &self.server.inner;
        let mut info = InitializeResult::new(inner.capabilities.clone())
            .with_server_info(inner.identity.clone())
            .with_protocol_version(ProtocolVersion::V_2025_11_25);
        info.instructions.clone_from(&inner.instructions);
        if let Some(resources) = &mut info.capabilities.resources {
            resources.subscribe = Some(true);
        }
        info
    }

    /// A client may initialize once more, as those do that share a process through a proxy. The
    /// session then goes on with the version that was negotiated, not with the one asked for.
    fn initialize(
        &self,
        mut request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<InitializeResult, ErrorData>> + Send + '_ {
        std::future::ready(self.negotiate_initialize(&request).inspect(|info| {
            request.protocol_version = info.protocol_version.clone();
            context.peer.set_peer_info(request);
        }))
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        ProtocolVersion::KNOWN_VERSIONS
            .iter()
            .filter(|version| LEGACY_VERSIONS.contains(&version.as_str()))
            .cloned()
            .collect()
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.list(Method::ListTools, request, context).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.list(Method::ListResources, request, context).await
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.list(Method::ListResourceTemplates, request, context).await
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.list(Method::ListPrompts, request, context).await
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call = self
            .request(Method::CallTool, &context)
            .with_target(request.name.into_owned())
            .with_arguments(request.arguments);
        match self.answer(call, context).await? {
            ResultBody::Tool(result) => Ok(result.into_rmcp().into()),
            _ => Err(of_another_kind()),
        }
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let read = self.request(Method::ReadResource, &context).with_target(request.uri);
        match self.answer(read, context).await? {
            ResultBody::Resource(contents) => {
                let contents = contents.into_rmcp().ok_or_else(of_another_kind)?;
                Ok(ReadResourceResult::new(contents).into())
            }
            _ => Err(of_another_kind()),
        }
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let resources = &self.server.inner.features.resources;
        if resources.is_empty() {
            return Err(ErrorData::method_not_found::<SubscribeRequestMethod>());
        }
        if !resources.is_readable(&request.uri) {
            let message = "there is no such resource to subscribe to".to_owned();
            return Err(no_such_resource(&request.uri, Era::Legacy, message).into_rmcp());
        }
        self.subscriptions.add(&request.uri, &context.peer).map_err(RpcError::into_rmcp)
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if self.server.inner.features.resources.is_empty() {
            return Err(ErrorData::method_not_found::<UnsubscribeRequestMethod>());
        }
        self.subscriptions.remove(&request.uri);
        Ok(())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let get = self
            .request(Method::GetPrompt, &context)
            .with_target(request.name)
            .with_arguments(request.arguments);
        match self.answer(get, context).await? {
            ResultBody::Prompt(messages) => Ok(GetPromptResult::from(messages).into()),
            _ => Err(of_another_kind()),
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let complete = self.request(Method::Complete, &context).with_params(&request);
        match self.answer(complete, context).await? {
            ResultBody::Completion(completion) => Ok(CompleteResult::new(completion.into())),
            _ => Err(of_another_kind()),
        }
    }

    fn set_level(
        &self,
        request: SetLevelRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<(), ErrorData>> + Send + '_ {
        self.log.set_level(request.level.into());
        std::future::ready(Ok(()))
    }

    /// The engine sends here what it does not know, and known methods whose parameters it
    /// cannot read.
    fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<CustomResult, ErrorData>> + Send + '_ {
        let error = match request.method.as_str() {
            "logging/setLevel"
            | "tools/call"
            | "tools/list"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
            | "prompts/list"
            | "prompts/get"
            | "completion/complete"
            | "initialize" => RpcError::new(
                ErrorKind::MalformedParams,
                format!("the parameters of {} are malformed", request.method),
            ),
            method => RpcError::new(ErrorKind::MethodNotFound, format!("no such method: {method}")),
        };
        std::future::ready(Err(error.into_rmcp()))
    }
}
