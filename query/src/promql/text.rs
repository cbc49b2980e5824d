//! Text as Go writes and reads it: quoted strings, numbers, durations. Prometheus's answers are compared byte by byte, so
//! they are written the same way.

use std::fmt::Write as _;

/// Whether a name needs no quotes. Metric names may hold colons.
pub fn is_legacy_name(name: &str, colons: bool) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || (colons && c == ':');
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// A string in double quotes with Go's escapes.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                // Writing to memory cannot fail.
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Reads a string literal with its quotes: `"…"` and `'…'` with escapes, or `` `…` `` without.
pub fn unquote(literal: &str) -> Result<String, String> {
    let invalid = || "invalid syntax".to_owned();
    let quote = literal.chars().next().ok_or_else(invalid)?;
    let inner = literal.get(1..literal.len().saturating_sub(1)).ok_or_else(invalid)?;
    if quote == '`' {
        return Ok(inner.replace('\r', ""));
    }
    let mut out: Vec<u8> = Vec::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c == '\n' {
            return Err(invalid());
        }
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        escape(&mut chars, quote, &mut out).ok_or_else(invalid)?;
    }
    String::from_utf8(out).map_err(|_| "the string is not UTF-8".to_owned())
}

fn escape(chars: &mut std::str::Chars<'_>, quote: char, out: &mut Vec<u8>) -> Option<()> {
    let simple = match chars.next()? {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        c if c == quote => c as u8,
        'x' => u8::try_from(code(chars, 2, 16, 0)?).ok()?,
        c @ '0'..='7' => u8::try_from(code(chars, 2, 8, c.to_digit(8)?)?).ok()?,
        'u' => return push_char(code(chars, 4, 16, 0)?, out),
        'U' => return push_char(code(chars, 8, 16, 0)?, out),
        _ => return None,
    };
    out.push(simple);
    Some(())
}

/// `count` digits, after those already in `code`.
fn code(chars: &mut std::str::Chars<'_>, count: usize, radix: u32, code: u32) -> Option<u32> {
    (0..count).try_fold(code, |code, _| {
        code.checked_mul(radix)?.checked_add(chars.next()?.to_digit(radix)?)
    })
}

fn push_char(code: u32, out: &mut Vec<u8>) -> Option<()> {
    let c = char::from_u32(code)?;
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Some(())
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "+Inf" } else { "-Inf" })
    } else {
        None
    }
}

/// The shortest digits that read back equal, never with an exponent: Go's `%f` with precision -1.
pub fn float_plain(value: f64) -> String {
    special(value).map_or_else(|| value.to_string(), str::to_owned)
}

/// As Prometheus's API writes sample values: plain, with an exponent when very large or small.
pub fn float_json(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        float_exponent(value)
    } else {
        float_plain(value)
    }
}

/// Go's `%g`.
pub fn float_short(value: f64) -> String {
    let scientific = format!("{value:e}");
    let exponent = scientific.rsplit_once('e').and_then(|(_, e)| e.parse::<i32>().ok());
    match exponent {
        Some(exponent) if !(-4..6).contains(&exponent) => float_exponent(value),
        _ => float_plain(value),
    }
}

/// As OpenMetrics writes label values that are numbers: always with a point or an exponent.
pub fn float_open_metrics(value: f64) -> String {
    let text = float_short(value);
    let is_whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if is_whole { format!("{text}.0") } else { text }
}

fn float_exponent(value: f64) -> String {
    if let Some(text) = special(value) {
        return text.to_owned();
    }
    let text = format!("{value:e}");
    let Some((digits, exponent)) = text.rsplit_once('e') else { return text };
    let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
    format!("{digits}e{sign}{size:0>2}")
}

/// A number as Prometheus reads it: decimal, hexadecimal, `Inf`, `NaN`, digits parted by underscores.
pub fn parse_number(text: &str) -> Option<f64> {
    let (sign, size) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    let lower = size.to_ascii_lowercase();
    let value = match lower.as_str() {
        "inf" | "infinity" => f64::INFINITY,
        "nan" => f64::NAN,
        _ if lower.starts_with("0x") => {
            let digits: String = lower[2..].chars().filter(|c| *c != '_').collect();
            u64::from_str_radix(&digits, 16).ok()? as f64
        }
        _ => {
            let is_number = lower.bytes().all(|b| b.is_ascii_digit() || b"._e+-".contains(&b));
            let digits: String = lower.chars().filter(|c| *c != '_').collect();
            digits.parse().ok().filter(|_| is_number)?
        }
    };
    Some(sign * value)
}

const UNITS: [(&str, i64); 7] = [
    ("y", 31_536_000_000),
    ("w", 604_800_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// A duration such as `1h30m`, in milliseconds. Units come from large to small, each once.
pub fn parse_duration(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total: i64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (_, size) = units.by_ref().find(|(unit, _)| *unit == &rest[..letters])?;
        rest = &rest[letters..];
        total = total.checked_add(count.checked_mul(*size)?)?;
    }
    // The longest that fits Go's nanoseconds.
    (!text.is_empty() && total <= i64::MAX / 1_000_000).then_some(total)
}

/// Milliseconds as a duration literal.
pub fn format_duration(milliseconds: i64) -> String {
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    let mut out = String::from(if milliseconds < 0 { "-" } else { "" });
    let mut left = milliseconds.unsigned_abs();
    for (unit, size) in UNITS {
        let size = size.unsigned_abs();
        // Years, weeks and days only where nothing smaller is left over.
        let is_exact = size < 3_600_000 * 24 || left.is_multiple_of(size);
        if left >= size && is_exact {
            // Writing to memory cannot fail.
            let _ = write!(out, "{}{unit}", left / size);
            left %= size;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_read_as_go_reads_them() {
        for (literal, text) in [
            (r#""a\n\"b\"""#, "a\n\"b\""),
            (r"'\'\x41\101\u00e9'", "'AA\u{e9}"),
            (r"`a\n`", r"a\n"),
            (r#""\xc3\xa9""#, "\u{e9}"),
        ] {
            assert_eq!(unquote(literal).as_deref(), Ok(text), "{literal}");
        }
        for wrong in [r#""\xff""#, r#""\q""#, r#""\'""#, "\"a\nb\""] {
            assert!(unquote(wrong).is_err(), "{wrong}");
        }
        assert_eq!(quote("a\"\n\u{1}"), r#""a\"\n\x01""#);
    }

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, plain, short, json) in [
            (1e21, "1000000000000000000000", "1e+21", "1e+21"),
            (1e-7, "0.0000001", "1e-07", "1e-07"),
            (0.25, "0.25", "0.25", "0.25"),
            (f64::INFINITY, "+Inf", "+Inf", "+Inf"),
        ] {
            assert_eq!(float_plain(value), plain);
            assert_eq!(float_short(value), short);
            assert_eq!(float_json(value), json);
        }
        assert_eq!(float_open_metrics(1.0), "1.0");
        assert_eq!(float_open_metrics(0.5), "0.5");
    }

    #[test]
    fn numbers_and_durations_read() {
        assert_eq!(parse_number("1_000"), Some(1000.0));
        assert_eq!(parse_number("-0x1F"), Some(-31.0));
        assert_eq!(parse_number("+inf"), Some(f64::INFINITY));
        assert_eq!(parse_number("1x"), None);
        assert_eq!(parse_duration("1h30m5ms"), Some(5_400_005));
        assert_eq!(parse_duration("30m1h"), None);
        assert_eq!(parse_duration("5"), None);
        assert_eq!(format_duration(5_400_005), "1h30m5ms");
        assert_eq!(format_duration(-90_000), "-1m30s");
        assert_eq!(format_duration(172_800_000), "2d");
    }
}
