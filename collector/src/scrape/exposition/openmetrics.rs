//! OpenMetrics 1.0 text.

use super::line::{Line, Parsed, number, unescape};
use super::{Exemplar, Invalid, Item, Sample};
use crate::remote_write::MetricType;

pub fn parse<'a>(body: &'a str, take: &mut dyn FnMut(Item<'a>)) -> Result<(), Invalid> {
    let mut is_ended = false;
    let mut lines = 0;
    // What follows the last line feed is no line unless there is something.
    let whole = body.strip_suffix('\n').unwrap_or(body);
    for (index, text) in whole.split('\n').enumerate().filter(|_| !whole.is_empty()) {
        lines = index + 1;
        let invalid = |message| Invalid { line: index + 1, message };
        if is_ended && !text.is_empty() {
            return Err(invalid("text after # EOF"));
        }
        if text == "# EOF" {
            is_ended = true;
        } else if let Some(comment) = text.strip_prefix("# ") {
            take(descriptor(Line::new(comment)).map_err(invalid)?);
        } else if !text.is_empty() {
            take(sample(Line::new(text)).map_err(invalid)?);
        } else if !is_ended {
            return Err(invalid("an empty line"));
        }
    }
    if is_ended {
        Ok(())
    } else {
        Err(Invalid { line: lines, message: "# EOF is missing at the end" })
    }
}

fn descriptor<'a>(mut line: Line<'a>) -> Parsed<Item<'a>> {
    let word = line.word();
    if !line.take(' ') {
        return Err("expected HELP, TYPE, UNIT or EOF after #");
    }
    let name = line.metric_name()?;
    let has_text = line.take(' ');
    match word {
        "HELP" if has_text || line.is_done() => {
            Ok(Item::Help { name, text: unescape(line.rest(), true) })
        }
        "UNIT" if has_text || line.is_done() => Ok(Item::Unit { name, unit: line.rest() }),
        "TYPE" => kind(line.rest()).map(|kind| Item::Type { name, kind }),
        _ => Err("expected HELP, TYPE, UNIT or EOF after #"),
    }
}

fn kind(word: &str) -> Parsed<MetricType> {
    Ok(match word {
        "counter" => MetricType::Counter,
        "gauge" => MetricType::Gauge,
        "histogram" => MetricType::Histogram,
        "gaugehistogram" => MetricType::GaugeHistogram,
        "summary" => MetricType::Summary,
        "info" => MetricType::Info,
        "stateset" => MetricType::StateSet,
        "unknown" => MetricType::Unknown,
        _ => return Err("unknown type of a metric"),
    })
}

fn sample<'a>(mut line: Line<'a>) -> Parsed<Item<'a>> {
    let mut name = None;
    if !line.rest().starts_with('{') {
        name = Some(line.metric_name()?);
    }
    let labels = line.labels(&mut name)?;
    let name = name.ok_or("a sample has no name")?;
    if !line.take(' ') {
        return Err("expected a space before the value");
    }
    let (value, time) = value_and_time(&mut line)?;
    let mut exemplar = None;
    if line.take('#') {
        if !line.take(' ') || !line.rest().starts_with('{') {
            return Err("expected the labels of an exemplar");
        }
        // No name to find among them.
        let labels = line.labels(&mut Some("".into()))?;
        if !line.take(' ') {
            return Err("expected a space before the value of an exemplar");
        }
        let (value, time) = value_and_time(&mut line)?;
        exemplar = Some(Exemplar { labels, value, time });
    }
    if !line.is_done() {
        return Err("text after a sample");
    }
    Ok(Item::Sample(Sample { name, labels, value, time, exemplar }))
}

/// A value and perhaps a time; stops before a `#` or at the end.
fn value_and_time(line: &mut Line<'_>) -> Parsed<(f64, Option<i64>)> {
    let value = number(line.word())?;
    let mut time = None;
    if line.take(' ') && !line.rest().starts_with('#') {
        time = Some(seconds(line.word())?);
        line.take(' ');
    }
    Ok((value, time))
}

/// Seconds with a fraction, as milliseconds.
fn seconds(word: &str) -> Parsed<i64> {
    let seconds = number(word)?;
    let millis = (seconds * 1000.0).round();
    if !millis.is_finite() || millis.abs() > 9e15 {
        return Err("expected a timestamp in seconds");
    }
    Ok(millis as i64)
}
