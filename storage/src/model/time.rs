//! Time inside Binnacle: Unix nanoseconds, everywhere.

use std::fmt;
use std::time::Duration;

/// Unix time in nanoseconds. Covers 1677 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// Nanoseconds in one day of UTC; segments never span two days.
pub const DAY_NANOS: i64 = 86_400 * 1_000_000_000;

impl Timestamp {
    /// The day this instant lies in, counted from 1970-01-01 (UTC); negative before it.
    pub fn day(self) -> i32 {
        i32::try_from(self.0.div_euclid(DAY_NANOS))
            .expect("i64 nanoseconds span only ±106,752 days")
    }

    /// `self + duration`, stopping at the end of time rather than wrapping.
    pub fn saturating_add(self, duration: Duration) -> Timestamp {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_add(nanos))
    }

    /// `self - duration`, stopping at the beginning of time rather than wrapping.
    pub fn saturating_sub(self, duration: Duration) -> Timestamp {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Timestamp(self.0.saturating_sub(nanos))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Half-open `[start, end)`. Exists only with `start < end`. An `end` at the end of time includes the last nanosecond, which
/// senders do use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    start: Timestamp,
    end: Timestamp,
}

impl TimeRange {
    /// `None` when `start >= end`.
    pub fn new(start: Timestamp, end: Timestamp) -> Option<TimeRange> {
        (start < end).then_some(TimeRange { start, end })
    }

    /// All of time.
    pub fn all() -> TimeRange {
        TimeRange { start: Timestamp(i64::MIN), end: Timestamp(i64::MAX) }
    }

    pub fn start(self) -> Timestamp {
        self.start
    }

    pub fn end(self) -> Timestamp {
        self.end
    }

    /// Whether any instant of the closed interval `[min, max]` lies in this range.
    pub fn overlaps(self, min: Timestamp, max: Timestamp) -> bool {
        (min < self.end || self.end.0 == i64::MAX) && max >= self.start
    }
}
