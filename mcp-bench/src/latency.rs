use std::time::Duration;

/// How long calls took, as their client saw it.
#[derive(Debug, Default)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// Adds a call, in nanoseconds up to 4.2 s.
    pub fn record(&mut self, elapsed: Duration) {
        self.0.push(u32::try_from(elapsed.as_nanos()).unwrap_or(u32::MAX));
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many calls there were.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The duration that this share of the calls did not exceed, in microseconds.
    pub fn percentile(&mut self, share: f64) -> f64 {
        if self.0.is_empty() {
            return 0.0;
        }
        let index = ((self.0.len() - 1) as f64 * share).round() as usize;
        let (_, value, _) = self.0.select_nth_unstable(index);
        f64::from(*value) / 1e3
    }
}
