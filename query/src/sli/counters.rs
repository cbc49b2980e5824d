//! Counting what counters counted: by how much each grew from one sample to the next, in the slice in which that was seen.
//!
//! Nothing is extrapolated, so the sums over slices are whole numbers and add up. A counter that fell began anew at zero; one
//! that says when it began counts from there, if that is not long ago; of any other the first sample only says where it stands, and so
//! does the first after a [`silence_millis`] without one, which is shorter than samples are kept: what went before may be gone. What a sample comes to therefore depends on the time just before it alone,
//! and counting some hours anew gives what counting all of them gives.

use super::counts::SLICE_NANOS;
use crate::promql::Select;
use crate::promql::ast::VectorSelector;
use crate::promql::labels::Matcher;
use crate::promql::parse::parse_selector;
use crate::promql::series::Samples;
use crate::{Error, QueryEngine};
use binnacle_storage::model::{Signal, TenantId};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

const SILENCE_MILLIS_MAX: i64 = 3_600_000;

/// A counter without a sample for longer is not compared with what it was before: an hour, or half of what metrics are kept
/// (zero for ever), so that whatever is asked for again has the sample before it.
pub fn silence_millis(retention: Duration) -> i64 {
    let half = i64::try_from(retention.as_millis() / 2).unwrap_or(i64::MAX);
    if retention.is_zero() { SILENCE_MILLIS_MAX } else { half.min(SILENCE_MILLIS_MAX) }
}

const NANOS_PER_MILLI: i64 = 1_000_000;

/// What was counted in slices, by number, and when the last sample was (Unix nanoseconds).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SliSums {
    pub slices: BTreeMap<i64, u64>,
    pub last: Option<i64>,
}

/// The matchers of a selector of counters.
pub fn parse_counters(text: &str) -> Result<Vec<Matcher>, Error> {
    let selector: VectorSelector = parse_selector(text).map_err(|error| Error::InvalidRequest {
        message: error.text(text),
        hint: Some("name counters: http_requests_total{code=~\"5..\"}".to_owned()),
    })?;
    if selector.matchers.iter().all(|matcher| matcher.matches("")) {
        return Err(Error::InvalidRequest {
            message: "the selector matches every series".to_owned(),
            hint: None,
        });
    }
    Ok(selector.matchers)
}

impl QueryEngine {
    /// By how much the counters that a selector finds grew together in each slice of a range.
    pub async fn sli_counters(
        &self,
        tenant: &TenantId,
        selector: &str,
        slices: Range<i64>,
    ) -> Result<SliSums, Error> {
        let silence = silence_millis(self.storage().retention(tenant, Signal::Metrics));
        let millis = |slice: i64| slice.saturating_mul(SLICE_NANOS) / NANOS_PER_MILLI;
        let select = Select {
            matchers: parse_counters(selector)?,
            start: millis(slices.start).saturating_sub(silence),
            end: millis(slices.end),
            bytes_max: self.config().memory_bytes_max,
        };
        let (series, warnings) = self.whole_samples(tenant, select).await?;
        if let Some(warning) = warnings.first() {
            let message = format!("the counters are not whole: {warning}");
            return Err(Error::Execution { message });
        }
        let mut sums = SliSums::default();
        for samples in &series {
            add(&samples.without_stale(), silence, &slices, &mut sums);
        }
        Ok(sums)
    }
}

fn add(samples: &Samples, silence: i64, slices: &Range<i64>, sums: &mut SliSums) {
    for at in 0..samples.times.len() {
        let nanos = samples.times[at].saturating_mul(NANOS_PER_MILLI);
        sums.last = sums.last.max(Some(nanos));
        // What is seen at the end of a slice happened in it.
        let slice = nanos.saturating_sub(1).div_euclid(SLICE_NANOS);
        let grown = growth(samples, silence, at);
        if slices.contains(&slice) && grown > 0 {
            *sums.slices.entry(slice).or_default() += grown;
        }
    }
}

/// By how much a counter had grown at its sample `at`.
fn growth(samples: &Samples, silence: i64, at: usize) -> u64 {
    let (time, value) = (samples.times[at], samples.values[at]);
    if let Some(totals) = &samples.deltas {
        let before = at.checked_sub(1).map_or(totals.value, |at| samples.values[at]);
        return whole(value - before);
    }
    let start_of = |at: usize| samples.starts.get(at).copied().unwrap_or(0);
    let is_near = |earlier: i64| time.saturating_sub(earlier) <= silence;
    match at.checked_sub(1).filter(|before| is_near(samples.times[*before])) {
        Some(before) if value < samples.values[before] => whole(value),
        Some(before) if began_anew(samples, before, at) => whole(value),
        Some(before) => whole(value - samples.values[before]),
        None if start_of(at) != 0 && start_of(at) < time && is_near(start_of(at)) => whole(value),
        None => 0,
    }
}

fn began_anew(samples: &Samples, before: usize, at: usize) -> bool {
    let place = |at: usize| (samples.starts.get(at).copied().unwrap_or(0), samples.times[at]);
    crate::promql::began_anew(place(before), place(at))
}

/// The nearest whole number; nothing for what is not a number.
fn whole(value: f64) -> u64 {
    value.round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(points: &[(i64, f64)], starts: &[i64]) -> Samples {
        let times = points.iter().map(|(second, _)| second * 1_000).collect();
        let values = points.iter().map(|(_, value)| *value).collect();
        let starts = starts.iter().map(|second| second * 1_000).collect();
        Samples { times, values, starts, ..Samples::default() }
    }

    fn sums(samples: &Samples) -> Vec<(i64, u64)> {
        let mut sums = SliSums::default();
        add(samples, silence_millis(Duration::ZERO), &(0..10_000), &mut sums);
        sums.slices.into_iter().collect()
    }

    #[test]
    fn growth_counts_in_the_slice_that_ends_with_the_sample() {
        let counter = samples(&[(5, 7.0), (10, 9.0), (11, 10.0), (20, 10.0), (21, 14.0)], &[]);
        assert_eq!(sums(&counter), [(0, 2), (1, 1), (2, 4)]);
    }

    #[test]
    fn a_counter_that_fell_began_anew() {
        let counter = samples(&[(5, 7.0), (15, 3.0), (25, 5.0)], &[]);
        assert_eq!(sums(&counter), [(1, 3), (2, 2)]);
        // It began anew without having fallen.
        let counter = samples(&[(5, 7.0), (15, 9.0)], &[1, 8]);
        assert_eq!(sums(&counter), [(0, 7), (1, 9)]);
    }

    #[test]
    fn a_first_sample_counts_from_a_known_beginning_only() {
        assert_eq!(sums(&samples(&[(5, 1.0)], &[])), []);
        assert_eq!(sums(&samples(&[(5, 1.0)], &[2])), [(0, 1)]);
        let late = samples(&[(5, 1.0), (3_700, 9.0), (3_710, 10.0)], &[]);
        assert_eq!(sums(&late), [(370, 1)], "an hour of silence lies between");
        let counting_since_long = samples(&[(9_000, 5.0)], &[2]);
        assert_eq!(sums(&counting_since_long), []);
    }

    #[test]
    fn only_selectors_of_something_are_read() {
        assert!(parse_counters("requests_total{code=~\"5..\"}").is_ok());
        for wrong in ["{a=~\".*\"}", "rate(x[5m])", "x[5m]", "x offset 5m", "", "x{"] {
            assert!(parse_counters(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_went_before_and_may_be_gone_is_not_counted_again() {
        let kept = |seconds| silence_millis(Duration::from_secs(seconds));
        assert_eq!([kept(0), kept(86_400), kept(120)], [3_600_000, 3_600_000, 60_000]);
        // It began at 1 s; what came up to 50 s is gone, and what is left begins at 190 s.
        let left = samples(&[(190, 120.0), (200, 130.0)], &[1, 1]);
        let mut sums = SliSums::default();
        add(&left, kept(120), &(0..10_000), &mut sums);
        assert_eq!(sums.slices, BTreeMap::from([(19, 10)]));
    }
}
