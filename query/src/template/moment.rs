//! The methods of times.

use super::date;
use super::value::Value;

/// A method of a time, in Unix nanoseconds; `None` when it has none by that name.
pub fn method(time: i64, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
    let number = |layout: &str| {
        let text = date::format(layout, time);
        text.trim().parse().map(Value::Int).map_err(|_| format!("{text} is no number"))
    };
    Some(match name {
        "Format" => match args {
            [layout] => Ok(Value::Text(date::format(&layout.text(), time))),
            _ => Err("Format needs one layout".to_owned()),
        },
        "UTC" | "Local" => Ok(Value::Time(time)),
        "Unix" => Ok(Value::Int(time.div_euclid(1_000_000_000))),
        "UnixMilli" => Ok(Value::Int(time.div_euclid(1_000_000))),
        "UnixNano" => Ok(Value::Int(time)),
        "Year" => number("2006"),
        "Month" => Ok(Value::Text(date::format("January", time))),
        "Weekday" => Ok(Value::Text(date::format("Monday", time))),
        "Day" => number("2"),
        "Hour" => number("15"),
        "Minute" => number("4"),
        "Second" => number("5"),
        "IsZero" => Ok(Value::Bool(false)),
        "String" => Ok(Value::Text(Value::Time(time).text())),
        _ => return None,
    })
}
