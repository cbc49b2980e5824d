//! The Prometheus text format, version 0.0.4.

use super::line::{Line, Parsed, number, unescape};
use super::{Invalid, Item, Sample};
use crate::remote_write::MetricType;

pub fn parse<'a>(body: &'a str, take: &mut dyn FnMut(Item<'a>)) -> Result<(), Invalid> {
    for (index, text) in body.split('\n').enumerate() {
        let invalid = |message| Invalid { line: index + 1, message };
        let text = text.strip_suffix('\r').unwrap_or(text);
        let mut line = Line::new(text);
        line.skip_blanks();
        if line.is_done() {
            continue;
        }
        let item = if line.take('#') { comment(line) } else { sample(line).map(Some) };
        if let Some(item) = item.map_err(invalid)? {
            take(item);
        }
    }
    Ok(())
}

/// `HELP` and `TYPE`; any other comment says nothing.
fn comment<'a>(mut line: Line<'a>) -> Parsed<Option<Item<'a>>> {
    line.skip_blanks();
    let word = line.word();
    if word != "HELP" && word != "TYPE" {
        return Ok(None);
    }
    line.skip_blanks();
    let name = line.metric_name()?;
    line.skip_blanks();
    if word == "HELP" {
        return Ok(Some(Item::Help { name, text: unescape(line.rest(), false) }));
    }
    let kind = match line.word() {
        "counter" => MetricType::Counter,
        "gauge" => MetricType::Gauge,
        "histogram" => MetricType::Histogram,
        "summary" => MetricType::Summary,
        "untyped" | "unknown" => MetricType::Unknown,
        _ => return Err("unknown type of a metric"),
    };
    line.skip_blanks();
    if line.is_done() { Ok(Some(Item::Type { name, kind })) } else { Err("text after a type") }
}

fn sample<'a>(mut line: Line<'a>) -> Parsed<Item<'a>> {
    let mut name = None;
    if !line.rest().starts_with('{') {
        name = Some(line.metric_name()?);
        line.skip_blanks();
    }
    let labels = line.labels(&mut name)?;
    let name = name.ok_or("a sample has no name")?;
    line.skip_blanks();
    let value = number(line.word())?;
    line.skip_blanks();
    let time = match line.word() {
        "" => None,
        word => Some(word.parse::<i64>().map_err(|_| "expected a timestamp in milliseconds")?),
    };
    line.skip_blanks();
    if !line.is_done() {
        return Err("text after a sample");
    }
    Ok(Item::Sample(Sample { name, labels, value, time, exemplar: None }))
}
