use aws_sdk_costexplorer::types;
use chrono::{Days, NaiveDate};
use mcp_core::ToolResult;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Aws, Usd,
    aws::{Action, Explorer},
};

/// A question is answered from so many pages at most: $0.20.
const MOST_PAGES: u32 = 20;

/// How long a row of an answer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Granularity {
    /// A day.
    #[default]
    #[serde(rename = "DAILY")]
    Daily,
    /// A calendar month, or the part of it that is asked for.
    #[serde(rename = "MONTHLY")]
    Monthly,
}

/// Which costs count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// As they are on the bill, on the day on which they arise.
    #[default]
    UnblendedCost,
    /// With upfront payments of reservations and Savings Plans spread over their time.
    AmortizedCost,
    /// With the mean price of all accounts of an organization.
    BlendedCost,
    /// Unblended, after discounts.
    NetUnblendedCost,
    /// Amortized, after discounts.
    NetAmortizedCost,
}

/// What costs are told apart by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    /// The service, such as "AWS Lambda".
    #[default]
    Service,
    /// The region.
    Region,
    /// What exactly is billed, such as "USE1-Fargate-vCPU-Hours:perCPU".
    UsageType,
    /// The account of an organization.
    Account,
    /// The value of the cost allocation tag that `tag_key` names.
    Tag,
}

impl Granularity {
    pub(super) const fn sdk(self) -> types::Granularity {
        match self {
            Self::Daily => types::Granularity::Daily,
            Self::Monthly => types::Granularity::Monthly,
        }
    }
}

impl Metric {
    /// The name in `GetCostAndUsage`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::UnblendedCost => "UnblendedCost",
            Self::AmortizedCost => "AmortizedCost",
            Self::BlendedCost => "BlendedCost",
            Self::NetUnblendedCost => "NetUnblendedCost",
            Self::NetAmortizedCost => "NetAmortizedCost",
        }
    }

    /// The name in `GetCostForecast`, which has its own.
    pub(super) const fn sdk(self) -> types::Metric {
        match self {
            Self::UnblendedCost => types::Metric::UnblendedCost,
            Self::AmortizedCost => types::Metric::AmortizedCost,
            Self::BlendedCost => types::Metric::BlendedCost,
            Self::NetUnblendedCost => types::Metric::NetUnblendedCost,
            Self::NetAmortizedCost => types::Metric::NetAmortizedCost,
        }
    }
}

/// What costs are limited to: values of dimensions, all of which must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Filter(Vec<(&'static str, Vec<String>)>);

impl Filter {
    /// Limits a dimension, if there are values.
    pub(super) fn and(mut self, dimension: &'static str, values: Vec<String>) -> Self {
        if !values.is_empty() {
            self.0.push((dimension, values));
        }
        self
    }

    pub(super) fn sdk(&self) -> Option<types::Expression> {
        let mut parts: Vec<types::Expression> = self
            .0
            .iter()
            .map(|(dimension, values)| {
                let values = types::DimensionValues::builder()
                    .key(types::Dimension::from(*dimension))
                    .set_values(Some(values.clone()))
                    .build();
                types::Expression::builder().dimensions(values).build()
            })
            .collect();
        match parts.len() {
            0 | 1 => parts.pop(),
            _ => Some(types::Expression::builder().set_and(Some(parts)).build()),
        }
    }
}

/// A question to `GetCostAndUsage`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct CostQuery {
    pub(super) from: NaiveDate,
    /// The last day, included.
    pub(super) to: NaiveDate,
    pub(super) granularity: Granularity,
    pub(super) metric: Metric,
    /// And the key, where it is a tag.
    pub(super) group_by: Option<(GroupBy, Option<String>)>,
    pub(super) filter: Filter,
}

/// The answer to a [`CostQuery`].
#[derive(Clone, Debug, Default)]
pub(super) struct CostTable {
    /// The last day that was asked for.
    pub(super) to: NaiveDate,
    pub(super) rows: Vec<CostRow>,
    pub(super) currency: Option<String>,
    /// How many requests it took.
    pub(super) requests: u32,
    /// Why some of it is missing.
    pub(super) missing: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct CostRow {
    pub(super) from: NaiveDate,
    /// The last day, included.
    pub(super) to: NaiveDate,
    pub(super) estimated: bool,
    pub(super) total: Usd,
    pub(super) groups: Vec<(String, Usd)>,
}

impl CostTable {
    pub(super) fn total(&self) -> Usd {
        self.rows.iter().map(|row| row.total).sum()
    }

    pub(super) fn estimated(&self) -> bool {
        self.rows.iter().any(|row| row.estimated)
    }

    /// What groups come to over all rows, the greatest first.
    pub(super) fn by_group(&self, counts: impl Fn(&CostRow) -> bool) -> Vec<(String, Usd)> {
        let mut sums: std::collections::HashMap<&str, Usd> = std::collections::HashMap::new();
        for (name, amount) in self.rows.iter().filter(|row| counts(row)).flat_map(|row| &row.groups)
        {
            *sums.entry(name).or_default() += *amount;
        }
        let mut sums: Vec<(String, Usd)> =
            sums.into_iter().map(|(name, amount)| (name.to_owned(), amount)).collect();
        sums.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        sums
    }

    /// Whether some day of it may still change, beyond what AWS says.
    pub(super) fn is_open(&self, today: NaiveDate) -> bool {
        self.estimated() || self.to >= today
    }
}

impl CostQuery {
    /// Asks AWS, page by page. A page that fails after others is left out, and the answer says so.
    pub(super) async fn ask(self, aws: Aws) -> ToolResult<CostTable> {
        let explorer = aws.explorer().await;
        let mut table = CostTable { to: self.to, ..CostTable::default() };
        let mut token = None;
        loop {
            let request = self.request(explorer).set_next_page_token(token.take());
            let page = aws.call(Action::GetCostAndUsage, None, request.send()).await;
            table.requests += 1;
            let page = match page {
                Ok(page) => page,
                Err(error) if table.requests == 1 => return Err(error),
                Err(error) => {
                    table.missing = Some(format!("The rest could not be read: {error}"));
                    return Ok(table);
                }
            };
            table.add(page.results_by_time.unwrap_or_default(), self.metric);
            token = page.next_page_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(table);
            }
            if table.requests == MOST_PAGES {
                table.missing = Some(format!(
                    "There is more than {MOST_PAGES} pages, which cost $0.01 each: ask for fewer days, \
                     MONTHLY, or one service."
                ));
                return Ok(table);
            }
        }
    }

    fn request(
        &self,
        explorer: &Explorer,
    ) -> aws_sdk_costexplorer::operation::get_cost_and_usage::builders::GetCostAndUsageFluentBuilder
    {
        let mut request = explorer
            .get_cost_and_usage()
            .set_time_period(interval(self.from, self.to))
            .granularity(self.granularity.sdk())
            .metrics(self.metric.name())
            .set_filter(self.filter.sdk());
        if let Some((group_by, tag)) = &self.group_by {
            let (kind, key) = match group_by {
                GroupBy::Service => ("DIMENSION", "SERVICE"),
                GroupBy::Region => ("DIMENSION", "REGION"),
                GroupBy::UsageType => ("DIMENSION", "USAGE_TYPE"),
                GroupBy::Account => ("DIMENSION", "LINKED_ACCOUNT"),
                GroupBy::Tag => ("TAG", tag.as_deref().unwrap_or_default()),
            };
            let group = types::GroupDefinition::builder().r#type(kind.into()).key(key).build();
            request = request.group_by(group);
        }
        request
    }
}

/// From a day to another, both included; AWS leaves the end out.
pub(super) fn interval(from: NaiveDate, to: NaiveDate) -> Option<types::DateInterval> {
    let end = to.checked_add_days(Days::new(1)).unwrap_or(to);
    types::DateInterval::builder().start(from.to_string()).end(end.to_string()).build().ok()
}

impl CostTable {
    fn add(&mut self, results: Vec<types::ResultByTime>, metric: Metric) {
        for result in results {
            let Some(period) = &result.time_period else { continue };
            let (Ok(from), Ok(end)) =
                (period.start.parse::<NaiveDate>(), period.end.parse::<NaiveDate>())
            else {
                continue;
            };
            let mut amount =
                |metrics: Option<&std::collections::HashMap<String, types::MetricValue>>| {
                    let value = metrics.and_then(|metrics| metrics.get(metric.name()));
                    if let Some(unit) = value.and_then(|value| value.unit.as_ref())
                        && self.currency.is_none()
                    {
                        self.currency = Some(unit.clone());
                    }
                    money(value.and_then(|value| value.amount.as_deref()))
                };
            let groups: Vec<(String, Usd)> = result
                .groups
                .unwrap_or_default()
                .into_iter()
                .map(|group| {
                    let name = group.keys.unwrap_or_default().join(", ");
                    (name, amount(group.metrics.as_ref()))
                })
                .collect();
            let total = if groups.is_empty() {
                amount(result.total.as_ref())
            } else {
                groups.iter().map(|(_, amount)| *amount).sum()
            };
            let to = end.pred_opt().unwrap_or(end);
            // The groups of one period may go on on the next page.
            match self.rows.iter_mut().find(|row| row.from == from) {
                Some(row) => {
                    row.total += total;
                    row.estimated |= result.estimated;
                    row.groups.extend(groups);
                }
                None => {
                    let estimated = result.estimated;
                    self.rows.push(CostRow { from, to, estimated, total, groups });
                }
            }
        }
    }
}

/// A decimal as AWS writes it, or in scientific notation, as it does for the smallest.
pub(super) fn money(text: Option<&str>) -> Usd {
    let text = text.unwrap_or("0");
    let amount = text.parse().or_else(|_| Decimal::from_scientific(text));
    Usd::from(amount.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_both_notations() {
        for (text, usd) in
            [("0.0101516483", "0.0101516483"), ("1.2E-7", "0.00000012"), ("-3", "-3")]
        {
            assert_eq!(money(Some(text)).amount(), usd.parse().unwrap());
        }
        assert_eq!(money(None), Usd::ZERO);
        assert_eq!(money(Some("n/a")), Usd::ZERO);
    }

    #[test]
    fn one_filter_stands_alone_and_two_are_joined() {
        let service = Filter::default().and("SERVICE", vec!["AWS Lambda".to_owned()]);
        assert!(service.sdk().expect("a filter").dimensions().is_some());
        let both =
            service.and("REGION", vec!["eu-west-1".to_owned()]).and("LINKED_ACCOUNT", vec![]);
        assert_eq!(both.sdk().expect("a filter").and().len(), 2);
        assert_eq!(Filter::default().sdk(), None);
    }
}
