//! Times in the layouts of Go, which spell out one moment: `2006-01-02T15:04:05Z07:00`. All in UTC.

use crate::promql::time::{Civil, civil, days_since_epoch};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Pieces of a layout, longest first where one begins another.
const PIECES: [&str; 25] = [
    "January", "Jan", "Monday", "Mon", "MST", "2006", "-07:00", "-0700", "-07", "Z07:00", "Z0700",
    "01", "02", "03", "04", "05", "06", "15", "PM", "pm", "_2", "1", "2", "3", "4",
];

/// The piece at the start of a layout: one of [`PIECES`], `5`, or a fraction of seconds.
fn piece(layout: &str) -> Option<&str> {
    if let Some(digits) = layout.strip_prefix(['.', ',']) {
        let length = digits
            .bytes()
            .take_while(|b| *b == digits.as_bytes()[0] && matches!(b, b'0' | b'9'))
            .count();
        let ends = !digits[length..].starts_with(|c: char| c.is_ascii_digit());
        return (length > 0 && length <= 9 && ends).then(|| &layout[..=length]);
    }
    let found = PIECES.iter().find(|piece| layout.starts_with(**piece)).map(|piece| piece.len());
    let length = found.or(layout.starts_with('5').then_some(1))?;
    Some(&layout[..length])
}

/// Unix nanoseconds in a layout.
pub fn format(layout: &str, time: i64) -> String {
    let (seconds, nanoseconds) = (time.div_euclid(1_000_000_000), time.rem_euclid(1_000_000_000));
    let date = civil(seconds);
    let mut out = String::with_capacity(layout.len());
    let mut rest = layout;
    while let Some(first) = rest.chars().next() {
        match piece(rest) {
            Some(piece) => {
                out.push_str(&written(piece, &date, nanoseconds));
                rest = &rest[piece.len()..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

fn written(piece: &str, date: &Civil, nanoseconds: i64) -> String {
    let hour = (date.hour + 11) % 12 + 1;
    let month = MONTHS[(date.month as usize).saturating_sub(1) % 12];
    let day = DAYS[date.weekday as usize % 7];
    match piece {
        "January" => month.to_owned(),
        "Jan" => month[..3].to_owned(),
        "Monday" => day.to_owned(),
        "Mon" => day[..3].to_owned(),
        "MST" => "UTC".to_owned(),
        "2006" => format!("{:04}", date.year),
        "06" => format!("{:02}", date.year.rem_euclid(100)),
        "-07:00" => "+00:00".to_owned(),
        "-0700" => "+0000".to_owned(),
        "-07" => "+00".to_owned(),
        "Z07:00" | "Z0700" => "Z".to_owned(),
        "01" => format!("{:02}", date.month),
        "1" => date.month.to_string(),
        "02" => format!("{:02}", date.day),
        "_2" => format!("{:2}", date.day),
        "2" => date.day.to_string(),
        "15" => format!("{:02}", date.hour),
        "03" => format!("{hour:02}"),
        "3" => hour.to_string(),
        "04" => format!("{:02}", date.minute),
        "4" => date.minute.to_string(),
        "05" => format!("{:02}", date.second),
        "5" => date.second.to_string(),
        "PM" => if date.hour < 12 { "AM" } else { "PM" }.to_owned(),
        "pm" => if date.hour < 12 { "am" } else { "pm" }.to_owned(),
        fraction => {
            let digits = format!("{nanoseconds:09}");
            let kept = &digits[..fraction.len() - 1];
            let kept = if fraction.ends_with('9') { kept.trim_end_matches('0') } else { kept };
            if kept.is_empty() { String::new() } else { format!("{}{kept}", &fraction[..1]) }
        }
    }
}

/// Reads a time in a layout; `None` when the text is not in it.
pub fn parse(layout: &str, text: &str) -> Option<i64> {
    let (mut year, mut month, mut day) = (1970i64, 1u32, 1u32);
    let (mut hour, mut minute, mut second, mut nanoseconds) = (0i64, 0i64, 0i64, 0i64);
    let (mut afternoon, mut offset) = (None, 0i64);
    let (mut layout, mut text) = (layout, text);
    while let Some(first) = layout.chars().next() {
        let Some(piece) = piece(layout) else {
            text = text.strip_prefix(first)?;
            layout = &layout[first.len_utf8()..];
            // A fraction of seconds may follow seconds also where the layout has none.
            continue;
        };
        layout = &layout[piece.len()..];
        match piece {
            "January" | "Jan" | "Monday" | "Mon" => {
                let names: &[&str] = if piece.starts_with('J') { &MONTHS } else { &DAYS };
                let short = piece.len() == 3;
                let name = |name: &'static str| if short { &name[..3] } else { name };
                let at = names.iter().position(|full| text.starts_with(name(full)))?;
                text = &text[name(names[at]).len()..];
                if piece.starts_with('J') {
                    month = at as u32 + 1;
                }
            }
            "MST" => {
                let length = text.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(text.len());
                text = &text[length..];
            }
            "PM" | "pm" => {
                afternoon = Some(text.get(..2)?.eq_ignore_ascii_case("pm"));
                text = &text[2..];
            }
            "Z07:00" | "Z0700" if text.starts_with('Z') => text = &text[1..],
            "-07:00" | "-0700" | "-07" | "Z07:00" | "Z0700" => {
                let (sign, rest) = match text.strip_prefix('-') {
                    Some(rest) => (-1, rest),
                    None => (1, text.strip_prefix('+')?),
                };
                let digits: String =
                    rest.chars().take_while(|c| c.is_ascii_digit() || *c == ':').collect();
                let plain = digits.replace(':', "");
                let hours: i64 = plain.get(..2)?.parse().ok()?;
                let minutes: i64 = plain.get(2..4).map_or(Some(0), |text| text.parse().ok())?;
                offset = sign * (hours * 3600 + minutes * 60);
                text = &rest[digits.len()..];
            }
            _ if piece.starts_with(['.', ',']) => {
                let Some(digits) = text.strip_prefix(['.', ',']) else { continue };
                let length = digits.bytes().take_while(u8::is_ascii_digit).count();
                nanoseconds = format!("{:0<9}", &digits[..length.min(9)]).parse().ok()?;
                text = &digits[length..];
            }
            _ => {
                let trimmed = text.trim_start_matches(' ');
                let width = if piece == "2006" { 4 } else { 2 };
                let length = trimmed.bytes().take(width).take_while(u8::is_ascii_digit).count();
                let number: i64 = trimmed.get(..length)?.parse().ok()?;
                text = &trimmed[length..];
                match piece {
                    "2006" => year = number,
                    "06" => year = if number < 69 { 2000 + number } else { 1900 + number },
                    "01" | "1" => month = number as u32,
                    "02" | "2" | "_2" => day = number as u32,
                    "15" | "03" | "3" => hour = number,
                    "04" | "4" => minute = number,
                    _ => {
                        second = number;
                        // A fraction may follow even where the layout does not say so.
                        if let Some(digits) =
                            text.strip_prefix('.').filter(|_| !layout.starts_with(['.', ',']))
                        {
                            let length = digits.bytes().take_while(u8::is_ascii_digit).count();
                            nanoseconds =
                                format!("{:0<9}", &digits[..length.min(9)]).parse().ok()?;
                            text = &digits[length..];
                        }
                    }
                }
            }
        }
    }
    if !text.is_empty() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if let Some(afternoon) = afternoon {
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    let seconds =
        days_since_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        let time = 1_709_202_645_123_456_789;
        for (layout, text) in [
            ("2006-01-02T15:04:05.999999999Z07:00", "2024-02-29T10:30:45.123456789Z"),
            (
                "Mon, 02 Jan 2006 03:04:05.000000000 PM -0700",
                "Thu, 29 Feb 2024 10:30:45.123456789 AM +0000",
            ),
        ] {
            assert_eq!(format(layout, time), text);
            assert_eq!(parse(layout, text), Some(time), "{layout}");
        }
        assert_eq!(
            parse("2006-01-02T15:04:05Z07:00", "2024-02-29T12:30:45+02:00"),
            Some(1_709_202_645_000_000_000)
        );
        assert_eq!(parse("15:04-07:00", "10:30"), None);
        assert_eq!(parse("-0700", "ä"), None);
    }

    proptest! {
        #[test]
        fn any_layout_and_text_are_taken(layout in "[0-9JanMonPMZ:.,_ ä-]{0,20}", text in "\\PC{0,20}|[0-9:.+-]{0,20}", time in any::<i64>()) {
            let _ = parse(&layout, &text);
            let _ = parse(&layout, &format(&layout, time));
        }
    }
}
