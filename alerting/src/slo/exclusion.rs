//! Times that do not count: maintenance that was announced, an outage that was somebody else's.
//!
//! What lies in them is neither good nor bad, time slices that touch them are left out, and alerts are silent in them. They
//! may be added afterwards; what was counted stays stored, and says what it would have come to.

use super::evaluate::Policy;
use super::history::{History, SLICE_SECONDS};
use super::method::{Counted, Method};
use super::window::{Calendar, CalendarUnit, Window};
use binnacle_storage::model::Timestamp;
use chrono::{DateTime, NaiveDate};
use std::ops::Range;

/// Most exclusions of one SLO, and most times of all of them that are looked at.
pub const EXCLUSIONS_MAX: usize = 100;
const TIMES_MAX: usize = 10_000;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    pub when: When,
    /// Why, and who says so.
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Unix seconds.
    Once { start: i64, end: i64 },
    /// From each beginning of a period of a calendar.
    Again { calendar: Calendar, seconds: u64 },
}

impl Exclusion {
    /// `2024-05-01T10:00:00Z/2024-05-01T12:00:00Z why`, `daily 03:00/30m Europe/Berlin why`, `weekly sat 22:00/2h …`,
    /// `monthly 1 00:00/1h …`.
    pub fn parse(text: &str) -> Result<Exclusion, String> {
        let mut words = text.split_whitespace();
        let first = words.next().unwrap_or_default();
        let when = match first {
            "daily" => again(NaiveDate::from_ymd_opt(2024, 1, 1), CalendarUnit::Days, &mut words)?,
            "weekly" => {
                let name = words.next().unwrap_or_default();
                let day = DAYS.iter().position(|day| *day == name);
                let day = day.ok_or_else(|| format!("'{name}' is none of {}", DAYS.join(", ")))?;
                let date = NaiveDate::from_ymd_opt(2024, 1, day as u32 + 1);
                again(date, CalendarUnit::Weeks, &mut words)?
            }
            "monthly" => {
                let day: Option<u32> = words.next().and_then(|day| day.parse().ok());
                let date = day.and_then(|day| NaiveDate::from_ymd_opt(2024, 1, day));
                again(date, CalendarUnit::Months, &mut words)?
            }
            span => once(span)?,
        };
        let reason = words.collect::<Vec<_>>().join(" ");
        if reason.is_empty() {
            return Err("ends with a reason, and who says so".to_owned());
        }
        Ok(Exclusion { when, reason })
    }

    /// Its times that overlap a range of Unix seconds.
    fn times(&self, range: &Range<i64>) -> Vec<Range<i64>> {
        let (calendar, seconds) = match self.when {
            When::Once { start, end } if start < range.end && range.start < end => {
                return std::iter::once(start..end).collect();
            }
            When::Once { .. } => return Vec::new(),
            When::Again { calendar, seconds } => (Window::Calendar(calendar), seconds as i64),
        };
        let at = |seconds: i64| Timestamp(seconds.saturating_mul(1_000_000_000));
        let mut times = Vec::new();
        let mut period = calendar.period(at(range.start.saturating_sub(seconds)));
        while period.start < range.end && times.len() < TIMES_MAX {
            times.push(period.start..period.start.saturating_add(seconds));
            period = calendar.period(at(period.end));
        }
        times
    }
}

fn once(span: &str) -> Result<When, String> {
    let time = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp());
    let times = span.split_once('/').and_then(|(start, end)| Some((time(start)?, time(end)?)));
    match times {
        Some((start, end)) if start < end => Ok(When::Once { start, end }),
        _ => Err(format!(
            "'{span}' is neither start/end as 2024-05-01T10:00:00Z/2024-05-01T12:00:00Z, nor daily, weekly or monthly"
        )),
    }
}

fn again<'a>(
    date: Option<NaiveDate>,
    unit: CalendarUnit,
    words: &mut impl Iterator<Item = &'a str>,
) -> Result<When, String> {
    let date = date.ok_or("needs a day of the month from 1 to 31")?;
    let span = words.next().unwrap_or_default();
    let (time, length) = span.split_once('/').ok_or("needs a time and a length as 22:00/2h")?;
    let (hour, minute) = time.split_once(':').unwrap_or((time, ""));
    let start = hour.parse().ok().zip(minute.parse().ok());
    let start = start.and_then(|(hour, minute)| date.and_hms_opt(hour, minute, 0));
    let start = start.ok_or_else(|| format!("'{time}' is no time as 22:00"))?;
    let seconds = super::spec::seconds(length).filter(|seconds| *seconds <= 7 * 86_400);
    let seconds = seconds.ok_or_else(|| format!("'{length}' is no length as 2h, up to 7d"))?;
    let zone = words.next().unwrap_or_default();
    let zone = zone.parse().map_err(|_| format!("'{zone}' is not a zone such as Europe/Berlin"))?;
    Ok(When::Again { calendar: Calendar { start, zone, count: 1, unit }, seconds })
}

/// Slices that do not count, in order and apart, as far as they lie in a range of Unix seconds: whole slices of the method
/// that touch an exclusion.
pub fn excluded(exclusions: &[Exclusion], method: Method, range: Range<i64>) -> Vec<Range<i64>> {
    let width = (method.seconds() as i64).max(SLICE_SECONDS);
    let slices = |time: Range<i64>| {
        let start = time.start.div_euclid(width) * width;
        let end = (time.end + width - 1).div_euclid(width) * width;
        start / SLICE_SECONDS..end / SLICE_SECONDS
    };
    let times = exclusions.iter().flat_map(|exclusion| exclusion.times(&range));
    let mut all: Vec<Range<i64>> = times.map(slices).collect();
    all.sort_by_key(|range| range.start);
    let mut apart: Vec<Range<i64>> = Vec::new();
    for range in all {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// What counts of an SLI, where an SLO excludes some of it.
#[derive(Debug)]
pub struct Kept {
    pub events: History,
    pub counted: Counted,
    pub excluded: Vec<Range<i64>>,
}

impl Kept {
    /// Nothing where nothing is excluded. `counted` is all events by the policy's method.
    pub fn of(policy: &Policy, events: &History, counted: &Counted) -> Option<Kept> {
        let (first, last) = events.first().zip(events.last())?;
        if policy.exclusions.is_empty() {
            return None;
        }
        // As far as windows reach beyond the events.
        let margin = 32 * 86_400;
        let range = first * SLICE_SECONDS - margin..last * SLICE_SECONDS + margin;
        let excluded = excluded(&policy.exclusions, policy.method, range);
        let (events, counted) = (events.without(&excluded), counted.without(&excluded));
        Some(Kept { events, counted, excluded })
    }
}

/// How many slices of a range are excluded.
pub fn overlap(excluded: &[Range<i64>], range: &Range<i64>) -> i64 {
    let length = |other: &Range<i64>| other.end.min(range.end) - other.start.max(range.start);
    excluded.iter().map(|other| length(other).max(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::Count;

    fn unix(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp()
    }

    #[test]
    fn times_are_read_or_refused() {
        let read = |text: &str| Exclusion::parse(text).map(|exclusion| exclusion.reason);
        assert_eq!(
            read("2024-05-01T10:00:00Z/2024-05-01T14:00:00+02:00 moved house (ann)").unwrap(),
            "moved house (ann)"
        );
        assert!(read("daily 03:00/30m Etc/UTC backups").is_ok());
        assert!(read("weekly sat 22:00/2h Europe/Berlin backups").is_ok());
        assert!(read("monthly 31 00:00/1h Asia/Tokyo billing").is_ok());
        for wrong in [
            "",
            "2024-05-01T10:00:00Z/2024-05-01T12:00:00Z",
            "2024-05-01T12:00:00Z/2024-05-01T10:00:00Z backwards",
            "weekly someday 22:00/2h Etc/UTC x",
            "weekly sat 22:00 Etc/UTC x",
            "daily 25:00/2h Etc/UTC x",
            "daily 05:00/2x Etc/UTC x",
            "daily 05:00/2h Mars/Olympus x",
            "monthly 32 05:00/2h Etc/UTC x",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn recurring_times_follow_the_clocks_of_their_zone() {
        let nightly = Exclusion::parse("daily 22:00/2h Europe/Berlin backups").unwrap();
        let range = unix("2024-03-30T00:00:00Z")..unix("2024-04-01T00:00:00Z");
        let times: Vec<i64> = nightly.times(&range).iter().map(|time| time.start).collect();
        let winter = ["2024-03-29T21:00:00Z", "2024-03-30T21:00:00Z"].map(unix);
        // The first ended before the range, but a time that long might not have.
        assert_eq!(times[..2], winter);
        assert_eq!(times[2..], [unix("2024-03-31T20:00:00Z")]);
    }

    #[test]
    fn slices_that_touch_an_exclusion_do_not_count() {
        let exclusion = |text: &str| Exclusion::parse(text).unwrap();
        let exclusions = [
            exclusion("1970-01-01T00:01:05Z/1970-01-01T00:01:25Z a"),
            exclusion("1970-01-01T00:01:20Z/1970-01-01T00:01:41Z b"),
            exclusion("1970-01-01T00:10:00Z/1970-01-01T00:11:00Z c"),
        ];
        let of = |method| excluded(&exclusions, method, 0..3_600);
        assert_eq!(of(Method::Occurrences), [6..11, 60..66]);
        assert_eq!(of(Method::RatioTimeslices { seconds: 60 }), [6..12, 60..66]);
        assert_eq!(overlap(&of(Method::Occurrences), &(8..63)), 6);
        let events: History = (0..70).map(|at| (at, Count::new(1, 2))).collect();
        let kept = events.without(&of(Method::Occurrences));
        assert_eq!(kept.sum(0..70), Count::new(59, 118));
        assert_eq!((kept.at(5), kept.at(6)), (Count::new(1, 2), Count::default()));
        assert_eq!((kept.at(11), kept.at(65)), (Count::new(1, 2), Count::default()));
    }
}
