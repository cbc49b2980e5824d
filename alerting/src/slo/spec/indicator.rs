//! Indicators: which events there are, and which of them are good.

use super::fields::{Field, Problems};
use crate::slo::objective::parse_decimal;
use xxhash_rust::xxh3::xxh3_128;

/// What is counted, and from what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sli {
    pub source: SliSource,
    /// Which rows are events.
    pub total: String,
    /// Which of these count, and as what.
    pub part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SliSource {
    Spans,
    Logs,
}

impl SliSource {
    pub fn name(self) -> &'static str {
        match self {
            SliSource::Spans => "spans",
            SliSource::Logs => "logs",
        }
    }

    fn from_name(name: &str) -> Option<SliSource> {
        [SliSource::Spans, SliSource::Logs].into_iter().find(|source| source.name() == name)
    }
}

/// Queries choose among the rows of the total.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    Good(String),
    Bad(String),
}

impl Sli {
    /// Names what is counted: equal definitions share their counts, and a changed one begins anew.
    pub fn key(&self) -> String {
        let (is_good, query) = match &self.part {
            Part::Good(query) => ("good", query),
            Part::Bad(query) => ("bad", query),
        };
        let parts = [self.source.name(), &self.total, is_good, query];
        format!("{:032x}", xxh3_128(parts.join("\0").as_bytes()))
    }
}

/// An indicator as it is written; a threshold becomes a query with each objective's value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Indicator {
    Ratio(Sli),
    /// The duration of spans, in a unit of so many nanoseconds.
    Duration {
        total: String,
        unit_nanos: u64,
    },
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    LessEqual,
    Less,
    GreaterEqual,
    Greater,
}

impl Comparison {
    pub fn from_name(name: &str) -> Option<Comparison> {
        match name {
            "lte" => Some(Comparison::LessEqual),
            "lt" => Some(Comparison::Less),
            "gte" => Some(Comparison::GreaterEqual),
            "gt" => Some(Comparison::Greater),
            _ => None,
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Comparison::LessEqual => "<=",
            Comparison::Less => "<",
            Comparison::GreaterEqual => ">=",
            Comparison::Greater => ">",
        }
    }
}

impl Indicator {
    /// With the operator and value of an objective, which thresholds need and ratios must not have.
    pub fn sli(
        &self,
        comparison: Option<Comparison>,
        value: Option<&Field<'_>>,
        objective: &Field<'_>,
        problems: &mut Problems,
    ) -> Option<Sli> {
        match self {
            Indicator::Ratio(sli) => {
                if let Some(value) = value {
                    value.refuse("is for a thresholdMetric; a ratio has no value", problems);
                }
                Some(sli.clone())
            }
            Indicator::Duration { total, unit_nanos } => {
                let (Some(comparison), Some(value)) = (comparison, value) else {
                    objective.refuse("a thresholdMetric needs op and value", problems);
                    return None;
                };
                let nanos = value.text(problems).and_then(|text| nanos(text, *unit_nanos));
                let Some(nanos) = nanos else {
                    value.refuse("is to be a duration of whole nanoseconds", problems);
                    return None;
                };
                let query = format!("{{ duration {} {nanos}ns }}", comparison.sign());
                Some(Sli {
                    source: SliSource::Spans,
                    total: total.clone(),
                    part: Part::Good(query),
                })
            }
        }
    }
}

/// A decimal number of units, in nanoseconds.
fn nanos(text: &str, unit_nanos: u64) -> Option<u64> {
    let parts = u128::from(parse_decimal(text, 9)?) * u128::from(unit_nanos);
    (parts.is_multiple_of(1_000_000_000)).then(|| u64::try_from(parts / 1_000_000_000).ok())?
}

/// The `spec` of an SLI.
pub(super) fn read(spec: &Field<'_>, problems: &mut Problems) -> Option<Indicator> {
    let fields = spec.fields(&["description", "ratioMetric", "thresholdMetric"], &[], problems)?;
    match (fields.find("ratioMetric"), fields.find("thresholdMetric")) {
        (Some(ratio), None) => read_ratio(&ratio, problems).map(Indicator::Ratio),
        (None, Some(threshold)) => read_threshold(&threshold, problems),
        _ => {
            spec.refuse("needs either a ratioMetric or a thresholdMetric", problems);
            None
        }
    }
}

fn read_ratio(field: &Field<'_>, problems: &mut Problems) -> Option<Sli> {
    let raw = "it would be an average of ratios; give good or bad, and total";
    let refused = [("raw", raw), ("rawType", raw)];
    let fields = field.fields(&["counter", "good", "bad", "total"], &refused, problems)?;
    if fields.flag("counter", problems) == Some(true)
        && let Some(counter) = fields.find("counter")
    {
        counter
            .refuse("is not supported: spans and log records are events, not counters", problems);
    }
    let total = fields.need("total", problems).and_then(|total| Source::read(&total, problems));
    let (part, is_good) = match (fields.find("good"), fields.find("bad")) {
        (Some(good), None) => (good, true),
        (None, Some(bad)) => (bad, false),
        _ => {
            field.refuse("needs either good or bad", problems);
            return None;
        }
    };
    let (total, chosen) = (total?, Source::read(&part, problems)?);
    if total.source != chosen.source {
        part.refuse(format!("is to count {}, as the total does", total.source.name()), problems);
        return None;
    }
    if let Some(unit) = total.unit.or(chosen.unit) {
        unit.refuse("is for a thresholdMetric", problems);
    }
    let part = if is_good { Part::Good(chosen.query) } else { Part::Bad(chosen.query) };
    Some(Sli { source: total.source, total: total.query, part })
}

fn read_threshold(field: &Field<'_>, problems: &mut Problems) -> Option<Indicator> {
    field.fields(&["metricSource"], &[], problems)?;
    let source = Source::read(field, problems)?;
    if source.source != SliSource::Spans {
        field.refuse("is for spans, whose duration is compared; give a ratioMetric", problems);
        return None;
    }
    let unit_nanos = match &source.unit {
        None => 1_000_000_000,
        Some(unit) => match unit.text(problems)? {
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" => 1_000,
            "ns" => 1,
            _ => {
                unit.refuse("is to be s, ms, us or ns", problems);
                return None;
            }
        },
    };
    Some(Indicator::Duration { total: source.query, unit_nanos })
}

/// A metric source.
struct Source<'a> {
    source: SliSource,
    query: String,
    unit: Option<Field<'a>>,
}

impl<'a> Source<'a> {
    fn read(field: &Field<'a>, problems: &mut Problems) -> Option<Source<'a>> {
        let fields = field.fields(&["metricSource"], &[], problems)?;
        let metric = fields.need("metricSource", problems)?;
        let reference = "what is counted is stored here; name its type";
        let refused = [("metricSourceRef", reference)];
        let fields = metric.fields(&["type", "spec"], &refused, problems)?;
        let kind = fields.need("type", problems)?;
        let name = kind.text(problems)?;
        let Some(source) = SliSource::from_name(name) else {
            kind.refuse(
                format!("'{name}' is not a source here; there are spans and logs"),
                problems,
            );
            return None;
        };
        let spec = fields.need("spec", problems)?;
        let fields = spec.fields(&["query", "unit"], &[], problems)?;
        let query = fields.need("query", problems)?;
        let text = query.text(problems)?.trim().to_owned();
        if let Err(error) = check(source, &text) {
            query.refuse(error, problems);
        }
        Some(Source { source, query: text, unit: fields.find("unit") })
    }
}

/// Whether a query can be asked of each row alone.
fn check(source: SliSource, query: &str) -> Result<(), String> {
    let checked = match source {
        SliSource::Spans => binnacle_query::sli::check_spans(query),
        SliSource::Logs => binnacle_query::sli::check_logs(query),
    };
    checked.map_err(|error| error.to_string())
}
