//! Calendar arithmetic in UTC, without a time zone library.

/// A civil date and time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    pub year: i64,
    /// 1–12.
    pub month: u32,
    /// 1–31.
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    /// 0 is Sunday.
    pub weekday: u32,
    /// 1–366.
    pub year_day: u32,
}

const DAY: i128 = 86_400;

/// How far before 1970 the calendar of Go's clock begins; what lies before is taken modulo 2⁶⁴ seconds.
const BEGINNING: i128 = 9_223_371_966_579_724_800;

pub fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The date of Unix seconds.
pub fn civil(seconds: i64) -> Civil {
    let mut seconds = i128::from(seconds);
    if seconds < -BEGINNING {
        seconds += 1 << 64;
    }
    let (days, rest) = (seconds.div_euclid(DAY) as i64, seconds.rem_euclid(DAY) as u32);
    // Eras of 400 years, counted from the first of March of year 0, so that leap days come last.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month =
        (if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 }) as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil {
        year,
        month,
        day,
        hour: rest / 3600,
        minute: rest / 60 % 60,
        second: rest % 60,
        weekday: (days + 4).rem_euclid(7) as u32,
        year_day: (1..month).map(|month| days_in_month(year, month)).sum::<u32>() + day,
    }
}

/// Days from 1970 to a date.
pub fn days_since_epoch(year: i64, month: u32, day: u32) -> i64 {
    // The same eras, whose years begin in March.
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * from_march + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// Unix seconds as `2026-01-31T12:00:00Z`.
pub fn rfc3339(seconds: i64) -> String {
    let Civil { year, month, day, hour, minute, second, .. } = civil(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_136_239_445, "2006-01-02T22:04:05Z"),
            (1_456_790_399, "2016-02-29T23:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
        for day in (-800_000i64..800_000).step_by(37) {
            let date = civil(day * 86_400);
            assert_eq!(days_since_epoch(date.year, date.month, date.day), day);
        }
        assert_eq!(civil(1_483_191_420).year_day, 366);
        assert_eq!(civil(0).weekday, 4);
        assert_eq!(civil(i64::MAX).year, 292_277_026_596);
        assert_eq!(rfc3339(i64::MIN), "292277026596-12-04T15:30:08Z");
    }
}
