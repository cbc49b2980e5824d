//! Compliance periods: over how long an objective is kept.
//!
//! A rolling one ends now and has a fixed length. A calendar one begins at a local time of a zone and is counted in days,
//! weeks, months, quarters or years of that calendar, so its length changes with daylight saving, month and leap year. Every
//! period is computed from the first, not from the one before: a month that began on the 31st keeps doing so.

use binnacle_storage::model::Timestamp;
use chrono::{Days, LocalResult, Months, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

/// Calendar periods are counted at most this far from the first one.
const PERIODS_MAX: i64 = 1_000_000;

/// Over how long an objective is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    Rolling { seconds: u64 },
    Calendar(Calendar),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// Local time at which the first period began.
    pub start: NaiveDateTime,
    pub zone: Tz,
    pub count: u32,
    pub unit: CalendarUnit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CalendarUnit {
    Hours,
    Days,
    Weeks,
    Months,
    Quarters,
    Years,
}

/// One compliance period: `[start, end)` in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub start: i64,
    pub end: i64,
}

impl Period {
    pub fn seconds(self) -> u64 {
        self.end.abs_diff(self.start)
    }
}

impl Window {
    /// The period that `now` lies in, or for a rolling one the period that ends at `now`.
    pub fn period(&self, now: Timestamp) -> Period {
        let now = now.0.div_euclid(1_000_000_000);
        match self {
            Window::Rolling { seconds } => Period { start: now - *seconds as i64, end: now },
            Window::Calendar(calendar) => calendar.period(now),
        }
    }

    pub fn is_rolling(&self) -> bool {
        matches!(self, Window::Rolling { .. })
    }
}

impl Calendar {
    fn period(&self, now: i64) -> Period {
        let first = self.begin(0);
        let guess = now.saturating_sub(first).div_euclid(self.about_seconds().max(1));
        let mut index = guess.clamp(-PERIODS_MAX, PERIODS_MAX);
        while index > -PERIODS_MAX && self.begin(index) > now {
            index -= 1;
        }
        while index < PERIODS_MAX && self.begin(index + 1) <= now {
            index += 1;
        }
        let (start, end) = (self.begin(index), self.begin(index + 1));
        // Beyond what the calendar knows there is one last period.
        Period { start, end: end.max(start + 1) }
    }

    fn about_seconds(&self) -> i64 {
        let unit = match self.unit {
            CalendarUnit::Hours => 3_600,
            CalendarUnit::Days => 86_400,
            CalendarUnit::Weeks => 7 * 86_400,
            CalendarUnit::Months => 2_629_746,
            CalendarUnit::Quarters => 3 * 2_629_746,
            CalendarUnit::Years => 12 * 2_629_746,
        };
        unit * i64::from(self.count)
    }

    /// Unix seconds at which period `index` begins, counted from the first one.
    fn begin(&self, index: i64) -> i64 {
        let units = index * i64::from(self.count);
        if self.unit == CalendarUnit::Hours {
            return self.instant(self.start) + units * 3_600;
        }
        self.instant(self.local(units).unwrap_or(self.start))
    }

    fn local(&self, units: i64) -> Option<NaiveDateTime> {
        let days = |days: i64| {
            let by = Days::new(days.unsigned_abs());
            if days < 0 { self.start.checked_sub_days(by) } else { self.start.checked_add_days(by) }
        };
        let months = |months: i64| {
            let by = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
            if months < 0 {
                self.start.checked_sub_months(by)
            } else {
                self.start.checked_add_months(by)
            }
        };
        match self.unit {
            CalendarUnit::Hours => None,
            CalendarUnit::Days => days(units),
            CalendarUnit::Weeks => days(units.checked_mul(7)?),
            CalendarUnit::Months => months(units),
            CalendarUnit::Quarters => months(units.checked_mul(3)?),
            CalendarUnit::Years => months(units.checked_mul(12)?),
        }
    }

    /// When the zone's clocks show `local`: the first time if they show it twice; if never, when they jump past it.
    fn instant(&self, local: NaiveDateTime) -> i64 {
        match self.zone.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.timestamp(),
            LocalResult::None => self.after_gap(local),
        }
    }

    fn after_gap(&self, local: NaiveDateTime) -> i64 {
        let offset = |local: NaiveDateTime| {
            let at = Utc.from_utc_datetime(&local).with_timezone(&self.zone);
            at.naive_local().signed_duration_since(local).num_seconds()
        };
        // The offset in force a day before turns the skipped time into the instant it would have been, which is after the jump;
        // the jump itself is where the offsets change.
        let before = offset(local - chrono::Duration::days(1));
        let mut to = local.and_utc().timestamp() - before;
        let mut from = to - 86_400;
        let offset_at = |at: i64| {
            let time = Utc.timestamp_opt(at, 0).single().unwrap_or_default();
            let there = time.with_timezone(&self.zone).naive_local();
            there.signed_duration_since(time.naive_utc()).num_seconds()
        };
        while to - from > 1 {
            let middle = from + (to - from) / 2;
            if offset_at(middle) == before { from = middle } else { to = middle }
        }
        to
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    fn calendar(start: &str, zone: &str, count: u32, unit: CalendarUnit) -> Calendar {
        let start = NaiveDateTime::parse_from_str(start, "%Y-%m-%d %H:%M:%S").unwrap();
        Calendar { start, zone: zone.parse().unwrap(), count, unit }
    }

    /// At `now` (UTC) the period is `[start, end)` (UTC).
    fn check(calendar: &Calendar, now: &str, start: &str, end: &str) {
        let unix = |text: &str| {
            let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap();
            at.and_utc().timestamp()
        };
        let period = Window::Calendar(*calendar).period(Timestamp(unix(now) * 1_000_000_000));
        let shown = |at: i64| Utc.timestamp_opt(at, 0).unwrap().to_string();
        let expected = Period { start: unix(start), end: unix(end) };
        assert_eq!(period, expected, "{} – {}", shown(period.start), shown(period.end));
    }

    #[test]
    fn a_rolling_period_ends_now() {
        let window = Window::Rolling { seconds: 600 };
        assert_eq!(window.period(Timestamp(1_000_999_999_999)), Period { start: 400, end: 1000 });
    }

    #[test]
    fn days_are_local_and_change_length_with_daylight_saving() {
        let days = calendar("2024-01-01 00:00:00", "America/New_York", 1, CalendarUnit::Days);
        check(&days, "2024-03-10 12:00:00", "2024-03-10 05:00:00", "2024-03-11 04:00:00");
        check(&days, "2024-11-03 12:00:00", "2024-11-03 04:00:00", "2024-11-04 05:00:00");
        check(&days, "2023-12-31 05:00:00", "2023-12-31 05:00:00", "2024-01-01 05:00:00");
        check(&days, "2023-12-31 04:59:59", "2023-12-30 05:00:00", "2023-12-31 05:00:00");
    }

    #[test]
    fn a_begin_that_the_clocks_skip_is_the_jump_itself() {
        let days = calendar("2024-01-01 02:30:00", "America/New_York", 1, CalendarUnit::Days);
        check(&days, "2024-03-10 07:00:00", "2024-03-10 07:00:00", "2024-03-11 06:30:00");
        check(&days, "2024-03-10 06:59:59", "2024-03-09 07:30:00", "2024-03-10 07:00:00");
        let half_hour =
            calendar("2024-01-01 02:10:00", "Australia/Lord_Howe", 1, CalendarUnit::Days);
        check(&half_hour, "2024-10-05 16:00:00", "2024-10-05 15:30:00", "2024-10-06 15:10:00");
    }

    #[test]
    fn months_end_where_they_end() {
        let months = calendar("2023-12-31 00:00:00", "Etc/UTC", 1, CalendarUnit::Months);
        check(&months, "2024-02-29 00:00:00", "2024-02-29 00:00:00", "2024-03-31 00:00:00");
        check(&months, "2024-02-28 23:59:59", "2024-01-31 00:00:00", "2024-02-29 00:00:00");
        check(&months, "2023-02-28 00:00:00", "2023-02-28 00:00:00", "2023-03-31 00:00:00");
        let quarters = calendar("2022-01-01 00:00:00", "Europe/Berlin", 1, CalendarUnit::Quarters);
        check(&quarters, "2024-05-01 00:00:00", "2024-03-31 22:00:00", "2024-06-30 22:00:00");
        let years = calendar("2020-02-29 00:00:00", "Etc/UTC", 1, CalendarUnit::Years);
        check(&years, "2023-06-01 00:00:00", "2023-02-28 00:00:00", "2024-02-29 00:00:00");
        let weeks = calendar("2022-01-03 12:00:00", "Asia/Tokyo", 2, CalendarUnit::Weeks);
        check(&weeks, "2022-01-17 03:00:00", "2022-01-17 03:00:00", "2022-01-31 03:00:00");
        let hours = calendar("2022-01-01 00:00:00", "Asia/Kolkata", 6, CalendarUnit::Hours);
        check(&hours, "2022-01-01 00:00:00", "2021-12-31 18:30:00", "2022-01-01 00:30:00");
    }

    #[test]
    fn periods_follow_each_other_without_a_gap() {
        let units = [
            CalendarUnit::Days,
            CalendarUnit::Weeks,
            CalendarUnit::Months,
            CalendarUnit::Quarters,
            CalendarUnit::Years,
        ];
        for zone in ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"] {
            for unit in units {
                let start = NaiveDate::from_ymd_opt(2011, 1, 31).unwrap().and_hms_opt(2, 30, 0);
                let zone: Tz = zone.parse().unwrap();
                let calendar = Calendar { start: start.unwrap(), zone, count: 1, unit };
                for index in -40..40 {
                    let (begin, next) = (calendar.begin(index), calendar.begin(index + 1));
                    if begin == next {
                        continue; // a day that a zone left out
                    }
                    assert!(begin < next, "{zone} {unit:?} {index}");
                    assert_eq!(calendar.period(begin), Period { start: begin, end: next });
                    assert_eq!(calendar.period(next - 1), Period { start: begin, end: next });
                }
            }
        }
    }
}
