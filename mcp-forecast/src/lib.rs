//! Forecasts of time series, with prediction intervals, and anomalies in them.
//!
//! Depend on this crate to look ahead in counts or sums by day, week or month. It knows nothing of
//! servers and protocols and does no I/O: a forecast is some milliseconds of computing, on the thread that
//! calls it and, for more than 600 values, on others for as many processors as there are.
//!
//! ```
//! use mcp_forecast::{Grain, Options, Series, forecast};
//!
//! let start = "2024-01-01".parse()?;
//! let week = [120.0, 90.0, 95.0, 100.0, 130.0, 210.0, 190.0];
//! let values = (0..20).flat_map(|_| week).map(Some).collect();
//! let series = Series::new(start, Grain::Day, values)?;
//!
//! let forecast = forecast(&series, 14, &Options::default())?;
//! assert_eq!(forecast.points[0].date, "2024-05-20".parse()?);
//! assert_eq!(forecast.points[5].value, 210.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Which models there are, how one is chosen and how good they are: `docs/forecasting.md`.

mod anomaly;
mod clean;
mod decompose;
mod error;
mod forecast;
mod grain;
mod holidays;
mod interval;
mod models;
mod options;
mod parallel;
mod series;
mod validate;

#[cfg(feature = "prophet")]
pub use crate::models::{Growth, Prophet, Seasonality, SeasonalityMode};
pub use crate::{
    anomaly::{Anomalies, Anomaly, AnomalyOptions, anomalies},
    error::{ForecastError, ForecastErrorKind},
    forecast::{Bounds, Forecast, Point, Replaced, forecast, forecast_while},
    grain::Grain,
    holidays::{Country, ParseCountryError},
    models::Model,
    options::{Gaps, MAX_HORIZON, Options},
    series::{MAX_LEN, Series},
    validate::{Score, Validation},
};
