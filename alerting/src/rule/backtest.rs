//! Backtests: what rules would have done over stored telemetry, by the evaluation that servers use.
//!
//! Series that recording rules make are read as they are stored, so a rule is judged on what it would have seen.

use super::evaluate::{Around, Health};
use super::file::{Group, Language};
use super::group::{GroupState, evaluate_group, tick_before};
use super::live::{milliseconds, surroundings};
use super::query::{Querier, Question, Stored, Vector};
use super::state::Transition;
use crate::{Parts, RecordedSample, SeriesSink};
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::series::Sample;
use binnacle_query::promql::{Request, Times, Value};
use binnacle_storage::model::TenantId;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Most evaluations of one backtest: a month at one a minute.
pub const TICKS_MAX: i64 = 50_000;

/// Ticks whose answers are fetched at once.
const TICKS_AT_ONCE: i64 = 500;

/// What a backtest found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Backtest {
    /// Times at which the group was evaluated.
    pub evaluations: usize,
    /// The rule's place in its group, and what became of its alert.
    pub transitions: Vec<(usize, Transition)>,
    /// The first error of each rule that had one, with how many evaluations failed.
    pub errors: Vec<(usize, String, usize)>,
}

/// Evaluates a group at every tick from `start` to `end`, both included, in Unix milliseconds. All alerts begin inactive.
pub async fn backtest(
    parts: &Parts,
    tenant: &TenantId,
    group: &Group,
    (start, end): (i64, i64),
) -> Result<Backtest, String> {
    let interval = group.interval.filter(|interval| *interval > 0);
    let interval = interval.unwrap_or_else(|| milliseconds(parts.config.evaluation_interval));
    let query_offset = milliseconds(parts.config.query_offset);
    let query_offset = group.query_offset.unwrap_or(query_offset);
    if end < start {
        return Err("the end lies before the start".to_owned());
    }
    if (end - start) / interval > TICKS_MAX {
        return Err(format!(
            "more than {TICKS_MAX} evaluations; take a shorter time or a longer interval"
        ));
    }
    let first = tick_before(group, interval, start - 1) + interval;
    let stored = Stored::new(parts, tenant);
    let querier = Ahead { stored, interval, until: end - query_offset, answers: Mutex::default() };
    let mut state = GroupState::of(group);
    let mut found = Backtest::default();
    let mut errors: HashMap<usize, (String, usize)> = HashMap::new();
    let mut at = first;
    while at <= end {
        let surroundings = surroundings(parts, at);
        let limit = group.limit;
        let around = Around { querier: &querier, surroundings: &surroundings, limit, query_offset };
        let changes = evaluate_group(group, &mut state, tenant, &Nowhere, &around, at).await;
        found.transitions.extend(changes);
        for (rule, own) in state.rules.iter().enumerate() {
            if let Some(error) = own.last_error.as_ref().filter(|_| own.health == Health::Bad) {
                errors.entry(rule).or_insert_with(|| (error.clone(), 0)).1 += 1;
            }
        }
        found.evaluations += 1;
        at += interval;
    }
    found.errors = errors.into_iter().map(|(rule, (error, times))| (rule, error, times)).collect();
    found.errors.sort();
    Ok(found)
}

/// A backtest leaves no trace.
struct Nowhere;

impl SeriesSink for Nowhere {
    fn write(&self, _: &TenantId, _: Vec<RecordedSample>) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Answers by the time they are about.
type Answers = HashMap<i64, Vector>;

/// Stored telemetry, whose answers in PromQL are fetched for many ticks at once.
struct Ahead {
    stored: Stored,
    interval: i64,
    until: i64,
    /// By expression, with the last time they reach to.
    answers: Mutex<HashMap<String, (i64, Arc<Answers>)>>,
}

impl Querier for Ahead {
    fn ask(&self, question: Question, at: i64) -> BoxFuture<'_, Result<Vector, String>> {
        Box::pin(async move {
            if question.language != Language::Promql || depends_on_range(&question.expr) {
                return self.stored.ask(question, at).await;
            }
            if let Some(known) = self.known(&question.expr, at) {
                return Ok(known);
            }
            match self.fetch(&question.expr, at).await {
                Ok(()) => Ok(self.known(&question.expr, at).unwrap_or_default()),
                // Another time of the range may be at fault.
                Err(_) => self.stored.ask(question, at).await,
            }
        })
    }

    fn lacks(&self, question: &Question, at: i64) -> Option<String> {
        self.stored.lacks(question, at)
    }
}

/// What a query of a range knows of its bounds would differ from what an evaluation knows.
fn depends_on_range(expr: &str) -> bool {
    ["start", "end", "step", "range"].iter().any(|word| expr.contains(&format!("{word}(")))
}

impl Ahead {
    fn known(&self, expr: &str, at: i64) -> Option<Vector> {
        let answers = self.answers.lock();
        let (until, found) = answers.get(expr)?;
        // Before what is known nobody asks again.
        (at <= *until).then(|| found.get(&at).cloned().unwrap_or_default())
    }

    async fn fetch(&self, expr: &str, at: i64) -> Result<(), String> {
        let end = at.saturating_add(self.interval * (TICKS_AT_ONCE - 1)).min(self.until.max(at));
        let times = Times { start: at, end, step: self.interval };
        let settings = self.stored.engine.config().promql_settings();
        let request = Request { query: expr.to_owned(), times, settings };
        let answer = self.stored.engine.promql(&self.stored.tenant, request).await;
        let (answer, _) = answer.map_err(|failure| failure.to_string())?;
        let Value::Matrix(series) = answer.value else {
            return Err("a range query answers with a matrix".to_owned());
        };
        let mut found = Answers::new();
        for samples in &series {
            for (time, sample) in samples.by_time() {
                let one: (Labels, Sample) = (samples.labels.clone(), sample);
                found.entry(time).or_default().push(one);
            }
        }
        self.answers.lock().insert(expr.to_owned(), (end, Arc::new(found)));
        Ok(())
    }
}
