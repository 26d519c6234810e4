//! The person at the terminal, as servers see them: who is told of progress, and who is asked.
#![allow(deprecated, reason = "log messages are deprecated, and servers still send them")]

mod form;

use std::io::{IsTerminal as _, stderr, stdin};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rmcp::{
    ClientHandler, ErrorData, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
        Implementation, LoggingMessageNotificationParam, ProgressNotificationParam,
    },
    service::{NotificationContext, RequestContext},
};
use serde_json::{Value, json};

use crate::exit::Failure;

/// What a bar counts to; progress itself has fractions.
const STEPS: u64 = 1_000;

#[derive(Debug)]
pub(crate) struct User {
    bar: ProgressBar,
    /// What to answer without asking.
    answer: Option<Value>,
    can_be_asked: bool,
}

impl User {
    /// `answer` is a JSON object to answer questions with, instead of a person.
    pub(crate) fn new(answer: Option<&str>) -> Result<Self, Failure> {
        let answer = match answer.map(serde_json::from_str::<Value>) {
            None => None,
            Some(Ok(answer)) if answer.is_object() => Some(answer),
            Some(Ok(_)) => return Err(Failure::usage("--answer: expected a JSON object")),
            Some(Err(error)) => return Err(Failure::usage(format!("--answer: {error}"))),
        };
        let target = match stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let can_be_asked = answer.is_some() || (stdin().is_terminal() && stderr().is_terminal());
        Ok(Self { bar, answer, can_be_asked })
    }

    /// Takes the bar away before something is printed.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn show(&self, progress: &ProgressNotificationParam) {
        let template = match progress.total {
            Some(total) if total > 0.0 => {
                self.bar.set_length(STEPS);
                let share = (progress.progress / total).clamp(0.0, 1.0);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "from 0 to STEPS"
                )]
                self.bar.set_position((share * STEPS as f64) as u64);
                "{bar:30} {percent:>3} %  {msg}"
            }
            _ => "{spinner}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        let message = progress.message.clone();
        self.bar.set_message(one_line(&message.unwrap_or_else(|| progress.progress.to_string())));
        self.bar.tick();
    }

    async fn ask(&self, request: ElicitRequestParams) -> Result<ElicitResult, ErrorData> {
        if let Some(answer) = &self.answer {
            let accepted = ElicitResult::new(ElicitationAction::Accept);
            let is_form = matches!(request, ElicitRequestParams::FormElicitationParams { .. });
            return Ok(if is_form { accepted.with_content(answer.clone()) } else { accepted });
        }
        // A bar that is drawn meanwhile would write over the question.
        self.bar.finish_and_clear();
        let asked = tokio::task::spawn_blocking(move || form::ask(request)).await;
        self.bar.reset();
        asked.map_err(|_| ErrorData::internal_error("the question could not be asked", None))?
    }
}

/// A server's words on one line, without what a terminal would take for a command.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl ClientHandler for User {
    fn get_info(&self) -> ClientConfig {
        let capabilities = if self.can_be_asked {
            json!({ "elicitation": { "form": {}, "url": {} } })
        } else {
            json!({})
        };
        let capabilities: ClientCapabilities =
            serde_json::from_value(capabilities).unwrap_or_default();
        ClientConfig::new(capabilities, Implementation::new("mcp-cli", env!("CARGO_PKG_VERSION")))
    }

    async fn on_progress(
        &self,
        progress: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.show(&progress);
    }

    async fn on_logging_message(
        &self,
        message: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        let text = match &message.data {
            Value::String(text) => text.clone(),
            data => data.to_string(),
        };
        let level = serde_json::to_value(message.level);
        let level = level.as_ref().ok().and_then(Value::as_str).unwrap_or("log");
        self.bar.suspend(|| anstream::eprintln!("{level}: {}", one_line(&text)));
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        self.ask(request).await
    }
}
