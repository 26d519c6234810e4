use std::panic::{AssertUnwindSafe, catch_unwind};

use anofox_forecast::{
    core::TimeSeries,
    models::{
        Forecaster, MFLES,
        arima::ARIMA,
        exponential::{ETS, ETSSpec, HoltLinearTrend, HoltWinters, SeasonalType},
        theta::{DecompositionType, Theta},
    },
};
use chrono::{DateTime, TimeDelta};

use super::Model;
use crate::decompose::Parts;

/// An ARIMA model's p, d and q.
type Order = (usize, usize, usize);

/// Smoothing is fitted to as many of the last values: it forgets what is older.
const SMOOTHED: usize = 400;

/// ARIMA is fitted to as many of the last values, as it would take most of the time otherwise.
const REGRESSED: usize = 200;

/// Orders that ARIMA is chosen from, by Akaike's criterion: simple smoothing, and with room for
/// short cycles.
const ORDERS: [Order; 2] = [(0, 1, 1), (2, 1, 2)];

/// What is decided once for a series, before models are fitted to parts of it.
pub(crate) struct Plan {
    /// Lengths of seasons, shortest first; empty without a season.
    pub(crate) seasons: Vec<usize>,
    order: Order,
}

impl Plan {
    pub(crate) fn new(values: &[f64], seasons: Vec<usize>) -> Self {
        let adjusted = Parts::of(values, first(&seasons), false)
            .map_or_else(|| values.to_vec(), |parts| parts.adjusted());
        let aic = |&(p, d, q): &Order| {
            let mut model = ARIMA::new(p, d, q);
            let fitted = guarded(|| model.fit(&time_series(last(REGRESSED, &adjusted))))
                .is_some_and(|fit| fit.is_ok());
            fitted.then(|| model.aic()).flatten().filter(|aic| aic.is_finite())
        };
        let order = ORDERS
            .iter()
            .filter_map(|order| Some((aic(order)?, *order)))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map_or(ORDERS[0], |(_, order)| order);
        Self { seasons, order }
    }

    /// The length of the season that seasonal naive repeats; 1 without any.
    pub(crate) fn season(&self) -> usize {
        self.seasons.first().copied().unwrap_or(1)
    }
}

/// The `horizon` values that a model expects after `values`; `None` where it cannot be fitted, be it
/// that it fails, panics or gives anything but finite numbers.
pub(crate) fn predict(
    model: Model,
    values: &[f64],
    plan: &Plan,
    horizon: usize,
) -> Option<Vec<f64>> {
    let predicted = guarded(|| fit(model, values, plan, horizon))??;
    (predicted.len() == horizon && predicted.iter().all(|value| value.is_finite()))
        .then_some(predicted)
}

fn fit(model: Model, values: &[f64], plan: &Plan, horizon: usize) -> Option<Vec<f64>> {
    let season = plan.season();
    let seasonal = season > 1 && values.len() > 2 * season;
    match model {
        Model::SeasonalNaive => {
            let cycle = &values[values.len().checked_sub(season)?..];
            Some(cycle.iter().copied().cycle().take(horizon).collect())
        }
        Model::Theta if seasonal => {
            let theta = Theta::seasonal_with_decomposition(season, DecompositionType::Additive);
            run(theta, values, horizon)
        }
        Model::Theta => run(Theta::new(), values, horizon),
        Model::Ets if seasonal => {
            run(HoltWinters::auto(season, SeasonalType::Additive), last(SMOOTHED, values), horizon)
        }
        Model::Ets => run(HoltLinearTrend::auto_damped(), last(SMOOTHED, values), horizon),
        Model::Mstl => adjusted(values, &plan.seasons, horizon, |values| {
            let simple = ETS::new(ETSSpec::ann(), 1);
            let damped = ETS::new(ETSSpec::aadn(), 1);
            best([simple, damped], last(SMOOTHED, values), horizon)
        }),
        Model::Arima => adjusted(values, first(&plan.seasons), horizon, |values| {
            let (p, d, q) = plan.order;
            run(ARIMA::new(p, d, q), last(REGRESSED, values), horizon)
        }),
        Model::Mfles => {
            let fits = |&season: &usize| values.len() > 2 * season;
            let seasons = plan.seasons.iter().copied().filter(fits).collect();
            run(MFLES::new(seasons), values, horizon)
        }
        Model::Combination => None,
    }
}

/// Takes the seasons out, forecasts what is left, and puts them back.
fn adjusted(
    values: &[f64],
    seasons: &[usize],
    horizon: usize,
    forecast: impl Fn(&[f64]) -> Option<Vec<f64>>,
) -> Option<Vec<f64>> {
    let Some(parts) = Parts::of(values, seasons, false) else {
        return forecast(values);
    };
    let mut predicted = forecast(&parts.adjusted())?;
    for (ahead, value) in predicted.iter_mut().enumerate().take(horizon) {
        *value += parts.repeated(ahead);
    }
    Some(predicted)
}

/// The forecast of the model with the least of Akaike's criterion, corrected for short series.
fn best(models: [ETS; 2], values: &[f64], horizon: usize) -> Option<Vec<f64>> {
    let series = time_series(values);
    let fitted = models.into_iter().filter_map(|mut model| {
        model.fit(&series).ok()?;
        Some((model.aicc().filter(|aicc| aicc.is_finite())?, model))
    });
    let (_, model) = fitted.min_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(model.predict(horizon).ok()?.primary().to_vec())
}

fn run(mut model: impl Forecaster, values: &[f64], horizon: usize) -> Option<Vec<f64>> {
    model.fit(&time_series(values)).ok()?;
    Some(model.predict(horizon).ok()?.primary().to_vec())
}

fn first(seasons: &[usize]) -> &[usize] {
    &seasons[..seasons.len().min(1)]
}

fn last(count: usize, values: &[f64]) -> &[f64] {
    &values[values.len().saturating_sub(count)..]
}

/// The models want dates, and use none of them.
fn time_series(values: &[f64]) -> TimeSeries {
    let dates = (0..values.len())
        .map(|day| DateTime::UNIX_EPOCH + TimeDelta::days(i64::try_from(day).unwrap_or_default()))
        .collect();
    TimeSeries::univariate(dates, values.to_vec())
        .unwrap_or_else(|_| unreachable!("dates increase"))
}

/// A model is somebody else's code and meets any data there is: one that panics is out, and the
/// others go on. Nothing that it was given is used afterwards.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
