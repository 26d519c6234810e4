//! What a series is made of: a trend, seasonal patterns and a remainder.

use stlrs::{MstlParams, StlParams};

/// The parts of a series. They add up to it.
pub(crate) struct Parts {
    pub(crate) trend: Vec<f64>,
    /// The sum of all seasonal patterns.
    pub(crate) seasonal: Vec<f64>,
    pub(crate) remainder: Vec<f64>,
    /// For each season its length and its last cycle.
    cycles: Vec<(usize, Vec<f64>)>,
}

impl Parts {
    /// STL (Cleveland et al. 1990) for one season and MSTL (Bandara, Hyndman and Bergmeir 2021) for
    /// several. A robust one is not drawn to what stands out. `None` without a season, or with less
    /// than two cycles of one.
    pub(crate) fn of(values: &[f64], seasons: &[usize], robust: bool) -> Option<Self> {
        if seasons.is_empty()
            || seasons.iter().any(|&season| season < 2 || values.len() < 2 * season)
        {
            return None;
        }
        let mut stl = StlParams::new();
        stl.robust(robust);
        let mut mstl = MstlParams::new();
        if !robust {
            // Once through season and trend is enough to forecast from: more takes several times as
            // long and is not more accurate (docs/adr/0003-forecasting.md).
            stl.inner_loops(1);
            mstl.iterations(1);
        }
        let parts = mstl.stl_params(stl).fit(values, seasons).ok()?;
        let cycles = seasons
            .iter()
            .zip(parts.seasonal())
            .map(|(&season, pattern)| (season, pattern[pattern.len() - season..].to_vec()))
            .collect();
        let (patterns, trend, remainder) = parts.into_parts();
        let mut seasonal = vec![0.0; values.len()];
        for pattern in patterns {
            for (sum, value) in seasonal.iter_mut().zip(pattern) {
                *sum += value;
            }
        }
        let parts = Self { trend, seasonal, remainder, cycles };
        let finite = |part: &[f64]| part.iter().all(|value| value.is_finite());
        (finite(&parts.trend) && finite(&parts.seasonal) && finite(&parts.remainder))
            .then_some(parts)
    }

    /// The series without its seasonal patterns.
    pub(crate) fn adjusted(&self) -> Vec<f64> {
        self.trend.iter().zip(&self.remainder).map(|(trend, rest)| trend + rest).collect()
    }

    /// The patterns' last cycles, again and again, from `ahead` = 0, the first value after the last.
    pub(crate) fn repeated(&self, ahead: usize) -> f64 {
        self.cycles.iter().map(|(season, cycle)| cycle[ahead % season]).sum()
    }
}

/// The median of some values; 0 without any.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        len if len % 2 == 1 => values[len / 2],
        len => f64::midpoint(values[len / 2 - 1], values[len / 2]),
    }
}
