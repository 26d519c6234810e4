//! Legacy sessions: `rmcp`'s engine in front, the same dispatch behind.

#![allow(deprecated, reason = "the engine calls deprecated what legacy sessions still have")]

mod logging;

use std::{
    borrow::Cow,
    future::{Future, poll_fn},
    sync::Arc,
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CustomRequest, CustomResult,
        InitializeRequestParams, InitializeResult, ListToolsResult, PaginatedRequestParams,
        ProgressNotificationParam, ProtocolVersion, SetLevelRequestParams,
    },
    service::RequestContext,
};

use self::logging::SessionLog;
use super::{ResultBody, Server, reply::TypedPart};
use crate::{
    ErrorKind, Notification, Principal, ProgressToken, Request, RequestId, RpcError, TraceContext,
    asking::LegacyPeer, protocol::LEGACY_VERSIONS,
};

/// The handler of one legacy session (2024-11-05 to 2025-11-25), for `rmcp`'s engine.
///
/// The engine keeps the session, its streams and its handshake; each request goes through the
/// same dispatch as a modern one.
///
/// A binding that numbers requests for the engine in its own way puts the client's [`RequestId`]
/// into the request's extensions: it is the one that stands in the log.
#[derive(Debug)]
pub struct LegacySession {
    server: Server,
    log: SessionLog,
}

impl LegacySession {
    pub(super) fn new(server: Server) -> Self {
        Self { server, log: SessionLog::default() }
    }
}

impl ServerHandler for LegacySession {
    fn get_info(&self) -> InitializeResult {
        let inner = &self.server.inner;
        let mut info = InitializeResult::new(inner.capabilities.clone())
            .with_server_info(inner.identity.clone())
            .with_protocol_version(ProtocolVersion::V_2025_11_25);
        info.instructions.clone_from(&inner.instructions);
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

    fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ListToolsResult, ErrorData>> + Send + '_ {
        let cursor = request.and_then(|request| request.cursor);
        let page = self.server.inner.list.legacy_page(cursor.as_deref());
        std::future::ready(match page {
            Ok((tools, next_cursor)) => {
                let mut result = ListToolsResult::with_all_items(tools);
                result.next_cursor = next_cursor;
                Ok(result)
            }
            Err(error) => Err(error.into_rmcp()),
        })
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let progress_token = context.meta.get_progress_token();
        let mut call = Request::legacy_call(
            context
                .extensions
                .get::<RequestId>()
                .cloned()
                .unwrap_or_else(|| RequestId::from_rmcp(&context.id)),
            request.name.into_owned(),
            request.arguments,
            progress_token.as_ref().map(|token| ProgressToken::from_rmcp(&token.0)),
        );
        if let Some(parts) = context.extensions.get::<http::request::Parts>()
            && let Some(principal) = parts.extensions.get::<Principal>()
        {
            call.extensions_mut().insert(principal.clone());
        }
        let answer_within = self.server.inner.seal.answer_within();
        let peer = LegacyPeer::new(context.peer.clone(), answer_within);
        call.extensions_mut().insert(Arc::new(peer));

        call.set_log_level(self.log.level());
        let meta = |key: &str| context.meta.0.0.get(key).and_then(serde_json::Value::as_str);
        let trace = meta("traceparent")
            .and_then(|parent| TraceContext::parse(parent, meta("tracestate"), meta("baggage")))
            .or_else(|| {
                let parts = context.extensions.get::<http::request::Parts>()?;
                TraceContext::from_headers(&parts.headers)
            });
        if let Some(trace) = trace {
            call.extensions_mut().insert(trace);
        }

        let mut reply = self.server.call(call);
        loop {
            // Leaving this function drops the reply, which cancels the call.
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
                    return match response.into_result() {
                        Ok(ResultBody::Tool(result)) => Ok(result.into_rmcp().into()),
                        Ok(_) => Err(ErrorData::internal_error("internal error", None)),
                        Err(error) => Err(error.into_rmcp()),
                    };
                }
                None => return Err(ErrorData::internal_error("internal error", None)),
            }
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
            "tools/call" | "tools/list" | "initialize" | "logging/setLevel" => RpcError::new(
                ErrorKind::MalformedParams,
                format!("the parameters of {} are malformed", request.method),
            ),
            method => RpcError::new(ErrorKind::MethodNotFound, format!("no such method: {method}")),
        };
        std::future::ready(Err(error.into_rmcp()))
    }
}
