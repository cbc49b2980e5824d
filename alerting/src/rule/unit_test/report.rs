//! What a unit test says when it fails, in the form of promtool's reports.

use super::file::{AlertTest, ExpectedAlert};
use binnacle_query::promql::describe::Point;
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::series::Sample;
use binnacle_query::promql::text::format_duration;

pub fn alerts(
    name: &str,
    test: &AlertTest,
    expected: &[ExpectedAlert],
    got: &[ExpectedAlert],
) -> String {
    let head = if name.is_empty() { String::new() } else { format!("    name: {name},\n") };
    let (expected, got) = (alert_list(expected), alert_list(got));
    format!(
        "{head}    alertname: {}, time: {}, \n        exp:{expected}, \n        got:{got}",
        test.alertname,
        duration(test.eval_time)
    )
}

fn alert_list(alerts: &[ExpectedAlert]) -> String {
    if alerts.is_empty() {
        return "[]".to_owned();
    }
    let one = |(at, alert): (usize, &ExpectedAlert)| {
        format!(
            "            {at}:\n              Labels:{}\n              Annotations:{}\n",
            alert.labels, alert.annotations
        )
    };
    let all: String = alerts.iter().enumerate().map(one).collect();
    format!("[\n{all}            ]")
}

pub fn expected_samples(samples: &[(Labels, Point)]) -> String {
    let one = |(labels, point): &(Labels, Point)| match point {
        Point::Float(value) => format!("{labels} {}", float(*value)),
        Point::Histogram(histogram) => format!("{labels} {histogram}"),
        Point::Nothing => format!("{labels} _"),
    };
    list(samples.iter().map(one).collect())
}

pub fn samples(samples: &[(Labels, Sample)]) -> String {
    let one = |(labels, sample): &(Labels, Sample)| match sample {
        Sample::Float(value) => format!("{labels} {}", float(*value)),
        Sample::Histogram(histogram) => format!("{labels} {histogram}"),
    };
    list(samples.iter().map(one).collect())
}

fn list(items: Vec<String>) -> String {
    if items.is_empty() { "nil".to_owned() } else { items.join(", ") }
}

/// As Go writes a float with an exponent: `1.5E+00`.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    let text = format!("{value:E}");
    let Some((digits, exponent)) = text.split_once('E') else { return text };
    let (sign, size) = exponent.strip_prefix('-').map_or(('+', exponent), |size| ('-', size));
    format!("{digits}E{sign}{size:0>2}")
}

pub fn duration(milliseconds: i64) -> String {
    format_duration(milliseconds)
}
