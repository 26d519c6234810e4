use std::{error::Error, fmt};

/// Why there is no forecast. The message says what to do next, to whoever asked for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForecastError {
    kind: ForecastErrorKind,
    message: String,
}

/// What kind of thing is in the way of a forecast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForecastErrorKind {
    /// A value is infinite, not a number, or too large to compute with.
    Value,
    /// There are fewer values than a forecast or a test for anomalies needs.
    TooShort,
    /// There are more values than [`MAX_LEN`](crate::MAX_LEN).
    TooLong,
    /// The horizon is zero, or farther than the data reach back.
    Horizon,
    /// A date is outside of the years 1 to 9999.
    Date,
    /// An option is outside of its range.
    Option,
    /// The caller has stopped the computation.
    Stopped,
    /// No model could be fitted.
    Model,
}

impl ForecastError {
    pub(crate) fn new(kind: ForecastErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What kind of thing is in the way.
    pub fn kind(&self) -> ForecastErrorKind {
        self.kind
    }

    /// The message alone.
    pub fn into_message(self) -> String {
        self.message
    }
}

impl fmt::Display for ForecastError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ForecastError {}
