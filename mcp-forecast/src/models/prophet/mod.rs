//! Prophet, for who has to match the numbers of its Python package: features and trend as
//! `augurs-prophet` prepares them, the parameters from [`posterior`].

mod parameters;
mod posterior;

use augurs_prophet::{
    FeatureMode, GrowthType, PredictionData, Prophet as Model, ProphetOptions, SeasonalityOption,
    TrainingData,
};
use chrono::{NaiveDate, NaiveTime};

pub use self::parameters::{Growth, Prophet, Seasonality, SeasonalityMode};
use self::posterior::Posterior;

/// Seconds.
const DAY: i64 = 86_400;

/// The values that Prophet expects after `values`, whose dates are the first of `dates`; those of the
/// horizon follow them. `None` where it cannot be fitted.
pub(super) fn predict(
    values: &[f64],
    dates: impl Iterator<Item = NaiveDate>,
    parameters: &Prophet,
    horizon: usize,
) -> Option<Vec<f64>> {
    let seconds = |date: NaiveDate| date.and_time(NaiveTime::MIN).and_utc().timestamp();
    let mut known: Vec<i64> = dates.take(values.len() + horizon).map(seconds).collect();
    let ahead = known.split_off(values.len());
    let mut model = Model::new(options(parameters, &known)?, Posterior);
    let data = TrainingData::new(known, values.to_vec()).ok()?;
    model.fit(data, Default::default()).ok()?;
    Some(model.predict(PredictionData::new(ahead)).ok()?.yhat.point)
}

fn options(parameters: &Prophet, known: &[i64]) -> Option<ProphetOptions> {
    let days = (known.last()? - known.first()?) / DAY;
    let apart = known.windows(2).map(|pair| (pair[1] - pair[0]) / DAY).min()?;
    // Two years are 730 days for the Python package, and half a day more for `augurs-prophet`.
    let seasonality = |wanted, enough| match wanted {
        Seasonality::Auto => Some(SeasonalityOption::Manual(enough)),
        Seasonality::On => Some(SeasonalityOption::Manual(true)),
        Seasonality::Off => Some(SeasonalityOption::Manual(false)),
        Seasonality::Terms(terms) => Some(SeasonalityOption::Fourier(terms.try_into().ok()?)),
    };
    Some(ProphetOptions {
        growth: match parameters.growth {
            Growth::Linear => GrowthType::Linear,
            Growth::Flat => GrowthType::Flat,
        },
        n_changepoints: parameters.n_changepoints,
        changepoint_range: parameters.changepoint_range.try_into().ok()?,
        changepoint_prior_scale: parameters.changepoint_prior_scale.try_into().ok()?,
        seasonality_mode: match parameters.seasonality_mode {
            SeasonalityMode::Additive => FeatureMode::Additive,
            SeasonalityMode::Multiplicative => FeatureMode::Multiplicative,
        },
        seasonality_prior_scale: parameters.seasonality_prior_scale.try_into().ok()?,
        yearly_seasonality: seasonality(parameters.yearly_seasonality, days >= 730)?,
        weekly_seasonality: seasonality(parameters.weekly_seasonality, days >= 14 && apart < 7)?,
        daily_seasonality: SeasonalityOption::Manual(false),
        // Intervals come from cross-validation, as those of all models here.
        uncertainty_samples: 0,
        ..ProphetOptions::default()
    })
}
