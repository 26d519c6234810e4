//! Forecasts of the benchmark's series, for `benches/compare.py` to set beside those of others.
//!
//! `cargo run --release -p mcp-forecast --example accuracy` writes one line for each series
//! and window: name, window, model, microseconds, values.

use std::{error::Error, io::Write as _, time::Instant};

use mcp_forecast::{Grain, Options, Series, forecast};

const SERIES: &str = include_str!("../tests/data/series.csv");

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for line in SERIES.lines().skip(1) {
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
            let forecast = forecast(&series, horizon, &Options::default())?;
            let took = begun.elapsed().as_micros();
            write!(out, "{name},{window},mcp-forecast,{took},")?;
            let points = forecast.points.iter();
            let points: Vec<String> = points.map(|point| format!("{:.6}", point.value)).collect();
            writeln!(out, "{}", points.join(" "))?;
        }
    }
    Ok(())
}
