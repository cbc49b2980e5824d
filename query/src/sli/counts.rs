//! Counts per slice.

use std::collections::BTreeMap;

/// Nanoseconds of a slice.
pub const SLICE_NANOS: i64 = 10_000_000_000;

/// Arrival lags are counted in seconds up to this many.
pub const LAG_SECONDS_MAX: usize = 64;

/// What some rows come to for one query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SliCounts {
    /// Slice number (Unix nanoseconds ÷ [`SLICE_NANOS`]) → good, total.
    pub slices: BTreeMap<i64, (u64, u64)>,
    /// Services that sent events → when anything of theirs arrived last, in Unix nanoseconds.
    pub services: BTreeMap<String, i64>,
    /// Events by the whole seconds from their end to their arrival; the last counts all that took longer.
    pub lags: Vec<u64>,
    /// Rows that retention thinned out are among them, so that the counts are estimates.
    pub is_estimate: bool,
    /// Segments that could not be read, so that events are missing for good.
    pub lost_segments: u64,
}

impl SliCounts {
    pub fn add(&mut self, other: &SliCounts) {
        for (slice, (good, total)) in &other.slices {
            let sum = self.slices.entry(*slice).or_default();
            *sum = (sum.0 + good, sum.1 + total);
        }
        for (service, heard) in &other.services {
            let last = self.services.entry(service.clone()).or_insert(*heard);
            *last = (*last).max(*heard);
        }
        self.lags.resize(self.lags.len().max(other.lags.len()), 0);
        self.lags.iter_mut().zip(&other.lags).for_each(|(sum, count)| *sum += count);
        self.is_estimate |= other.is_estimate;
        self.lost_segments += other.lost_segments;
    }

    pub(super) fn count(&mut self, slice: i64, is_good: bool, weight: u32) {
        let sum = self.slices.entry(slice).or_default();
        sum.0 += u64::from(is_good) * u64::from(weight);
        sum.1 += u64::from(weight);
        self.is_estimate |= weight > 1;
    }

    pub(super) fn lag(&mut self, nanos: i64) {
        self.lags.resize(LAG_SECONDS_MAX, 0);
        let seconds = (nanos.max(0) / 1_000_000_000) as usize;
        self.lags[seconds.min(LAG_SECONDS_MAX - 1)] += 1;
    }
}
