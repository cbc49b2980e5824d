//! Exposition: the two text formats in which targets say their metrics.
//!
//! [`openmetrics`] is OpenMetrics 1.0, [`prometheus`] the text format 0.0.4; both allow quoted UTF-8 names. A body is read line
//! by line into [`Item`]s that borrow from it. One bad line makes the whole body bad, as in Prometheus: half of a scrape
//! would look like series that ended.

mod line;
mod openmetrics;
mod prometheus;
#[cfg(test)]
mod tests;

use crate::remote_write::MetricType;
use std::borrow::Cow;

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Item<'a> {
    Type { name: Cow<'a, str>, kind: MetricType },
    Help { name: Cow<'a, str>, text: Cow<'a, str> },
    Unit { name: Cow<'a, str>, unit: &'a str },
    Sample(Sample<'a>),
}

pub type Label<'a> = (Cow<'a, str>, Cow<'a, str>);

/// One sample as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'a> {
    pub name: Cow<'a, str>,
    pub labels: Vec<Label<'a>>,
    pub value: f64,
    /// Unix milliseconds.
    pub time: Option<i64>,
    pub exemplar: Option<Exemplar<'a>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar<'a> {
    pub labels: Vec<Label<'a>>,
    pub value: f64,
    /// Unix milliseconds.
    pub time: Option<i64>,
}

/// Which of the two a body is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    Prometheus,
    OpenMetrics,
}

impl TextFormat {
    /// By the media type; everything that is not OpenMetrics is taken for the older format.
    pub fn of(content_type: &str) -> TextFormat {
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/openmetrics-text") {
            TextFormat::OpenMetrics
        } else {
            TextFormat::Prometheus
        }
    }
}

/// Why a body is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Invalid {
    /// Counted from 1.
    pub line: usize,
    pub message: &'static str,
}

/// Reads a whole body, giving every item to `take` in order.
pub fn parse<'a>(
    format: TextFormat,
    body: &'a str,
    take: &mut dyn FnMut(Item<'a>),
) -> Result<(), Invalid> {
    match format {
        TextFormat::Prometheus => prometheus::parse(body, take),
        TextFormat::OpenMetrics => openmetrics::parse(body, take),
    }
}
