//! `double_exponential_smoothing`: values and trend, both smoothed.

use super::super::annotation::Annotation;
use super::super::error::Failure;
use super::super::eval::Window;
use super::super::series::Sample;
use super::range::{Context, Outcome};

pub fn double_exponential_smoothing(context: &mut Context<'_>, window: &Window<'_>) -> Outcome {
    let (smoothing, trend_factor) = (context.number(0), context.number(1));
    for (name, value, short) in [("smoothing", smoothing, "sf"), ("trend", trend_factor, "tf")] {
        if value <= 0.0 || value >= 1.0 {
            return Err(Failure::Execution(format!(
                "invalid {name} factor. Expected: 0 < {short} < 1, got: {value:.6}"
            )));
        }
    }
    if !window.times.is_empty() && !window.histograms.is_empty() {
        let metric = context.metric();
        context.note(Annotation::IgnoredInMixedRange { metric });
    }
    let [first, second, ..] = window.values else {
        return Ok(None);
    };
    let mut level = *first;
    let mut trend = second - first;
    let mut level_before = 0.0;
    for (at, value) in window.values.iter().enumerate().skip(1) {
        if at > 1 {
            trend = trend_factor * (level - level_before) + (1.0 - trend_factor) * trend;
        }
        let next = smoothing * value + (1.0 - smoothing) * (level + trend);
        (level_before, level) = (level, next);
    }
    Ok(Some(Sample::Float(level)))
}
