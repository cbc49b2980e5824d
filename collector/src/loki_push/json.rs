//! The JSON body: `{"streams": [{"stream": {…}, "values": [["ns", "line", {…}]]}]}`.

use super::{Entry, Pushed, Stream, labels};
use crate::rejections::Rejections;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    streams: Vec<BodyStream>,
}

#[derive(Deserialize)]
struct BodyStream {
    #[serde(default)]
    stream: Map<String, Value>,
    #[serde(default)]
    values: Vec<Value>,
}

/// Reads a body; only what is not JSON of this shape refuses all of it.
pub fn read(body: &[u8]) -> Result<Pushed, String> {
    let body: Body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let (mut streams, mut rejected) = (Vec::new(), Rejections::default());
    for BodyStream { stream, values } in body.streams {
        let labels = texts(&stream).and_then(|labels| labels::check(&labels).map(|()| labels));
        match labels {
            Err(reason) => rejected.add(reason, "", values.len() as u64),
            Ok(labels) => {
                let mut entries = Vec::with_capacity(values.len());
                for value in &values {
                    match entry(value) {
                        Ok(entry) => entries.push(entry),
                        Err(reason) => rejected.add(reason.to_owned(), "", 1),
                    }
                }
                streams.push(Stream { labels, entries });
            }
        }
    }
    Ok((streams, rejected))
}

fn texts(object: &Map<String, Value>) -> Result<Vec<(String, String)>, String> {
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Ok((name.clone(), text.clone())),
        _ => Err("the value of a label is not a text".to_owned()),
    };
    object.iter().map(pair).collect()
}

fn entry(value: &Value) -> Result<Entry, &'static str> {
    let parts = value.as_array().ok_or("an entry is not a list")?;
    let (Some(time), Some(line)) = (parts.first(), parts.get(1)) else {
        return Err("an entry has no timestamp or no line");
    };
    let time = match time {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        _ => None,
    };
    let time = time.ok_or("a timestamp is not a number of nanoseconds")?;
    let line = line.as_str().ok_or("a line is not a text")?.to_owned();
    let structured = match parts.get(2) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Object(object)) => {
            texts(object).map_err(|_| "the value of structured metadata is not a text")?
        }
        Some(_) => return Err("structured metadata are not an object"),
    };
    Ok(Entry { time, line, structured })
}
