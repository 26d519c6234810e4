use mcp_charts::{Chart, Mark, Series as Line, X};
use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use mcp_forecast::{AnomalyOptions, anomalies};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    About, ChartFormat, Selection, WithChart,
    asking::Asking,
    compute::off_thread,
    history::{History, SeriesGrain, label, rounded, tell_model_why},
};
use crate::{Date, Measure, Sales};

/// How many anomalies are listed, the farthest out.
const MOST: usize = 50;

/// Finds days, weeks or months whose sales stand out from trend and season.
///
/// Use it for "was anything unusual", before explaining a good or bad month, or to find errors in
/// data. What was to be expected of each period comes from a robust decomposition into a trend and
/// weekly and yearly patterns; what is farther from it than `threshold` robust standard deviations is
/// listed, with what was expected and how far out it is. Periods without sales count as zero; ones
/// that are not whole are left out. It says what stands out, and not why: look at the period with
/// sales_by or query_sales for that. This reads past sales only.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(title = "Sales anomalies", read_only, idempotent, open_world = false, task = "on_demand", scopes = ["sales:read"], ui = "ui://sales/chart")]
pub struct DetectSalesAnomalies {
    /// How long the periods are.
    #[serde(default = "day")]
    pub grain: SeriesGrain,
    /// What is looked at.
    #[serde(default)]
    pub measure: Measure,
    /// The product whose sales count, in any case; all products when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Which order lines count.
    #[serde(flatten)]
    pub selection: Selection,
    /// How many robust standard deviations from the expected an anomaly is. Higher finds fewer.
    #[serde(default = "usual")]
    #[schemars(range(min = 2, max = 20))]
    pub threshold: f64,
    /// Whether a chart goes along.
    #[serde(default)]
    pub chart: ChartFormat,
}

fn day() -> SeriesGrain {
    SeriesGrain::Day
}

fn usual() -> f64 {
    AnomalyOptions::default().threshold
}

/// Periods that stand out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SalesAnomalies {
    /// What was looked at.
    pub measure: Measure,
    /// How long the periods are.
    pub grain: SeriesGrain,
    /// The anomalies by date; the 50 farthest out where there are more.
    pub anomalies: Vec<SalesAnomaly>,
    /// How many there are in all.
    pub count: usize,
    /// How many periods were looked at.
    pub periods: usize,
    /// How far from the expected values usually are: a robust standard deviation, in units of the
    /// measure.
    pub deviation: f64,
    /// How many of those an anomaly is away.
    pub threshold: f64,
    /// What was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// What they are of.
    #[serde(flatten)]
    pub about: About,
    #[serde(skip)]
    past: Vec<(Date, f64)>,
    #[serde(skip)]
    expected: Vec<f64>,
}

/// A period that stands out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SalesAnomaly {
    /// The first day of the period.
    pub date: Date,
    /// What was sold.
    pub value: f64,
    /// What was to be expected.
    pub expected: f64,
    /// How many robust standard deviations the value is above it; negative below.
    pub score: f64,
    /// What that means, in a sentence.
    pub explanation: String,
}

impl Call<Sales> for DetectSalesAnomalies {
    type Output = WithChart<SalesAnomalies>;

    async fn call(self, sales: &Sales, cx: &ToolContext) -> ToolResult<Self::Output> {
        let Self { grain, measure, product, selection, threshold, chart } = self;
        let mut asking = Asking::new(sales, cx, selection.filter(product), &[measure]).await?;
        let filter = asking.scope.filter.clone();
        let History { series, cut, .. } = History::ask(&mut asking, filter, grain, measure).await?;
        let past = Date::all_of(&series);
        let options = AnomalyOptions { threshold, ..AnomalyOptions::default() };
        let found =
            off_thread(move |_| anomalies(&series, &options)).await?.map_err(tell_model_why)?;
        let count = found.anomalies.len();
        let mut farthest = found.anomalies;
        farthest.sort_by(|a, b| b.score.abs().total_cmp(&a.score.abs()));
        farthest.truncate(MOST);
        farthest.sort_by_key(|anomaly| anomaly.date);
        let anomalies = farthest.iter().filter_map(|anomaly| {
            let expected = rounded(anomaly.expected, measure);
            let score = (anomaly.score * 10.0).round() / 10.0;
            let side = if score > 0.0 { "above" } else { "below" };
            let season = match rounded(anomaly.seasonal, measure) {
                0.0 => String::new(),
                season => format!(", of which {season:+} by the season"),
            };
            Some(SalesAnomaly {
                date: Date::new(anomaly.date)?,
                value: rounded(anomaly.value, measure),
                expected,
                score,
                explanation: format!(
                    "{} usual deviations {side} the {expected} that were to be expected{season}",
                    score.abs()
                ),
            })
        });
        let answer = SalesAnomalies {
            measure,
            grain,
            anomalies: anomalies.collect(),
            count,
            periods: past.len(),
            deviation: rounded(found.deviation, measure),
            threshold,
            left_out: cut,
            about: asking.about,
            past,
            expected: found.expected,
        };
        let text = answer.about.text(answer.text());
        WithChart::new(WithText::new(answer, text), chart, SalesAnomalies::chart).await
    }
}

impl SalesAnomalies {
    fn text(&self) -> String {
        let grain = self.grain.of_query();
        let mut text = format!(
            "{} of {} {grain}s stand out by {} {}:",
            self.count,
            self.periods,
            self.measure,
            self.about.heading()
        );
        for SalesAnomaly { date, value, explanation, .. } in &self.anomalies {
            text += &format!("\n- {}: {value}, {explanation}", grain.label(*date));
        }
        if self.count > self.anomalies.len() {
            text += &format!("\nThese are the {} farthest out.", self.anomalies.len());
        }
        text += &format!(
            "\nValues usually are within {} of the expected; what is more than {} times that away stands out.",
            self.deviation, self.threshold
        );
        if let Some(left_out) = &self.left_out {
            text += &format!("\n{left_out}");
        }
        text
    }

    fn chart(&self) -> Chart {
        let marks = self.anomalies.iter().filter_map(|anomaly| {
            Some(Mark {
                index: self.past.iter().position(|(date, _)| *date == anomaly.date)?,
                value: anomaly.value,
                text: anomaly.explanation.clone(),
            })
        });
        let values = self.past.iter().map(|(_, value)| Some(*value)).collect();
        // Periods before the first sale are not there, so the two are equally long.
        let expected = self.expected.iter().copied().map(Some).collect();
        Chart {
            title: format!(
                "{} by {}: what stands out",
                label(self.measure, &self.about),
                self.grain.of_query()
            ),
            subtitle: self.about.heading(),
            x: X::Dates(self.past.iter().map(|(date, _)| date.naive()).collect()),
            y_label: format!("{} per {}", label(self.measure, &self.about), self.grain.of_query()),
            series: vec![
                Line::new("Sold", values),
                Line { dashed: true, ..Line::new("To be expected", expected) },
            ],
            marks: marks.collect(),
            ..Chart::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::pack::tests::{call_on, error};

    #[tokio::test]
    async fn a_day_that_stands_out_is_explained() {
        let start: chrono::NaiveDate = "2024-01-01".parse().expect("a date");
        let mut csv = "date,product,category,operation,units,revenue\n".to_owned();
        for (day, date) in start.iter_days().take(84).enumerate() {
            let units = [12, 9, 10, 11, 15, 30, 25][day % 7] + day * 37 % 3;
            let units = if day == 45 { 90 } else { units };
            csv += &format!("{date},Lamp,Furniture,Dallas,{units},{units}.00\n");
        }
        let arguments = json!({"measure": "units", "threshold": 6.0, "chart": "svg"});
        let (text, found) = call_on(&csv, "detect_sales_anomalies", arguments).await;
        assert_eq!(found["count"], 1, "{text}");
        assert_eq!(found["anomalies"][0]["date"], "2024-02-15");
        assert!(
            text.contains("- 2024-02-15: 90, ") && text.contains("usual deviations above the"),
            "{text}"
        );
        assert_eq!(found["periods"], 84);
    }

    #[tokio::test]
    async fn too_few_periods_and_thresholds_out_of_range_are_refused() {
        let few = error("detect_sales_anomalies", json!({"grain": "month"})).await;
        assert!(few.contains("at least 8 are needed"), "{few}");
        let threshold = error("detect_sales_anomalies", json!({"threshold": 1.0})).await;
        assert!(threshold.contains("threshold"), "{threshold}");
    }
}
