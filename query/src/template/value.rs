//! Values that templates compute with.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Nil,
    Text(String),
    Int(i64),
    Float(f64),
    Bool(bool),
    /// Unix nanoseconds.
    Time(i64),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
    /// Texts by name, where one that is missing is empty.
    Labels(Arc<BTreeMap<String, String>>),
}

impl Value {
    /// Whether a condition holds: what is empty or zero does not.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Text(text) => !text.is_empty(),
            Value::Int(number) => *number != 0,
            Value::Float(number) => *number != 0.0,
            Value::Bool(flag) => *flag,
            Value::Time(_) => true,
            Value::List(list) => !list.is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Labels(map) => !map.is_empty(),
        }
    }

    /// As the template's output shows it.
    pub fn text(&self) -> String {
        match self {
            Value::Nil => "<no value>".to_owned(),
            Value::Text(text) => text.clone(),
            Value::Int(number) => number.to_string(),
            Value::Float(number) => float_text(*number),
            Value::Bool(flag) => flag.to_string(),
            Value::Time(time) => {
                super::date::format("2006-01-02 15:04:05.999999999 -0700 MST", *time)
            }
            Value::List(list) => {
                let parts: Vec<String> = list.iter().map(Value::text).collect();
                format!("[{}]", parts.join(" "))
            }
            Value::Map(map) => {
                let parts: Vec<String> =
                    map.iter().map(|(key, value)| format!("{key}:{}", value.text())).collect();
                format!("map[{}]", parts.join(" "))
            }
            Value::Labels(map) => {
                let parts: Vec<String> =
                    map.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                format!("map[{}]", parts.join(" "))
            }
        }
    }

    /// As an integer, as Sprig's arithmetic reads values: what is no number is zero.
    pub fn int(&self) -> i64 {
        match self {
            Value::Int(number) => *number,
            Value::Float(number) => *number as i64,
            Value::Bool(flag) => i64::from(*flag),
            Value::Text(text) => {
                let text = text.trim();
                text.parse()
                    .ok()
                    .or_else(|| text.parse::<f64>().ok().map(|number| number as i64))
                    .unwrap_or(0)
            }
            _ => 0,
        }
    }

    pub fn float(&self) -> f64 {
        match self {
            Value::Int(number) => *number as f64,
            Value::Float(number) => *number,
            Value::Bool(flag) => f64::from(u8::from(*flag)),
            Value::Text(text) => text.trim().parse().unwrap_or(0.0),
            _ => 0.0,
        }
    }

    /// What this value has by a name.
    pub fn field(&self, name: &str) -> Value {
        match self {
            Value::Map(map) => map.get(name).cloned().unwrap_or(Value::Nil),
            Value::Labels(map) => Value::Text(map.get(name).cloned().unwrap_or_default()),
            _ => Value::Nil,
        }
    }
}

impl From<&Json> for Value {
    fn from(json: &Json) -> Value {
        match json {
            Json::Null => Value::Nil,
            Json::Bool(flag) => Value::Bool(*flag),
            Json::Number(number) => Value::Float(number.as_f64().unwrap_or(0.0)),
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(list) => Value::List(list.iter().map(Value::from).collect()),
            Json::Object(map) => Value::Map(
                map.iter().map(|(key, value)| (key.clone(), Value::from(value))).collect(),
            ),
        }
    }
}

/// As Go prints floats: the shortest digits that read back equal, with an exponent when that is less than −4 or more
/// than 5.
pub fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    let text = format!("{number:e}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    match exponent.parse::<i32>() {
        Ok(-4..6) => number.to_string(),
        Ok(exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        Err(_) => text,
    }
}
