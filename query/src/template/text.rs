//! What template functions do to texts and numbers.

use super::value::{Value, float_text};

/// Longest text that a repeat makes.
const REPEAT_BYTES_MAX: usize = 1 << 20;

pub fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut starts = true;
    for c in text.chars() {
        if starts {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        starts = !c.is_alphanumeric() && c != '_' && c != '\'';
    }
    out
}

pub fn without_prefix(text: &str, prefix: &str) -> String {
    text.strip_prefix(prefix).unwrap_or(text).to_owned()
}

pub fn without_suffix(text: &str, suffix: &str) -> String {
    text.strip_suffix(suffix).unwrap_or(text).to_owned()
}

/// The first characters, or the last of a negative number.
pub fn trunc(count: i64, text: &str) -> String {
    let length = text.chars().count();
    let wanted = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if length <= wanted {
        return text.to_owned();
    }
    match count < 0 {
        true => text.chars().skip(length - wanted).collect(),
        false => text.chars().take(wanted).collect(),
    }
}

pub fn substr(start: i64, end: i64, text: &str) -> String {
    let from = usize::try_from(start).unwrap_or(0);
    let to = usize::try_from(end).unwrap_or(usize::MAX);
    if start < 0 && end < 0 {
        return String::new();
    }
    text.chars().take(to).skip(from).collect()
}

pub fn repeat(text: &str, count: i64) -> Result<String, String> {
    let count = usize::try_from(count).map_err(|_| "negative repeat count".to_owned())?;
    match text.len().checked_mul(count) {
        Some(length) if length <= REPEAT_BYTES_MAX => Ok(text.repeat(count)),
        _ => Err(format!("the text becomes longer than {REPEAT_BYTES_MAX} bytes")),
    }
}

pub fn indent(spaces: i64, text: &str) -> Result<String, String> {
    let pad = repeat(" ", spaces)?;
    Ok(text.split('\n').map(|line| format!("{pad}{line}")).collect::<Vec<_>>().join("\n"))
}

/// Exactly `count` characters: cut, or filled with spaces.
pub fn align(count: i64, text: &str, right: bool) -> Result<String, String> {
    let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    if length >= count {
        return Ok(if right { trunc(count.saturating_neg(), text) } else { trunc(count, text) });
    }
    let pad = repeat(" ", count - length)?;
    Ok(if right { format!("{pad}{text}") } else { format!("{text}{pad}") })
}

pub fn round(number: f64, places: i64, half: f64) -> f64 {
    let scale = 10f64.powi(i32::try_from(places.clamp(-300, 300)).unwrap_or(0));
    let scaled = number * scale;
    let rest = scaled.fract().abs();
    let whole = scaled.trunc();
    let rounded = if rest >= half { whole + scaled.signum() } else { whole };
    rounded / scale
}

/// Go's verbs `%s %v %d %f %e %g %x %X %q %t %c %%` with flags, width and precision.
pub fn printf(format: &str, args: &[Value]) -> String {
    let mut out = String::with_capacity(format.len());
    let mut args = args.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut flags = String::new();
        while let Some(flag) = chars.next_if(|c| "-+# 0".contains(*c)) {
            flags.push(flag);
        }
        let mut number = || {
            let mut digits = String::new();
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            digits.parse::<usize>().ok().map(|number| number.min(10_000))
        };
        let width = number();
        let precision = match chars.next_if_eq(&'.') {
            Some(_) => {
                let mut digits = String::new();
                while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                    digits.push(digit);
                }
                Some(digits.parse::<usize>().unwrap_or(0).min(100))
            }
            None => None,
        };
        let Some(verb) = chars.next() else {
            out.push_str("%!(NOVERB)");
            return out;
        };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(arg) = args.next() else {
            out.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        let shown = shown(verb, arg, precision, &flags);
        let length = shown.chars().count();
        let pad = width.unwrap_or(0).saturating_sub(length);
        let is_zero_padded =
            flags.contains('0') && !matches!(verb, 's' | 'v' | 'q') && !is_endless(arg);
        match (flags.contains('-'), is_zero_padded) {
            (true, _) => {
                out.push_str(&shown);
                out.extend(std::iter::repeat_n(' ', pad));
            }
            (false, true) => {
                let sign = usize::from(shown.starts_with(['-', '+']));
                out.push_str(&shown[..sign]);
                out.extend(std::iter::repeat_n('0', pad));
                out.push_str(&shown[sign..]);
            }
            (false, false) => {
                out.extend(std::iter::repeat_n(' ', pad));
                out.push_str(&shown);
            }
        }
    }
    out
}

/// An infinity, or no number at all.
fn is_endless(value: &Value) -> bool {
    matches!(value, Value::Float(number) if !number.is_finite())
}

fn shown(verb: char, arg: &Value, precision: Option<usize>, flags: &str) -> String {
    let signed = |text: String| {
        let is_plain = !text.starts_with(['-', '+']);
        if flags.contains('+') && is_plain { format!("+{text}") } else { text }
    };
    match (verb, arg) {
        ('s' | 'v', value) => match precision {
            Some(precision) if verb == 's' => value.text().chars().take(precision).collect(),
            _ => value.text(),
        },
        ('d', Value::Int(number)) => signed(number.to_string()),
        ('f' | 'F' | 'e', Value::Float(number)) if is_endless(arg) => signed(float_text(*number)),
        ('f' | 'F', Value::Float(number)) => signed(format!("{number:.*}", precision.unwrap_or(6))),
        ('e', Value::Float(number)) => {
            let text = format!("{number:.*e}", precision.unwrap_or(6));
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, size) =
                exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
            signed(format!("{digits}e{sign}{size:0>2}"))
        }
        ('g', Value::Float(number)) => signed(match precision {
            Some(precision) => general(*number, precision),
            None => float_text(*number),
        }),
        ('x', Value::Int(number)) => format!("{number:x}"),
        ('X', Value::Int(number)) => format!("{number:X}"),
        ('o', Value::Int(number)) => format!("{number:o}"),
        ('b', Value::Int(number)) => format!("{number:b}"),
        ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('X', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ('q', Value::Text(text)) => crate::promql::text::quote(text),
        ('t', Value::Bool(flag)) => flag.to_string(),
        ('c', Value::Int(code)) => u32::try_from(*code)
            .ok()
            .and_then(char::from_u32)
            .unwrap_or(char::REPLACEMENT_CHARACTER)
            .to_string(),
        (verb, Value::Text(text)) => format!("%!{verb}(string={text})"),
        (verb, Value::Int(number)) => format!("%!{verb}(int={number})"),
        (verb, Value::Float(number)) => {
            format!("%!{verb}(float64={})", float_text(*number))
        }
        (verb, value) => format!("%!{verb}({})", value.text()),
    }
}

/// Go's `%.{digits}g`: so many significant digits, without zeros at the end, with an exponent when it is large or small.
pub fn general(number: f64, digits: usize) -> String {
    if !number.is_finite() || number == 0.0 {
        return float_text(number);
    }
    let digits = digits.max(1);
    let text = format!("{number:.*e}", digits - 1);
    let (significand, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let most = i32::try_from(digits).unwrap_or(i32::MAX);
    if exponent < -4 || exponent >= most {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(significand), exponent.abs());
    }
    let decimals = usize::try_from(most - 1 - exponent).unwrap_or(0);
    trimmed(&format!("{number:.decimals$}"))
}

pub fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => {
                out.push(byte as char)
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

pub fn url_decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let byte =
                    digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                byte.ok_or_else(|| "invalid URL escape".to_owned())?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| "the text is not UTF-8".to_owned())
}

/// Text as HTML shows it, in text and in quoted attributes.
pub fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}
