//! The most probable parameters of Prophet's model (Taylor and Letham 2018), without Stan.
//!
//! Values are normal around `trend · (1 + X_m β) + X_a β`, the trend is `m + k t` with a change of slope
//! `δ` at each changepoint; `m` and `k` have normal priors of width 5, `β` of widths that are given,
//! `σ` a half-normal one of width 0.5, and `δ` a Laplace one. Stan climbs this density by L-BFGS, which
//! meets the edges that the Laplace prior has at zero. Here each `|δ|` is bounded by the parabola that
//! touches it where `δ` is, so that what remains is regularized least squares, solved exactly when
//! seasons are additive and by damped Gauss-Newton steps when they are not, and the parabola moves
//! along (majorization and minimization, Hunter and Li 2005). The density rises with each step.

use augurs_prophet::{
    Optimizer, PositiveFloat, TrendIndicator,
    optimizer::{Data, Error, InitialParams, OptimizeOpts, OptimizedParams},
};
use nalgebra::{DMatrix, DVector};

/// Widths of the priors of `k` and `m`, and of `σ`.
const OF_TREND: f64 = 5.0;
const OF_NOISE: f64 = 0.5;

/// A change of slope below this is none. Values are around 1.
const NO_CHANGE: f64 = 1e-9;

const STEPS: usize = 2_000;

/// The end is where the negative logarithm of the density, some thousands at most, changes by less.
const TOLERANCE: f64 = 1e-6;

#[derive(Debug)]
pub(super) struct Posterior;

impl Optimizer for Posterior {
    fn optimize(
        &self,
        init: &InitialParams,
        data: &Data,
        _: &OptimizeOpts,
    ) -> Result<OptimizedParams, Error> {
        let problem = Problem::new(data)?;
        let start = [init.m, init.k].into_iter().chain(init.delta.iter().copied());
        let start = DVector::from_iterator(problem.width(), start.chain(init.beta.iter().copied()));
        let (found, variance) =
            problem.solve(start).ok_or_else(|| Error::static_str("the model cannot be fitted"))?;
        let trend = &problem.trend * found.rows(0, problem.trends);
        let sigma_obs = PositiveFloat::try_new(variance.sqrt()).map_err(Error::custom)?;
        Ok(OptimizedParams {
            m: found[0],
            k: found[1],
            sigma_obs,
            delta: found.as_slice()[2..problem.trends].to_vec(),
            beta: found.as_slice()[problem.trends..].to_vec(),
            trend: trend.as_slice().to_vec(),
        })
    }
}

/// Parameters stand in the order `m`, `k`, `δ`, `β`.
struct Problem {
    observed: DVector<f64>,
    /// What a unit of each of `m`, `k` and `δ` adds to the trend.
    trend: DMatrix<f64>,
    additive: DMatrix<f64>,
    multiplicative: Option<DMatrix<f64>>,
    /// How many of the parameters are the trend's.
    trends: usize,
    /// The reciprocal variances of the normal priors; nothing for `δ`.
    precisions: DVector<f64>,
    /// The width of the prior of `δ`.
    tau: f64,
}

impl Problem {
    fn new(data: &Data) -> Result<Self, Error> {
        let (len, features, changes) = (data.y.len(), data.sigmas.len(), data.t_change.len());
        let slope = match data.trend_indicator {
            TrendIndicator::Linear => 1.0,
            TrendIndicator::Flat => 0.0,
            TrendIndicator::Logistic => {
                return Err(Error::static_str("growth to a capacity is not supported"));
            }
        };
        let trends = 2 + changes;
        let trend = DMatrix::from_fn(len, trends, |row, column| match column {
            0 => 1.0,
            1 => slope * data.t[row],
            _ => slope * (data.t[row] - data.t_change[column - 2]).max(0.0),
        });
        let of_mode = |mode: &[i32]| {
            DMatrix::from_fn(len, features, |row, column| {
                data.X[row * features + column] * f64::from(mode[column])
            })
        };
        let multiplicative = data.s_m.contains(&1).then(|| of_mode(&data.s_m));
        let of_trend = OF_TREND.powi(-2);
        let precisions = [of_trend, of_trend]
            .into_iter()
            .chain(std::iter::repeat_n(0.0, changes))
            .chain(data.sigmas.iter().map(|sigma| f64::from(*sigma).powi(-2)));
        Ok(Self {
            observed: DVector::from_column_slice(&data.y),
            trend,
            additive: of_mode(&data.s_a),
            multiplicative,
            trends,
            precisions: DVector::from_iterator(trends + features, precisions),
            tau: data.tau.into(),
        })
    }

    fn width(&self) -> usize {
        self.precisions.len()
    }

    /// The parameters and the variance of the noise.
    fn solve(&self, mut found: DVector<f64>) -> Option<(DVector<f64>, f64)> {
        // No parabola leaves zero.
        for delta in &mut found.as_mut_slice()[2..self.trends] {
            *delta = self.tau;
        }
        let mut slopes = self.slopes(&found);
        let mut gram = slopes.tr_mul(&slopes);
        let mut residuals = self.residuals(&found);
        let mut variance = self.variance(&residuals);
        let mut cost = self.cost(&found, &residuals, variance);
        for _ in 0..STEPS {
            let weights = DVector::from_fn(self.width(), |index, _| {
                self.precisions[index]
                    + if (2..self.trends).contains(&index) {
                        1.0 / (self.tau * found[index].abs().max(NO_CHANGE))
                    } else {
                        0.0
                    }
            });
            let mut curvature = &gram / variance;
            for (index, weight) in weights.iter().enumerate() {
                curvature[(index, index)] += weight;
            }
            let downhill = slopes.tr_mul(&residuals) / variance - weights.component_mul(&found);
            let step = curvature.cholesky()?.solve(&downhill);
            let (next, of_next) = self.along(&found, &step, variance, cost)?;
            found = next;
            residuals = of_next;
            variance = self.variance(&residuals);
            let before = cost;
            cost = self.cost(&found, &residuals, variance);
            if before - cost < TOLERANCE {
                break;
            }
            if self.multiplicative.is_some() {
                slopes = self.slopes(&found);
                gram = slopes.tr_mul(&slopes);
            }
        }
        Some((found, variance))
    }

    /// The whole step, or as much of it as leads downhill; where it is, if none does.
    fn along(
        &self,
        found: &DVector<f64>,
        step: &DVector<f64>,
        variance: f64,
        cost: f64,
    ) -> Option<(DVector<f64>, DVector<f64>)> {
        let mut part = 1.0;
        for _ in 0..30 {
            let next = found + step * part;
            let residuals = self.residuals(&next);
            let of_next = self.cost(&next, &residuals, variance);
            if !of_next.is_finite() {
                return None;
            }
            if of_next <= cost {
                return Some((next, residuals));
            }
            part /= 2.0;
        }
        Some((found.clone(), self.residuals(found)))
    }

    fn residuals(&self, found: &DVector<f64>) -> DVector<f64> {
        let trend = &self.trend * found.rows(0, self.trends);
        let beta = found.rows(self.trends, self.width() - self.trends);
        let mut residuals = &self.observed - &self.additive * beta;
        match &self.multiplicative {
            None => residuals -= trend,
            Some(features) => {
                residuals -= trend.component_mul(&(features * beta).add_scalar(1.0));
            }
        }
        residuals
    }

    /// How what is expected changes with each parameter.
    fn slopes(&self, found: &DVector<f64>) -> DMatrix<f64> {
        let len = self.observed.len();
        let mut slopes = DMatrix::zeros(len, self.width());
        slopes.columns_mut(0, self.trends).copy_from(&self.trend);
        slopes.columns_mut(self.trends, self.width() - self.trends).copy_from(&self.additive);
        let Some(features) = &self.multiplicative else { return slopes };
        let trend = &self.trend * found.rows(0, self.trends);
        let beta = found.rows(self.trends, self.width() - self.trends);
        let factor = (features * beta).add_scalar(1.0);
        for mut column in slopes.columns_mut(0, self.trends).column_iter_mut() {
            column.component_mul_assign(&factor);
        }
        for (column, feature) in features.column_iter().enumerate() {
            let mut of_beta = slopes.column_mut(self.trends + column);
            of_beta += feature.component_mul(&trend);
        }
        slopes
    }

    /// The most probable variance of the noise, which solves a quadratic equation. Not zero, as the
    /// density has no maximum there.
    fn variance(&self, residuals: &DVector<f64>) -> f64 {
        let (len, of_noise) = (self.observed.len() as f64, OF_NOISE.powi(-2));
        let squares = residuals.norm_squared();
        let root = (len * len + 4.0 * of_noise * squares).sqrt();
        // (root - len) / (2 · of_noise), without the difference of what is nearly equal.
        (2.0 * squares / (root + len)).max(1e-12)
    }

    /// The negative logarithm of the density, but for what is constant.
    fn cost(&self, found: &DVector<f64>, residuals: &DVector<f64>, variance: f64) -> f64 {
        let likelihood = residuals.norm_squared() / (2.0 * variance)
            + self.observed.len() as f64 * variance.ln() / 2.0
            + variance / (2.0 * OF_NOISE * OF_NOISE);
        let normal = found.component_mul(found).dot(&self.precisions) / 2.0;
        let changes: f64 =
            found.as_slice()[2..self.trends].iter().map(|delta| delta.abs()).sum::<f64>();
        likelihood + normal + changes / self.tau
    }
}
