//! Sales as a time series.

use mcp_core::{ToolError, ToolErrorKind, ToolResult};
use mcp_forecast::{ForecastError, ForecastErrorKind, Series};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{About, asking::Asking};
use crate::{Date, Dimension, Filter, Grain, Measure, Query};

/// How long the periods of a time series are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum SeriesGrain {
    /// Days.
    Day,
    /// Weeks, from Monday.
    Week,
    /// Calendar months.
    #[default]
    Month,
}

impl SeriesGrain {
    pub(super) fn of_query(self) -> Grain {
        match self {
            Self::Day => Grain::Day,
            Self::Week => Grain::Week,
            Self::Month => Grain::Month,
        }
    }

    pub(super) fn of_series(self) -> mcp_forecast::Grain {
        match self {
            Self::Day => mcp_forecast::Grain::Day,
            Self::Week => mcp_forecast::Grain::Week,
            Self::Month => mcp_forecast::Grain::Month,
        }
    }
}

/// Sums by period, as the models take them: from the first period with sales to the last whole one.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) series: Series,
    /// What was left out, in a sentence.
    pub(super) cut: Option<String>,
    /// The period after the series, where sales of it are known already.
    pub(super) begun: Option<Begun>,
}

/// A period that has begun and is not over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    /// Its first day.
    pub(super) start: Date,
    /// The last day of which sales are known.
    pub(super) last: Date,
    /// What was sold so far.
    pub(super) value: f64,
    /// Which part of its days is to come: above 0, below 1.
    pub(super) to_come: f64,
}

impl History {
    /// Asks for the sales of a scope by period.
    pub(super) async fn ask(
        asking: &mut Asking<'_>,
        filter: Filter,
        grain: SeriesGrain,
        measure: Measure,
    ) -> ToolResult<Self> {
        let period = grain.of_query();
        // By day, as the first day with sales tells whether the first period is whole.
        let answer = asking.ask(&Query::new(filter).grain(Grain::Day)).await?;
        // Beyond the data nothing is known, not even that nothing was sold.
        let data = &asking.scope.data;
        let (from, to) = (asking.about.from.max(data.first), asking.about.to.min(data.last));
        let rows = answer.rows.iter();
        let mut days: Vec<(Date, f64)> =
            rows.filter_map(|row| Some((row.period?, row.totals.value(measure)))).collect();
        days.sort_by_key(|(date, _)| *date);
        let Some(&(first_day, _)) = days.first() else {
            return Err(ToolError::new(ToolErrorKind::NotFound, asking.scope.note()));
        };
        let first = period.start(first_day);
        let late = begins_late(&days, first);
        let mut points: Vec<(Date, f64)> = Vec::new();
        for (day, value) in days {
            let start = period.start(day);
            match points.last_mut() {
                Some((last, sum)) if *last == start => *sum += value,
                _ => points.push((start, value)),
            }
        }
        // Half a month of sales is no drop: only whole periods are learned from.
        let whole = |start: Date| {
            period.next(start).is_some_and(|next| next.plus_days(-1) <= to)
                && start >= from
                && !(late && start == first)
        };
        let starts = std::iter::successors(Some(first), |start| period.next(*start));
        let starts: Vec<Date> = starts.take_while(|start| *start <= to).collect();
        let left_out: Vec<String> = starts
            .iter()
            .filter(|start| !whole(**start))
            .map(|start| period.label(*start))
            .collect();
        let begun = starts
            .last()
            .filter(|start| !whole(**start) && **start >= from && !(late && **start == first));
        let begun = begun.and_then(|&start| {
            let days = period.next(start)?.days_since(start);
            let to_come = 1.0 - (to.days_since(start) + 1) as f64 / days as f64;
            let value = points.last().filter(|(date, _)| *date == start);
            let value = value.map_or(0.0, |(_, value)| *value);
            Some(Begun { start, last: to, value, to_come })
        });
        let mut known = points.into_iter().peekable();
        let values: Vec<(Date, Option<f64>)> = starts
            .into_iter()
            .map(|start| {
                // Nothing was sold where nothing is known of sales.
                let value =
                    known.next_if(|(date, _)| *date == start).map_or(0.0, |(_, value)| value);
                (start, Some(value))
            })
            .filter(|(start, _)| whole(*start))
            .collect();
        let cut = (!left_out.is_empty())
            .then(|| format!("Not learned from, as not whole: {}.", left_out.join(", ")));
        let Some(&(first, _)) = values.first() else {
            let message = format!(
                "There is no whole {period} of sales from {from} to {to}. Choose a finer grain or a longer time."
            );
            return Err(ToolError::new(ToolErrorKind::InvalidArguments, message));
        };
        let values = values.into_iter().map(|(_, value)| value).collect();
        let series =
            Series::new(first.naive(), grain.of_series(), values).map_err(tell_model_why)?;
        Ok(Self { series, cut, begun })
    }
}

/// Whether sales begin so late in the first period that they must be taken to have begun then, as those
/// of a new product or branch: after more than three times the usual distance of two days with sales.
fn begins_late(days: &[(Date, f64)], first: Date) -> bool {
    let [(first_day, _), ..] = days else { return false };
    let mut distances: Vec<i64> =
        days.windows(2).map(|pair| pair[1].0.days_since(pair[0].0)).collect();
    distances.sort_unstable();
    let usual = distances.get(distances.len() / 2).copied().unwrap_or(i64::MAX / 3);
    first_day.days_since(first) > 3 * usual
}

/// The names with most of a measure, each with the filter of its sales.
pub(super) async fn largest(
    asking: &mut Asking<'_>,
    by: Dimension,
    measure: Measure,
    n: u32,
) -> ToolResult<Vec<(String, Filter)>> {
    let query = asking.query().by(by).order(crate::Order::Largest(measure)).limit(n as usize);
    let answer = asking.ask(&query).await?;
    let named = answer.rows.iter().map(|row| {
        let name = row.names[0].to_string();
        let mut filter = asking.scope.filter.clone();
        filter.set_name(by, Some(name.clone()));
        (name, filter)
    });
    Ok(named.collect())
}

/// What cannot be forecast is something that the model can ask differently.
pub(super) fn tell_model_why(error: ForecastError) -> ToolError {
    let kind = match error.kind() {
        ForecastErrorKind::Stopped => ToolErrorKind::Unavailable,
        ForecastErrorKind::Model => ToolErrorKind::Internal,
        _ => ToolErrorKind::InvalidArguments,
    };
    let message = error.into_message();
    let mut chars = message.chars();
    let message: String =
        chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default();
    ToolError::new(kind, format!("{message}."))
}

/// "Revenue (USD)", "Units".
pub(super) fn label(measure: Measure, about: &About) -> String {
    let name = match measure {
        Measure::Revenue => "Revenue",
        Measure::Units => "Units",
        Measure::OrderLines => "Order lines",
    };
    match (&about.currency, measure) {
        (Some(currency), Measure::Revenue) => format!("{name} ({currency})"),
        _ => name.to_owned(),
    }
}

/// A value of a measure: cents matter in money, and nothing after the point in pieces that are
/// there; estimates of pieces have a decimal.
pub(super) fn rounded(value: f64, measure: Measure) -> f64 {
    let factor = if measure == Measure::Revenue { 100.0 } else { 10.0 };
    (value * factor).round() / factor
}
