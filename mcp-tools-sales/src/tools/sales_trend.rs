use mcp_charts::{Chart, Series as Line, X};
use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    About, ChartFormat, Part, Selection, WithChart, asking::Asking, history::label, one_line,
};
use crate::{Answer, Date, Dimension, Filter, Grain, Measure, Order, Sales};

/// The most periods that are shown, of all series together.
const MOST_PERIODS: usize = 5_000;

/// Shows how sales developed: sums for each day, week, month, quarter or year.
///
/// Use it for growth, seasons and turning points, of all sales, of one product, category or operation,
/// or, with `by`, of the `n` largest side by side. Weeks begin on Mondays. A period without sales
/// inside the range is shown as zeros. The first and the last period may be cut off by the range:
/// the answer says so. Revenue is in one currency, rounded to cents; units are pieces; returns are
/// subtracted. This reads past sales only; it never estimates what comes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(title = "Sales trend", read_only, idempotent, open_world = false, task = "on_demand", scopes = ["sales:read"], ui = "ui://sales/chart")]
pub struct SalesTrend {
    /// How long the periods are.
    pub grain: Grain,
    /// Shows the largest of these side by side instead of one series of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Dimension>,
    /// What makes the largest of `by` the largest.
    #[serde(default)]
    pub measure: Measure,
    /// How many series to show with `by`.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 50))]
    pub n: u32,
    /// Which order lines count.
    #[serde(flatten)]
    pub selection: Selection,
    /// The product whose sales count, in any case; all products when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Whether a chart goes along.
    #[serde(default)]
    pub chart: ChartFormat,
}

fn five() -> u32 {
    5
}

/// How sales developed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// How long the periods are.
    pub grain: Grain,
    /// What the series are of, if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Dimension>,
    /// The series: one, or the largest of `by`, the largest first.
    pub series: Vec<TrendSeries>,
    /// Whether the first period begins before the first day that counts, or before the data does.
    pub first_period_is_partial: bool,
    /// Whether the last period ends after the last day that counts, or after the data does.
    pub last_period_is_partial: bool,
    /// What they are of.
    #[serde(flatten)]
    pub about: About,
}

/// The periods of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrendSeries {
    /// The name, if the series is one of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its periods, the earliest first, without gaps.
    pub periods: Vec<TrendPeriod>,
}

/// A period and its sums.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrendPeriod {
    /// The first day of the period, whether it counts or not.
    pub start: Date,
    /// The sums.
    #[serde(flatten)]
    pub sums: Part,
}

impl Call<Sales> for SalesTrend {
    type Output = WithChart<Trend>;

    async fn call(self, sales: &Sales, cx: &ToolContext) -> ToolResult<Self::Output> {
        let Self { grain, by, measure, n, selection, product, chart } = self;
        let mut asking =
            Asking::new(sales, cx, selection.filter(product), &[Measure::Revenue]).await?;
        let mut answers: Vec<(Option<String>, Answer)> = Vec::new();
        match by {
            None => {
                let answer = asking.ask(&asking.query().grain(grain)).await?;
                answers.push((None, answer));
            }
            Some(dimension) => {
                let largest = asking.query().by(dimension).order(Order::Largest(measure));
                for row in asking.ask(&largest.limit(n as usize)).await?.rows {
                    let name = row.names[0].to_string();
                    let mut filter: Filter = asking.scope.filter.clone();
                    filter.set_name(dimension, Some(name.clone()));
                    let answer = asking.ask(&crate::Query::new(filter).grain(grain)).await?;
                    answers.push((Some(name), answer));
                }
            }
        }
        let periods = answers.iter().flat_map(|(_, answer)| &answer.rows).map(|row| row.period);
        let first = periods.clone().flatten().min();
        let last = periods.flatten().max();
        asking.note_if(first.is_none());
        let mut series: Vec<TrendSeries> = Vec::new();
        if let (Some(first), Some(last)) = (first, last) {
            series = answers
                .into_iter()
                .map(|(name, answer)| TrendSeries {
                    name,
                    periods: fill(&answer, grain, first, last),
                })
                .collect();
            let shown = series.iter().map(|series| series.periods.len()).sum::<usize>();
            if shown > MOST_PERIODS {
                let message = format!(
                    "These would be {shown} periods; at most {MOST_PERIODS} are shown. Choose a \
                     longer grain than {grain}, a shorter time, or fewer series."
                );
                return Err(mcp_core::ToolError::new(
                    mcp_core::ToolErrorKind::InvalidArguments,
                    message,
                ));
            }
        }
        let Asking { about, scope, .. } = asking;
        // Beyond the data nothing is known, whatever was asked for.
        let (from, to) = (about.from.max(scope.data.first), about.to.min(scope.data.last));
        let end = last.and_then(|last| grain.next(last)).map(|next| next.plus_days(-1));
        let trend = Trend {
            grain,
            by,
            series,
            first_period_is_partial: first.is_some_and(|first| first < from),
            last_period_is_partial: end.is_some_and(|end| end > to),
            about,
        };
        let text = trend.about.text(trend.text());
        let answer = WithText::new(trend, text);
        WithChart::new(answer, chart, |trend| trend.chart(measure)).await
    }
}

/// All periods from the first to the last, those without order lines too.
fn fill(answer: &Answer, grain: Grain, first: Date, last: Date) -> Vec<TrendPeriod> {
    let mut rows = answer.rows.iter().peekable();
    let starts = std::iter::successors(Some(first), |start| grain.next(*start));
    starts
        .take_while(|start| *start <= last)
        .map(|start| {
            let row = rows.next_if(|row| row.period == Some(start));
            let totals = row.map(|row| row.totals).unwrap_or_default();
            TrendPeriod { start, sums: Part::new(grain.label(start), totals) }
        })
        .collect()
}

impl Trend {
    /// The largest series as lines: a chart has room for twelve.
    fn chart(&self, measure: Measure) -> Chart {
        let starts = self.series.first().map(|series| &series.periods);
        let dates = starts.into_iter().flatten().map(|period| period.start.naive()).collect();
        let label = label(measure, &self.about);
        let lines = self.series.iter().take(12).map(|series| {
            let values = series.periods.iter().map(|period| Some(period.sums.value(measure)));
            let name = series.name.as_deref().map_or_else(|| label.clone(), one_line);
            Line::new(name, values.collect())
        });
        Chart {
            title: format!("{label} by {}", self.grain),
            subtitle: self.about.heading(),
            x: X::Dates(dates),
            y_label: format!("{label} per {}", self.grain),
            series: lines.collect(),
            ..Chart::default()
        }
    }

    fn text(&self) -> String {
        let unit = self.about.unit();
        let mut text = format!("Sales by {} {}:", self.grain, self.about.heading());
        for series in &self.series {
            if let Some(name) = &series.name {
                text += &format!("\n{}:", one_line(name));
            }
            for period in &series.periods {
                text += &format!("\n- {}", period.sums.line(&unit));
            }
        }
        let partial =
            [("first", self.first_period_is_partial), ("last", self.last_period_is_partial)];
        for (which, _) in partial.iter().filter(|(_, partial)| *partial) {
            text += &format!("\nThe {which} {} is not whole.", self.grain);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::pack::tests::{call, error};

    #[tokio::test]
    async fn periods_without_sales_are_zeros_and_cut_ones_are_told() {
        let arguments = json!({"grain": "month", "operation": "Dallas", "product": "phone"});
        let (text, trend) = call("sales_trend", arguments).await;
        assert_eq!(
            text,
            "Sales by month of Phone, in Dallas, 2016-12-31 to 2017-03-01:\n\
             - 2017-01: revenue 249.01, units 1, order lines 1\n\
             - 2017-02: revenue 0.00, units 0, order lines 0\n\
             - 2017-03: revenue -249.01, units -1, order lines 1\n\
             The last month is not whole."
        );
        assert_eq!(trend["series"][0]["periods"][1]["start"], "2017-02-01");
    }

    #[tokio::test]
    async fn a_period_that_is_cut_by_the_time_asked_for_or_by_the_data_is_partial() {
        for (from, to, partial) in [
            ("2016-12-31", "2017-03-01", (true, true)),
            ("2017-02-04", "2017-02-28", (true, false)),
            ("2017-01-01", "2017-01-30", (false, true)),
            ("2017-01-01", "2017-02-28", (false, false)),
            // The data is from 2016-12-31 to 2017-03-01.
            ("2016-12-01", "2017-03-31", (true, true)),
        ] {
            let arguments = json!({"grain": "month", "from": from, "to": to});
            let (_, trend) = call("sales_trend", arguments).await;
            let found = (&trend["first_period_is_partial"], &trend["last_period_is_partial"]);
            assert_eq!(found, (&json!(partial.0), &json!(partial.1)), "{from} to {to}");
        }
    }

    #[tokio::test]
    async fn the_largest_stand_side_by_side() {
        let (_, trend) =
            call("sales_trend", json!({"grain": "year", "by": "category", "n": 2})).await;
        let series = trend["series"].as_array().expect("series");
        let names: Vec<_> = series.iter().map(|series| series["name"].as_str()).collect();
        assert_eq!(names, [Some("Furniture"), Some("Office Supplies")]);
        assert_eq!(series[1]["periods"][0]["order_lines"], 0);
        assert_eq!(series[1]["periods"][1]["units"], 17);
    }

    #[tokio::test]
    async fn more_periods_than_anyone_reads_are_refused() {
        let arguments = json!({"grain": "century"});
        assert!(error("sales_trend", arguments).await.contains("expected one of \"day\""));
    }
}
