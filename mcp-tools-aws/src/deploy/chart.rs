//! What a month costs at each place by the number of requests, to look at.

use mcp_charts::{Chart, Kind, Mark, Series, X};
use rust_decimal::prelude::ToPrimitive as _;

use super::{BreakEven, DeploymentCosts, Target, Workload, prices::RegionPrices};

/// Points along the x axis, the first one at no requests.
const STEPS: u64 = 48;
/// A break-even so many times beyond the first one would press that against the axis.
const FARTHEST: u64 = 20;

/// Lines of the cheapest way to use Lambda and of the places that get cheaper, around the points where
/// they do and the requests that were asked about. Where nothing gets cheaper: a bar for each place.
pub(super) fn chart(costs: &DeploymentCosts, workload: &Workload, prices: &RegionPrices) -> Chart {
    lines(costs, workload, prices).unwrap_or_else(|| bars(costs))
}

fn subtitle(costs: &DeploymentCosts) -> String {
    format!(
        "List prices of {}, checked {} or later, without free tiers",
        costs.region, costs.prices_as_of
    )
}

fn lines(costs: &DeploymentCosts, workload: &Workload, prices: &RegionPrices) -> Option<Chart> {
    let nearest = costs.break_even.iter().map(|point| point.requests_per_month).min()?;
    let shown: Vec<&BreakEven> = costs
        .break_even
        .iter()
        .filter(|point| point.requests_per_month <= nearest.saturating_mul(FARTHEST))
        .collect();
    let farthest = shown.iter().map(|point| point.requests_per_month).max()?;
    // Requests far beyond are where the lines have long parted.
    let asked = workload.requests_per_month.min(farthest.saturating_mul(4));
    let step = round_up(farthest.max(asked).saturating_mul(5) / 4 / STEPS + 1);
    let at = |index: u64| Workload { requests_per_month: index * step, ..workload.clone() };
    let cost = |target: Target, index: u64| {
        let bill = target.bill(&at(index), prices).ok()?;
        bill.total().to_f64()
    };
    let mut targets = vec![shown.first()?.below];
    targets.extend(shown.iter().map(|point| point.above));
    let series = targets.iter().map(|target| {
        let values = (0..=STEPS).map(|index| cost(*target, index)).collect();
        Series::new(target.name(), values)
    });
    let marks = shown.iter().filter_map(|point| {
        let index = (point.requests_per_month + step / 2) / step;
        Some(Mark {
            index: usize::try_from(index).ok()?,
            value: cost(point.above, index)?,
            text: format!(
                "{} gets cheaper at about {} requests a month",
                point.above.name(),
                short(point.requests_per_month)
            ),
        })
    });
    Some(Chart {
        title: format!(
            "What a month costs, by requests a month (asked: {})",
            short(workload.requests_per_month)
        ),
        subtitle: subtitle(costs),
        x_label: "Requests a month".to_owned(),
        y_label: "US dollars a month".to_owned(),
        x: X::Categories((0..=STEPS).map(|index| short(index * step)).collect()),
        series: series.collect(),
        marks: marks.collect(),
        ..Chart::default()
    })
}

fn bars(costs: &DeploymentCosts) -> Chart {
    let usd = |option: &super::DeploymentCost| option.monthly_usd.amount().to_f64();
    Chart {
        title: "What a month costs at each place".to_owned(),
        subtitle: subtitle(costs),
        y_label: "US dollars a month".to_owned(),
        x: X::Categories(costs.options.iter().map(|option| option.name.clone()).collect()),
        kind: Kind::Bars,
        series: vec![Series::new("A month", costs.options.iter().map(usd).collect())],
        ..Chart::default()
    }
}

/// The next number of which people make steps: 1, 2, 2.5 or 5 with zeros.
fn round_up(number: u64) -> u64 {
    let unit = 10_u64.saturating_pow(number.max(1).ilog10());
    let steps = [unit, unit.saturating_mul(2), unit.saturating_mul(5) / 2, unit.saturating_mul(5)];
    steps.into_iter().find(|step| *step >= number).unwrap_or_else(|| unit.saturating_mul(10))
}

/// `1.5M` for 1,500,000.
fn short(number: u64) -> String {
    let (unit, name) = match number {
        0..1_000 => (1, ""),
        1_000..1_000_000 => (1_000, "k"),
        1_000_000..1_000_000_000 => (1_000_000, "M"),
        _ => (1_000_000_000, "bn"),
    };
    let hundredths = number / (unit / 100).max(1);
    match unit {
        1 => number.to_string(),
        _ => format!("{}{name}", hundredths as f64 / 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::{Prices, estimate_deployment_cost::estimate};

    fn of(workload: &Workload) -> Chart {
        let prices = Prices::built_in();
        let costs = estimate(workload, &prices, chrono::NaiveDate::MIN).unwrap();
        chart(&costs, workload, prices.of("us-east-1").unwrap())
    }

    #[test]
    fn lines_cross_where_the_break_even_is() {
        let workload = Workload { memory_mb: 1024, ..Workload::new(5_000_000) };
        let chart = of(&workload);
        assert!(chart.series.len() >= 3, "{chart:?}");
        assert_eq!(chart.x.len(), 49);
        for (line, mark) in chart.series[1..].iter().zip(&chart.marks) {
            let apart =
                |index: usize| chart.series[0].values[index].unwrap() - line.values[index].unwrap();
            // Lambda is cheaper before and dearer after; a step to either side.
            assert!(apart(mark.index - 1) <= 0.0, "{mark:?}");
            assert!(apart(mark.index + 1) >= 0.0, "{mark:?}");
        }
    }

    #[test]
    fn where_lambda_cannot_be_there_are_bars() {
        let workload = Workload { longest_call_seconds: Some(3600), ..Workload::new(1_000) };
        let chart = of(&workload);
        assert_eq!(chart.kind, Kind::Bars);
        assert!(!chart.x.is_empty());
    }

    #[test]
    fn numbers_are_short() {
        for (number, shown) in [
            (0, "0"),
            (999, "999"),
            (1_500, "1.5k"),
            (250_000, "250k"),
            (1_250_000, "1.25M"),
            (3_000_000_000, "3bn"),
        ] {
            assert_eq!(short(number), shown);
        }
        for (number, rounded) in
            [(1, 1), (3, 5), (21, 25), (26, 50), (51, 100), (u64::MAX, u64::MAX)]
        {
            assert_eq!(round_up(number), rounded);
        }
    }
}
