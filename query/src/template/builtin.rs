//! The functions that every Go template has.

use super::function::Function;
use super::text::{html, printf, url_encode};
use super::value::Value;
use std::cmp::Ordering;

fn text(value: String) -> Result<Value, String> {
    Ok(Value::Text(value))
}

fn flag(value: bool) -> Result<Value, String> {
    Ok(Value::Bool(value))
}

/// `and` and `or` are evaluated one argument at a time elsewhere; here are the rest of their rules.
pub static BUILTINS: &[Function] = &[
    Function::many("and", 1, |a| {
        Ok(a.iter().find(|value| !value.is_true()).or(a.last()).cloned().unwrap_or(Value::Nil))
    }),
    Function::many("or", 1, |a| {
        Ok(a.iter().find(|value| value.is_true()).or(a.last()).cloned().unwrap_or(Value::Nil))
    }),
    Function::fixed("not", 1, |a| flag(!a[0].is_true())),
    Function::many("eq", 2, |a| {
        for other in &a[1..] {
            if compare(&a[0], other)? == Some(Ordering::Equal) {
                return flag(true);
            }
        }
        flag(false)
    }),
    Function::fixed("ne", 2, |a| flag(compare(&a[0], &a[1])? != Some(Ordering::Equal))),
    Function::fixed("lt", 2, |a| flag(compare(&a[0], &a[1])? == Some(Ordering::Less))),
    Function::fixed("le", 2, |a| {
        flag(matches!(compare(&a[0], &a[1])?, Some(Ordering::Less | Ordering::Equal)))
    }),
    Function::fixed("gt", 2, |a| {
        flag(!matches!(compare(&a[0], &a[1])?, Some(Ordering::Less | Ordering::Equal)))
    }),
    Function::fixed("ge", 2, |a| flag(compare(&a[0], &a[1])? != Some(Ordering::Less))),
    Function::fixed("len", 1, |a| match &a[0] {
        Value::Text(text) => Ok(Value::Int(text.len() as i64)),
        Value::List(list) => Ok(Value::Int(list.len() as i64)),
        Value::Map(map) => Ok(Value::Int(map.len() as i64)),
        Value::Labels(map) => Ok(Value::Int(map.len() as i64)),
        other => Err(format!("len of {}", other.text())),
    }),
    Function::many("index", 1, |a| {
        a[1..].iter().try_fold(a[0].clone(), |value, key| index(&value, key))
    }),
    Function::many("slice", 1, |a| slice(&a[0], &a[1..])),
    Function::many("print", 0, |a| text(print(a))),
    Function::many("println", 0, |a| {
        text(format!("{}\n", a.iter().map(Value::text).collect::<Vec<_>>().join(" ")))
    }),
    Function::many("printf", 1, |a| text(printf(&a[0].text(), &a[1..]))),
    Function::fixed("urlquery", 1, |a| text(url_encode(&a[0].text()))),
    Function::fixed("html", 1, |a| text(html(&a[0].text()))),
    Function::fixed("js", 1, |a| text(js(&a[0].text()))),
];

fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c if c < ' ' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// A space stands between two neighbours neither of which is a text.
fn print(args: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in args.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        if at > 0 && !is_text(value) && !is_text(&args[at - 1]) {
            out.push(' ');
        }
        out.push_str(&value.text());
    }
    out
}

/// `None` when a number is none. What is not less is then greater or equal, as Go has it.
fn compare(left: &Value, right: &Value) -> Result<Option<Ordering>, String> {
    use Value::{Bool, Float, Int, Nil, Text, Time};
    match (left, right) {
        (Text(a), Text(b)) => Ok(Some(a.cmp(b))),
        (Int(a), Int(b)) | (Time(a), Time(b)) => Ok(Some(a.cmp(b))),
        (Int(_) | Float(_), Int(_) | Float(_)) => Ok(left.float().partial_cmp(&right.float())),
        (Bool(a), Bool(b)) => Ok(Some(a.cmp(b))),
        (Nil, Nil) => Ok(Some(Ordering::Equal)),
        _ => Err("incompatible types for comparison".to_owned()),
    }
}

fn index(value: &Value, key: &Value) -> Result<Value, String> {
    match value {
        Value::Map(map) => Ok(map.get(&key.text()).cloned().unwrap_or(Value::Text(String::new()))),
        Value::Labels(map) => Ok(Value::Text(map.get(&key.text()).cloned().unwrap_or_default())),
        Value::List(list) => {
            let at = usize::try_from(key.int()).ok();
            at.and_then(|at| list.get(at))
                .cloned()
                .ok_or_else(|| format!("index out of range: {}", key.text()))
        }
        other => Err(format!("can't index {}", other.text())),
    }
}

fn slice(value: &Value, bounds: &[Value]) -> Result<Value, String> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.len(),
        other => return Err(format!("can't slice {}", other.text())),
    };
    let bound = |at: usize, default: usize| match bounds.get(at) {
        None => Ok(default),
        Some(bound) => usize::try_from(bound.int())
            .ok()
            .filter(|bound| *bound <= length)
            .ok_or_else(|| format!("index out of range: {}", bound.text())),
    };
    let (start, end) = (bound(0, 0)?, bound(1, length)?);
    let wrong = || format!("invalid slice index: {start} > {end}");
    match value {
        Value::Text(text) => {
            text.get(start..end).map(|part| Value::Text(part.to_owned())).ok_or_else(wrong)
        }
        Value::List(list) => {
            list.get(start..end).map(|part| Value::List(part.to_vec())).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}
