//! The figures of `docs/cost.md` are those of the estimator.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mcp_testing::{__private::block_on, Harness};
use mcp_tools_aws::{DeploymentCost, DeploymentCosts, Prices, Usd, deploy_pack};

const PAGE: &str = include_str!("../../docs/cost.md");

/// A row of the table: the question's arguments, the part of the answer, the amount.
fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    PAGE.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim).skip(2);
        let question = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        let part = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        Some((question, part, cells.next()?))
    })
}

/// What a place costs, or what the lines cost that stand between quotation marks.
fn amount(cost: &DeploymentCost, part: &str) -> Usd {
    let lines: Vec<&str> = part.split('"').skip(1).step_by(2).collect();
    if !lines.is_empty() {
        let named = cost.lines.iter().filter(|line| lines.contains(&line.item.as_str()));
        return named.map(|line| line.usd).sum();
    }
    if part.ends_with(" free") { cost.monthly_usd_with_free_tier } else { cost.monthly_usd }
}

#[test]
fn every_figure_is_the_estimators() {
    let server = mcp_core::Server::builder("cost", "1");
    let server = server.pack(deploy_pack(Prices::built_in())).build();
    block_on(async {
        let mcp = Harness::in_memory(server).await;
        let (mut faults, mut count) = (Vec::new(), 0);
        for (question, part, expected) in rows() {
            let arguments = question.split(' ').map(|argument| {
                let (name, value) = argument.split_once('=').unwrap();
                (name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into()))
            });
            let arguments = serde_json::Value::Object(arguments.collect());
            let answer = mcp.try_call("estimate_deployment_cost", arguments).await.unwrap();
            let costs: DeploymentCosts = answer.structured();
            let place = part.split(' ').next().unwrap();
            let is_place = |cost: &&DeploymentCost| {
                serde_json::to_value(cost.target).unwrap().as_str() == Some(place)
            };
            let cost = costs.options.iter().find(is_place);
            let cost = cost.unwrap_or_else(|| panic!("{place} is impossible for {question}"));
            let amount = amount(cost, part).to_string();
            if amount != expected {
                faults.push(format!("{question}, {part}: {amount}, not {expected}"));
            }
            count += 1;
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert!(count >= 10, "only {count} figures are found");
    });
}
