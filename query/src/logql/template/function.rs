//! The functions of templates: Go's own, Loki's, and those of Sprig that Loki has.

use super::date;
use super::text::{
    align, indent, printf, repeat, round, substr, title, trunc, url_decode, url_encode,
    without_prefix, without_suffix,
};
use super::value::Value;
use crate::logql::base64::{base64_decode, base64_encode};
use crate::logql::{line, unit};
use binnacle_storage::{Clock, SystemClock};
use parking_lot::Mutex;
use regex::Regex;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What functions know of the line.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub time: i64,
    pub text: &'a str,
}

type Args = Vec<Value>;
type Body = fn(&Args, Context<'_>) -> Result<Value, String>;

pub struct Function {
    name: &'static str,
    count_min: usize,
    count_max: usize,
    body: Body,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Function {
    pub fn call(&self, args: Args, context: Context<'_>) -> Result<Value, String> {
        if !(self.count_min..=self.count_max).contains(&args.len()) {
            return Err(format!(
                "wrong number of args for {}: want {} got {}",
                self.name,
                self.count_min,
                args.len()
            ));
        }
        (self.body)(&args, context)
            .map_err(|reason| format!("error calling {}: {reason}", self.name))
    }
}

pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

const MANY: usize = usize::MAX;

const fn fixed(name: &'static str, count: usize, body: Body) -> Function {
    Function { name, count_min: count, count_max: count, body }
}

const fn many(name: &'static str, count_min: usize, body: Body) -> Function {
    Function { name, count_min, count_max: MANY, body }
}

fn text(value: String) -> Result<Value, String> {
    Ok(Value::Text(value))
}

fn flag(value: bool) -> Result<Value, String> {
    Ok(Value::Bool(value))
}

/// The argument as a text.
fn s(args: &Args, at: usize) -> String {
    args[at].text()
}

static FUNCTIONS: &[Function] = &[
    // Go's own.
    many("and", 1, |a, _| {
        Ok(a.iter().find(|value| !value.is_true()).or(a.last()).cloned().unwrap_or(Value::Nil))
    }),
    many("or", 1, |a, _| {
        Ok(a.iter().find(|value| value.is_true()).or(a.last()).cloned().unwrap_or(Value::Nil))
    }),
    fixed("not", 1, |a, _| flag(!a[0].is_true())),
    many("eq", 2, |a, _| {
        for other in &a[1..] {
            if compare(&a[0], other)? == Ordering::Equal {
                return flag(true);
            }
        }
        flag(false)
    }),
    fixed("ne", 2, |a, _| flag(compare(&a[0], &a[1])?.is_ne())),
    fixed("lt", 2, |a, _| flag(compare(&a[0], &a[1])?.is_lt())),
    fixed("le", 2, |a, _| flag(compare(&a[0], &a[1])?.is_le())),
    fixed("gt", 2, |a, _| flag(compare(&a[0], &a[1])?.is_gt())),
    fixed("ge", 2, |a, _| flag(compare(&a[0], &a[1])?.is_ge())),
    fixed("len", 1, |a, _| match &a[0] {
        Value::Text(text) => Ok(Value::Int(text.len() as i64)),
        Value::List(list) => Ok(Value::Int(list.len() as i64)),
        Value::Map(map) => Ok(Value::Int(map.len() as i64)),
        other => Err(format!("len of {}", other.text())),
    }),
    many("index", 1, |a, _| a[1..].iter().try_fold(a[0].clone(), |value, key| index(&value, key))),
    many("print", 0, |a, _| text(a.iter().map(Value::text).collect::<Vec<_>>().join(""))),
    many("println", 0, |a, _| {
        text(format!("{}\n", a.iter().map(Value::text).collect::<Vec<_>>().join(" ")))
    }),
    many("printf", 1, |a, _| text(printf(&s(a, 0), &a[1..]))),
    fixed("urlquery", 1, |a, _| text(url_encode(&s(a, 0)))),
    fixed("html", 1, |a, _| {
        text(
            s(a, 0)
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&#34;")
                .replace('\'', "&#39;"),
        )
    }),
    // The line.
    fixed("__line__", 0, |_, context| text(context.text.to_owned())),
    fixed("__timestamp__", 0, |_, context| Ok(Value::Time(context.time))),
    // Texts.
    fixed("ToLower", 1, |a, _| text(s(a, 0).to_lowercase())),
    fixed("lower", 1, |a, _| text(s(a, 0).to_lowercase())),
    fixed("ToUpper", 1, |a, _| text(s(a, 0).to_uppercase())),
    fixed("upper", 1, |a, _| text(s(a, 0).to_uppercase())),
    fixed("title", 1, |a, _| text(title(&s(a, 0)))),
    fixed("Replace", 4, |a, _| {
        let (from, to) = (s(a, 1), s(a, 2));
        match a[3].int() {
            count if count < 0 => text(s(a, 0).replace(&from, &to)),
            count => text(s(a, 0).replacen(&from, &to, count as usize)),
        }
    }),
    fixed("replace", 3, |a, _| text(s(a, 2).replace(&s(a, 0), &s(a, 1)))),
    fixed("Trim", 2, |a, _| text(s(a, 0).trim_matches(|c| s(a, 1).contains(c)).to_owned())),
    fixed("TrimLeft", 2, |a, _| {
        text(s(a, 0).trim_start_matches(|c| s(a, 1).contains(c)).to_owned())
    }),
    fixed("TrimRight", 2, |a, _| {
        text(s(a, 0).trim_end_matches(|c| s(a, 1).contains(c)).to_owned())
    }),
    fixed("TrimPrefix", 2, |a, _| text(without_prefix(&s(a, 0), &s(a, 1)))),
    fixed("TrimSuffix", 2, |a, _| text(without_suffix(&s(a, 0), &s(a, 1)))),
    fixed("TrimSpace", 1, |a, _| text(s(a, 0).trim().to_owned())),
    fixed("trim", 1, |a, _| text(s(a, 0).trim().to_owned())),
    fixed("trimAll", 2, |a, _| text(s(a, 1).trim_matches(|c| s(a, 0).contains(c)).to_owned())),
    fixed("trimPrefix", 2, |a, _| text(without_prefix(&s(a, 1), &s(a, 0)))),
    fixed("trimSuffix", 2, |a, _| text(without_suffix(&s(a, 1), &s(a, 0)))),
    fixed("trunc", 2, |a, _| text(trunc(a[0].int(), &s(a, 1)))),
    fixed("substr", 3, |a, _| text(substr(a[0].int(), a[1].int(), &s(a, 2)))),
    fixed("contains", 2, |a, _| flag(s(a, 1).contains(&s(a, 0)))),
    fixed("hasPrefix", 2, |a, _| flag(s(a, 1).starts_with(&s(a, 0)))),
    fixed("hasSuffix", 2, |a, _| flag(s(a, 1).ends_with(&s(a, 0)))),
    fixed("indent", 2, |a, _| indent(a[0].int(), &s(a, 1)).map(Value::Text)),
    fixed("nindent", 2, |a, _| text(format!("\n{}", indent(a[0].int(), &s(a, 1))?))),
    fixed("repeat", 2, |a, _| repeat(&s(a, 1), a[0].int()).map(Value::Text)),
    fixed("alignLeft", 2, |a, _| align(a[0].int(), &s(a, 1), false).map(Value::Text)),
    fixed("alignRight", 2, |a, _| align(a[0].int(), &s(a, 1), true).map(Value::Text)),
    fixed("regexReplaceAll", 3, |a, _| {
        text(pattern(a)?.replace_all(&s(a, 1), s(a, 2).as_str()).into_owned())
    }),
    fixed("regexReplaceAllLiteral", 3, |a, _| {
        text(pattern(a)?.replace_all(&s(a, 1), regex::NoExpand(&s(a, 2))).into_owned())
    }),
    fixed("count", 2, |a, _| Ok(Value::Int(pattern(a)?.find_iter(&s(a, 1)).count() as i64))),
    fixed("urlencode", 1, |a, _| text(url_encode(&s(a, 0)))),
    fixed("urldecode", 1, |a, _| url_decode(&s(a, 0)).map(Value::Text)),
    fixed("b64enc", 1, |a, _| text(base64_encode(s(a, 0).as_bytes()))),
    fixed("b64dec", 1, |a, _| text(base64_decode(&s(a, 0)).unwrap_or_else(|reason| reason))),
    fixed("default", 2, |a, _| Ok(if a[1].is_true() { a[1].clone() } else { a[0].clone() })),
    fixed("fromJson", 1, |a, _| {
        let json: Result<serde_json::Value, _> = serde_json::from_str(&s(a, 0));
        Ok(json.map_or(Value::Nil, |json| Value::from(&json)))
    }),
    // Numbers.
    fixed("int", 1, |a, _| Ok(Value::Int(a[0].int()))),
    fixed("float64", 1, |a, _| Ok(Value::Float(a[0].float()))),
    many("add", 1, |a, _| {
        Ok(Value::Int(a.iter().fold(0, |sum, value| sum.wrapping_add(value.int()))))
    }),
    fixed("sub", 2, |a, _| Ok(Value::Int(a[0].int().wrapping_sub(a[1].int())))),
    many("mul", 1, |a, _| {
        Ok(Value::Int(a.iter().fold(1, |product: i64, value| product.wrapping_mul(value.int()))))
    }),
    fixed("div", 2, |a, _| {
        a[0].int()
            .checked_div(a[1].int())
            .map(Value::Int)
            .ok_or_else(|| "divide by zero".to_owned())
    }),
    fixed("mod", 2, |a, _| {
        a[0].int()
            .checked_rem(a[1].int())
            .map(Value::Int)
            .ok_or_else(|| "divide by zero".to_owned())
    }),
    many("addf", 1, |a, _| Ok(Value::Float(a.iter().map(Value::float).sum()))),
    many("subf", 1, |a, _| {
        Ok(Value::Float(a[1..].iter().fold(a[0].float(), |left, value| left - value.float())))
    }),
    many("mulf", 1, |a, _| Ok(Value::Float(a.iter().map(Value::float).product()))),
    many("divf", 1, |a, _| {
        Ok(Value::Float(a[1..].iter().fold(a[0].float(), |left, value| left / value.float())))
    }),
    many("max", 1, |a, _| Ok(Value::Int(a.iter().map(Value::int).max().unwrap_or(0)))),
    many("min", 1, |a, _| Ok(Value::Int(a.iter().map(Value::int).min().unwrap_or(0)))),
    many("maxf", 1, |a, _| {
        Ok(Value::Float(a.iter().map(Value::float).fold(f64::NEG_INFINITY, f64::max)))
    }),
    many("minf", 1, |a, _| {
        Ok(Value::Float(a.iter().map(Value::float).fold(f64::INFINITY, f64::min)))
    }),
    fixed("ceil", 1, |a, _| Ok(Value::Float(a[0].float().ceil()))),
    fixed("floor", 1, |a, _| Ok(Value::Float(a[0].float().floor()))),
    Function {
        name: "round",
        count_min: 2,
        count_max: 3,
        body: |a, _| {
            let half = a.get(2).map_or(0.5, Value::float);
            Ok(Value::Float(round(a[0].float(), a[1].int(), half)))
        },
    },
    fixed("bytes", 1, |a, _| {
        let bytes =
            unit::parse_bytes(&s(a, 0)).ok_or_else(|| format!("{:?} is not a size", s(a, 0)))?;
        Ok(Value::Float(bytes as f64))
    }),
    fixed("duration", 1, |a, _| seconds(&s(a, 0))),
    fixed("duration_seconds", 1, |a, _| seconds(&s(a, 0))),
    // Times.
    fixed("now", 0, |_, _| Ok(Value::Time(SystemClock.now().0))),
    fixed("date", 2, |a, _| text(date::format(&s(a, 0), time(&a[1])))),
    fixed("toDate", 2, |a, _| Ok(Value::Time(date::parse(&s(a, 0), &s(a, 1)).unwrap_or(0)))),
    fixed("toDateInZone", 3, |a, _| Ok(Value::Time(date::parse(&s(a, 0), &s(a, 2)).unwrap_or(0)))),
    fixed("unixEpoch", 1, |a, _| text(time(&a[0]).div_euclid(1_000_000_000).to_string())),
    fixed("unixEpochMillis", 1, |a, _| text(time(&a[0]).div_euclid(1_000_000).to_string())),
    fixed("unixEpochNanos", 1, |a, _| text(time(&a[0]).to_string())),
    fixed("unixToTime", 1, |a, _| unix_to_time(&s(a, 0)).map(Value::Time)),
];

fn compare(left: &Value, right: &Value) -> Result<Ordering, String> {
    use Value::{Bool, Float, Int, Nil, Text, Time};
    match (left, right) {
        (Text(a), Text(b)) => Ok(a.cmp(b)),
        (Int(a), Int(b)) | (Time(a), Time(b)) => Ok(a.cmp(b)),
        (Int(_) | Float(_), Int(_) | Float(_)) => left
            .float()
            .partial_cmp(&right.float())
            .ok_or_else(|| "a number is not comparable".to_owned()),
        (Bool(a), Bool(b)) => Ok(a.cmp(b)),
        (Nil, Nil) => Ok(Ordering::Equal),
        _ => Err("incompatible types for comparison".to_owned()),
    }
}

fn index(value: &Value, key: &Value) -> Result<Value, String> {
    match value {
        Value::Map(map) => Ok(map.get(&key.text()).cloned().unwrap_or(Value::Text(String::new()))),
        Value::List(list) => {
            let at = usize::try_from(key.int()).ok();
            at.and_then(|at| list.get(at))
                .cloned()
                .ok_or_else(|| format!("index out of range: {}", key.text()))
        }
        other => Err(format!("can't index {}", other.text())),
    }
}

/// Expressions that templates used lately: nearly always the same few, for every line.
static PATTERNS: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);

/// Most expressions that are held to be used again.
const PATTERNS_MAX: usize = 64;

fn pattern(args: &Args) -> Result<Regex, String> {
    let text = s(args, 0);
    if let Some(regex) = PATTERNS.lock().get(&text) {
        return Ok(regex.clone());
    }
    let regex = line::regex(&text)?;
    let mut patterns = PATTERNS.lock();
    if patterns.len() >= PATTERNS_MAX {
        patterns.clear();
    }
    patterns.insert(text, regex.clone());
    Ok(regex)
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
