//! Forecasts of the benchmark's series, for `bench/compare.py` to set beside those of others.
//!
//! `cargo run --release -p mcp-forecast --example accuracy [series|holdout [MODEL]]` writes one line for
//! each series and window: name, window, model, microseconds, values. With a model it alone forecasts. How
//! many values were inside of their intervals goes to standard error.

use std::{error::Error, io::Write as _, time::Instant};

use mcp_forecast::{Grain, Model, Options, Series, forecast};

const SERIES: &str = include_str!("../tests/data/series.csv");
const HOLDOUT: &str = include_str!("../tests/data/holdout.csv");

const MODELS: [Model; 6] =
    [Model::SeasonalNaive, Model::Theta, Model::Ets, Model::Mstl, Model::Arima, Model::Mfles];

fn main() -> Result<(), Box<dyn Error>> {
    let set = match std::env::args().nth(1).as_deref() {
        None | Some("series") => SERIES,
        Some("holdout") => HOLDOUT,
        Some(other) => return Err(format!("{other} is neither series nor holdout").into()),
    };
    let models = match std::env::args().nth(2) {
        None => Vec::new(),
        Some(name) => {
            let model = MODELS.into_iter().find(|model| model.name() == name);
            vec![model.ok_or_else(|| format!("there is no model {name}"))?]
        }
    };
    let options = Options { models, ..Options::default() };
    let mut out = std::io::stdout().lock();
    let (mut of_80, mut of_95, mut count) = (0, 0, 0);
    for line in set.lines().skip(1) {
        let [name, _, grain, start, horizon, values] =
            line.split(',').collect::<Vec<_>>().try_into().map_err(|_| "six columns")?;
        let (grain, season) = match grain {
            "day" => (Grain::Day, 7),
            "week" => (Grain::Week, 52),
            _ => (Grain::Month, 12),
        };
        let horizon: usize = horizon.parse()?;
        let values: Vec<f64> = values.split(' ').map(str::parse).collect::<Result<_, _>>()?;
        for window in 0..3 {
            let end = values.len() - window * horizon;
            if end <= 2 * horizon || (window > 0 && end - horizon < 2 * season + horizon) {
                continue;
            }
            let known = values[..end - horizon].iter().copied().map(Some).collect();
            let series = Series::new(start.parse()?, grain, known)?;
            let begun = Instant::now();
            let forecast = forecast(&series, horizon, &options)?;
            let took = begun.elapsed().as_micros();
            write!(out, "{name},{window},{},{took},", forecast.model.name())?;
            for (point, actual) in forecast.points.iter().zip(&values[end - horizon..end]) {
                of_80 += usize::from((point.lower_80..=point.upper_80).contains(actual));
                of_95 += usize::from((point.lower_95..=point.upper_95).contains(actual));
                count += 1;
            }
            let points = forecast.points.iter();
            let points: Vec<String> = points.map(|point| format!("{:.6}", point.value)).collect();
            writeln!(out, "{}", points.join(" "))?;
        }
    }
    let percent = |inside: usize| 100.0 * inside as f64 / f64::from(count);
    writeln!(
        std::io::stderr(),
        "inside of the 80 % intervals: {:.0} %, of the 95 % ones: {:.0} %",
        percent(of_80),
        percent(of_95)
    )?;
    Ok(())
}
