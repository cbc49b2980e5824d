//! Whether a counter began anew between two histograms.

use super::arithmetic::shared_bounds;
use super::{Count, Histogram, ResetHint};
use std::borrow::Cow;

impl Histogram {
    /// Whether this histogram cannot have grown out of `previous`.
    pub fn is_reset_after(&self, previous: &Histogram) -> bool {
        match self.hint {
            ResetHint::Reset => return true,
            ResetHint::NotReset => return false,
            ResetHint::Unknown | ResetHint::Gauge => {}
        }
        self.counts_fell(previous)
    }

    /// The same from the counts alone.
    pub fn counts_fell(&self, previous: &Histogram) -> bool {
        if self.count < previous.count || self.is_custom() != previous.is_custom() {
            return true;
        }
        if self.is_custom() {
            if self.bounds == previous.bounds {
                return fell(&self.positive, &previous.positive);
            }
            let shared = shared_bounds(&self.bounds, &previous.bounds);
            let (mut now, mut before) = (self.clone(), previous.clone());
            now.rebound(&shared);
            before.rebound(&shared);
            return fell(&now.positive, &before.positive);
        }
        // A finer schema or a narrower zero bucket comes only with a new start.
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero_count, threshold) = previous.zero_count_within(self.zero_threshold);
        if threshold != self.zero_threshold || self.zero_count < zero_count {
            return true;
        }
        let mut before = Cow::Borrowed(previous);
        if previous.zero_threshold != threshold {
            let kept = before.to_mut();
            kept.positive.retain(|c| previous.positive_bucket(*c).lower >= threshold);
            kept.negative.retain(|c| previous.negative_bucket(*c).upper <= -threshold);
        }
        if previous.schema != self.schema {
            before.to_mut().reduce(self.schema);
        }
        fell(&self.positive, &before.positive) || fell(&self.negative, &before.negative)
    }
}

/// Whether any bucket lost counts.
fn fell(now: &[Count], before: &[Count]) -> bool {
    let mut rest = now;
    before.iter().filter(|(_, count)| *count != 0.0).any(|(index, count)| {
        let at = rest.partition_point(|(other, _)| other < index);
        rest = &rest[at..];
        match rest.first() {
            Some((other, now)) if other == index => now < count,
            _ => *count > 0.0,
        }
    })
}
