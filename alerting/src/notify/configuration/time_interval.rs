//! Time intervals: "working days from nine to five in Berlin", for routes that are muted or active only then.

use crate::yaml::{Fault, Fields, Node};
use binnacle_storage::model::Timestamp;
use chrono::{Datelike, NaiveDate, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// First and last, both included.
type Range = (i32, i32);

/// Everything it names must hold; what it does not name holds always.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeInterval {
    /// Minutes of the day, the last not included.
    times: Option<Vec<(u32, u32)>>,
    /// From Sunday, 0.
    weekdays: Option<Vec<Range>>,
    /// From 1; below 0 they count from the end of the month.
    days_of_month: Option<Vec<Range>>,
    months: Option<Vec<Range>>,
    years: Option<Vec<Range>>,
    location: Tz,
}

impl TimeInterval {
    pub fn contains(&self, now: Timestamp) -> bool {
        let now = Utc.timestamp_nanos(now.0).with_timezone(&self.location);
        let minute = now.hour() * 60 + now.minute();
        let within = |ranges: &Option<Vec<Range>>, value: i32| {
            ranges.as_ref().is_none_or(|ranges| {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&value))
            })
        };
        let is_time = self
            .times
            .as_ref()
            .is_none_or(|times| times.iter().any(|(start, end)| (*start..*end).contains(&minute)));
        is_time
            && within(&self.weekdays, number(now.weekday().num_days_from_sunday()))
            && within(&self.months, number(now.month()))
            && within(&self.years, now.year())
            && self.days_of_month.as_ref().is_none_or(|ranges| {
                let days = days_in_month(now.date_naive());
                ranges.iter().any(|range| is_day(*range, number(now.day()), days))
            })
    }
}

fn number(value: u32) -> i32 {
    i32::try_from(value).expect("days and months are small")
}

/// Whether `day` lies in the range, in a month of so many days. A range never reaches into another month.
fn is_day((first, last): Range, day: i32, days: i32) -> bool {
    let of_month = |day: i32| if day < 0 { days + day + 1 } else { day };
    let (first, last) = (of_month(first), of_month(last).min(days));
    first <= days && (first..=last).contains(&day)
}

fn days_in_month(date: NaiveDate) -> i32 {
    number(date.num_days_in_month().into())
}

/// The intervals under one name.
pub fn read_list(node: Node) -> Result<Vec<TimeInterval>, Fault> {
    node.list("time_intervals")?.into_iter().map(read).collect()
}

fn read(node: Node) -> Result<TimeInterval, Fault> {
    let mut fields = node.fields("a time interval")?;
    let interval = TimeInterval {
        times: read_times(&mut fields)?,
        weekdays: ranges(&mut fields, "weekdays", |text| named(&WEEKDAYS, text, 0))?,
        days_of_month: ranges(&mut fields, "days_of_month", day_of_month)?,
        months: ranges(&mut fields, "months", month)?,
        years: ranges(&mut fields, "years", |text| text.parse().ok().filter(|year| *year > 0))?,
        location: match fields.take("location") {
            None => Tz::UTC,
            Some(node) => location(&node)?,
        },
    };
    fields.finish()?;
    Ok(interval)
}

fn location(node: &Node) -> Result<Tz, Fault> {
    let name = node.text("location")?;
    name.parse().map_err(|_| node.fault(format!("'{name}' is no time zone of the IANA database")))
}

fn named(names: &[&str], text: &str, first: i32) -> Option<i32> {
    let place = names.iter().position(|name| *name == text)?;
    i32::try_from(place).ok().map(|place| place + first)
}

fn month(text: &str) -> Option<i32> {
    let by_number = || text.parse().ok().filter(|month| (1..=12).contains(month));
    named(&MONTHS, text, 1).or_else(by_number)
}

fn day_of_month(text: &str) -> Option<i32> {
    text.parse().ok().filter(|day: &i32| *day != 0 && day.abs() <= 31)
}

/// `first:last` or one value, each; `None` where the field is not there.
fn ranges(
    fields: &mut Fields,
    key: &str,
    value: impl Fn(&str) -> Option<i32>,
) -> Result<Option<Vec<Range>>, Fault> {
    let Some(node) = fields.take(key) else { return Ok(None) };
    let mut ranges = Vec::new();
    for item in node.list(key)? {
        let text = item.text(key)?.to_lowercase();
        let (first, last) = text.split_once(':').unwrap_or((&text, &text));
        let wrong = || item.fault(format!("'{text}' is no range of {key}"));
        let (first, last) =
            (value(first.trim()).ok_or_else(wrong)?, value(last.trim()).ok_or_else(wrong)?);
        // From the start of the month to its end is the one that may look turned round; the shortest month decides.
        let at_least = |day: i32| if key == "days_of_month" && day < 0 { 28 + day } else { day };
        if at_least(first) > at_least(last) || (first < 0 && last > 0) {
            return Err(item.fault(format!("'{text}' of {key} ends before it starts")));
        }
        ranges.push((first, last));
    }
    Ok(Some(ranges))
}

fn read_times(fields: &mut Fields) -> Result<Option<Vec<(u32, u32)>>, Fault> {
    let Some(node) = fields.take("times") else { return Ok(None) };
    let mut times = Vec::new();
    for item in node.list("times")? {
        let mut range = item.fields("times")?;
        let line = range.line;
        let (start, end) = (minute(&range.need("start_time")?)?, minute(&range.need("end_time")?)?);
        range.finish()?;
        if start >= end {
            return Err(Fault::new(line, "start_time must be before end_time"));
        }
        times.push((start, end));
    }
    Ok(Some(times))
}

/// `HH:MM`, to 24:00.
fn minute(node: &Node) -> Result<u32, Fault> {
    let text = node.text("a time")?;
    let parsed =
        text.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2);
    let minute = parsed.and_then(|(hours, minutes)| {
        let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
        let minute = hours * 60 + minutes;
        (minutes < 60 && minute <= 24 * 60).then_some(minute)
    });
    minute.ok_or_else(|| node.fault(format!("'{text}' is no time of day such as 09:30")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn read(text: &str) -> Result<Vec<TimeInterval>, Fault> {
        read_list(yaml::document(text).unwrap())
    }

    fn check(text: &str, inside: &[&str], outside: &[&str]) {
        let intervals = read(text).unwrap();
        let contains = |time: &str| {
            let time = chrono::DateTime::parse_from_rfc3339(time).unwrap();
            let now = Timestamp(time.timestamp_nanos_opt().unwrap());
            intervals.iter().any(|interval| interval.contains(now))
        };
        for time in inside {
            assert!(contains(time), "{text} has {time}");
        }
        for time in outside {
            assert!(!contains(time), "{text} has not {time}");
        }
    }

    #[test]
    fn office_hours_follow_their_place() {
        let text = "- times: [{start_time: 09:00, end_time: '17:00'}]\n  weekdays: ['monday:friday']\n  \
                    location: Europe/Berlin\n";
        // Berlin is two hours ahead of UTC in summer, one in winter.
        let inside = ["2026-07-06T07:00:00Z", "2026-12-07T15:59:59Z"];
        check(
            text,
            &inside,
            &["2026-07-06T06:59:59Z", "2026-12-07T16:00:00Z", "2026-07-05T10:00:00Z"],
        );
    }

    #[test]
    fn days_count_from_either_end_of_the_month() {
        let text = "- days_of_month: ['1:2', '-2:-1']\n  months: ['february', '4']\n  years: ['2024:2025']\n";
        let inside = ["2024-02-29T00:00:00Z", "2025-02-27T00:00:00Z", "2025-04-02T23:00:00Z"];
        check(
            text,
            &inside,
            &["2024-02-27T00:00:00Z", "2025-03-01T00:00:00Z", "2026-02-01T00:00:00Z"],
        );
        check("- days_of_month: ['31']\n", &["2024-03-31T00:00:00Z"], &["2024-04-30T00:00:00Z"]);
    }

    #[test]
    fn what_names_nothing_contains_all_time() {
        check("- {}\n", &["2024-02-29T00:00:00Z"], &[]);
        check("- weekdays: []\n", &[], &["2024-02-29T00:00:00Z"]);
    }

    #[test]
    fn wrong_ranges_are_refused_with_their_line() {
        let wrong = [
            "- weekdays: ['friday:monday']",
            "- weekdays: ['someday']",
            "- months: ['13']",
            "- days_of_month: ['0']",
            "- days_of_month: ['-1:5']",
            "- times: [{start_time: '17:00', end_time: '09:00'}]",
            "- times: [{start_time: '7:00', end_time: '09:00'}]",
            "- times: [{start_time: '07:00', end_time: '24:01'}]",
            "- location: Nowhere/City",
            "- minutes: ['1']",
        ];
        for text in wrong {
            assert_eq!(read(&format!("\n{text}\n")).map_err(|fault| fault.line), Err(2), "{text}");
        }
    }
}
