//! The functions of LogQL's templates: Loki's, and those of Sprig that Loki has.

use crate::logql::base64::{base64_decode, base64_encode};
use crate::logql::unit;
use crate::template::text::{
    align, indent, repeat, round, substr, title, trunc, url_decode, url_encode, without_prefix,
    without_suffix,
};
use crate::template::{self, Body, Function, Value, date};
use binnacle_storage::{Clock, SystemClock};
use regex::Regex;

fn text(value: String) -> Result<Value, String> {
    Ok(Value::Text(value))
}

fn flag(value: bool) -> Result<Value, String> {
    Ok(Value::Bool(value))
}

/// The argument as a text.
fn s(args: &[Value], at: usize) -> String {
    args[at].text()
}

pub static FUNCTIONS: &[Function] = &[
    // The line.
    Function::ask("__line__", 0),
    Function::ask("__timestamp__", 0),
    // Texts.
    Function::fixed("ToLower", 1, |a| text(s(a, 0).to_lowercase())),
    Function::fixed("lower", 1, |a| text(s(a, 0).to_lowercase())),
    Function::fixed("ToUpper", 1, |a| text(s(a, 0).to_uppercase())),
    Function::fixed("upper", 1, |a| text(s(a, 0).to_uppercase())),
    Function::fixed("title", 1, |a| text(title(&s(a, 0)))),
    Function::fixed("Replace", 4, |a| {
        let (from, to) = (s(a, 1), s(a, 2));
        match a[3].int() {
            count if count < 0 => text(s(a, 0).replace(&from, &to)),
            count => text(s(a, 0).replacen(&from, &to, count as usize)),
        }
    }),
    Function::fixed("replace", 3, |a| text(s(a, 2).replace(&s(a, 0), &s(a, 1)))),
    Function::fixed("Trim", 2, |a| text(s(a, 0).trim_matches(|c| s(a, 1).contains(c)).to_owned())),
    Function::fixed("TrimLeft", 2, |a| {
        text(s(a, 0).trim_start_matches(|c| s(a, 1).contains(c)).to_owned())
    }),
    Function::fixed("TrimRight", 2, |a| {
        text(s(a, 0).trim_end_matches(|c| s(a, 1).contains(c)).to_owned())
    }),
    Function::fixed("TrimPrefix", 2, |a| text(without_prefix(&s(a, 0), &s(a, 1)))),
    Function::fixed("TrimSuffix", 2, |a| text(without_suffix(&s(a, 0), &s(a, 1)))),
    Function::fixed("TrimSpace", 1, |a| text(s(a, 0).trim().to_owned())),
    Function::fixed("trim", 1, |a| text(s(a, 0).trim().to_owned())),
    Function::fixed("trimAll", 2, |a| {
        text(s(a, 1).trim_matches(|c| s(a, 0).contains(c)).to_owned())
    }),
    Function::fixed("trimPrefix", 2, |a| text(without_prefix(&s(a, 1), &s(a, 0)))),
    Function::fixed("trimSuffix", 2, |a| text(without_suffix(&s(a, 1), &s(a, 0)))),
    Function::fixed("trunc", 2, |a| text(trunc(a[0].int(), &s(a, 1)))),
    Function::fixed("substr", 3, |a| text(substr(a[0].int(), a[1].int(), &s(a, 2)))),
    Function::fixed("contains", 2, |a| flag(s(a, 1).contains(&s(a, 0)))),
    Function::fixed("hasPrefix", 2, |a| flag(s(a, 1).starts_with(&s(a, 0)))),
    Function::fixed("hasSuffix", 2, |a| flag(s(a, 1).ends_with(&s(a, 0)))),
    Function::fixed("indent", 2, |a| indent(a[0].int(), &s(a, 1)).map(Value::Text)),
    Function::fixed("nindent", 2, |a| text(format!("\n{}", indent(a[0].int(), &s(a, 1))?))),
    Function::fixed("repeat", 2, |a| repeat(&s(a, 1), a[0].int()).map(Value::Text)),
    Function::fixed("alignLeft", 2, |a| align(a[0].int(), &s(a, 1), false).map(Value::Text)),
    Function::fixed("alignRight", 2, |a| align(a[0].int(), &s(a, 1), true).map(Value::Text)),
    Function::fixed("regexReplaceAll", 3, |a| {
        text(pattern(a)?.replace_all(&s(a, 1), s(a, 2).as_str()).into_owned())
    }),
    Function::fixed("regexReplaceAllLiteral", 3, |a| {
        text(pattern(a)?.replace_all(&s(a, 1), regex::NoExpand(&s(a, 2))).into_owned())
    }),
    Function::fixed("count", 2, |a| Ok(Value::Int(pattern(a)?.find_iter(&s(a, 1)).count() as i64))),
    Function::fixed("urlencode", 1, |a| text(url_encode(&s(a, 0)))),
    Function::fixed("urldecode", 1, |a| url_decode(&s(a, 0)).map(Value::Text)),
    Function::fixed("b64enc", 1, |a| text(base64_encode(s(a, 0).as_bytes()))),
    Function::fixed("b64dec", 1, |a| text(base64_decode(&s(a, 0)).unwrap_or_else(|reason| reason))),
    Function::fixed("default", 2, |a| Ok(if a[1].is_true() { a[1].clone() } else { a[0].clone() })),
    Function::fixed("fromJson", 1, |a| {
        let json: Result<serde_json::Value, _> = serde_json::from_str(&s(a, 0));
        Ok(json.map_or(Value::Nil, |json| Value::from(&json)))
    }),
    // Numbers.
    Function::fixed("int", 1, |a| Ok(Value::Int(a[0].int()))),
    Function::fixed("float64", 1, |a| Ok(Value::Float(a[0].float()))),
    Function::many("add", 1, |a| {
        Ok(Value::Int(a.iter().fold(0, |sum, value| sum.wrapping_add(value.int()))))
    }),
    Function::fixed("sub", 2, |a| Ok(Value::Int(a[0].int().wrapping_sub(a[1].int())))),
    Function::many("mul", 1, |a| {
        Ok(Value::Int(a.iter().fold(1, |product: i64, value| product.wrapping_mul(value.int()))))
    }),
    Function::fixed("div", 2, |a| {
        a[0].int()
            .checked_div(a[1].int())
            .map(Value::Int)
            .ok_or_else(|| "divide by zero".to_owned())
    }),
    Function::fixed("mod", 2, |a| {
        a[0].int()
            .checked_rem(a[1].int())
            .map(Value::Int)
            .ok_or_else(|| "divide by zero".to_owned())
    }),
    Function::many("addf", 1, |a| Ok(Value::Float(a.iter().map(Value::float).sum()))),
    Function::many("subf", 1, |a| {
        Ok(Value::Float(a[1..].iter().fold(a[0].float(), |left, value| left - value.float())))
    }),
    Function::many("mulf", 1, |a| Ok(Value::Float(a.iter().map(Value::float).product()))),
    Function::many("divf", 1, |a| {
        Ok(Value::Float(a[1..].iter().fold(a[0].float(), |left, value| left / value.float())))
    }),
    Function::many("max", 1, |a| Ok(Value::Int(a.iter().map(Value::int).max().unwrap_or(0)))),
    Function::many("min", 1, |a| Ok(Value::Int(a.iter().map(Value::int).min().unwrap_or(0)))),
    Function::many("maxf", 1, |a| {
        Ok(Value::Float(a.iter().map(Value::float).fold(f64::NEG_INFINITY, f64::max)))
    }),
    Function::many("minf", 1, |a| {
        Ok(Value::Float(a.iter().map(Value::float).fold(f64::INFINITY, f64::min)))
    }),
    Function::fixed("ceil", 1, |a| Ok(Value::Float(a[0].float().ceil()))),
    Function::fixed("floor", 1, |a| Ok(Value::Float(a[0].float().floor()))),
    Function {
        name: "round",
        count_min: 2,
        count_max: 3,
        body: Body::Pure(|a| {
            let half = a.get(2).map_or(0.5, Value::float);
            Ok(Value::Float(round(a[0].float(), a[1].int(), half)))
        }),
    },
    Function::fixed("bytes", 1, |a| {
        let bytes =
            unit::parse_bytes(&s(a, 0)).ok_or_else(|| format!("{:?} is not a size", s(a, 0)))?;
        Ok(Value::Float(bytes as f64))
    }),
    Function::fixed("duration", 1, |a| seconds(&s(a, 0))),
    Function::fixed("duration_seconds", 1, |a| seconds(&s(a, 0))),
    // Times.
    Function::fixed("now", 0, |_| Ok(Value::Time(SystemClock.now().0))),
    Function::fixed("date", 2, |a| text(date::format(&s(a, 0), time(&a[1])))),
    Function::fixed("toDate", 2, |a| Ok(Value::Time(date::parse(&s(a, 0), &s(a, 1)).unwrap_or(0)))),
    Function::fixed("toDateInZone", 3, |a| {
        Ok(Value::Time(date::parse(&s(a, 0), &s(a, 2)).unwrap_or(0)))
    }),
    Function::fixed("unixEpoch", 1, |a| text(time(&a[0]).div_euclid(1_000_000_000).to_string())),
    Function::fixed("unixEpochMillis", 1, |a| text(time(&a[0]).div_euclid(1_000_000).to_string())),
    Function::fixed("unixEpochNanos", 1, |a| text(time(&a[0]).to_string())),
    Function::fixed("unixToTime", 1, |a| unix_to_time(&s(a, 0)).map(Value::Time)),
];

fn pattern(args: &[Value]) -> Result<Regex, String> {
    template::regex(&s(args, 0))
}

fn seconds(text: &str) -> Result<Value, String> {
    let nanoseconds =
        unit::parse_duration(text).ok_or_else(|| format!("invalid duration {text:?}"))?;
    Ok(Value::Float(nanoseconds as f64 / 1e9))
}

fn time(value: &Value) -> i64 {
    match value {
        Value::Time(time) => *time,
        Value::Int(seconds) => seconds.saturating_mul(1_000_000_000),
        other => other.int().saturating_mul(1_000_000_000),
    }
}

/// By the number of digits: days, seconds, or finer.
fn unix_to_time(text: &str) -> Result<i64, String> {
    let number: i64 = text.parse().map_err(|_| format!("unable to parse time '{text}'"))?;
    let unit = match text.trim_start_matches('-').len() {
        5 => 86_400_000_000_000,
        10 => 1_000_000_000,
        13 => 1_000_000,
        16 => 1_000,
        19 => 1,
        _ => return Err(format!("unable to parse time '{text}': unknown length")),
    };
    number.checked_mul(unit).ok_or_else(|| format!("the time '{text}' is out of range"))
}
