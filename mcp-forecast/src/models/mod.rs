//! The models that compete.

mod fit;
#[cfg(feature = "prophet")]
mod prophet;

use std::fmt;

use crate::Options;

#[cfg(feature = "prophet")]
pub(crate) use fit::Calendar;
pub(crate) use fit::{Learned, Plan, predict};
#[cfg(feature = "prophet")]
pub use prophet::{Growth, Prophet, Seasonality, SeasonalityMode};

/// A way to forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Model {
    /// The last cycle again; the last value without a season. What every forecast is measured by.
    SeasonalNaive,
    /// The Theta method (Assimakopoulos and Nikolopoulos 2000), winner of the M3 competition, on the
    /// seasonally adjusted series.
    Theta,
    /// Exponential smoothing with trend and additive season (Holt and Winters), a damped trend
    /// without a season.
    Ets,
    /// STL, or MSTL with several seasons, and exponential smoothing of the adjusted series.
    Mstl,
    /// STL and ARIMA of the adjusted series.
    Arima,
    /// Gradient boosted trend, Fourier seasons and smoothing (MFLES, Blume 2024).
    Mfles,
    /// The median of several of the models, value by value.
    Combination,
    /// Prophet (Taylor and Letham 2018), with [`Options::prophet`](crate::Options::prophet). It does not
    /// compete unless it is named in [`Options::models`](crate::Options::models).
    #[cfg(feature = "prophet")]
    Prophet,
}

impl Model {
    /// All that are fitted to a series, simplest first. The combination is made of them.
    pub(crate) const FITTED: [Self; 6] =
        [Self::SeasonalNaive, Self::Theta, Self::Ets, Self::Mstl, Self::Arima, Self::Mfles];

    /// Those, and what competes only where it is named.
    pub(crate) fn fitted(options: &Options) -> impl Iterator<Item = Self> {
        let named = options.models.iter().copied();
        Self::FITTED.into_iter().chain(named.filter(|model| model.has_to_be_named()))
    }

    fn has_to_be_named(self) -> bool {
        #[cfg(feature = "prophet")]
        if self == Self::Prophet {
            return true;
        }
        false
    }

    /// The model's name as a program writes it, such as `seasonal_naive`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SeasonalNaive => "seasonal_naive",
            Self::Theta => "theta",
            Self::Ets => "ets",
            Self::Mstl => "mstl",
            Self::Arima => "arima",
            Self::Mfles => "mfles",
            Self::Combination => "combination",
            #[cfg(feature = "prophet")]
            Self::Prophet => "prophet",
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SeasonalNaive => "seasonal naive",
            Self::Theta => "Theta",
            Self::Ets => "ETS",
            Self::Mstl => "MSTL",
            Self::Arima => "ARIMA",
            Self::Mfles => "MFLES",
            Self::Combination => "combination",
            #[cfg(feature = "prophet")]
            Self::Prophet => "Prophet",
        })
    }
}
