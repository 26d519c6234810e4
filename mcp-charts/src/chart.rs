use std::{error::Error, fmt};

use chrono::NaiveDate;

/// What a chart shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// What it is of, in a line.
    pub title: String,
    /// More of that, in a smaller line; nothing when empty.
    pub subtitle: String,
    /// What stands along the x axis.
    pub x: X,
    /// What stands along the x axis, with its unit: "Requests a month". Nothing when empty, as for dates,
    /// and none where bars lie on their side, which have names instead.
    pub x_label: String,
    /// What the values are, with their unit: "Revenue (USD)".
    pub y_label: String,
    /// How the values are drawn.
    pub kind: Kind,
    /// The values: at most 12 series.
    pub series: Vec<Series>,
    /// Values to point out: at most 200.
    pub marks: Vec<Mark>,
}

/// What stands along the x axis.
#[derive(Clone, Debug, PartialEq)]
pub enum X {
    /// Dates at equal distances, in order: at most 5,000.
    Dates(Vec<NaiveDate>),
    /// Names: at most 60. Bars of them lie on their side, so that long names can be read.
    Categories(Vec<String>),
}

/// How values are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A line for each series.
    #[default]
    Lines,
    /// A bar for each value, side by side where there are several series.
    Bars,
    /// One bar of all series, stacked.
    Stacked,
}

/// Values with a name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// A value for each place on the x axis; `None` leaves it out.
    pub values: Vec<Option<f64>>,
    /// Whether its line is dashed, as one that is expected rather than measured.
    pub dashed: bool,
    /// Ranges around it, the widest first: at most 3. Only lines have them.
    pub bands: Vec<Band>,
}

/// A range around a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Band {
    /// What it is, such as "80 %".
    pub name: String,
    /// Lower and upper end for each place on the x axis.
    pub values: Vec<Option<(f64, f64)>>,
}

/// A value to point out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mark {
    /// The place on the x axis, from 0.
    pub index: usize,
    /// The value.
    pub value: f64,
    /// What is to be said of it where the pointer is.
    pub text: String,
}

impl Series {
    /// A series with a solid line.
    pub fn new(name: impl Into<String>, values: Vec<Option<f64>>) -> Self {
        Self { name: name.into(), values, ..Self::default() }
    }
}

impl Default for X {
    fn default() -> Self {
        Self::Categories(Vec::new())
    }
}

impl X {
    /// How many places there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Dates(dates) => dates.len(),
            Self::Categories(names) => names.len(),
        }
    }

    /// Whether there is no place.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn name(&self, index: usize) -> String {
        match self {
            Self::Dates(dates) => dates.get(index).map(ToString::to_string),
            Self::Categories(names) => names.get(index).cloned(),
        }
        .unwrap_or_default()
    }
}

/// A description that cannot be drawn. The message says what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartError(String);

impl ChartError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for ChartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ChartError {}

impl Chart {
    /// Whether everything fits together and within the limits.
    pub(crate) fn check(&self) -> Result<(), ChartError> {
        let places = self.x.len();
        let most = match self.x {
            X::Dates(_) => 5_000,
            X::Categories(_) => 60,
        };
        let limits = [
            ("places on the x axis", places, most),
            ("series", self.series.len(), 12),
            ("marks", self.marks.len(), 200),
        ];
        for (what, count, most) in limits {
            if count > most {
                return Err(ChartError::new(format!(
                    "a chart has at most {most} {what}, and these are {count}"
                )));
            }
        }
        for series in &self.series {
            let lengths = series.bands.iter().map(|band| band.values.len());
            if lengths.chain([series.values.len()]).any(|len| len != places) {
                return Err(ChartError::new(format!(
                    "the series {:?} does not have a value for each of the {places} places on the x axis",
                    series.name
                )));
            }
            if series.bands.len() > 3 {
                return Err(ChartError::new("a series has at most 3 bands"));
            }
        }
        if self.marks.iter().any(|mark| mark.index >= places) {
            return Err(ChartError::new("a mark is beyond the end of the x axis"));
        }
        // Coordinates are 32-bit numbers.
        if self.numbers().any(|value| !value.is_finite() || value.abs() > 1e30) {
            return Err(ChartError::new("a chart's values have to be finite and below 1e30"));
        }
        Ok(())
    }

    /// All values, of bands and marks too.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = f64> {
        let of_series = self.series.iter().flat_map(|series| {
            let bands = series.bands.iter().flat_map(|band| band.values.iter().flatten());
            let ends = bands.flat_map(|(lower, upper)| [*lower, *upper]);
            series.values.iter().flatten().copied().chain(ends)
        });
        of_series.chain(self.marks.iter().map(|mark| mark.value))
    }
}
