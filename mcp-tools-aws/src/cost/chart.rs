//! What an account has cost, to look at.

use std::collections::HashMap;

use mcp_charts::{Chart, Kind, Series, X};
use rust_decimal::prelude::ToPrimitive as _;

use super::{CostBreakdown, get_cost_breakdown::label, query::CostTable};
use crate::Usd;

/// So many groups have a colour of their own.
const MOST_GROUPS: usize = 8;

fn number(amount: Usd) -> Option<f64> {
    amount.amount().round_dp(2).to_f64()
}

/// A bar for each day or month, stacked by the greatest groups; a bar for each group where there is
/// but one day or month.
pub(super) fn chart(breakdown: &CostBreakdown, table: &CostTable) -> Chart {
    let CostBreakdown { from, to, total, currency, .. } = breakdown;
    let estimated = if breakdown.estimated { ", partly estimated" } else { "" };
    let partial = if breakdown.partial.is_some() { ", INCOMPLETE" } else { "" };
    let chart = Chart {
        title: format!("Costs from {from} to {to}: {total}"),
        subtitle: format!("{}, {currency}{estimated}{partial}", breakdown.metric.name()),
        y_label: currency.clone(),
        ..Chart::default()
    };
    if table.rows.len() < 2 {
        let groups = breakdown.groups.iter().take(60);
        let (names, values) =
            groups.map(|group| (label(&group.name), number(group.usd))).unzip::<_, _, Vec<_>, _>();
        return Chart {
            x: X::Categories(names),
            kind: Kind::Bars,
            series: vec![Series::new("Cost", values)],
            ..chart
        };
    }
    let groups = table.by_group(|_| true);
    // One that comes to as much as no other stays beside "others", which it would not shorten.
    let own = if groups.len() > MOST_GROUPS + 1 { MOST_GROUPS } else { groups.len() };
    let index: HashMap<&str, usize> = groups
        .iter()
        .take(own)
        .enumerate()
        .map(|(index, (name, _))| (name.as_str(), index))
        .collect();
    let mut sums = vec![vec![Usd::ZERO; table.rows.len()]; own];
    let mut others = vec![Usd::ZERO; table.rows.len()];
    for (place, row) in table.rows.iter().enumerate() {
        // Rows without groups are of costs that are not told apart.
        let mut rest = row.total;
        for (name, amount) in &row.groups {
            if let Some(index) = index.get(name.as_str()) {
                sums[*index][place] += *amount;
                rest = rest - *amount;
            }
        }
        others[place] = rest;
    }
    let line = |name: String, sums: &[Usd]| {
        Series::new(name, sums.iter().map(|amount| number(*amount)).collect())
    };
    let mut series: Vec<Series> =
        groups.iter().zip(&sums).map(|((name, _), sums)| line(label(name), sums)).collect();
    if others.iter().any(|amount| amount.cents() != 0) {
        let name = match groups.len() - own {
            0 => "Others".to_owned(),
            count => format!("{count} others"),
        };
        series.push(line(name, &others));
    }
    Chart {
        x: X::Dates(table.rows.iter().map(|row| row.from).collect()),
        kind: Kind::Stacked,
        series,
        ..chart
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{Billed, Day, Granularity, Metric, query::CostRow};

    fn usd(amount: i64) -> Usd {
        Usd::from(rust_decimal::Decimal::from(amount))
    }

    fn drawn(days: u32, groups: i64) -> Chart {
        let day = |day: u32| chrono::NaiveDate::from_ymd_opt(2026, 5, day).unwrap();
        let rows: Vec<CostRow> = (1..=days)
            .map(|at| CostRow {
                from: day(at),
                to: day(at),
                estimated: false,
                total: (1..=groups).map(usd).sum(),
                groups: (1..=groups).map(|group| (format!("group {group}"), usd(group))).collect(),
            })
            .collect();
        let table = CostTable { rows, ..CostTable::default() };
        let breakdown = CostBreakdown {
            from: Day(day(1)),
            to: Day(day(days)),
            granularity: Granularity::Daily,
            metric: Metric::default(),
            currency: "USD".to_owned(),
            estimated: true,
            total: table.total(),
            groups: crate::cost::GroupCost::top(table.by_group(|_| true), table.total(), 20),
            periods: Vec::new(),
            partial: None,
            billed: Billed::default(),
        };
        chart(&breakdown, &table)
    }

    #[test]
    fn days_are_stacked_and_add_up() {
        let chart = drawn(3, 20);
        assert_eq!((chart.kind, chart.series.len()), (Kind::Stacked, 9));
        assert_eq!(chart.series[0].name, "group 20");
        assert_eq!(chart.series[8].name, "12 others");
        let first: f64 = chart.series.iter().filter_map(|series| series.values[0]).sum();
        assert!((first - 210.0).abs() < 1e-9, "{first}");
        assert_eq!(drawn(3, 9).series.len(), 9);
        assert!(mcp_charts::svg(&chart, mcp_charts::Theme::Light).unwrap().contains("group 20"));
    }

    #[test]
    fn one_day_is_a_bar_for_each_group() {
        let chart = drawn(1, 3);
        assert_eq!((chart.kind, chart.x.len()), (Kind::Bars, 3));
        assert!(chart.subtitle.contains("partly estimated"));
    }
}
