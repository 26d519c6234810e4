use mcp_charts::{Band, Chart, Series as Line, X};
use mcp_core::{Call, Tool, ToolContext, ToolError, ToolErrorKind, ToolResult, WithText};
use mcp_forecast::{Bounds, Country, Forecast, Model, Options, Point, forecast_while};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(feature = "prophet")]
use super::prophet::ProphetParameters;
use super::{
    About, ChartFormat, Selection, WithChart,
    asking::Asking,
    compute::off_thread,
    history::{Begun, History, SeriesGrain, label, largest, rounded, tell_model_why},
    one_line,
};
use crate::{Date, Dimension, Measure, Sales};

/// How many series are forecast without becoming a task.
const FEW: usize = 5;

/// How many periods before the forecast a chart shows.
const SHOWN: usize = 120;

/// Forecasts sales of the coming days, weeks or months, with prediction intervals.
///
/// Use it for "what will we sell", for stock and budgets. Several models (seasonal naive, Theta, ETS,
/// MSTL, ARIMA, MFLES and their combination) forecast the past first; the one with the smallest error
/// is used, and the answer says which and how its error compares with seasonal naive, which repeats
/// the last season. `lower_80` to `upper_80` holds the value with 80 % probability, 95 likewise.
/// Periods without sales count as zero; a last period that is not over is left out. With `by`, the
/// `n` largest are forecast too, one by one. Revenue is in one currency; returns are subtracted. For
/// what has been sold use sales_trend. This estimates; it never changes data.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(title = "Sales forecast", read_only, idempotent, open_world = false, scopes = ["sales:read"], task = "on_demand", ui = "ui://sales/chart")]
pub struct ForecastSales {
    /// How many periods ahead. Not more than there are in the past.
    #[schemars(range(min = 1, max = 1000))]
    pub horizon: u32,
    /// How long the periods are. Finer grains need more data: two weeks of days, two years of weeks
    /// or months, to see a pattern that repeats.
    #[serde(default)]
    pub grain: SeriesGrain,
    /// What to forecast.
    #[serde(default)]
    pub measure: Measure,
    /// The product whose sales count, in any case; all products when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Which order lines count.
    #[serde(flatten)]
    pub selection: Selection,
    /// Forecasts the largest of these too, each by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Dimension>,
    /// How many of `by`.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 50))]
    pub n: u32,
    /// A further probability for an interval, such as 0.9, from 0.5 to 0.99: `lower` to `upper`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.5, max = 0.99))]
    pub level: Option<f64>,
    /// Expects public holidays of this country to do what they did before: AT, AU, BE, BR, CA, CH,
    /// DE, ES, FR, GB, IE, IT, MX, NL, PL, PT, SE or US. For days and weeks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holidays: Option<String>,
    /// Whether single values far out of the usual are not learned from.
    #[serde(default)]
    pub ignore_outliers: bool,
    /// Which model forecasts.
    #[serde(default)]
    pub model: ForecastModel,
    /// What Prophet is told; only with `model` = `prophet`.
    #[cfg(feature = "prophet")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prophet: Option<ProphetParameters>,
    /// Whether a chart goes along.
    #[serde(default)]
    pub chart: ChartFormat,
}

/// Which model forecasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ForecastModel {
    /// The best for the series, by cross-validation.
    #[default]
    Best,
    /// Prophet, to match numbers of its Python package. Mostly less accurate; only where the server was
    /// built with it.
    Prophet,
}

fn five() -> u32 {
    5
}

/// What is expected to be sold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SalesForecast {
    /// What is forecast.
    pub measure: Measure,
    /// How long the periods are.
    pub grain: SeriesGrain,
    /// The forecast.
    #[serde(flatten)]
    pub forecast: SeriesForecast,
    /// What `by` asked for, the largest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<NamedForecast>,
    /// What it is of.
    #[serde(flatten)]
    pub about: About,
    #[serde(skip)]
    past: Vec<(Date, f64)>,
}

/// The forecast of one of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NamedForecast {
    /// The name.
    pub name: String,
    /// Its forecast; absent where there is too little to forecast from.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<SeriesForecast>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The forecast of a time series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeriesForecast {
    /// A point for each period.
    pub forecast: Vec<ForecastPoint>,
    /// The model that was chosen: seasonal_naive, theta, ets, mstl, arima, mfles, combination or prophet.
    pub model: String,
    /// The models that a combination is the median of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// The mean absolute error per period that the model made on the past, in units of the measure;
    /// absent where the past is too short to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// The same of seasonal naive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seasonal_naive_error: Option<f64>,
    /// The first as a part of the second: below 1 the model is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_error: Option<f64>,
    /// What to know of the forecast.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What is expected of a period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForecastPoint {
    /// The first day of the period.
    pub date: Date,
    /// The value.
    pub value: f64,
    /// Below it with 10 % probability.
    pub lower_80: f64,
    /// Above it with 10 % probability.
    pub upper_80: f64,
    /// Below it with 2.5 % probability.
    pub lower_95: f64,
    /// Above it with 2.5 % probability.
    pub upper_95: f64,
    /// The lower end of the interval of `level`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    /// The upper end of the interval of `level`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
    /// What was sold in the period already, where it has begun: a part of `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub so_far: Option<f64>,
}

impl Call<Sales> for ForecastSales {
    type Output = WithChart<SalesForecast>;

    async fn call(self, sales: &Sales, cx: &ToolContext) -> ToolResult<Self::Output> {
        let competing = self.competing()?;
        let Self { horizon, grain, measure, product, selection, by, n, level, .. } = self;
        let holidays = match &self.holidays {
            None => None,
            Some(code) => Some(code.parse::<Country>().map_err(|error| {
                ToolError::new(ToolErrorKind::InvalidArguments, format!("`holidays`: {error}."))
            })?),
        };
        let options =
            Options { replace_outliers: self.ignore_outliers, holidays, level, ..competing };
        let made = |history: History| {
            let (options, horizon) = (options.clone(), horizon as usize);
            off_thread(move |wanted| {
                forecast_while(&history.series, horizon, &options, wanted)
                    .map(|forecast| {
                        SeriesForecast::new(forecast, history.cut, history.begun, measure)
                    })
                    .map_err(tell_model_why)
            })
        };
        let mut asking = Asking::new(sales, cx, selection.filter(product), &[measure]).await?;
        let filter = asking.scope.filter.clone();
        let history = History::ask(&mut asking, filter, grain, measure).await?;
        let past = Date::all_of(&history.series);
        let forecast = made(history).await??;
        let mut series = Vec::new();
        if let Some(by) = by {
            let names = largest(&mut asking, by, measure, n).await?;
            if names.len() > FEW {
                cx.continue_as_task().await;
            }
            let total = names.len() as u64;
            for (done, (name, filter)) in (0..).zip(names) {
                cx.progress_of(done, total, format!("forecasting {}", one_line(&name))).await;
                let one = match History::ask(&mut asking, filter, grain, measure).await {
                    Ok(history) => made(history).await?,
                    Err(error) => Err(error),
                };
                series.push(match one {
                    Ok(forecast) => NamedForecast { name, forecast: Some(forecast), reason: None },
                    Err(error) if error.kind() == ToolErrorKind::InvalidArguments => {
                        let reason = Some(error.message().to_owned());
                        NamedForecast { name, forecast: None, reason }
                    }
                    Err(error) => return Err(error),
                });
            }
        }
        let about = asking.about;
        let answer = SalesForecast { measure, grain, forecast, series, about, past };
        let text = answer.about.text(answer.text());
        WithChart::new(WithText::new(answer, text), self.chart, SalesForecast::chart).await
    }
}

impl ForecastSales {
    /// Which models compete.
    #[cfg(feature = "prophet")]
    fn competing(&self) -> ToolResult<Options> {
        match (self.model, &self.prophet) {
            (ForecastModel::Best, None) => Ok(Options::default()),
            (ForecastModel::Best, Some(_)) => Err(ToolError::new(
                ToolErrorKind::InvalidArguments,
                "`prophet` is for Prophet alone: set `model` to \"prophet\", or leave `prophet` out.",
            )),
            (ForecastModel::Prophet, parameters) => Ok(Options {
                models: vec![Model::Prophet],
                prophet: parameters.clone().unwrap_or_default().prophet(),
                ..Options::default()
            }),
        }
    }

    /// Which models compete.
    #[cfg(not(feature = "prophet"))]
    fn competing(&self) -> ToolResult<Options> {
        match self.model {
            ForecastModel::Best => Ok(Options::default()),
            ForecastModel::Prophet => Err(ToolError::new(
                ToolErrorKind::InvalidArguments,
                "This server was built without Prophet. Leave `model` out for the best of the other models, or build the server with the cargo feature `prophet` of `mcp-tools-sales`.",
            )),
        }
    }
}

impl Begun {
    /// Makes the forecast of a whole period one of what is known of it and of its days to come. Days
    /// are taken to vary by themselves, so that the half width of an interval goes with the root of
    /// their number.
    fn rest_of(&self, point: &mut Point) {
        let Self { value: so_far, to_come, .. } = *self;
        let whole = point.value;
        let value = so_far + to_come * whole;
        let bound = |bound: f64| {
            let moved = value + (bound - whole) * to_come.sqrt();
            // What never falls below zero in a period does not in a part of it.
            if bound >= 0.0 { moved.max(so_far.min(0.0)) } else { moved }
        };
        point.value = value;
        for end in
            [&mut point.lower_80, &mut point.upper_80, &mut point.lower_95, &mut point.upper_95]
        {
            *end = bound(*end);
        }
        if let Some(bounds) = &mut point.at_level {
            *bounds = Bounds { lower: bound(bounds.lower), upper: bound(bounds.upper) };
        }
    }
}

/// What was not learned from as it stands out, in a sentence.
fn outliers(forecast: &Forecast, round: &dyn Fn(f64) -> f64) -> Option<String> {
    const NAMED: usize = 10;
    let named = forecast.replaced.iter().take(NAMED).map(|replaced| {
        let (observed, expected) = (round(replaced.observed), round(replaced.expected));
        format!("{} ({observed}, where {expected} was usual)", replaced.date)
    });
    let named = named.collect::<Vec<_>>().join(", ");
    let more = match forecast.replaced.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!named.is_empty())
        .then(|| format!("Not learned from, as far out of the usual: {named}{more}."))
}

impl SeriesForecast {
    fn new(
        mut forecast: Forecast,
        cut: Option<String>,
        begun: Option<Begun>,
        measure: Measure,
    ) -> Self {
        let round = |value: f64| rounded(value, measure);
        let begun = begun.filter(|begun| {
            forecast.points.first().is_some_and(|point| point.date == begun.start.naive())
        });
        if let (Some(begun), Some(point)) = (begun, forecast.points.first_mut()) {
            begun.rest_of(point);
        }
        let started = begun.map(|begun| {
            format!(
                "The first period has begun: it came to {} up to {}, which is a part of its forecast.",
                round(begun.value),
                begun.last
            )
        });
        let mut so_far = begun.map(|begun| round(begun.value));
        let points = forecast.points.iter().filter_map(|point| {
            Some(ForecastPoint {
                date: Date::new(point.date)?,
                value: round(point.value),
                lower_80: round(point.lower_80),
                upper_80: round(point.upper_80),
                lower_95: round(point.lower_95),
                upper_95: round(point.upper_95),
                lower: point.at_level.map(|bounds| round(bounds.lower)),
                upper: point.at_level.map(|bounds| round(bounds.upper)),
                so_far: so_far.take(),
            })
        });
        let outliers = outliers(&forecast, &round);
        let members = match forecast.model {
            Model::Combination => {
                forecast.members.iter().map(|model| model.name().to_owned()).collect()
            }
            _ => Vec::new(),
        };
        let validation = forecast.validation.as_ref();
        let relative = validation.and_then(mcp_forecast::Validation::relative_error);
        Self {
            forecast: points.collect(),
            model: forecast.model.name().to_owned(),
            members,
            error: validation.map(|validation| round(validation.error)),
            seasonal_naive_error: validation.map(|validation| round(validation.naive_error)),
            relative_error: relative.map(|relative| (relative * 1_000.0).round() / 1_000.0),
            notes: cut.into_iter().chain(started).chain(outliers).chain(forecast.notes).collect(),
        }
    }

    /// How it was made, in a sentence.
    fn method(&self) -> String {
        let mut method = format!("Model: {}", self.model);
        if !self.members.is_empty() {
            method += &format!(" (median of {})", self.members.join(", "));
        }
        match (self.error, self.relative_error) {
            (Some(error), Some(relative)) => {
                method += &format!(
                    "; its mean error on the past was {error}, {relative} times that of repeating the last season."
                );
            }
            _ => method.push('.'),
        }
        method
    }

    fn sum(&self) -> f64 {
        self.forecast.iter().map(|point| point.value).sum()
    }
}

impl SalesForecast {
    fn text(&self) -> String {
        let grain = self.grain.of_query();
        let mut text = format!(
            "Forecast of {}{} by {grain} {}:",
            self.measure,
            self.unit(),
            self.about.heading()
        );
        for point in &self.forecast.forecast {
            let ForecastPoint { value, lower_80, upper_80, lower_95, upper_95, .. } = point;
            text += &format!(
                "\n- {}: {value} (80 %: {lower_80} to {upper_80}; 95 %: {lower_95} to {upper_95})",
                grain.label(point.date)
            );
        }
        text += &format!("\n{}", self.forecast.method());
        for note in &self.forecast.notes {
            text += &format!("\n{note}");
        }
        for NamedForecast { name, forecast, reason } in &self.series {
            let name = one_line(name);
            match (forecast, reason) {
                (Some(forecast), _) => {
                    let sum = rounded(forecast.sum(), self.measure);
                    let relative = forecast
                        .relative_error
                        .map(|r| format!(", relative error {r}"))
                        .unwrap_or_default();
                    text +=
                        &format!("\n- {name}: {sum} in all; model {}{relative}", forecast.model);
                }
                (None, reason) => {
                    text += &format!(
                        "\n- {name}: no forecast. {}",
                        reason.as_deref().unwrap_or_default()
                    );
                }
            }
        }
        text
    }

    fn unit(&self) -> String {
        if self.measure == Measure::Revenue { self.about.unit() } else { String::new() }
    }

    fn chart(&self) -> Chart {
        let past = &self.past
            [self.past.len().saturating_sub(SHOWN.max(2 * self.forecast.forecast.len()))..];
        let ahead = &self.forecast.forecast;
        let dates = past.iter().map(|(date, _)| *date).chain(ahead.iter().map(|point| point.date));
        let before = |len: usize| std::iter::repeat_n(None, len);
        let known = past.iter().map(|(_, value)| Some(*value)).chain(before(ahead.len())).collect();
        // The line begins where the past ends, so that the two meet.
        let gap = past.len().saturating_sub(1);
        let last = past.last().map(|(_, value)| *value);
        let expected = before(gap).chain([last]).chain(ahead.iter().map(|point| Some(point.value)));
        let band = |name: &str, ends: fn(&ForecastPoint) -> (f64, f64)| Band {
            name: name.to_owned(),
            values: std::iter::repeat_n(None, gap)
                .chain([last.map(|last| (last, last))])
                .chain(ahead.iter().map(|point| Some(ends(point))))
                .collect(),
        };
        Chart {
            title: format!("Forecast of {} by {}", self.measure, self.grain.of_query()),
            subtitle: format!("{}. {}", self.about.heading(), self.forecast.method()),
            x: X::Dates(dates.map(Date::naive).collect()),
            y_label: format!("{} per {}", label(self.measure, &self.about), self.grain.of_query()),
            series: vec![
                Line::new("Sold", known),
                Line {
                    name: "Forecast".into(),
                    values: expected.collect(),
                    dashed: true,
                    bands: vec![
                        band("95 % interval", |point| (point.lower_95, point.upper_95)),
                        band("80 % interval", |point| (point.lower_80, point.upper_80)),
                    ],
                },
            ],
            ..Chart::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::pack::tests::{call_on, error_on, server};

    /// 120 days of two products from 2024-01-01, a Monday: `Lamp` with a weekly pattern, `Pen` with
    /// one sale a month.
    pub(crate) fn daily() -> String {
        let start: chrono::NaiveDate = "2024-01-01".parse().expect("a date");
        let mut csv = "date,product,category,operation,units,revenue\n".to_owned();
        for (day, date) in start.iter_days().take(120).enumerate() {
            let units = [12, 9, 10, 11, 15, 30, 25][day % 7];
            csv += &format!("{date},Lamp,Furniture,Dallas,{units},{}.00\n", units * 10);
            if day % 30 == 3 {
                csv += &format!("{date},Pen,Office,Austin,1,2.00\n");
            }
        }
        csv
    }

    const TOOL: &str = "forecast_sales";

    #[tokio::test]
    async fn a_weekly_pattern_goes_on() {
        let arguments =
            json!({"horizon": 7, "grain": "day", "measure": "units", "product": "lamp"});
        let (text, answer) = call_on(&daily(), TOOL, arguments).await;
        // 2024-04-30 is a Tuesday.
        let values: Vec<f64> =
            (0..7).filter_map(|n| answer["forecast"][n]["value"].as_f64()).collect();
        assert_eq!(values, [9.0, 10.0, 11.0, 15.0, 30.0, 25.0, 12.0]);
        assert_eq!(answer["forecast"][0]["date"], "2024-04-30");
        assert_eq!((&answer["model"], &answer["error"]), (&json!("seasonal_naive"), &json!(0.0)));
        assert!(text.starts_with("Forecast of units by day of Lamp, in all operations"), "{text}");
        assert!(text.contains("\n- 2024-05-04: 30 (80 %: 30 to 30; 95 %: 30 to 30)"), "{text}");
    }

    #[tokio::test]
    async fn a_week_that_is_not_over_is_not_learned_from_but_counts_as_far_as_it_goes() {
        let arguments =
            json!({"horizon": 2, "grain": "week", "measure": "units", "product": "lamp"});
        let (text, answer) = call_on(&daily(), TOOL, arguments).await;
        // 120 days are 17 weeks of 112 pieces each, and a Monday of 12.
        let [first, second] = [&answer["forecast"][0], &answer["forecast"][1]];
        assert_eq!((&first["date"], &first["so_far"]), (&json!("2024-04-29"), &json!(12.0)));
        assert_eq!((&first["value"], &second["value"]), (&json!(108.0), &json!(112.0)));
        assert_eq!(second.get("so_far"), None);
        assert!(text.contains("Not learned from, as not whole: 2024-W18."), "{text}");
        assert!(
            text.contains("The first period has begun: it came to 12 up to 2024-04-29"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn nothing_is_learned_from_days_beyond_the_data() {
        let arguments =
            json!({"horizon": 1, "grain": "day", "product": "lamp", "to": "2030-12-31"});
        let (_, answer) = call_on(&daily(), TOOL, arguments).await;
        assert_eq!(answer["forecast"][0]["date"], "2024-04-30");
    }

    #[tokio::test]
    async fn the_largest_are_forecast_one_by_one() {
        let arguments = json!({"horizon": 7, "grain": "day", "by": "product", "level": 0.9});
        let (text, answer) = call_on(&daily(), TOOL, arguments).await;
        let series = answer["series"].as_array().expect("series");
        assert_eq!(series.len(), 2);
        assert_eq!(series[0]["name"], "Lamp");
        assert_eq!(series[0]["forecast"].as_array().map(Vec::len), Some(7));
        assert!(answer["forecast"][0]["lower"].is_number(), "{answer}");
        assert!(text.contains("\n- Lamp: 1120 in all"), "{text}");
    }

    #[tokio::test]
    async fn what_cannot_be_forecast_says_what_would_do() {
        let daily = daily();
        let error = |arguments| error_on(&daily, TOOL, arguments);
        let month = error(json!({"horizon": 3})).await;
        assert!(
            month.contains("3 known months are too few") && month.contains("at least 4"),
            "{month}"
        );
        let far = error(json!({"horizon": 500, "grain": "day"})).await;
        assert!(far.contains("from 1 to 120 days, not 500"), "{far}");
        let holidays = error(json!({"horizon": 5, "grain": "day", "holidays": "XX"})).await;
        assert!(holidays.contains("known are those of AT, AU"), "{holidays}");
        let unknown = error(json!({"horizon": 5, "grain": "day", "product": "lamb"})).await;
        assert!(unknown.contains("Lamp"), "{unknown}");
        assert!(error(json!({"horizon": 0, "grain": "day"})).await.contains("horizon"));
        assert!(error(json!({"horizon": 1_000_000_000, "grain": "day"})).await.contains("horizon"));
    }

    #[tokio::test]
    async fn a_chart_goes_along_when_asked_for() {
        let server = server(&daily());
        for (chart, kinds) in [("none", 1), ("png", 2), ("svg", 2)] {
            let arguments = json!({"horizon": 7, "grain": "day", "chart": chart});
            let params = json!({"name": TOOL, "arguments": arguments});
            let result = server.result("tools/call", params).await;
            assert_eq!(result["content"].as_array().map(Vec::len), Some(kinds), "{chart}");
            match chart {
                "png" => assert_eq!(result["content"][1]["mimeType"], "image/png"),
                "svg" => {
                    let svg = result["content"][1]["resource"]["text"].as_str().expect("an SVG");
                    assert!(svg.contains("Forecast of revenue by day"), "{svg}");
                }
                _ => {}
            }
        }
    }

    /// 120 days from `start` with a weekly pattern, of which none before `begins` is there.
    fn late(start: &str, begins: usize) -> String {
        let start: chrono::NaiveDate = start.parse().expect("a date");
        let mut csv = "date,product,category,operation,units,revenue\n".to_owned();
        for (day, date) in start.iter_days().take(120).enumerate() {
            csv += &format!("{date},Pen,Office,Austin,1,2.00\n");
            if day >= begins {
                let units = [12, 9, 10, 11, 15, 30, 25][day % 7];
                csv += &format!("{date},Lamp,Furniture,Dallas,{units},{}.00\n", units * 10);
            }
        }
        csv
    }

    #[tokio::test]
    async fn a_product_that_begins_late_in_a_period_does_not_count_it_as_whole() {
        // Lamps are sold from Friday of the third week on: 70 of the 112 pieces of a week.
        let csv = late("2024-01-01", 18);
        let arguments =
            json!({"horizon": 1, "grain": "week", "measure": "units", "product": "lamp"});
        let (text, answer) = call_on(&csv, TOOL, arguments).await;
        assert!(text.contains("Not learned from, as not whole: 2024-W03, 2024-W18."), "{text}");
        // The last week has a Monday that is known.
        assert_eq!(answer["forecast"][0]["value"], 108.0, "{answer}");
        assert_eq!(answer["error"], 0.0, "{answer}");
    }

    #[tokio::test]
    async fn a_first_period_that_the_data_or_the_filter_cut_is_not_learned_from() {
        let week = |from: &str| json!({"horizon": 1, "grain": "week", "measure": "units", "product": "lamp", "from": from});
        // 2024-01-04 is a Thursday.
        let (text, answer) = call_on(&late("2024-01-01", 0), TOOL, week("2024-01-04")).await;
        assert!(text.contains("as not whole: 2024-W01, 2024-W18."), "{text}");
        assert_eq!(answer["error"], 0.0, "{answer}");
        let (text, _) = call_on(&late("2024-01-04", 0), TOOL, week("2024-01-01")).await;
        assert!(text.contains("as not whole: 2024-W01, "), "{text}");
        // On a Monday nothing is cut.
        let (text, _) = call_on(&late("2024-01-01", 0), TOOL, week("2024-01-08")).await;
        assert!(text.contains("as not whole: 2024-W18."), "{text}");
    }

    #[tokio::test]
    async fn what_is_sold_now_and_then_begins_with_its_first_period() {
        // Pens are sold on the 4th day and then each 30th.
        let arguments =
            json!({"horizon": 1, "grain": "week", "measure": "units", "product": "pen"});
        let (text, _) = call_on(&daily(), TOOL, arguments).await;
        assert!(text.contains("Not learned from, as not whole: 2024-W18."), "{text}");
    }

    #[tokio::test]
    async fn periods_without_sales_are_zeros() {
        let arguments = json!({"horizon": 5, "grain": "day", "measure": "units", "product": "pen"});
        let (_, answer) = call_on(&daily(), TOOL, arguments).await;
        // Four pieces in 117 days.
        for point in answer["forecast"].as_array().expect("points") {
            let value = point["value"].as_f64().expect("a number");
            assert!((0.0..=0.2).contains(&value) && point["lower_95"] == 0.0, "{answer}");
        }
    }

    /// 17 weeks with a pattern, noise and one day of 9,000 pieces: nothing is an outlier of what repeats
    /// exactly but for it.
    fn noisy() -> String {
        let start: chrono::NaiveDate = "2024-01-01".parse().expect("a date");
        let mut csv = "date,product,category,operation,units,revenue\n".to_owned();
        for (day, date) in start.iter_days().take(119).enumerate() {
            let units = [120, 90, 100, 110, 150, 300, 250][day % 7] + day * 7_919 % 23;
            let units = if day == 100 { 9_000 } else { units };
            csv += &format!("{date},Lamp,Furniture,Dallas,{units},{units}.00\n");
        }
        csv
    }

    #[tokio::test]
    async fn an_outlier_is_named_where_it_is_to_be_ignored() {
        let csv = noisy();
        let of = |ignore: bool| json!({"horizon": 7, "grain": "day", "measure": "units", "ignore_outliers": ignore});
        let (text, answer) = call_on(&csv, TOOL, of(true)).await;
        assert!(text.contains("2024-04-10"), "{text}");
        for point in answer["forecast"].as_array().expect("points") {
            assert!(point["value"].as_f64().is_some_and(|value| value < 350.0), "{answer}");
        }
        let (text, _) = call_on(&csv, TOOL, of(false)).await;
        assert!(!text.contains("2024-04-10"), "{text}");
    }

    #[cfg(feature = "prophet")]
    #[tokio::test]
    async fn prophet_takes_its_own_parameters() {
        let csv = noisy();
        let asked = |prophet: serde_json::Value| {
            json!({
                "horizon": 7, "grain": "day", "measure": "units", "ignore_outliers": true,
                "model": "prophet", "prophet": prophet,
            })
        };
        let (text, usual) = call_on(&csv, TOOL, asked(json!({}))).await;
        assert_eq!(usual["model"], "prophet");
        assert!(usual["relative_error"].as_f64().is_some_and(|error| error < 1.5), "{usual}");
        assert!(text.contains("Model: prophet; its mean error on the past was"), "{text}");
        for changed in [
            json!({"weekly_seasonality": false}),
            json!({"weekly_seasonality": 1}),
            json!({"seasonality_prior_scale": 0.001}),
            json!({"seasonality_mode": "multiplicative"}),
            json!({"growth": "flat", "weekly_seasonality": "auto", "yearly_seasonality": 2}),
        ] {
            let (_, other) = call_on(&csv, TOOL, asked(changed.clone())).await;
            assert_ne!(other["forecast"], usual["forecast"], "{changed}");
        }
    }

    #[cfg(feature = "prophet")]
    #[tokio::test]
    async fn parameters_that_prophet_does_not_take_are_refused() {
        let daily = daily();
        let error = async |model: &str, prophet: serde_json::Value| {
            let arguments =
                json!({"horizon": 7, "grain": "day", "model": model, "prophet": prophet});
            error_on(&daily, TOOL, arguments).await
        };
        let interval = error("prophet", json!({"interval_width": 0.9})).await;
        assert!(interval.contains("interval_width"), "{interval}");
        let scale = error("prophet", json!({"changepoint_prior_scale": 0})).await;
        assert!(scale.contains("changepoint_prior_scale"), "{scale}");
        let terms = error("prophet", json!({"weekly_seasonality": 0})).await;
        assert!(terms.contains("weekly_seasonality"), "{terms}");
        let best = error("best", json!({})).await;
        assert!(best.contains("set `model` to \"prophet\""), "{best}");
    }

    #[cfg(not(feature = "prophet"))]
    #[tokio::test]
    async fn a_server_without_prophet_says_how_to_get_it() {
        let arguments = json!({"horizon": 7, "grain": "day", "model": "prophet"});
        let error = error_on(&daily(), TOOL, arguments).await;
        assert!(error.contains("cargo feature `prophet` of `mcp-tools-sales`"), "{error}");
    }
}
