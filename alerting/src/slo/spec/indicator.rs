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
    /// An event may depend on what was up to so long before it.
    pub lookback_seconds: u64,
    /// Attributes by which events are told apart; none: they are not.
    pub group_by: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SliSource {
    Spans,
    Logs,
    /// Counters, by the selectors of their series.
    Promql,
    Sql,
    /// Traces, by the steps among their spans: see [`Sli::steps`].
    Journey,
    /// None of its own: what other objectives count.
    Composite,
}

impl SliSource {
    pub fn name(self) -> &'static str {
        match self {
            SliSource::Spans => "spans",
            SliSource::Logs => "logs",
            SliSource::Promql => "promql",
            SliSource::Sql => "sql",
            SliSource::Journey => "journey",
            SliSource::Composite => "composite",
        }
    }

    /// Others call what is asked in PromQL by the name of its server.
    pub(super) fn from_name(name: &str) -> Option<SliSource> {
        let name = if name.eq_ignore_ascii_case("prometheus") { "promql" } else { name };
        let all = [SliSource::Spans, SliSource::Logs, SliSource::Promql, SliSource::Sql];
        all.into_iter().find(|source| source.name() == name)
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
        let lookback = match self.lookback_seconds {
            0 => String::new(),
            seconds => format!("\0{seconds}"),
        };
        let groups = match self.group_by.as_slice() {
            [] => String::new(),
            names => format!("\0by\0{}", names.join("\0")),
        };
        let parts =
            [self.source.name(), &self.total, is_good, &format!("{query}{lookback}{groups}")];
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
                    lookback_seconds: 0,
                    group_by: Vec::new(),
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
    let is_counter = fields.flag("counter", problems);
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
    if let Some(counter) = fields.find("counter") {
        let message = match (total.source, is_counter) {
            (SliSource::Promql, Some(false)) => "is to be true: what PromQL counts are counters",
            (SliSource::Promql, _) | (_, Some(false)) => "",
            _ => "is to be false: these are events, not counters",
        };
        if !message.is_empty() {
            counter.refuse(message, problems);
        }
    }
    if total.source != chosen.source {
        part.refuse(format!("is to count {}, as the total does", total.source.name()), problems);
        return None;
    }
    if let Some(unit) = total.unit.or(chosen.unit) {
        unit.refuse("is for a thresholdMetric", problems);
    }
    let part = if is_good { Part::Good(chosen.query) } else { Part::Bad(chosen.query) };
    let lookback_seconds = total.lookback_seconds.max(chosen.lookback_seconds);
    Some(Sli {
        source: total.source,
        total: total.query,
        part,
        lookback_seconds,
        group_by: Vec::new(),
    })
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
    lookback_seconds: u64,
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
                format!("'{name}' is not a source here; there are spans, logs, promql and sql"),
                problems,
            );
            return None;
        };
        let spec = fields.need("spec", problems)?;
        let fields = spec.fields(&["query", "unit", "lookback"], &[], problems)?;
        let lookback_seconds =
            fields.find("lookback").map_or(Some(0), |field| lookback(&field, source, problems))?;
        let query = fields.need("query", problems)?;
        let text = query_text(&query, source, problems)?;
        Some(Source { source, query: text, unit: fields.find("unit"), lookback_seconds })
    }
}

/// How far before `$start` a query in SQL looks.
fn lookback(field: &Field<'_>, source: SliSource, problems: &mut Problems) -> Option<u64> {
    let seconds = field.text(problems).and_then(super::fields::seconds);
    let seconds = seconds.filter(|seconds| *seconds <= 86_400 && seconds.is_multiple_of(10));
    if source != SliSource::Sql {
        field.refuse("is for sql", problems);
    } else if seconds.is_none() {
        field.refuse("is to be a multiple of 10s, at most 1d", problems);
    }
    seconds
}

/// A query as it is counted by.
pub(super) fn query_text(
    query: &Field<'_>,
    source: SliSource,
    problems: &mut Problems,
) -> Option<String> {
    let text = query.text(problems)?.trim();
    let text = match source {
        SliSource::Promql => match selector_of(text) {
            Ok(selector) => selector,
            Err(message) => {
                query.refuse(message, problems);
                return None;
            }
        },
        _ => text,
    };
    if let Err(error) = check(source, text) {
        query.refuse(error, problems);
    }
    Some(text.to_owned())
}

/// Whether a query can be asked of each row alone, or again for any time.
fn check(source: SliSource, query: &str) -> Result<(), String> {
    let checked = match source {
        SliSource::Spans => binnacle_query::sli::check_spans(query),
        SliSource::Logs => binnacle_query::sli::check_logs(query),
        SliSource::Promql => binnacle_query::sli::parse_counters(query).map(drop),
        SliSource::Sql => binnacle_query::sli::check_sql(query),
        // Made of others that were checked.
        SliSource::Journey | SliSource::Composite => Ok(()),
    };
    checked.map_err(|error| error.to_string())
}

/// The selector in `sum(rate(selector[{{.window}}]))`, as others write what is counted here without extrapolation. A selector
/// stands for itself.
fn selector_of(text: &str) -> Result<&str, String> {
    let inside = |text: &str, name: &str| -> Option<(usize, usize)> {
        let rest = text.strip_prefix(name)?.trim_start().strip_prefix('(')?;
        let inner = rest.trim_end().strip_suffix(')')?;
        let from = text.len() - rest.len();
        Some((from, from + inner.len()))
    };
    let call = |text: &'_ str, names: &[&str]| -> Option<(usize, usize)> {
        names.iter().find_map(|name| inside(text, name))
    };
    let Some((from, to)) = call(text, &["sum"]) else { return Ok(text) };
    let summed = text[from..to].trim();
    let refused = || {
        "is to be a selector of counters, or sum(rate(selector[{{.window}}])): other expressions do not count events".to_owned()
    };
    let (from, to) = call(summed, &["rate", "increase"]).ok_or_else(refused)?;
    let ranged = summed[from..to].trim();
    let (selector, window) = ranged.rsplit_once('[').ok_or_else(refused)?;
    let window = window.strip_suffix(']').map(str::trim).ok_or_else(refused)?;
    let is_window =
        window.replace(' ', "") == "{{.window}}" || super::fields::seconds(window).is_some();
    if is_window { Ok(selector.trim()) } else { Err(refused()) }
}
