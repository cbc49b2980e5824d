//! Asking: one expression at one time, in whichever language, answered by labelled values.

use super::file::{Language, Rule};
use binnacle_query::QueryEngine;
use binnacle_query::logql::{Direction, LINES_DEFAULT, LogqlRequest, LogqlResult, When};
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::series::Sample;
use binnacle_query::promql::{self, Times, Value};
use binnacle_query::traceql::MetricsRequest;
use binnacle_query::value::AnyValue;
use binnacle_storage::model::{TenantId, Timestamp};
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
}

/// The stored telemetry of one tenant.
pub struct Stored {
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
}

impl Stored {
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
        let rows = rows.map_err(|error| error.to_string())?;
        Ok(rows.into_iter().map(|(labels, value)| (labels, Sample::Float(value))).collect())
    }
}

/// What was read of broken data only in part must not pass for all there is: fewer errors read are not fewer errors.
fn whole(warnings: &[String]) -> Result<(), String> {
    match warnings.first() {
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
    fn times_are_written_into_sql() {
        assert_eq!(
            with_times("a >= $start AND a < $end", 60_000, 1_700_000_000_500),
            "a >= TIMESTAMP '2023-11-14T22:12:20.500Z' AND a < TIMESTAMP '2023-11-14T22:13:20.500Z'"
        );
    }
}
