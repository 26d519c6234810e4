//! Prophet's parameters, as its Python package names them.

use mcp_forecast::{Growth, Prophet, Seasonality, SeasonalityMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Prophet's parameters, with the names and defaults of its Python package.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct ProphetParameters {
    /// Whether there is a trend: linear by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<ProphetGrowth>,
    /// At how many points the trend may change; 25 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1000))]
    pub n_changepoints: Option<u32>,
    /// Within which first part of the past those points lie; 0.8 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub changepoint_range: Option<f64>,
    /// How much the trend may change at each; 0.05 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1000))]
    pub changepoint_prior_scale: Option<f64>,
    /// Whether seasons are added to the trend or are parts of it; additive by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seasonality_mode: Option<ProphetSeasonalityMode>,
    /// How strong seasons may be; 10 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1000))]
    pub seasonality_prior_scale: Option<f64>,
    /// The season of a year: `"auto"` (the default, with two years of data), true (10 Fourier terms),
    /// false, or a number of Fourier terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yearly_seasonality: Option<ProphetSeasonality>,
    /// The season of a week: `"auto"` (the default, for days), true (3 Fourier terms), false, or a number
    /// of Fourier terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekly_seasonality: Option<ProphetSeasonality>,
}

/// Whether there is a trend.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ProphetGrowth {
    /// A line whose slope changes.
    Linear,
    /// None.
    Flat,
}

/// How trend and seasons go together.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ProphetSeasonalityMode {
    /// The sum of both.
    Additive,
    /// Seasons are parts of the trend.
    Multiplicative,
}

/// Whether there is a season.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum ProphetSeasonality {
    /// Yes or no.
    Switch(bool),
    /// With so many Fourier terms.
    Terms(#[schemars(range(min = 1, max = 100))] u32),
    /// Where the data suffice.
    Named(ProphetAuto),
}

/// Where the data suffice.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ProphetAuto {
    /// Where the data suffice.
    Auto,
}

impl ProphetParameters {
    pub(super) fn prophet(&self) -> Prophet {
        let defaults = Prophet::default();
        let seasonality = |wanted: Option<ProphetSeasonality>| match wanted {
            None | Some(ProphetSeasonality::Named(ProphetAuto::Auto)) => Seasonality::Auto,
            Some(ProphetSeasonality::Switch(true)) => Seasonality::On,
            Some(ProphetSeasonality::Switch(false)) => Seasonality::Off,
            Some(ProphetSeasonality::Terms(terms)) => Seasonality::Terms(terms),
        };
        Prophet {
            growth: match self.growth {
                None | Some(ProphetGrowth::Linear) => Growth::Linear,
                Some(ProphetGrowth::Flat) => Growth::Flat,
            },
            n_changepoints: self.n_changepoints.unwrap_or(defaults.n_changepoints),
            changepoint_range: self.changepoint_range.unwrap_or(defaults.changepoint_range),
            changepoint_prior_scale: self
                .changepoint_prior_scale
                .unwrap_or(defaults.changepoint_prior_scale),
            seasonality_mode: match self.seasonality_mode {
                None | Some(ProphetSeasonalityMode::Additive) => SeasonalityMode::Additive,
                Some(ProphetSeasonalityMode::Multiplicative) => SeasonalityMode::Multiplicative,
            },
            seasonality_prior_scale: self
                .seasonality_prior_scale
                .unwrap_or(defaults.seasonality_prior_scale),
            yearly_seasonality: seasonality(self.yearly_seasonality),
            weekly_seasonality: seasonality(self.weekly_seasonality),
        }
    }
}
