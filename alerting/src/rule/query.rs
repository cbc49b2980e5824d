//! Asking: one expression at one time, in whichever language, answered by labelled values.

use super::file::{Language, Rule};
use crate::Parts;
use binnacle_query::QueryEngine;
use binnacle_query::logql::{Direction, LINES_DEFAULT, LogqlRequest, LogqlResult, When};
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::series::Sample;
use binnacle_query::promql::text::parse_duration;
use binnacle_query::promql::{self, Times, Value};
use binnacle_query::traceql::MetricsRequest;
use binnacle_query::value::AnyValue;
use binnacle_storage::model::{Table, TenantId, Timestamp};
use binnacle_storage::{Missing, Storage};
use chrono::{DateTime, SecondsFormat};
use futures::future::BoxFuture;
use std::time::Duration;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub language: Language,
    pub expr: String,
    /// What TraceQL and SQL look at, in milliseconds before the time.
    pub window: i64,
}

impl Question {
    pub fn of(rule: &Rule) -> Question {
        Question { language: rule.language, expr: rule.expr.clone(), window: rule.window }
    }

    /// What finds something while the rule has anything to judge.
    pub fn of_data(rule: &Rule) -> Option<Question> {
        let expr = rule.has_data.clone()?;
        Some(Question { language: rule.language, expr, window: rule.window })
    }

    pub fn promql(expr: &str) -> Question {
        Question { language: Language::Promql, expr: expr.to_owned(), window: 0 }
    }
}

pub type Vector = Vec<(Labels, Sample)>;

/// Who answers.
pub trait Querier: Send + Sync {
    /// What holds at a time, in Unix milliseconds; or why that is not known.
    fn ask(&self, question: Question, at: i64) -> BoxFuture<'_, Result<Vector, String>>;

    /// What an answer about that time must lack, as it is stored and cannot be read; `None` when it is whole.
    fn lacks(&self, _question: &Question, _at: i64) -> Option<String> {
        None
    }
}

/// The stored telemetry of one tenant.
pub struct Stored {
    storage: Storage,
    pub engine: QueryEngine,
    pub tenant: TenantId,
}

impl Querier for Stored {
    fn ask(&self, question: Question, at: i64) -> BoxFuture<'_, Result<Vector, String>> {
        Box::pin(async move {
            match question.language {
                Language::Promql => self.promql(question.expr, at).await,
                Language::Logql => self.logql(question.expr, at).await,
                Language::Traceql => self.traceql(question.expr, question.window, at).await,
                Language::Sql => self.sql(&question.expr, question.window, at).await,
            }
        })
    }

    fn lacks(&self, question: &Question, at: i64) -> Option<String> {
        let tables = tables(question);
        let first = nanoseconds(at.saturating_sub(reach(question)));
        let is_concerned = |missing: &&Missing| {
            let in_time = missing.time_max >= first && missing.time_min <= nanoseconds(at);
            in_time && tables.is_none_or(|tables| tables.contains(&missing.table))
        };
        let missing = self.storage.missing(&self.tenant);
        let found = missing.iter().find(is_concerned)?;
        let (id, table) = (found.segment.0, found.table.name());
        Some(format!("segment {id} of {table} cannot be read: nothing resolves by its absence"))
    }
}

/// The tables that a question reads; `None` when it may be any.
fn tables(question: &Question) -> Option<&'static [Table]> {
    match question.language {
        // Series of these names may be made of spans.
        Language::Promql if question.expr.contains("traces_") => {
            Some(&[Table::Series, Table::MetricPoints, Table::Spans])
        }
        Language::Promql => Some(&[Table::Series, Table::MetricPoints]),
        Language::Logql => Some(&[Table::Logs]),
        Language::Traceql => Some(&[Table::Spans]),
        Language::Sql => None,
    }
}

/// At most how far back a question looks, in milliseconds: what its ranges and offsets add up to, and an hour more for what
/// looks back without saying so.
fn reach(question: &Question) -> i64 {
    let words = question.expr.split(|c: char| !c.is_ascii_alphanumeric());
    let durations = words.filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let said: i64 = durations.filter_map(parse_duration).fold(0, i64::saturating_add);
    said.saturating_add(question.window).saturating_add(3_600_000)
}

impl Stored {
    pub fn new(parts: &Parts, tenant: &TenantId) -> Stored {
        let (storage, engine) = (parts.storage.clone(), parts.engine.clone());
        Stored { storage, engine, tenant: tenant.clone() }
    }

    async fn promql(&self, query: String, at: i64) -> Result<Vector, String> {
        let times = Times { start: at, end: at, step: 0 };
        let settings = self.engine.config().promql_settings();
        let request = promql::Request { query, times, settings };
        let answer = self.engine.promql(&self.tenant, request).await;
        let (answer, stats) = answer.map_err(|failure| failure.to_string())?;
        whole(&stats.warnings)?;
        vector(answer.value)
    }

    async fn logql(&self, query: String, at: i64) -> Result<Vector, String> {
        let request = LogqlRequest {
            query,
            when: When::At(nanoseconds(at)),
            limit: LINES_DEFAULT,
            direction: Direction::Backward,
            interval: Duration::ZERO,
        };
        let answer = self.engine.logql(&self.tenant, request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        whole(&answer.stats.warnings)?;
        match answer.result {
            LogqlResult::Scalar(value) => Ok(vec![(Labels::default(), Sample::Float(value))]),
            LogqlResult::Vector(list) => {
                Ok(list.into_iter().map(|(labels, value)| (labels, Sample::Float(value))).collect())
            }
            LogqlResult::Lines(_) | LogqlResult::Matrix(_) => {
                Err("rule result is not a vector or scalar".to_owned())
            }
        }
    }

    async fn traceql(&self, query: String, window: i64, at: i64) -> Result<Vector, String> {
        let request = MetricsRequest {
            query,
            start: nanoseconds(at.saturating_sub(window)),
            end: nanoseconds(at),
            instant: true,
            ..MetricsRequest::default()
        };
        let page = self.engine.trace_metrics(&self.tenant, request).await;
        let page = page.map_err(|error| error.to_string())?;
        whole(&page.stats.warnings)?;
        let one = |series: binnacle_query::traceql::MetricSeries| {
            let labels = series.labels.iter().map(|(name, value)| (name.as_str(), text(value)));
            let value = series.points.last()?.1;
            Some((Labels::new(labels), Sample::Float(value)))
        };
        Ok(page.series.into_iter().filter_map(one).collect())
    }

    async fn sql(&self, query: &str, window: i64, at: i64) -> Result<Vector, String> {
        let query = with_times(query, window, at);
        let rows = self.engine.labelled_numbers(&self.tenant, query).await;
        let (rows, stats) = rows.map_err(|error| error.to_string())?;
        whole(&stats.warnings)?;
        Ok(rows.into_iter().map(|(labels, value)| (labels, Sample::Float(value))).collect())
    }
}

/// What was read of broken data only in part must not pass for all there is: fewer errors read are not fewer errors. Segments
/// that are known to be broken are judged by what they hold instead, in [`Querier::lacks`].
fn whole(warnings: &[String]) -> Result<(), String> {
    let mut fresh = warnings.iter().filter(|warning| !warning.contains("is set aside: "));
    match fresh.next() {
        None => Ok(()),
        Some(warning) => Err(format!("the answer is not whole: {warning}")),
    }
}

/// The times a query in SQL is about, written into its text: `$start` and `$end` become timestamps.
fn with_times(query: &str, window: i64, at: i64) -> String {
    let literal = |milliseconds: i64| {
        let time = DateTime::from_timestamp_millis(milliseconds).unwrap_or_default();
        format!("TIMESTAMP '{}'", time.to_rfc3339_opts(SecondsFormat::Millis, true))
    };
    query.replace("$start", &literal(at.saturating_sub(window))).replace("$end", &literal(at))
}

/// The answer of an instant query as a vector.
pub fn vector(value: Value) -> Result<Vector, String> {
    match value {
        Value::Vector(list) => Ok(list),
        Value::Scalar(value) => Ok(vec![(Labels::default(), Sample::Float(value))]),
        Value::Text(_) | Value::Matrix(_) => {
            Err("rule result is not a vector or scalar".to_owned())
        }
    }
}

fn nanoseconds(milliseconds: i64) -> Timestamp {
    Timestamp(milliseconds.saturating_mul(1_000_000))
}

fn text(value: &AnyValue) -> String {
    match value {
        AnyValue::String(text) => text.clone(),
        AnyValue::Int(number) => number.to_string(),
        AnyValue::Double(number) => number.to_string(),
        AnyValue::Bool(flag) => flag.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_reaches_as_far_as_its_lengths_add_up() {
        let hour = 3_600_000;
        let of = |expr: &str| reach(&Question::promql(expr)) - hour;
        assert_eq!(of("up"), 0);
        assert_eq!(of("rate(x[5m]) > 5"), 300_000);
        assert_eq!(
            of("max_over_time(rate(x[5m] offset 1d)[2h:1m])"),
            86_400_000 + 2 * hour + 360_000
        );
    }

    #[test]
    fn times_are_written_into_sql() {
        assert_eq!(
            with_times("a >= $start AND a < $end", 60_000, 1_700_000_000_500),
            "a >= TIMESTAMP '2023-11-14T22:12:20.500Z' AND a < TIMESTAMP '2023-11-14T22:13:20.500Z'"
        );
    }
}
