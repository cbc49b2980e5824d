//! The edges of anchored and smoothed ranges: which samples lie there, and values between two samples.

use super::super::histogram::{Histogram, Incompatible, ResetHint};

/// The value at `time` on the line between two samples. A counter that fell began at zero after the first one.
pub fn interpolated(before: (i64, f64), after: (i64, f64), time: i64, is_counter: bool) -> f64 {
    let start = if is_counter && after.1 < before.1 { 0.0 } else { before.1 };
    let share = (time - before.0) as f64 / (after.0 - before.0) as f64;
    start + (after.1 - start) * share
}

/// The same of histograms.
pub fn interpolated_histogram(
    before: (i64, &Histogram),
    after: (i64, &Histogram),
    time: i64,
    is_counter: bool,
) -> Result<Histogram, Incompatible> {
    let share = (time - before.0) as f64 / (after.0 - before.0) as f64;
    let mut between = after.1.scaled(share);
    if !is_counter || !after.1.is_reset_after(before.1) {
        between.add(&before.1.scaled(1.0 - share))?;
    }
    // What was known about resets held between samples.
    if between.hint != ResetHint::Gauge {
        between.hint = ResetHint::Unknown;
    }
    between.compact();
    Ok(between)
}

/// The last sample at or before the start of a range, or the first one; and the last sample of the range, for smoothed
/// ranges the first one at or after its end. `None` when nothing is inside of the range.
pub fn picked(times: &[i64], start: i64, end: i64, smoothed: bool) -> Option<(usize, usize)> {
    let last = times.len().checked_sub(1)?;
    let first = times[..last].partition_point(|time| *time <= start).saturating_sub(1);
    let last = if smoothed { times[..last].partition_point(|time| *time < end) } else { last };
    (times[last] > start && times[first] <= end).then_some((first, last))
}
