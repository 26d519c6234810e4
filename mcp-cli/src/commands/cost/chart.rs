//! Costs over requests.

use std::path::Path;

use chrono::NaiveDate;
use mcp_charts::{Chart, ChartError, Kind, Series, Theme, X, png, svg};
use mcp_tools_aws::{DeploymentCosts, Prices, Target, Workload};

use super::grouped;
use crate::exit::Failure;

/// Places along the x axis.
const PLACES: u64 = 21;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Svg,
    Png,
}

/// The format that a file's name asks for.
pub(super) fn kind(file: &Path) -> Result<Format, Failure> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => Ok(Format::Svg),
        Some("png") => Ok(Format::Png),
        _ => Err(Failure::usage(format!(
            "--chart {}: the name of a chart ends in .svg or .png",
            file.display()
        ))),
    }
}

/// From nothing to a little beyond the workload and where places that are paid by the hour get cheaper.
pub(super) fn draw(
    format: Format,
    workload: &Workload,
    costs: &DeploymentCosts,
    prices: &Prices,
    today: NaiveDate,
) -> Result<Vec<u8>, Failure> {
    let points = costs.break_even.iter().map(|point| point.requests_per_month);
    // Where the first of them does; the others may be far away.
    let first = points.min().unwrap_or_default();
    let most = workload.requests_per_month.max(first).max(PLACES).saturating_mul(3) / 2;
    let step = round(most / (PLACES - 1));
    let places: Vec<u64> = (0..PLACES).map(|place| step * place).collect();
    let mut series: Vec<(Target, Series)> = costs
        .options
        .iter()
        .map(|option| {
            let series = Series::new(option.name.clone(), Vec::new());
            // There are more places than colours; those of one colour differ in this.
            (option.target, Series { dashed: is_paid_by_request(option.target), ..series })
        })
        .collect();
    for requests in &places {
        let workload = Workload { requests_per_month: *requests, ..workload.clone() };
        let costs =
            workload.costs(prices, today).map_err(|error| Failure::usage(error.message()))?;
        for (target, series) in &mut series {
            let option = costs.options.iter().find(|option| option.target == *target);
            series.values.push(option.map(|option| dollars(option.monthly_usd.cents())));
        }
    }
    // What is many times dearer would leave no room for what is compared.
    let last = |series: &Series| series.values.last().copied().flatten().unwrap_or_default();
    let mut ends: Vec<f64> = series.iter().map(|(_, series)| last(series)).collect();
    ends.sort_by(f64::total_cmp);
    let room = ends.get(ends.len() / 2).copied().unwrap_or_default() * 3.0;
    for (_, series) in &mut series {
        for value in &mut series.values {
            *value = value.filter(|value| *value <= room);
        }
    }
    let chart = Chart {
        title: "What a server costs a month".to_owned(),
        subtitle: format!(
            "{} ms a request, {} MB, {}, list prices without free tier; dashed: paid by the request",
            workload.duration_ms, workload.memory_mb, costs.region
        ),
        x: X::Categories(places.iter().map(|requests| grouped(*requests)).collect()),
        y_label: "USD a month, by requests a month".to_owned(),
        kind: Kind::Lines,
        series: series.into_iter().map(|(_, series)| series).collect(),
        ..Chart::default()
    };
    let cannot = |error: ChartError| Failure::local(format!("cannot draw the chart: {error}"));
    match format {
        Format::Svg => svg(&chart, Theme::Light).map(String::into_bytes).map_err(cannot),
        Format::Png => png(&chart, Theme::Light).map_err(cannot),
    }
}

fn is_paid_by_request(target: Target) -> bool {
    matches!(
        target,
        Target::LambdaFunctionUrl
            | Target::LambdaHttpApi
            | Target::LambdaRestApi
            | Target::LambdaAlb
            | Target::LambdaWebSocketApi
            | Target::AgentCore
    )
}

/// The next of 1, 2 and 5 with noughts, which axes are easily read by.
fn round(number: u64) -> u64 {
    let unit = 10_u64.pow(number.max(1).ilog10());
    [1, 2, 5]
        .into_iter()
        .map(|times| times * unit)
        .find(|round| *round >= number)
        .unwrap_or(10 * unit)
}

#[expect(clippy::cast_precision_loss, reason = "a pixel is more than a cent")]
fn dollars(cents: i64) -> f64 {
    cents as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (number, rounded) in [(0, 1), (1, 1), (3, 5), (6, 10), (1_582_500, 2_000_000)] {
            assert_eq!(round(number), rounded, "{number}");
        }
    }
}
