//! What is done to a series before models learn from it.

use crate::{
    Gaps, Series,
    decompose::{Parts, median},
};

/// How many robust standard deviations from the expected an outlier is. Far out on purpose: what is
/// merely high or low has to be learned from.
const FAR_OUT: f64 = 6.0;

/// A series without gaps.
pub(crate) struct Filled {
    /// From the first known value on.
    pub(crate) values: Vec<f64>,
    /// How many values before the first known one were left out.
    pub(crate) skipped: usize,
    /// How many values are not known.
    pub(crate) gaps: usize,
}

/// Leaves out gaps at the start and fills the others.
pub(crate) fn fill(series: &Series, gaps: Gaps) -> Filled {
    let known = series.values();
    let skipped = known.iter().position(Option::is_some).unwrap_or(known.len());
    let known = &known[skipped..];
    let season = series.grain().seasons()[0];
    let values = (0..known.len())
        .map(|index| match (known[index], gaps) {
            (Some(value), _) => value,
            (None, Gaps::Zero) => 0.0,
            (None, Gaps::Interpolate) => {
                let earlier = index.checked_sub(season).and_then(|index| known[index]);
                let later = known.get(index + season).copied().flatten();
                match (earlier, later) {
                    (Some(a), Some(b)) => f64::midpoint(a, b),
                    (Some(value), None) | (None, Some(value)) => value,
                    (None, None) => between_neighbours(known, index),
                }
            }
        })
        .collect();
    let gaps = known.iter().filter(|value| value.is_none()).count();
    Filled { values, skipped, gaps }
}

fn between_neighbours(known: &[Option<f64>], index: usize) -> f64 {
    let before = (0..index).rev().find_map(|i| Some((i, known[i]?)));
    let after = (index..known.len()).find_map(|i| Some((i, known[i]?)));
    match (before, after) {
        (Some((i, a)), Some((j, b))) => a + (b - a) * (index - i) as f64 / (j - i) as f64,
        (Some((_, value)), None) | (None, Some((_, value))) => value,
        (None, None) => 0.0,
    }
}

/// Values that stand far out, with what was to be expected in their place.
pub(crate) fn outliers(values: &[f64], seasons: &[usize]) -> Vec<(usize, f64)> {
    let expected = expected(values, seasons);
    let residuals: Vec<f64> = values.iter().zip(&expected).map(|(value, e)| value - e).collect();
    let scale = robust_deviation(&residuals);
    let far = |index: &usize| residuals[*index].abs() > FAR_OUT * scale;
    (0..values.len()).filter(far).map(|index| (index, expected[index])).collect()
}

/// What is to be expected of each value, going by all the others: trend and season where there is
/// one, a moving median otherwise.
pub(crate) fn expected(values: &[f64], seasons: &[usize]) -> Vec<f64> {
    if let Some(parts) = Parts::of(values, seasons, true) {
        return parts
            .trend
            .iter()
            .zip(&parts.seasonal)
            .map(|(trend, season)| trend + season)
            .collect();
    }
    moving_median(values)
}

/// The median of each value and three on each of its sides.
pub(crate) fn moving_median(values: &[f64]) -> Vec<f64> {
    (0..values.len())
        .map(|index| {
            let window = index.saturating_sub(3)..(index + 4).min(values.len());
            median(values[window].iter().copied())
        })
        .collect()
}

/// The standard deviation that residuals would have if most of them were from a normal distribution:
/// 1.4826 times their median magnitude. When more than half of them are as good as zero, 1.2533 times
/// the mean magnitude.
pub(crate) fn robust_deviation(residuals: &[f64]) -> f64 {
    let deviation = 1.482_6 * median(residuals.iter().map(|residual| residual.abs()));
    // A decomposition leaves traces of what stands out where residuals would be zero.
    let largest = residuals.iter().fold(0.0_f64, |max, residual| max.max(residual.abs()));
    if deviation > largest * 1e-4 {
        return deviation;
    }
    let count = residuals.len().max(1) as f64;
    1.253_3 * residuals.iter().map(|residual| residual.abs()).sum::<f64>() / count
}
