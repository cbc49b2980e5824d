//! Durations added up.

use crate::Error;
use binnacle_storage::rollup::histogram::Histogram;

/// Some durations in nanoseconds: how many, their sum, and a histogram to read quantiles from.
#[derive(Debug, Clone, Default)]
pub struct Durations {
    pub count: i64,
    pub sum: i128,
    histogram: Histogram,
}

impl Durations {
    pub(super) fn add(&mut self, count: i64, sum: i128, histogram: &[u8]) -> Result<(), Error> {
        self.count += count;
        self.sum += sum;
        self.histogram.add_stored(histogram, 1).map_err(|error| Error::Execution {
            message: format!("a histogram cannot be read: {error}"),
        })
    }

    pub(super) fn merge(&mut self, other: &Durations) {
        self.count += other.count;
        self.sum += other.sum;
        self.histogram.merge(&other.histogram);
    }

    /// `None` without any.
    pub fn mean(&self) -> Option<i64> {
        (self.count > 0).then(|| (self.sum / i128::from(self.count)) as i64)
    }

    /// Within 1/128 of the duration that at least the share `q` does not exceed.
    pub fn quantile(&self, q: f64) -> Option<i64> {
        self.histogram.quantile(q)
    }
}
