//! How long requests took: an HDR histogram of nanoseconds with three significant digits.

use hdrhistogram::Histogram;
use std::time::Duration;

/// Longest latency that is told apart: an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;
/// Three digits: a value is within 0.1 % of what it is recorded as.
const DIGITS: u8 = 3;
/// Most buckets in a run that is handed on; with more, neighbours are joined.
pub const BUCKETS_MAX: usize = 20_000;

#[derive(Debug, Clone)]
pub struct Latency {
    histogram: Histogram<u64>,
    // These are exact.
    min: u64,
    max: u64,
    sum: u128,
}

impl Default for Latency {
    fn default() -> Latency {
        let histogram = Histogram::new_with_bounds(1, LONGEST_NS, DIGITS);
        let histogram = histogram.expect("the bounds are good");
        Latency { histogram, min: u64::MAX, max: 0, sum: 0 }
    }
}

impl Latency {
    pub fn record(&mut self, elapsed: Duration) {
        let value = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.histogram.saturating_record(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.sum += u128::from(value);
    }

    pub fn clear(&mut self) {
        self.histogram.reset();
        (self.min, self.max, self.sum) = (u64::MAX, 0, 0);
    }

    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The least value that `percent` of all are not above, to three digits; 0 when there is none.
    pub fn percentile(&self, percent: f64) -> u64 {
        match self.count() {
            0 => 0,
            _ => self.histogram.value_at_quantile(percent / 100.0).clamp(self.min, self.max),
        }
    }

    pub fn min(&self) -> u64 {
        if self.count() == 0 { 0 } else { self.min }
    }

    pub fn max(&self) -> u64 {
        self.max
    }

    pub fn mean(&self) -> u64 {
        let count = u128::from(self.count().max(1));
        u64::try_from(self.sum / count).unwrap_or(u64::MAX)
    }

    /// `(highest value, how many)` of every bucket that is not empty, ascending.
    pub fn buckets(&self) -> Vec<(u64, u64)> {
        let recorded = self.histogram.iter_recorded();
        let mut buckets: Vec<(u64, u64)> = recorded
            .map(|bucket| (bucket.value_iterated_to(), bucket.count_since_last_iteration()))
            .collect();
        while buckets.len() > BUCKETS_MAX {
            let joined = |pair: &[(u64, u64)]| {
                (pair[pair.len() - 1].0, pair.iter().map(|bucket| bucket.1).sum())
            };
            buckets = buckets.chunks(2).map(joined).collect();
        }
        buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_recorded_is_nothing() {
        let empty = Latency::default();
        assert_eq!((empty.count(), empty.min(), empty.max(), empty.mean()), (0, 0, 0, 0));
        assert_eq!(empty.percentile(99.0), 0);
        assert!(empty.buckets().is_empty());
    }

    #[test]
    fn many_buckets_are_joined_and_lose_no_count() {
        let mut latency = Latency::default();
        let mut value = 1_u64;
        while value < LONGEST_NS {
            latency.record(Duration::from_nanos(value));
            value += 1 + value / 1500;
        }
        let buckets = latency.buckets();
        assert!(
            buckets.len() <= BUCKETS_MAX && buckets.len() > BUCKETS_MAX / 4,
            "{}",
            buckets.len()
        );
        assert_eq!(buckets.iter().map(|bucket| bucket.1).sum::<u64>(), latency.count());
        assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    proptest! {
        #[test]
        fn percentiles_are_within_a_thousandth_of_the_ranked_value(
            mut values in proptest::collection::vec(1..20_000_000_000_u64, 1..400),
            percent in 0.0..100.0_f64,
        ) {
            let mut latency = Latency::default();
            for value in &values {
                latency.record(Duration::from_nanos(*value));
            }
            values.sort_unstable();
            let rank = (values.len() as f64 * percent / 100.0).ceil().max(1.0) as usize;
            let exact = values[rank.min(values.len()) - 1];
            let found = latency.percentile(percent);
            // Ranks that fall on a whole number may be rounded either way.
            let next = values[rank.min(values.len() - 1)];
            prop_assert!(found as f64 >= exact as f64 * 0.999 && found as f64 <= next as f64 * 1.001);
            prop_assert_eq!(latency.buckets().iter().map(|bucket| bucket.1).sum::<u64>(), values.len() as u64);
        }
    }
}
