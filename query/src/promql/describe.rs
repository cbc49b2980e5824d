//! Series as tests describe them: labels, then values with short forms for repetition. Prometheus's own test scripts and
//! the unit tests of rules are written so.

use super::histogram::{Histogram, ResetHint};
use super::labels::{Labels, METRIC_NAME};
use super::parse::parse_selector;
use super::series::STALE;
use super::text::parse_number;

/// Most values that a repetition stands for.
const REPEAT_MAX: usize = 10_000_000;

/// One value of a described series, or none.

#[derive(Debug, Clone, PartialEq)]
pub enum Point {
    Nothing,
    Float(f64),
    Histogram(Box<Histogram>),
}

/// `name{a="b"} 1 2+1x3 _ {{count:1}}`.
pub fn series(line: &str) -> Result<(Labels, Vec<Point>), String> {
    let end = metric_end(line);
    let labels = metric(line[..end].trim())?;
    let mut points = Vec::new();
    for item in items(&line[end..]) {
        points.extend(expand(&item).map_err(|reason| format!("{item}: {reason}"))?);
    }
    Ok((labels, points))
}

fn metric_end(line: &str) -> usize {
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < bytes.len() && !bytes[at].is_ascii_whitespace() && bytes[at] != b'{' {
        at += 1;
    }
    if bytes.get(at) != Some(&b'{') || line[at..].starts_with("{{") {
        return at;
    }
    let mut quote = None;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(open), byte) if byte == open => quote = None,
            (Some(b'"' | b'\''), b'\\') => at += 1,
            (None, byte @ (b'"' | b'\'' | b'`')) => quote = Some(byte),
            (None, b'}') => return at + 1,
            _ => {}
        }
        at += 1;
    }
    // A backslash at the end takes nothing with it.
    bytes.len()
}

/// `name{a="b"}`.
pub fn metric(text: &str) -> Result<Labels, String> {
    if matches!(text, "{}" | "") {
        return Ok(Labels::default());
    }
    let (name, braces) = text.split_at(text.find('{').unwrap_or(text.len()));
    // A keyword may be a name, and an empty set of labels is fine beside it.
    let probe = match braces.trim() {
        "" | "{}" => return Ok(Labels::new([(METRIC_NAME, name.trim())])),
        braces => parse_selector(braces).map_err(|error| error.message)?,
    };
    let pairs = probe.matchers.iter().map(|m| (m.name.to_string(), m.value.to_string()));
    let labels = Labels::new(pairs);
    Ok(if name.trim().is_empty() { labels } else { labels.with(METRIC_NAME, name.trim()) })
}

/// Parts between spaces that are not inside of a histogram.
fn items(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut depth = 0i32;
    for c in text.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c.is_whitespace() && depth == 0 {
            items.push(String::new());
        } else if let Some(item) = items.last_mut() {
            item.push(c);
        }
    }
    items.retain(|item| !item.is_empty());
    items
}

fn expand(item: &str) -> Result<Vec<Point>, String> {
    if item.starts_with("{{") {
        return expand_histogram(item);
    }
    if let Some(rest) = item.strip_prefix('_') {
        let count = if rest.is_empty() { 1 } else { times(rest)? };
        return Ok(vec![Point::Nothing; count]);
    }
    if item == "stale" {
        return Ok(vec![Point::Float(STALE)]);
    }
    let (numbers, count) = match item.rsplit_once('x') {
        Some((numbers, count)) => (numbers, repetitions(count)? + 1),
        None => (item, 1),
    };
    let (first, step) = first_and_step(numbers)?;
    let mut value = first;
    let values = (0..count).map(|_| {
        let now = value;
        value += step;
        Point::Float(now)
    });
    Ok(values.collect())
}

fn times(text: &str) -> Result<usize, String> {
    repetitions(text.strip_prefix('x').ok_or("expected a repetition")?)
}

fn repetitions(text: &str) -> Result<usize, String> {
    let count: usize = text.parse().map_err(|error| format!("{text}: {error}"))?;
    match count <= REPEAT_MAX {
        true => Ok(count),
        false => Err(format!("more than {REPEAT_MAX} repetitions")),
    }
}

/// `a`, `a+b` or `a-b`, where exponents have signs of their own.
fn first_and_step(text: &str) -> Result<(f64, f64), String> {
    let number = |text: &str| parse_number(text).ok_or_else(|| format!("{text} is not a number"));
    let bytes = text.as_bytes();
    let split = (1..bytes.len()).find(|at| {
        matches!(bytes[*at], b'+' | b'-') && !matches!(bytes[*at - 1], b'e' | b'E' | b'+' | b'-')
    });
    match split {
        Some(at) => Ok((number(&text[..at])?, number(&text[at..])?)),
        None => Ok((number(text)?, 0.0)),
    }
}

fn expand_histogram(item: &str) -> Result<Vec<Point>, String> {
    let end = item.find("}}").ok_or("the histogram does not end")? + 2;
    let first = histogram(&item[2..end - 2])?;
    let rest = &item[end..];
    let boxed = |histogram: &Histogram| Point::Histogram(Box::new(histogram.clone()));
    if rest.is_empty() {
        return Ok(vec![boxed(&first)]);
    }
    if rest.starts_with('x') {
        return Ok(vec![boxed(&first); times(rest)? + 1]);
    }
    let is_sum = rest.starts_with('+');
    let step_end = rest.find("}}").ok_or("the histogram does not end")? + 2;
    let step = histogram(rest[1..step_end].trim_start_matches("{{").trim_end_matches("}}"))?;
    let mut points = Vec::new();
    let mut now = first;
    for _ in 0..=times(&rest[step_end..])? {
        points.push(boxed(&now));
        let added = if is_sum { now.add(&step) } else { now.subtract(&step) };
        added.map_err(|_| "the histograms cannot be added")?;
    }
    Ok(points)
}

/// `schema:1 sum:2 count:3 buckets:[1 2]`.
fn histogram(text: &str) -> Result<Histogram, String> {
    let mut histogram = Histogram::default();
    let (mut positive, mut negative) = (Vec::new(), Vec::new());
    let (mut offset, mut negative_offset) = (0i32, 0i32);
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once(':').ok_or("expected key:value")?;
        let after = after.trim_start();
        let end = if after.starts_with('[') {
            after.find(']').ok_or("the list does not end")? + 1
        } else {
            after.find(char::is_whitespace).unwrap_or(after.len())
        };
        let (value, next) = after.split_at(end);
        rest = next.trim_start();
        let number = || parse_number(value).ok_or_else(|| format!("{value} is not a number"));
        let integer = || value.parse::<i32>().map_err(|error| error.to_string());
        match key.trim() {
            "schema" => histogram.schema = integer()?,
            "sum" => histogram.sum = number()?,
            "count" => histogram.count = number()?,
            "z_bucket" => histogram.zero_count = number()?,
            "z_bucket_w" => histogram.zero_threshold = number()?,
            "custom_values" => histogram.bounds = list(value)?.into(),
            "buckets" => positive = list(value)?,
            "offset" => offset = integer()?,
            "n_buckets" => negative = list(value)?,
            "n_offset" => negative_offset = integer()?,
            "counter_reset_hint" => histogram.hint = hint(value)?,
            other => return Err(format!("{other} is not known")),
        }
    }
    let place = |counts: Vec<f64>, offset: i32| {
        let indexes = (0i32..).map(|at| offset.saturating_add(at));
        counts.into_iter().zip(indexes).map(|(count, index)| (index, count)).collect()
    };
    histogram.positive = place(positive, offset);
    histogram.negative = place(negative, negative_offset);
    Ok(histogram)
}

fn list(text: &str) -> Result<Vec<f64>, String> {
    let inner = text.trim_start_matches('[').trim_end_matches(']');
    let numbers = inner.split_whitespace();
    numbers.map(|n| parse_number(n).ok_or_else(|| format!("{n} is not a number"))).collect()
}

fn hint(text: &str) -> Result<ResetHint, String> {
    Ok(match text {
        "unknown" => ResetHint::Unknown,
        "reset" => ResetHint::Reset,
        "not_reset" => ResetHint::NotReset,
        "gauge" => ResetHint::Gauge,
        other => return Err(format!("{other} is no hint")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn series_are_spelled_out() {
        let floats = |text: &str| {
            let (labels, points) = series(text).unwrap();
            let number = |point: &Point| match point {
                Point::Float(value) => value.to_string(),
                Point::Nothing => "_".to_owned(),
                Point::Histogram(histogram) => format!("h{}", histogram.count),
            };
            format!("{labels} {}", points.iter().map(number).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(floats("a{b=\"c d\"} 1+2x2 _x2 5"), r#"{__name__="a", b="c d"} 1 3 5 _ _ 5"#);
        assert_eq!(floats("a 1x1 {{count:2}}+{{count:1}}x1"), r#"{__name__="a"} 1 1 h2 h3"#);
        assert!(series("up{job=\"x\", instance=\"y\" 1").is_err());
        assert!(series("a 1x99999999999").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z{}\\[\\]:_x0-9+ .\"=-]{0,40}|\\PC{0,20}") {
            // A long repetition is only slow.
            prop_assume!(!text.contains("000"));
            let _ = series(&text);
        }
    }
}
