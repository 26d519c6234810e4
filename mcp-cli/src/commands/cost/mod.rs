//! `mcp cost`: what running a server costs a month, at every place.

mod chart;
mod measure;

use std::fs;

use chrono::Utc;
use mcp_tools_aws::{Architecture as Processor, DeploymentCosts, Prices, Workload};
use serde_json::json;

use self::measure::Measured;
use crate::{
    args::Cost,
    commands::Architecture,
    exit::Failure,
    output::{self, FAINT, HEADING},
    user::one_line,
};

/// What is assumed where the number of requests is not said.
const REQUESTS: u64 = 1_000_000;

pub(super) fn run(cost: Cost, is_json: bool) -> Result<(), Failure> {
    let format = cost.chart.as_deref().map(chart::format).transpose()?;
    let prices = prices(&cost)?;
    let measured = measure::run(&cost)?;
    let workload = workload(&cost, &measured)?;
    let today = Utc::now().date_naive();
    let cannot = |why: &str| Failure::usage(one_line(why));
    let costs = workload.costs(&prices, today).map_err(|error| cannot(error.message()))?;
    if let (Some(file), Some(format)) = (&cost.chart, format) {
        let chart = workload.chart(&costs, &prices).map_err(|error| cannot(error.message()))?;
        let drawn = chart::draw(format, &chart)?;
        fs::write(file, drawn)
            .map_err(|error| Failure::local(format!("cannot write {}: {error}", file.display())))?;
    }
    if is_json {
        return output::print_json(&json!({
            "workload": workload,
            "measured": measured,
            "costs": costs,
            "chart": cost.chart,
        }));
    }
    output::print(&text(&workload, &measured, &costs))?;
    match &cost.chart {
        Some(file) => output::print(&format!("\nChart: {}", file.display())),
        None => Ok(()),
    }
}

fn prices(cost: &Cost) -> Result<Prices, Failure> {
    let prices = Prices::built_in();
    let Some(path) = &cost.prices else { return Ok(prices) };
    let wrong = |fault: String| {
        let fault = fault.lines().next().unwrap_or_default().to_owned();
        Failure::usage(format!("--prices {}: {fault}", path.display()))
    };
    let file = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    prices.with(&file).map_err(|error| wrong(error.to_string()))
}

/// What was said goes before what was measured, and that before what is assumed.
fn workload(cost: &Cost, measured: &Measured) -> Result<Workload, Failure> {
    let requests = cost.requests.or(measured.requests_per_month).unwrap_or(REQUESTS);
    let assumed = Workload::new(requests);
    let is_size = |size: &f64| (0.0..=204_800.0).contains(size);
    if cost.payload_kb.is_some_and(|size| !is_size(&size)) {
        return Err(Failure::usage("--payload-kb: expected 0 to 204800"));
    }
    Ok(Workload {
        duration_ms: cost.duration_ms.or(measured.duration_ms).unwrap_or(assumed.duration_ms),
        longest_call_seconds: cost.longest_call_seconds,
        memory_mb: cost.memory_mb.unwrap_or(assumed.memory_mb),
        payload_kb: cost
            .payload_kb
            .or(measured.payload_kb.filter(is_size))
            .unwrap_or(assumed.payload_kb),
        architecture: match cost.arch {
            Some(Architecture::X86_64) => Processor::X86_64,
            _ => Processor::Arm64,
        },
        region: cost.region.clone().unwrap_or(assumed.region),
        tasks: cost.tasks,
        task_vcpu: cost.task_vcpu.unwrap_or(assumed.task_vcpu),
        task_memory_mb: cost.task_memory_mb.unwrap_or(assumed.task_memory_mb),
        hours_per_day: cost.hours_per_day.unwrap_or(assumed.hours_per_day),
        provisioned_concurrency: cost.provisioned_concurrency.unwrap_or(0),
        streaming: cost.streaming,
        nat_gateway: cost.nat_gateway,
        ..Workload::new(requests)
    })
}

fn text(workload: &Workload, measured: &Measured, costs: &DeploymentCosts) -> String {
    let mut text = String::new();
    if let Some(how) = &measured.how {
        text += &format!("{FAINT}{}{FAINT:#}\n", one_line(how));
    }
    text += &format!(
        "{} requests a month of {} ms, with {} MB and answers of {:.1} KB, in {}; list prices in US \
         dollars, checked {} or later\n\n",
        grouped(workload.requests_per_month),
        workload.duration_ms,
        workload.memory_mb,
        workload.payload_kb,
        costs.region,
        costs.prices_as_of
    );
    let heading = ["a month", "with free tier", "place"].map(str::to_owned);
    let rows = costs.options.iter().map(|option| {
        [
            option.monthly_usd.to_string(),
            option.monthly_usd_with_free_tier.to_string(),
            option.name.clone(),
        ]
    });
    text += &output::table([heading].into_iter().chain(rows));
    for impossible in &costs.impossible {
        text += &format!("\nNot {}: {}", impossible.target.name(), impossible.reason);
    }
    if !costs.break_even.is_empty() {
        text += &format!("\n\n{HEADING}Break-even{HEADING:#}\n");
        let rows = costs.break_even.iter().map(|point| {
            [
                format!("up to {} requests", grouped(point.requests_per_month)),
                point.below.name().to_owned(),
                format!("then {}", point.above.name()),
            ]
        });
        text += &output::table(rows);
    }
    if let Some(warning) = &costs.warning {
        text += &format!("\n\nWarning: {warning}");
    }
    text
}

/// Thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
