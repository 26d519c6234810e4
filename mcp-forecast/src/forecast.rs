use std::{
    collections::{BTreeSet, HashMap},
    sync::OnceLock,
};

use chrono::NaiveDate;

#[cfg(feature = "prophet")]
use crate::models::Calendar;
use crate::{
    ForecastError, ForecastErrorKind as Kind, Grain, MAX_HORIZON, Model, Options, Series,
    Validation,
    clean::{self, Filled},
    decompose::Parts,
    holidays::Effects,
    interval::Calibration,
    models::{Learned, Plan, predict},
    parallel,
    validate::{Origins, Outcome, checkpoint, combine, is_long, validate},
};

/// With fewer known values nothing can be said of those to come.
const LEAST: usize = 4;

/// What is to be expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// A point for each value of the horizon.
    pub points: Vec<Point>,
    /// The model that was chosen.
    pub model: Model,
    /// What the combination is made of; the model itself otherwise.
    pub members: Vec<Model>,
    /// Lengths of the seasons that the models could learn, in values; empty without any.
    pub seasons: Vec<usize>,
    /// How the models did on what is known already; `None` when there is too little of it.
    pub validation: Option<Validation>,
    /// How many values were unknown and have been filled.
    pub gaps: usize,
    /// Outliers that were replaced.
    pub replaced: Vec<Replaced>,
    /// What the reader should know of the forecast, in sentences.
    pub notes: Vec<String>,
}

/// What is to be expected of one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The first day of the value's day, week or month.
    pub date: NaiveDate,
    /// The value.
    pub value: f64,
    /// Below it lies one value of ten.
    pub lower_80: f64,
    /// Above it lies one value of ten.
    pub upper_80: f64,
    /// Below it lies one value of forty.
    pub lower_95: f64,
    /// Above it lies one value of forty.
    pub upper_95: f64,
    /// The interval of [`Options::level`].
    pub at_level: Option<Bounds>,
}

/// A prediction interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Its lower end.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
}

/// A value that stood out and that models did not learn from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Replaced {
    /// The first day of its period.
    pub date: NaiveDate,
    /// What it was.
    pub observed: f64,
    /// What was put in its place.
    pub expected: f64,
}

/// The `horizon` values after the series.
///
/// The models of [`Model`] forecast what is known already, from up to five points in the
/// past (rolling-origin cross-validation), and the one that does best is fitted to all of the series. Its
/// errors on the way give the prediction intervals. Values are not expected below zero where there
/// never were any.
///
/// # Errors
///
/// When the horizon is zero, above [`MAX_HORIZON`], or longer than the series; when fewer than four
/// values are known; when an option is outside of its range.
pub fn forecast(
    series: &Series,
    horizon: usize,
    options: &Options,
) -> Result<Forecast, ForecastError> {
    forecast_while(series, horizon, options, &|| true)
}

/// As [`forecast`], for as long as `go_on` returns true. It is asked before each fit of a model,
/// some milliseconds apart, by each thread that works on the forecast.
///
/// # Errors
///
/// As [`forecast`], and when `go_on` has returned false.
pub fn forecast_while(
    series: &Series,
    horizon: usize,
    options: &Options,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Forecast, ForecastError> {
    options.check()?;
    let history = History::new(series, horizon, options)?;
    let mut notes = history.notes(series.grain());
    let lesson = history.lesson(history.values.len());
    let plan = Plan {
        seasons: history.seasons.clone(),
        #[cfg(feature = "prophet")]
        calendar: Calendar {
            first: series.date(history.skipped),
            grain: series.grain(),
            parameters: options.prophet.clone(),
        },
    };
    let longest = history.seasons.last().copied().unwrap_or(1);
    let outcome = match Origins::new(history.values.len(), longest, horizon) {
        Some(origins) => validate(&history, &plan, &origins, options, go_on)?,
        None => None,
    };
    checkpoint(go_on)?;
    let mut learned = HashMap::new();
    let (model, members, residuals, validation) = match outcome {
        Some(Outcome { validation, residuals, learned: found }) => {
            let best = &validation.scores[0];
            learned = found;
            (best.model, best.members.clone(), residuals, Some(validation))
        }
        None => {
            notes.push(format!(
                "There is too little data to compare models and to measure their errors: intervals rest on {} changes from one {} to the next.",
                history.values.len() - 1,
                series.grain()
            ));
            let changes = history.values.windows(2).map(|pair| vec![pair[1] - pair[0]]).collect();
            let model = match options.models[..] {
                [model] if model != Model::Combination => model,
                _ => Model::SeasonalNaive,
            };
            (model, vec![model], changes, None)
        }
    };
    let fitted = parallel::map(&members, history.is_long(), |member| {
        checkpoint(go_on)?;
        let mut learned = learned.get(member).map(Learned::form).unwrap_or_default();
        Ok(predict(*member, &lesson, &plan, &mut learned, horizon))
    });
    let mut forecasts = Vec::with_capacity(members.len());
    for fitted in fitted {
        forecasts.extend(fitted?);
    }
    if forecasts.is_empty() {
        return Err(ForecastError::new(Kind::Model, "no model could be fitted to the series"));
    }
    let values = combine(&forecasts.iter().map(|values| &values[..]).collect::<Vec<_>>());
    let calibration = Calibration::new(&residuals);
    let points = values
        .into_iter()
        .enumerate()
        .map(|(ahead, value)| {
            let index = history.values.len() + ahead;
            let value = lesson.finish(index, value) * history.scale;
            let bounds = |level| {
                let half = calibration.half_width(level, ahead) * history.scale;
                let lower = value - half;
                let lower = if history.never_negative { lower.max(0.0) } else { lower };
                Bounds { lower, upper: value + half }
            };
            let (of_80, of_95) = (bounds(0.8), bounds(0.95));
            Point {
                date: series.date(history.skipped + index),
                value,
                lower_80: of_80.lower,
                upper_80: of_80.upper,
                lower_95: of_95.lower,
                upper_95: of_95.upper,
                at_level: options.level.map(bounds),
            }
        })
        .collect();
    let replaced = lesson.replaced.iter().map(|&(index, expected)| Replaced {
        date: series.date(history.skipped + index),
        observed: history.values[index] * history.scale,
        expected: expected * history.scale,
    });
    Ok(Forecast {
        points,
        model,
        members,
        seasons: history.seasons.clone(),
        validation: validation.map(|validation| validation.scaled(history.scale)),
        gaps: history.gaps,
        replaced: replaced.collect(),
        notes,
    })
}

/// A series as the models see it: without gaps, and with values around 1.
pub(crate) struct History<'a> {
    series: &'a Series,
    options: &'a Options,
    pub(crate) values: Vec<f64>,
    scale: f64,
    skipped: usize,
    gaps: usize,
    never_negative: bool,
    seasons: Vec<usize>,
    known: usize,
}

/// A part of the history, prepared for models to learn from.
pub(crate) struct Lesson<'a> {
    pub(crate) values: Vec<f64>,
    effects: Effects,
    history: &'a History<'a>,
    replaced: Vec<(usize, f64)>,
    parts: OnceLock<Option<Parts>>,
}

impl<'a> History<'a> {
    fn new(
        series: &'a Series,
        horizon: usize,
        options: &'a Options,
    ) -> Result<Self, ForecastError> {
        let grain = series.grain();
        let Filled { values, skipped, gaps } = clean::fill(series, options.gaps);
        let known = values.len() - gaps;
        if known < LEAST {
            let message = format!(
                "{known} known {grain}s are too few to forecast from: at least {LEAST} are needed, and {} to see a repeating pattern",
                2 * grain.seasons()[0] + 1
            );
            return Err(ForecastError::new(Kind::TooShort, message));
        }
        let most = values.len().min(MAX_HORIZON);
        if horizon == 0 || horizon > most {
            let message = format!(
                "the horizon has to be from 1 to {most} {grain}s, not {horizon}: a forecast does not reach farther than the data go back ({} {grain}s), nor beyond {MAX_HORIZON}",
                values.len()
            );
            return Err(ForecastError::new(Kind::Horizon, message));
        }
        if grain.after(series.start(), series.len() + horizon).is_none() {
            return Err(ForecastError::new(Kind::Date, "the forecast would leave the year 9999"));
        }
        let kept = values.len().min(longest_history(grain));
        let skipped = skipped + values.len() - kept;
        let values = &values[values.len() - kept..];
        let largest = values.iter().fold(0.0_f64, |max, value| max.max(value.abs()));
        let scale = if largest > 0.0 { largest } else { 1.0 };
        let scaled: Vec<f64> = values.iter().map(|value| value / scale).collect();
        let never_negative = values.iter().all(|value| *value >= 0.0);
        let seasons = grain.seasons().iter().copied().filter(|&season| {
            // The longer ones have to be there at each origin of cross-validation.
            let spare = if season == grain.seasons()[0] { 2 } else { horizon.min(season) };
            kept > 2 * season + spare
        });
        let seasons = seasons.collect();
        Ok(Self {
            series,
            options,
            values: scaled,
            scale,
            skipped,
            gaps,
            never_negative,
            seasons,
            known,
        })
    }

    pub(crate) fn is_long(&self) -> bool {
        is_long(self.values.len())
    }

    /// The first `len` values, with outliers replaced and without the effects of holidays.
    pub(crate) fn lesson(&'a self, len: usize) -> Lesson<'a> {
        let mut values = self.values[..len].to_vec();
        let season = &self.seasons[..self.seasons.len().min(1)];
        let mut replaced = Vec::new();
        if self.options.replace_outliers {
            replaced = clean::outliers(&values, season);
            for &(index, expected) in &replaced {
                values[index] = expected;
            }
        }
        let effects = match self.options.holidays {
            Some(country) if self.series.grain() != Grain::Month => {
                let dates = |index| self.series.date(self.skipped + index);
                Effects::learn(country, self.series.grain(), &values, season, &dates)
            }
            _ => Effects::default(),
        };
        for (index, value) in values.iter_mut().enumerate() {
            *value -= effects.of(self.series.date(self.skipped + index));
        }
        Lesson { values, effects, history: self, replaced, parts: OnceLock::new() }
    }

    fn notes(&self, grain: Grain) -> Vec<String> {
        let mut notes = Vec::new();
        let left_out = self.series.len() - self.values.len();
        let limit = longest_history(grain);
        if self.values.len() == limit && left_out > 0 {
            notes.push(format!("Only the last {limit} {grain}s were learned from."));
        }
        if self.gaps > 0 {
            let how = match self.options.gaps {
                crate::Gaps::Zero => "taken for zero",
                crate::Gaps::Interpolate => "estimated from those around them and a season away",
            };
            notes.push(format!(
                "{} of {} {grain}s are unknown and were {how}.",
                self.gaps,
                self.gaps + self.known
            ));
        }
        for &season in grain.seasons() {
            if !self.seasons.contains(&season) {
                let pattern = if season == 7 { "weekly" } else { "yearly" };
                let needed = 2 * season + 3;
                if self.values.len() < needed {
                    notes.push(format!(
                        "A {pattern} pattern could not be learned: that takes {needed} {grain}s, and there are {}.",
                        self.values.len()
                    ));
                }
            }
        }
        let distinct: BTreeSet<u64> =
            self.values.iter().map(|value| value.to_bits()).take(1_000).collect();
        if distinct.len() == 1 {
            notes.push("All values are equal, so nothing is known of how they vary.".to_owned());
        }
        notes
    }
}

impl Lesson<'_> {
    /// Trend, seasons and remainder; `None` without a season. Two models forecast what is left without
    /// the seasons.
    pub(crate) fn parts(&self) -> Option<&Parts> {
        let parts = || Parts::of(&self.values, &self.history.seasons, false);
        self.parts.get_or_init(parts).as_ref()
    }

    /// A model's value at an index as it is expected to be observed.
    pub(crate) fn finish(&self, index: usize, value: f64) -> f64 {
        let value = value + self.effects.of(self.history.series.date(self.history.skipped + index));
        if self.history.never_negative { value.max(0.0) } else { value }
    }
}

/// How many values models learn from at most, the latest ones: what is older tells less and costs as
/// much. Four years of days, ten of weeks, forty of months.
fn longest_history(grain: Grain) -> usize {
    match grain {
        Grain::Day => 1_461,
        Grain::Week => 522,
        Grain::Month => 480,
    }
}
