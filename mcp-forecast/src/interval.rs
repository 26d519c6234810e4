//! Prediction intervals, calibrated on the errors of cross-validation.

/// How far from the forecast the value will be, by level and by how far ahead it is.
pub(crate) struct Calibration {
    /// Errors, each divided by the growth of its distance, as magnitudes in ascending order.
    scaled: Vec<f64>,
    /// Origins that the errors come from: those of one are alike.
    origins: usize,
    growth: f64,
}

impl Calibration {
    /// From errors by origin and distance.
    pub(crate) fn new(residuals: &[Vec<f64>]) -> Self {
        let growth = growth(residuals);
        let mut scaled: Vec<f64> = residuals
            .iter()
            .flat_map(|of_origin| {
                of_origin.iter().enumerate().map(|(ahead, r)| r.abs() / spread(growth, ahead))
            })
            .collect();
        scaled.sort_unstable_by(f64::total_cmp);
        Self { scaled, origins: residuals.len(), growth }
    }

    /// Half the width of the interval that holds the value with probability `level`, `ahead` values
    /// after the first. With `n` errors that were as likely in any order as in this one, a new one is
    /// below the ⌈(n+1)·level⌉th smallest with at least that probability (split conformal prediction,
    /// Vovk et al. 2005); where there are not that many, a normal distribution with their mean
    /// square, or the largest of them, says more. It is never much narrower than that distribution has it.
    pub(crate) fn half_width(&self, level: f64, ahead: usize) -> f64 {
        let count = self.scaled.len();
        if count == 0 {
            return 0.0;
        }
        let rank = ((count + 1) as f64 * level).ceil() as usize;
        let empirical = self.scaled.get(rank.saturating_sub(1)).copied();
        let mean_square = self.scaled.iter().map(|r| r * r).sum::<f64>() / count as f64;
        let normal = normal_quantile(f64::midpoint(1.0, level)) * mean_square.sqrt();
        let quantile = match empirical {
            Some(empirical) => empirical.max(0.8 * normal),
            None => normal.max(self.scaled[count - 1]),
        };
        // Errors of one origin are alike, so there is less to learn from them than their number says.
        let few = 1.0 + 1.0 / (2.0 * self.origins as f64);
        few * quantile * spread(self.growth, ahead)
    }
}

/// How much wider errors are `ahead` values after the first.
fn spread(growth: f64, ahead: usize) -> f64 {
    (1.0 + growth * ahead as f64).sqrt()
}

/// By how much the mean square of errors grows with each step, as a part of that of the first:
/// between nothing, as around a constant, and 1, as in a random walk.
fn growth(residuals: &[Vec<f64>]) -> f64 {
    let horizon = residuals.first().map_or(0, Vec::len);
    if horizon < 4 {
        // Too short to tell: halfway.
        return 0.25;
    }
    let half = horizon / 2;
    let mean_square = |range: std::ops::Range<usize>| {
        let of_range = residuals.iter().flat_map(|of_origin| &of_origin[range.clone()]);
        let count = (residuals.len() * range.len()) as f64;
        of_range.map(|r| r * r).sum::<f64>() / count
    };
    let (near, far) = (mean_square(0..half), mean_square(horizon - half..horizon));
    if near <= 0.0 {
        return 0.0;
    }
    // Both halves' middles lie on the line 1 + growth · ahead.
    let (near_ahead, far_ahead) =
        ((half - 1) as f64 / 2.0, (horizon - 1) as f64 - (half - 1) as f64 / 2.0);
    let ratio = far / near;
    let slope = far_ahead - ratio * near_ahead;
    if ratio <= 1.0 {
        0.0
    } else if slope <= 0.0 {
        1.0
    } else {
        ((ratio - 1.0) / slope).clamp(0.0, 1.0)
    }
}

/// The standard normal distribution's quantile for `p` from 0.5 to 0.9999, to four digits
/// (Abramowitz and Stegun 26.2.23).
fn normal_quantile(p: f64) -> f64 {
    let t = (-2.0 * (1.0 - p).ln()).sqrt();
    let numerator = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let denominator = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    t - numerator / denominator
}
