mod call;
mod client_config;
mod content;
mod cost;
mod deploy;
mod dev;
mod doctor;
mod inspect;
mod list;
mod new;
mod package;
mod path;
mod project;
mod prompt;
mod read;
mod shell;

pub(crate) use self::{client_config::ClientName, package::Architecture};

use std::{future::Future, time::Duration};

use rmcp::{ServiceError, model::ErrorData};

use crate::{
    args::{Cli, Command, Server},
    connect::{self, Client, chain},
    exit::Failure,
    user::User,
};

/// Does what the command line says.
pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let json = cli.json;
    match cli.command {
        Command::List { server } => on(server, |client| list::run(client, json)),
        Command::Call { server, tool, arguments, save } => {
            on(server, move |client| call::run(client, tool, arguments, save, json))
        }
        Command::Read { server, uri, save } => {
            on(server, move |client| read::run(client, uri, save, json))
        }
        Command::Prompt { server, prompt, arguments } => {
            on(server, move |client| prompt::run(client, prompt, arguments, json))
        }
        Command::Inspect { server } => on(server, |client| inspect::run(client, json)),
        Command::Doctor { server } => doctor::run(server, json),
        Command::Dev(dev) => dev::run(dev, json),
        Command::Cost(cost) => cost::run(*cost, json),
        Command::Deploy(deploy) => deploy::run(deploy, json),
        Command::Package(package) => package::run(package, json),
        Command::New(new) => new::run(new, json),
        Command::ClientConfig(config) => client_config::run(config, json),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { folder } => shell::manual(&folder),
    }
}

/// Connects, does something, and says goodbye.
fn on<F: Future<Output = Result<(), Failure>>>(
    server: Server,
    work: impl FnOnce(Conversation) -> F,
) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let user = User::new(server.answer.as_deref())?;
        let client = connect::connect(&server, user).await?;
        let peer = Conversation { client, timeout: server.timeout };
        tokio::select! {
            done = work(peer) => done,
            _ = tokio::signal::ctrl_c() => Err(Failure::answered("interrupted")),
        }
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::local(format!("cannot start: {error}")))
}

/// A client and its patience.
pub(crate) struct Conversation {
    client: Client,
    timeout: Duration,
}

impl Conversation {
    /// Waits for an answer.
    async fn ask<T>(
        &self,
        what: &str,
        answer: impl Future<Output = Result<T, ServiceError>>,
    ) -> Result<T, Failure> {
        let answered = tokio::time::timeout(self.timeout, answer).await;
        self.client.service().finish();
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(ServiceError::McpError(error))) => Err(refused(what, &error)),
            Ok(Err(error)) => Err(Failure::unreachable(format!("{what}: {}", chain(&error)))),
            Err(_) => Err(Failure::answered(format!(
                "{what} was not answered within {} s; --timeout allows more",
                self.timeout.as_secs_f64()
            ))),
        }
    }
}

fn refused(what: &str, error: &ErrorData) -> Failure {
    let code = error.code.0;
    Failure::answered(format!("{what}: {} (JSON-RPC error {code})", error.message))
}
