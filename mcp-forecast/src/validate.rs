//! Rolling-origin cross-validation: each model forecasts what is known already.

use std::collections::HashMap;

use crate::{
    ForecastError, ForecastErrorKind as Kind, Model, Options,
    decompose::median,
    forecast::History,
    models::{Learned, Plan, predict},
    parallel,
};

/// Whether the caller still wants the forecast.
pub(crate) type GoOn<'a> = &'a (dyn Fn() -> bool + Sync);

/// How many origins forecasts are made from. Each costs a fit of every model.
const ORIGINS: usize = 5;

/// Beyond so many values it is fewer origins: fits take longer, and horizons are longer, so that each
/// says more.
const LONG: usize = 600;
const ORIGINS_OF_LONG: usize = 2;

/// How many models the combination is made of.
const MEMBERS: usize = 4;

/// How many times smaller the error of one model has to be to be chosen over the combination.
const FAR_BETTER: f64 = 1.5;

/// Whether there are so many values that fits take milliseconds.
pub(crate) fn is_long(len: usize) -> bool {
    len > LONG
}

/// How the models did on what is known already.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// From how many points in the past forecasts were made.
    pub origins: usize,
    /// How far each of them went, in values.
    pub horizon: usize,
    /// The mean absolute error of the chosen model, in units of the series.
    pub error: f64,
    /// The mean absolute error of seasonal naive, in units of the series.
    pub naive_error: f64,
    /// All that competed, best first.
    pub scores: Vec<Score>,
}

/// How one model did.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The model.
    pub model: Model,
    /// Of what the combination is made; the model itself for others.
    pub members: Vec<Model>,
    /// Its mean absolute error, in units of the series.
    pub error: f64,
}

impl Validation {
    /// The chosen model's error as a part of that of seasonal naive: below 1 it is better. `None`
    /// when seasonal naive made no error.
    pub fn relative_error(&self) -> Option<f64> {
        (self.naive_error > 0.0).then(|| self.error / self.naive_error)
    }
}

impl Validation {
    /// The same with errors in other units.
    pub(crate) fn scaled(mut self, scale: f64) -> Self {
        self.error *= scale;
        self.naive_error *= scale;
        for score in &mut self.scores {
            score.error *= scale;
        }
        self
    }
}

/// What cross-validation found out.
pub(crate) struct Outcome {
    pub(crate) validation: Validation,
    /// Errors of the chosen model, of each origin by how far ahead.
    pub(crate) residuals: Vec<Vec<f64>>,
    /// What each model's search has found.
    pub(crate) learned: HashMap<Model, Learned>,
}

/// Where forecasts are made from, and how far they go.
pub(crate) struct Origins {
    /// The earliest first.
    ends: Vec<usize>,
    horizon: usize,
}

impl Origins {
    /// `None` when there is too little left after what the models need to be fitted.
    pub(crate) fn new(len: usize, longest_season: usize, horizon: usize) -> Option<Self> {
        let least = if longest_season > 1 { 2 * longest_season + 1 } else { (len / 2).max(4) };
        let left = len.checked_sub(least)?;
        if left < 2 {
            return None;
        }
        let horizon = horizon.min(left.div_ceil(2));
        let most = if is_long(len) { ORIGINS_OF_LONG } else { ORIGINS };
        let stride = ((left - horizon) / (most - 1)).clamp(1, horizon);
        let count = ((left - horizon) / stride + 1).min(most);
        let ends = (0..count).rev().map(|back| len - horizon - back * stride).collect();
        Some(Self { ends, horizon })
    }
}

/// Fits all models at each origin and picks one.
pub(crate) fn validate(
    history: &History<'_>,
    plan: &Plan,
    origins: &Origins,
    options: &Options,
    go_on: GoOn<'_>,
) -> Result<Option<Outcome>, ForecastError> {
    let horizon = origins.horizon;
    let lessons: Vec<_> = origins.ends.iter().map(|&end| history.lesson(end)).collect();
    // Seasonal naive is what the others are measured by.
    let competes = |model: &Model| {
        *model == Model::SeasonalNaive
            || options.allows(*model)
            || options.allows(Model::Combination) && Model::FITTED.contains(model)
    };
    let models: Vec<Model> = Model::fitted(options).filter(competes).collect();
    let tried = parallel::map(&models, history.is_long(), |model| {
        let mut of_model = Vec::with_capacity(lessons.len());
        let mut learned = Learned::default();
        for lesson in &lessons {
            checkpoint(go_on)?;
            let Some(mut values) = predict(*model, lesson, plan, &mut learned, horizon) else {
                return Ok(None);
            };
            for (ahead, value) in values.iter_mut().enumerate() {
                *value = lesson.finish(lesson.values.len() + ahead, *value);
            }
            of_model.push(values);
        }
        Ok(Some((of_model, learned)))
    });
    let mut learned = HashMap::new();
    let mut predictions: Vec<(Model, Vec<Vec<f64>>)> = Vec::new();
    for (model, tried) in models.into_iter().zip(tried) {
        if let Some((of_model, of_its_fits)) = tried? {
            predictions.push((model, of_model));
            learned.insert(model, of_its_fits);
        }
    }
    let residuals = |of_model: &[Vec<f64>]| -> Vec<Vec<f64>> {
        let ends = origins.ends.iter();
        ends.zip(of_model)
            .map(|(&end, values)| {
                values.iter().zip(&history.values[end..]).map(|(v, a)| a - v).collect()
            })
            .collect()
    };
    let error = |residuals: &[Vec<f64>]| {
        let count = (residuals.len() * horizon) as f64;
        residuals.iter().flatten().map(|residual| residual.abs()).sum::<f64>() / count
    };
    let mut scored: Vec<(Score, Vec<Vec<f64>>)> = predictions
        .iter()
        .map(|(model, values)| {
            let residuals = residuals(values);
            (Score { model: *model, members: vec![*model], error: error(&residuals) }, residuals)
        })
        .collect();
    let Some(naive_error) = scored
        .iter()
        .find(|(score, _)| score.model == Model::SeasonalNaive)
        .map(|(score, _)| score.error)
    else {
        return Ok(None);
    };
    scored.retain(|(score, _)| options.allows(score.model));
    if options.allows(Model::Combination) {
        let members = members(&scored.iter().map(|(score, _)| score.clone()).collect::<Vec<_>>());
        if members.len() > 1 {
            let of_members: Vec<&Vec<Vec<f64>>> = predictions
                .iter()
                .filter(|(model, _)| members.contains(model))
                .map(|(_, values)| values)
                .collect();
            let combined: Vec<Vec<f64>> = (0..origins.ends.len())
                .map(|origin| {
                    combine(
                        &of_members.iter().map(|values| &values[origin][..]).collect::<Vec<_>>(),
                    )
                })
                .collect();
            let residuals = residuals(&combined);
            let score = Score { model: Model::Combination, members, error: error(&residuals) };
            scored.push((score, residuals));
        }
    }
    // Stable: of equally good ones, the simplest comes first.
    scored.sort_by(|(a, _), (b, _)| a.error.total_cmp(&b.error));
    if scored.is_empty() {
        return Ok(None);
    }
    let chosen = choose(&scored.iter().map(|(score, _)| score).collect::<Vec<_>>());
    let (score, residuals) = scored.remove(chosen);
    let error = score.error;
    let mut scores = vec![score];
    scores.extend(scored.into_iter().map(|(score, _)| score));
    let validation =
        Validation { origins: origins.ends.len(), horizon, error, naive_error, scores };
    Ok(Some(Outcome { validation, residuals, learned }))
}

/// Value by value the median of several forecasts of equal length.
pub(crate) fn combine(forecasts: &[&[f64]]) -> Vec<f64> {
    let len = forecasts.first().map_or(0, |first| first.len());
    (0..len).map(|ahead| median(forecasts.iter().map(|values| values[ahead]))).collect()
}

pub(crate) fn checkpoint(go_on: GoOn<'_>) -> Result<(), ForecastError> {
    if go_on() {
        return Ok(());
    }
    Err(ForecastError::new(Kind::Stopped, "the forecast was stopped by its caller"))
}

/// What the combination is made of: the best models, by their errors. Of all the ways to combine that
/// were tried (docs/forecasting.md), this had the least error.
fn members(scores: &[Score]) -> Vec<Model> {
    let mut ranked: Vec<&Score> = scores.iter().collect();
    ranked.sort_by(|a, b| a.error.total_cmp(&b.error));
    ranked.iter().take(MEMBERS).map(|score| score.model).collect()
}

/// The combination, unless one model alone is far better. A few origins cannot tell which of two
/// models is better when they are close, and the combination is rarely worse than the better one.
fn choose(ranked: &[&Score]) -> usize {
    let combination = ranked.iter().position(|score| score.model == Model::Combination);
    match combination {
        Some(combination)
            if ranked[0].error * FAR_BETTER >= ranked[combination].error
                && ranked[0].error > 0.0 =>
        {
            combination
        }
        _ => 0,
    }
}
