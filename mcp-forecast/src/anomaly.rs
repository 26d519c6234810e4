use chrono::NaiveDate;

use crate::{
    ForecastError, ForecastErrorKind as Kind, Gaps, Series,
    clean::{self, Filled, moving_median, robust_deviation},
    decompose::Parts,
};

/// With fewer known values nothing can be told from the usual.
const LEAST: usize = 8;

/// How anomalies are looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct AnomalyOptions {
    /// How many robust standard deviations from what was to be expected an anomaly is, 2 to 20. The
    /// default is 3.5 (Iglewicz and Hoaglin 1993).
    pub threshold: f64,
    /// What stands in for unknown values.
    pub gaps: Gaps,
}

impl Default for AnomalyOptions {
    fn default() -> Self {
        Self { threshold: 3.5, gaps: Gaps::default() }
    }
}

/// What stands out of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomalies {
    /// The anomalies, by date.
    pub anomalies: Vec<Anomaly>,
    /// What was to be expected of each value, from [`first`](Self::first) on.
    pub expected: Vec<f64>,
    /// The first day of the period that `expected` begins with.
    pub first: NaiveDate,
    /// How far from it values usually are, as a robust standard deviation.
    pub deviation: f64,
    /// How many of those away an anomaly is.
    pub threshold: f64,
    /// Lengths of the seasons that were taken into account, in values.
    pub seasons: Vec<usize>,
}

/// A value that stands out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anomaly {
    /// The first day of its period.
    pub date: NaiveDate,
    /// What it is.
    pub value: f64,
    /// What was to be expected: the trend and the season.
    pub expected: f64,
    /// What the trend is there.
    pub trend: f64,
    /// What the season adds to the trend there; 0 without one.
    pub seasonal: f64,
    /// How many robust standard deviations it is above what was to be expected, negative below. At
    /// most 1,000 either way.
    pub score: f64,
}

/// Values that are far from what trend and season say.
///
/// A robust STL decomposition, which what stands out does not draw to itself, says what was to be
/// expected, a moving median where there are less than two seasons. What is left is measured by its
/// median magnitude.
///
/// # Errors
///
/// When fewer than eight values are known, or the threshold is outside of its range.
pub fn anomalies(series: &Series, options: &AnomalyOptions) -> Result<Anomalies, ForecastError> {
    let AnomalyOptions { threshold, gaps } = *options;
    if !(2.0..=20.0).contains(&threshold) {
        let message =
            format!("the threshold has to be from 2 to 20 standard deviations, not {threshold}");
        return Err(ForecastError::new(Kind::Option, message));
    }
    let grain = series.grain();
    let Filled { values, skipped, gaps } = clean::fill(series, gaps);
    let known = values.len() - gaps;
    if known < LEAST {
        let message = format!(
            "{known} known {grain}s are too few to tell what is unusual: at least {LEAST} are needed, and {} to see a repeating pattern",
            2 * grain.seasons()[0]
        );
        return Err(ForecastError::new(Kind::TooShort, message));
    }
    let scale = values.iter().fold(0.0_f64, |max, value| max.max(value.abs()));
    let scale = if scale > 0.0 { scale } else { 1.0 };
    let values: Vec<f64> = values.iter().map(|value| value / scale).collect();
    // Three years are needed for a yearly pattern of days that is not made of the anomalies themselves.
    let seasons: Vec<usize> = grain
        .seasons()
        .iter()
        .copied()
        .filter(|&season| values.len() >= season * if season == 365 { 3 } else { 2 })
        .collect();
    let (trend, seasonal) = match Parts::of(&values, &seasons, true) {
        Some(parts) => (parts.trend, parts.seasonal),
        None => (moving_median(&values), vec![0.0; values.len()]),
    };
    let expected: Vec<f64> =
        trend.iter().zip(&seasonal).map(|(trend, season)| trend + season).collect();
    let residuals: Vec<f64> = values.iter().zip(&expected).map(|(value, e)| value - e).collect();
    let deviation = robust_deviation(&residuals);
    let score = |index: usize| match residuals[index] {
        // What rounding leaves of a series without any deviation.
        residual if residual.abs() < 1e-9 => 0.0,
        residual => (residual / deviation).clamp(-1_000.0, 1_000.0),
    };
    let anomalies = (0..values.len())
        .filter(|&index| {
            series.values()[skipped + index].is_some() && score(index).abs() > threshold
        })
        .map(|index| Anomaly {
            date: series.date(skipped + index),
            value: values[index] * scale,
            expected: expected[index] * scale,
            trend: trend[index] * scale,
            seasonal: seasonal[index] * scale,
            score: score(index),
        })
        .collect();
    Ok(Anomalies {
        anomalies,
        expected: expected.iter().map(|value| value * scale).collect(),
        first: series.date(skipped),
        deviation: deviation * scale,
        threshold,
        seasons,
    })
}
