//! `mcp doctor`: whether a server can be reached, spoken to and trusted, and what to change.

mod authentication;
mod front;
mod http;
mod metadata;
mod probe;
mod report;
mod ssh;
mod streaming;

use crate::{
    args::{EraChoice, Server},
    connect,
    exit::Failure,
    target::Target,
    user::User,
};

use self::report::{Finding, Report};

pub(super) fn run(server: Server, is_json: bool) -> Result<(), Failure> {
    let report = super::runtime()?.block_on(async {
        tokio::select! {
            report = examine(server) => Ok(report),
            _ = tokio::signal::ctrl_c() => Err(Failure::answered("interrupted")),
        }
    })?;
    report.print(is_json)?;
    match report.failures() {
        0 => Ok(()),
        1 => Err(Failure::answered("one thing is wrong")),
        many => Err(Failure::answered(format!("{many} things are wrong"))),
    }
}

async fn examine(mut server: Server) -> Report {
    let mut report = Report::default();
    if let Target::Http(url) = &server.target {
        let url = url.clone();
        if !http::examine(&url, &server, &mut report).await {
            return report;
        }
    }
    if let Target::Command(words) = &server.target
        && words[0] == "ssh"
    {
        let words = words.clone();
        if !ssh::examine(&words, &server, &mut report).await {
            return report;
        }
    }
    let mut spoken = 0;
    for era in [EraChoice::Modern, EraChoice::Legacy] {
        // The transport of 2024-11-05 carries sessions alone.
        if era == EraChoice::Modern && matches!(server.target, Target::HttpSse(_)) {
            continue;
        }
        server.era = era;
        spoken += usize::from(speak(&server, era, &mut report).await);
    }
    if spoken == 0 {
        report.add(Finding::wrong(
            "protocol",
            "the server speaks neither MCP 2026-07-28 nor an older revision",
            "check that the address is the server's /mcp, or the command its `stdio`",
        ));
    }
    report
}

/// Agrees on a protocol and lists the tools. One of two eras is enough for a server of others.
async fn speak(server: &Server, era: EraChoice, report: &mut Report) -> bool {
    let name = match era {
        EraChoice::Modern => "MCP 2026-07-28",
        _ => "MCP 2025-11-25 and older",
    };
    let Ok(user) = User::new(None) else { return false };
    let client = match connect::connect(server, user).await {
        Ok(client) => client,
        Err(failure) => {
            let advice = "clients of this era will not connect; that is well if there are none";
            report.add(Finding::doubtful(name, format!("not spoken: {failure}"), advice));
            return false;
        }
    };
    let listed = tokio::time::timeout(server.timeout, client.list_all_tools()).await;
    let tools = match listed {
        Ok(Ok(tools)) => tools.len(),
        Ok(Err(error)) => {
            let found = format!("tools/list fails: {}", connect::chain(&error));
            report.add(Finding::wrong(name, found, "see the server's log"));
            return true;
        }
        Err(_) => {
            let found = "tools/list was not answered in time";
            report.add(Finding::wrong(name, found, "see the server's log, or pass --timeout"));
            return true;
        }
    };
    report.add(Finding::good(name, format!("spoken, {tools} tools")));
    true
}
