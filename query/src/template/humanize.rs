//! Numbers as people read them, in the forms of Prometheus's templates.

use super::date;
use super::text::general;
use super::value::float_text;

/// Digits that are shown.
const DIGITS: usize = 4;

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];
const LARGE_1024: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

/// `1.235M`
pub fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return general(value, DIGITS);
    }
    let (value, prefix) = match value.abs() >= 1.0 {
        true => divided(value, 1000.0, &LARGE),
        false => multiplied(value),
    };
    format!("{}{prefix}", general(value, DIGITS))
}

/// `1.178Mi`
pub fn humanize_1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return general(value, DIGITS);
    }
    let (value, prefix) = divided(value, 1024.0, &LARGE_1024);
    format!("{}{prefix}", general(value, DIGITS))
}

/// Seconds as `1d 2h 3m 4s`
pub fn humanize_duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return general(seconds, DIGITS);
    }
    if seconds == 0.0 {
        return "0s".to_owned();
    }
    if seconds.abs() < 1.0 {
        let (value, prefix) = multiplied(seconds);
        return format!("{}{prefix}s", general(value, DIGITS));
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let whole = seconds.abs() as i64;
    let (days, hours) = (whole / 86_400, whole / 3600 % 24);
    let (minutes, rest) = (whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", general(seconds.abs(), DIGITS)),
        (0, 0, _) => format!("{sign}{minutes}m {rest}s"),
        (0, _, _) => format!("{sign}{hours}h {minutes}m {rest}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {rest}s"),
    }
}

/// A ratio as `12.34%`
pub fn humanize_percentage(ratio: f64) -> String {
    format!("{}%", general(ratio * 100.0, DIGITS))
}

/// Unix seconds as `2023-11-14 22:13:20 +0000 UTC`
pub fn humanize_timestamp(seconds: f64) -> Result<String, String> {
    if !seconds.is_finite() {
        return Ok(general(seconds, DIGITS));
    }
    let nanoseconds = nanoseconds(seconds)?;
    Ok(date::format("2006-01-02 15:04:05.999999999 -0700 MST", nanoseconds))
}

/// Unix nanoseconds of Unix seconds, in whole milliseconds.
pub fn nanoseconds(seconds: f64) -> Result<i64, String> {
    let nanoseconds = seconds * 1e9;
    if nanoseconds.is_nan() || nanoseconds.abs() >= i64::MAX as f64 {
        return Err(format!(
            "{} cannot be represented as a nanoseconds timestamp since it overflows int64",
            float_text(seconds)
        ));
    }
    // Prometheus's times have whole milliseconds.
    Ok(nanoseconds as i64 / 1_000_000 * 1_000_000)
}

fn divided(mut value: f64, by: f64, prefixes: &[&'static str]) -> (f64, &'static str) {
    let mut prefix = "";
    for larger in prefixes {
        if value.abs() < by {
            break;
        }
        prefix = larger;
        value /= by;
    }
    (value, prefix)
}

fn multiplied(mut value: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for smaller in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = smaller;
        value *= 1000.0;
    }
    (value, prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases: [(fn(f64) -> String, f64, &str); 22] = [
            (humanize, 0.0, "0"),
            (humanize, 1.0, "1"),
            (humanize, 1_234_567.0, "1.235M"),
            (humanize, 0.12, "120m"),
            (humanize, 0.000_012_3, "12.3u"),
            (humanize, -999.96, "-1000"),
            (humanize, f64::INFINITY, "+Inf"),
            (humanize, f64::NAN, "NaN"),
            (humanize_1024, 0.5, "0.5"),
            (humanize_1024, 1_048_576.0, "1Mi"),
            (humanize_1024, 1023.0, "1023"),
            (humanize_duration, 0.0, "0s"),
            (humanize_duration, 0.5, "500ms"),
            (humanize_duration, 1.5, "1.5s"),
            (humanize_duration, 60.0, "1m 0s"),
            (humanize_duration, -3661.9, "-1h 1m 1s"),
            (humanize_duration, 90_061.0, "1d 1h 1m 1s"),
            (humanize_percentage, 0.1234567, "12.35%"),
            (humanize_percentage, 1.0, "100%"),
            (humanize, 123_456.0, "123.5k"),
            (humanize_1024, 123_456.0, "120.6ki"),
            (humanize_1024, 1e30, "8.272e+05Yi"),
        ];
        for (function, value, expected) in cases {
            assert_eq!(function(value), expected, "{value}");
        }
        assert_eq!(humanize_timestamp(1_700_000_000.5).unwrap(), "2023-11-14 22:13:20.5 +0000 UTC");
        assert!(humanize_timestamp(1e300).is_err());
    }
}
