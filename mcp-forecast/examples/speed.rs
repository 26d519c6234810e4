//! How long a forecast takes: `cargo run --release -p mcp-forecast --example speed [MODEL]`.
//!
//! Three years of days with a weekly and a yearly pattern; the least of 20 runs in milliseconds, as
//! what else the machine does can only add to it.

use std::{error::Error, io::Write as _, time::Instant};

use mcp_forecast::{Grain, Model, Options, Series, forecast};

fn main() -> Result<(), Box<dyn Error>> {
    let value = |day: usize| {
        let noise = (day * 7_919 % 101) as f64 - 50.0;
        let season = [0.0, -30.0, -20.0, 0.0, 40.0, 110.0, 60.0][day % 7];
        let year = (day as f64 * std::f64::consts::TAU / 365.25).sin();
        Some(400.0 + day as f64 * 0.1 + season + 90.0 * year + noise)
    };
    let series = Series::new("2022-01-01".parse()?, Grain::Day, (0..1_096).map(value).collect())?;
    let mut out = std::io::stdout().lock();
    let all = Options::default();
    let one = |model| Options { models: vec![model], ..Options::default() };
    let runs = [
        ("all", all),
        ("theta", one(Model::Theta)),
        ("ets", one(Model::Ets)),
        ("mstl", one(Model::Mstl)),
        ("arima", one(Model::Arima)),
        ("mfles", one(Model::Mfles)),
        ("seasonal_naive", one(Model::SeasonalNaive)),
    ];
    let wanted = std::env::args().nth(1);
    for (name, options) in runs {
        if wanted.as_deref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        let mut least = f64::INFINITY;
        for _ in 0..20 {
            let begun = Instant::now();
            forecast(&series, 28, &options)?;
            least = least.min(begun.elapsed().as_secs_f64());
        }
        writeln!(out, "{name:16}{:8.2} ms", least * 1e3)?;
    }
    Ok(())
}
