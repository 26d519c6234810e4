use crate::{ForecastError, ForecastErrorKind as Kind};

/// What Prophet is told, with the names and the defaults of its Python package.
///
/// Those that are not there have no meaning here: intervals are those of cross-validation
/// (`interval_width`, `uncertainty_samples`, `mcmc_samples`), there is no time of day
/// (`daily_seasonality`), holidays are [`Options::holidays`](crate::Options::holidays), and growth to a
/// capacity is not offered.
#[derive(Clone, Debug, PartialEq)]
pub struct Prophet {
    /// Whether there is a trend.
    pub growth: Growth,
    /// At how many points the trend may change, up to 1,000. 25 by default.
    pub n_changepoints: u32,
    /// Within which first part of the past those points lie: above 0, up to 1. 0.8 by default.
    pub changepoint_range: f64,
    /// How much the trend may change at each: above 0, up to 1,000. 0.05 by default.
    pub changepoint_prior_scale: f64,
    /// Whether seasons are added to the trend or are parts of it.
    pub seasonality_mode: SeasonalityMode,
    /// How strong seasons may be: above 0, up to 1,000. 10 by default.
    pub seasonality_prior_scale: f64,
    /// The season of a year.
    pub yearly_seasonality: Seasonality,
    /// The season of a week.
    pub weekly_seasonality: Seasonality,
}

/// Whether Prophet has a trend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Growth {
    /// A line whose slope changes.
    #[default]
    Linear,
    /// None: a constant.
    Flat,
}

/// How Prophet puts trend and seasons together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeasonalityMode {
    /// The sum of both.
    #[default]
    Additive,
    /// Seasons are parts of the trend.
    Multiplicative,
}

/// Whether Prophet has a season.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seasonality {
    /// With two cycles of data, and with values that are close enough to each other.
    #[default]
    Auto,
    /// Yes: 10 Fourier terms for a year, 3 for a week.
    On,
    /// No.
    Off,
    /// With so many Fourier terms, 1 to 100.
    Terms(u32),
}

impl Default for Prophet {
    fn default() -> Self {
        Self {
            growth: Growth::Linear,
            n_changepoints: 25,
            changepoint_range: 0.8,
            changepoint_prior_scale: 0.05,
            seasonality_mode: SeasonalityMode::Additive,
            seasonality_prior_scale: 10.0,
            yearly_seasonality: Seasonality::Auto,
            weekly_seasonality: Seasonality::Auto,
        }
    }
}

impl Prophet {
    pub(crate) fn check(&self) -> Result<(), ForecastError> {
        let between = |name: &str, value: f64, most: f64| {
            if value > 0.0 && value <= most {
                return Ok(());
            }
            let message = format!("`{name}` has to be above 0 and up to {most}, not {value}");
            Err(ForecastError::new(Kind::Option, message))
        };
        between("changepoint_range", self.changepoint_range, 1.0)?;
        between("changepoint_prior_scale", self.changepoint_prior_scale, 1_000.0)?;
        between("seasonality_prior_scale", self.seasonality_prior_scale, 1_000.0)?;
        if self.n_changepoints > 1_000 {
            let message =
                format!("`n_changepoints` has to be up to 1000, not {}", self.n_changepoints);
            return Err(ForecastError::new(Kind::Option, message));
        }
        for (name, seasonality) in [
            ("yearly_seasonality", self.yearly_seasonality),
            ("weekly_seasonality", self.weekly_seasonality),
        ] {
            match seasonality {
                Seasonality::Terms(terms) if !(1..=100).contains(&terms) => {
                    let message = format!("`{name}` has to be 1 to 100 Fourier terms, not {terms}");
                    return Err(ForecastError::new(Kind::Option, message));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
