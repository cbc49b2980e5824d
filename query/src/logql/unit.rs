//! Durations and sizes as people and loggers write them.

/// Nanoseconds of one of each unit, longest name first where one begins another.
const DURATIONS: [(&str, f64); 11] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
    ("d", 86_400e9),
    ("w", 604_800e9),
    ("y", 31_536_000e9),
];

/// Nanoseconds of `1h30m`, `1.5s` or `-250ms`. A bare number is none, but zero.
pub fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    let mut exact: i128 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, after) = rest.split_at(end);
        let value: f64 = digits.parse().ok()?;
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (_, nanoseconds) = DURATIONS.iter().find(|(name, _)| *name == &after[..unit_end])?;
        match digits.parse::<i128>() {
            Ok(whole) => exact = exact.checked_add(whole.checked_mul(*nanoseconds as i128)?)?,
            Err(_) => total += value * nanoseconds,
        }
        rest = &after[unit_end..];
    }
    let sum = exact.checked_add(total.round() as i128)?;
    i64::try_from(if negative { -sum } else { sum }).ok()
}

/// A duration in the fewest units, as queries write them: `5m`, `1h30m`.
pub fn short_duration(nanoseconds: i64) -> String {
    let mut rest = nanoseconds.unsigned_abs();
    if rest == 0 {
        return "0s".to_owned();
    }
    let mut text = if nanoseconds < 0 { "-".to_owned() } else { String::new() };
    for (name, size) in [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ] {
        if rest >= size {
            text.push_str(&format!("{}{name}", rest / size));
            rest %= size;
        }
    }
    text
}

/// Bytes of one of each unit.
const SIZES: [(&str, u64); 20] = [
    ("", 1),
    ("b", 1),
    ("k", 1_000),
    ("kb", 1_000),
    ("ki", 1 << 10),
    ("kib", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1_000_000),
    ("mi", 1 << 20),
    ("mib", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1_000_000_000),
    ("gi", 1 << 30),
    ("gib", 1 << 30),
    ("t", 1_000_000_000_000),
    ("tb", 1_000_000_000_000),
    ("tib", 1 << 40),
    ("ti", 1 << 40),
    ("pb", 1_000_000_000_000_000),
    ("pib", 1 << 50),
];

/// Bytes of `5MB`, `1.5 KiB` or `42`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end =
        text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',')).unwrap_or(text.len());
    let number = text[..end].replace(',', "");
    let unit = text[end..].trim().to_ascii_lowercase();
    let (_, size) = SIZES.iter().find(|(name, _)| *name == unit)?;
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(*size);
    }
    let bytes = number.parse::<f64>().ok()? * *size as f64;
    (bytes >= 0.0 && bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_in_every_unit() {
        let cases = [
            ("5m", Some(300_000_000_000)),
            ("1h30m", Some(5_400_000_000_000)),
            ("1.5s", Some(1_500_000_000)),
            ("250us", Some(250_000)),
            ("3µs", Some(3_000)),
            ("-2ms", Some(-2_000_000)),
            ("0", Some(0)),
            ("1d", Some(86_400_000_000_000)),
            ("1w1d", Some(691_200_000_000_000)),
            ("5", None),
            ("", None),
            ("m", None),
            ("5x", None),
            ("999999999999y", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_duration(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes_are_read_in_every_unit() {
        let cases = [
            ("42", Some(42)),
            ("5MB", Some(5_000_000)),
            ("1.5KiB", Some(1536)),
            ("1.5 kb", Some(1500)),
            ("1,000B", Some(1000)),
            ("5 xb", None),
            ("", None),
            ("-1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_bytes(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn durations_written_are_read_again(nanoseconds in -(1i64 << 50)..1 << 50) {
            prop_assert_eq!(parse_duration(&short_duration(nanoseconds)), Some(nanoseconds));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}") {
            let _ = (parse_duration(&text), parse_bytes(&text));
        }
    }
}
