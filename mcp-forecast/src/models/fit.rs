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
#[cfg(feature = "prophet")]
use chrono::NaiveDate;
use chrono::{DateTime, TimeDelta};

use super::Model;
#[cfg(feature = "prophet")]
use super::{Prophet, prophet};
#[cfg(feature = "prophet")]
use crate::Grain;
use crate::forecast::Lesson;

/// An ARIMA model's p, d and q.
type Order = (usize, usize, usize);

/// Smoothing is fitted to as many of the last values: it forgets what is older.
const SMOOTHED: usize = 400;

/// ARIMA is fitted to as many of the last values, as it would take most of the time otherwise.
const REGRESSED: usize = 150;

/// MFLES is fitted to as many of the last values, which are two years of days.
const BOOSTED: usize = 800;

/// Orders that ARIMA is chosen from, by Akaike's criterion: a level that moves, and one that values
/// come back to.
const ORDERS: [Order; 2] = [(0, 1, 1), (1, 0, 1)];

/// What is the same at each origin: the series' seasons, and what Prophet is told.
pub(crate) struct Plan {
    /// Lengths of seasons, shortest first; empty without a season.
    pub(crate) seasons: Vec<usize>,
    #[cfg(feature = "prophet")]
    pub(crate) calendar: Calendar,
}

/// What Prophet has to know beside the values.
#[cfg(feature = "prophet")]
pub(crate) struct Calendar {
    pub(crate) first: NaiveDate,
    pub(crate) grain: Grain,
    pub(crate) parameters: Prophet,
}

/// What a model's search has found. Finding it is nearly all that a fit costs, so that the search is
/// done at the first origin and what it found is used at the later ones, which are a little longer.
#[derive(Default)]
pub(crate) struct Learned(Option<Parameters>);

enum Parameters {
    HoltWinters {
        alpha: f64,
        beta: f64,
        gamma: f64,
    },
    Smoothing {
        spec: ETSSpec,
        alpha: f64,
        beta: Option<f64>,
        phi: Option<f64>,
    },
    Arima {
        order: Order,
        ar: Vec<f64>,
        ma: Vec<f64>,
        intercept: f64,
    },
    /// Which model it is, but not with what parameters.
    ArimaOf(Order),
}

impl Learned {
    /// What holds for longer series too: which model it is, to be fitted anew.
    pub(crate) fn form(&self) -> Self {
        Self(match &self.0 {
            Some(Parameters::Arima { order, .. }) => Some(Parameters::ArimaOf(*order)),
            _ => None,
        })
    }
}

impl Plan {
    /// The length of the season that seasonal naive repeats; 1 without any.
    pub(crate) fn season(&self) -> usize {
        self.seasons.first().copied().unwrap_or(1)
    }
}

/// The `horizon` values that a model expects after `values`; `None` where it cannot be fitted, be it
/// that it fails, panics or gives anything but finite numbers.
pub(crate) fn predict(
    model: Model,
    lesson: &Lesson<'_>,
    plan: &Plan,
    learned: &mut Learned,
    horizon: usize,
) -> Option<Vec<f64>> {
    let predicted = guarded(|| fit(model, lesson, plan, &mut learned.0, horizon))??;
    (predicted.len() == horizon && predicted.iter().all(|value| value.is_finite()))
        .then_some(predicted)
}

fn fit(
    model: Model,
    lesson: &Lesson<'_>,
    plan: &Plan,
    learned: &mut Option<Parameters>,
    horizon: usize,
) -> Option<Vec<f64>> {
    let values = &lesson.values;
    let season = plan.season();
    let seasonal = season > 1 && values.len() > 2 * season;
    match model {
        Model::SeasonalNaive => {
            let cycle = &values[values.len().checked_sub(season)?..];
            Some(cycle.iter().copied().cycle().take(horizon).collect())
        }
        Model::Theta if seasonal => {
            let theta = Theta::seasonal_with_decomposition(season, DecompositionType::Additive);
            run(theta, last(SMOOTHED, values), horizon)
        }
        Model::Theta => run(Theta::new(), last(SMOOTHED, values), horizon),
        Model::Ets if seasonal => holt_winters(last(SMOOTHED, values), season, learned, horizon),
        Model::Ets => run(HoltLinearTrend::auto_damped(), last(SMOOTHED, values), horizon),
        Model::Mstl => {
            adjusted(lesson, horizon, |values| smoothing(last(SMOOTHED, values), learned, horizon))
        }
        Model::Arima => {
            adjusted(lesson, horizon, |values| arima(last(REGRESSED, values), learned, horizon))
        }
        Model::Mfles => {
            let values = last(BOOSTED, values);
            let fits = |&season: &usize| values.len() > 2 * season;
            let seasons = plan.seasons.iter().copied().filter(fits).collect();
            run(MFLES::new(seasons), values, horizon)
        }
        Model::Combination => None,
        #[cfg(feature = "prophet")]
        Model::Prophet => {
            let Calendar { first, grain, parameters } = &plan.calendar;
            let dates = (0..).map_while(|index| grain.after(*first, index));
            prophet::predict(values, dates, parameters, horizon)
        }
    }
}

fn holt_winters(
    values: &[f64],
    season: usize,
    learned: &mut Option<Parameters>,
    horizon: usize,
) -> Option<Vec<f64>> {
    if let Some(Parameters::HoltWinters { alpha, beta, gamma }) = learned {
        return run(HoltWinters::additive(*alpha, *beta, *gamma, season), values, horizon);
    }
    let mut model = HoltWinters::auto(season, SeasonalType::Additive);
    model.fit(&time_series(values)).ok()?;
    let (alpha, beta, gamma) = (model.alpha()?, model.beta()?, model.gamma()?);
    *learned = Some(Parameters::HoltWinters { alpha, beta, gamma });
    predicted(&model, horizon)
}

/// Simple smoothing or a damped trend, by Akaike's criterion, corrected for short series.
fn smoothing(values: &[f64], learned: &mut Option<Parameters>, horizon: usize) -> Option<Vec<f64>> {
    if let Some(Parameters::Smoothing { spec, alpha, beta, phi }) = learned {
        return run(ETS::with_params(*spec, 1, *alpha, *beta, None, *phi), values, horizon);
    }
    let series = time_series(values);
    let fitted = [ETSSpec::ann(), ETSSpec::aadn()].into_iter().filter_map(|spec| {
        let mut model = ETS::new(spec, 1);
        model.fit(&series).ok()?;
        Some((model.aicc().filter(|aicc| aicc.is_finite())?, model))
    });
    let (_, model) = fitted.min_by(|a, b| a.0.total_cmp(&b.0))?;
    let (spec, alpha, beta, phi) = (model.spec(), model.alpha()?, model.beta(), model.phi());
    *learned = Some(Parameters::Smoothing { spec, alpha, beta, phi });
    predicted(&model, horizon)
}

/// One of [`ORDERS`], by Akaike's criterion.
fn arima(values: &[f64], learned: &mut Option<Parameters>, horizon: usize) -> Option<Vec<f64>> {
    if let Some(Parameters::Arima { order: (p, d, q), ar, ma, intercept }) = learned {
        let model = ARIMA::with_coefficients(*p, *d, *q, ar.clone(), ma.clone(), *intercept);
        return run(model, values, horizon);
    }
    let series = time_series(values);
    let orders = match learned {
        Some(Parameters::ArimaOf(order)) => std::slice::from_ref(order),
        _ => &ORDERS,
    };
    let fitted = orders.iter().filter_map(|&order| {
        let (p, d, q) = order;
        let mut model = ARIMA::new(p, d, q);
        // One that panics leaves the other.
        guarded(|| model.fit(&series))?.ok()?;
        Some((model.aic().filter(|aic| aic.is_finite())?, order, model))
    });
    let (_, order, model) = fitted.min_by(|a, b| a.0.total_cmp(&b.0))?;
    *learned = Some(Parameters::Arima {
        order,
        ar: model.ar_coefficients().to_vec(),
        ma: model.ma_coefficients().to_vec(),
        intercept: model.intercept(),
    });
    predicted(&model, horizon)
}

/// Takes the seasons out, forecasts what is left, and puts them back.
fn adjusted(
    lesson: &Lesson<'_>,
    horizon: usize,
    forecast: impl FnOnce(&[f64]) -> Option<Vec<f64>>,
) -> Option<Vec<f64>> {
    let Some(parts) = lesson.parts() else {
        return forecast(&lesson.values);
    };
    let mut predicted = forecast(&parts.adjusted())?;
    for (ahead, value) in predicted.iter_mut().enumerate().take(horizon) {
        *value += parts.repeated(ahead);
    }
    Some(predicted)
}

fn run(mut model: impl Forecaster, values: &[f64], horizon: usize) -> Option<Vec<f64>> {
    model.fit(&time_series(values)).ok()?;
    predicted(&model, horizon)
}

fn predicted(model: &impl Forecaster, horizon: usize) -> Option<Vec<f64>> {
    Some(model.predict(horizon).ok()?.primary().to_vec())
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
