use std::time::Duration;

/// How long calls took, as their client saw it.
#[derive(Debug, Default)]
pub struct Latencies {
    calls: Times,
    first_events: Times,
}

/// Nanoseconds up to 4.2 s each.
#[derive(Debug, Default)]
struct Times(Vec<u32>);

impl Latencies {
    /// Adds a call.
    pub fn record(&mut self, elapsed: Duration) {
        self.calls.record(elapsed);
    }

    /// Adds the time that a call's first event took.
    pub fn record_first(&mut self, elapsed: Duration) {
        self.first_events.record(elapsed);
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: Self) {
        self.calls.0.extend(other.calls.0);
        self.first_events.0.extend(other.first_events.0);
    }

    /// How many calls there were.
    pub fn count(&self) -> usize {
        self.calls.0.len()
    }

    /// The duration that this share of the calls did not exceed, in microseconds.
    pub fn percentile(&mut self, share: f64) -> Option<f64> {
        self.calls.percentile(share)
    }

    /// The duration in which half of the calls had brought their first event, in microseconds.
    pub fn first_event(&mut self) -> Option<f64> {
        self.first_events.percentile(0.5)
    }
}

impl Times {
    fn record(&mut self, elapsed: Duration) {
        self.0.push(u32::try_from(elapsed.as_nanos()).unwrap_or(u32::MAX));
    }

    fn percentile(&mut self, share: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        let index = (last as f64 * share).round() as usize;
        let (_, value, _) = self.0.select_nth_unstable(index);
        Some(f64::from(*value) / 1e3)
    }
}
