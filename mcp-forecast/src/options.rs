use crate::{Country, ForecastError, ForecastErrorKind as Kind, Model};

/// The farthest horizon, in values.
pub const MAX_HORIZON: usize = 1_000;

/// How a forecast is made. The default suits sales: gaps are bridged, all models compete.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// What stands in for unknown values. By default they are interpolated.
    pub gaps: Gaps,
    /// Whether single values that stand far out are replaced by what was to be expected before the
    /// models learn from them. Off by default: in sales, what stands out often comes again.
    pub replace_outliers: bool,
    /// Learns what public holidays of this country do, and expects it of those to come. Only for
    /// series of days and weeks.
    pub holidays: Option<Country>,
    /// Which models compete; when empty, all that need not be named.
    pub models: Vec<Model>,
    /// What Prophet is told, where it is one of `models`.
    #[cfg(feature = "prophet")]
    pub prophet: crate::Prophet,
    /// A further level of prediction intervals, 0.5 to 0.99, beside those of 80 and 95 %.
    pub level: Option<f64>,
}

/// What stands in for a value that is unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gaps {
    /// The value one season earlier or later if it is known, else a straight line between the
    /// neighbours.
    #[default]
    Interpolate,
    /// Zero: nothing was sold.
    Zero,
}

impl Options {
    pub(crate) fn check(&self) -> Result<(), ForecastError> {
        #[cfg(feature = "prophet")]
        self.prophet.check()?;
        match self.level {
            Some(level) if !(0.5..=0.99).contains(&level) => {
                let message =
                    format!("the level of intervals has to be from 0.5 to 0.99, not {level}");
                Err(ForecastError::new(Kind::Option, message))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn allows(&self, model: Model) -> bool {
        self.models.is_empty() || self.models.contains(&model)
    }
}
