//! One evaluation of a rule: ask, judge, and say what is to be written.

use super::file::{AlertRule, Rule, RuleKind};
use super::query::{Querier, Question, Vector};
use super::state::{self, Alerts, Found, State, Transition, step, step_partly};
use super::template::{Answers, Instance, Surroundings};
use crate::{LabelSet, RecordedSample};
use binnacle_query::promql::labels::{Labels, METRIC_NAME};
use binnacle_query::promql::series::Sample;
use std::collections::BTreeSet;

/// The label that every alert has.
pub const ALERT_NAME: &str = "alertname";
const ALERT_STATE: &str = "alertstate";
const ALERTS: &str = "ALERTS";
const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";

/// What a rule remembers from one evaluation to the next.
#[derive(Debug, Clone, Default)]
pub struct RuleState {
    pub alerts: Alerts,
    /// Series of the last evaluation: those that are gone by the next one end.
    pub series: BTreeSet<Labels>,
    pub health: Health,
    pub last_error: Option<String>,
    /// Unix milliseconds.
    pub last_evaluation: Option<i64>,
    pub evaluation_seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    #[default]
    Unknown,
    Good,
    Bad,
}

impl Health {
    pub fn name(self) -> &'static str {
        match self {
            Health::Unknown => "unknown",
            Health::Good => "ok",
            Health::Bad => "err",
        }
    }
}

/// What an evaluation needs beside the rule.
pub struct Around<'a> {
    pub querier: &'a dyn Querier,
    pub surroundings: &'a Surroundings,
    /// Most series or alerts of one rule; 0 is any number.
    pub limit: usize,
    /// How far before the evaluation its data lies, in milliseconds.
    pub query_offset: i64,
}

/// What came of an evaluation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    pub samples: Vec<RecordedSample>,
    pub transitions: Vec<Transition>,
    /// What the answer must lack, in words.
    pub lacks: Option<String>,
}

/// Evaluates a rule at a time, in Unix milliseconds, and brings its state there. An error leaves the state as it was: what
/// could not be measured resolves nothing.
pub async fn evaluate(
    rule: &Rule,
    state: &mut RuleState,
    around: &Around<'_>,
    at: i64,
) -> Result<Outcome, String> {
    let asked_at = at.saturating_sub(around.query_offset);
    if let Some(question) = Question::of_data(rule)
        && around.querier.ask(question, asked_at).await?.is_empty()
    {
        state::hold(&mut state.alerts, at);
        return Ok(Outcome {
            samples: active_samples(&state.alerts, asked_at),
            ..Outcome::default()
        });
    }
    let question = Question::of(rule);
    let vector = around.querier.ask(question.clone(), asked_at).await?;
    let lacks = around.querier.lacks(&question, asked_at);
    let mut outcome = match &rule.kind {
        RuleKind::Record(name) => {
            let samples = record(name, rule, vector, around.limit, asked_at)?;
            Outcome { samples, ..Outcome::default() }
        }
        RuleKind::Alert(alert) => {
            let found = find(rule, alert, vector, around).await?;
            judge(alert, found, lacks.is_some(), &mut state.alerts, around, at)?
        }
    };
    outcome.lacks = lacks;
    end_series(&mut outcome.samples, &mut state.series, asked_at);
    Ok(outcome)
}

fn record(
    name: &str,
    rule: &Rule,
    vector: Vector,
    limit: usize,
    time: i64,
) -> Result<Vec<RecordedSample>, String> {
    let mut seen = BTreeSet::new();
    let mut samples = Vec::with_capacity(vector.len());
    for (labels, value) in vector {
        let labels = with_pairs(&labels.with(METRIC_NAME, name), &rule.labels);
        if !seen.insert(labels.clone()) {
            let problem =
                "vector contains metrics with the same labelset after applying rule labels";
            return Err(problem.to_owned());
        }
        samples.push(RecordedSample { labels, time, value: Some(value) });
    }
    if limit > 0 && samples.len() > limit {
        return Err(format!("exceeded limit of {limit} with {} series", samples.len()));
    }
    Ok(samples)
}

fn judge(
    alert: &AlertRule,
    found: Vec<Found>,
    is_partial: bool,
    alerts: &mut Alerts,
    around: &Around<'_>,
    at: i64,
) -> Result<Outcome, String> {
    let mut next = alerts.clone();
    let transitions = match is_partial {
        true => step_partly(&mut next, found, alert, at),
        false => step(&mut next, found, alert, at),
    };
    let active = next.values().filter(|alert| alert.state != State::Inactive).count();
    if around.limit > 0 && active > around.limit {
        return Err(format!("exceeded limit of {} with {active} alerts", around.limit));
    }
    *alerts = next;
    let asked_at = at.saturating_sub(around.query_offset);
    Ok(Outcome { samples: active_samples(alerts, asked_at), transitions, lacks: None })
}

/// The alerts that an answer stands for, with their templates rendered.
async fn find(
    rule: &Rule,
    alert: &AlertRule,
    vector: Vector,
    around: &Around<'_>,
) -> Result<Vec<Found>, String> {
    let mut answers = Answers::new();
    let mut seen = BTreeSet::new();
    let mut found = Vec::with_capacity(vector.len());
    for (labels, value) in &vector {
        let (own, annotations) = loop {
            let expanded = {
                let instance = Instance::new(around.surroundings, labels, value, &answers);
                let own = instance.expand_all(&rule.labels);
                own.and_then(|own| Ok((own, instance.expand_all(&alert.annotations)?)))
            };
            match expanded {
                Ok(expanded) => break expanded,
                Err(query) => {
                    let at = around.surroundings.time.saturating_sub(around.query_offset);
                    let answer = around.querier.ask(Question::promql(&query), at).await;
                    answers.insert(query, answer);
                }
            }
        };
        let labels = labels.without(&[METRIC_NAME]);
        let mut all: LabelSet =
            labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        all.extend(own);
        all.insert(ALERT_NAME.to_owned(), alert.name.clone());
        all.retain(|_, value| !value.is_empty());
        if !seen.insert(all.clone()) {
            let problem =
                "vector contains metrics with the same labelset after applying alert labels";
            return Err(problem.to_owned());
        }
        let value = match value {
            Sample::Float(value) => *value,
            Sample::Histogram(_) => 0.0,
        };
        found.push(Found { labels: all, annotations, value });
    }
    Ok(found)
}

/// `ALERTS` and `ALERTS_FOR_STATE` of the alerts that are pending or firing.
pub fn active_samples(alerts: &Alerts, time: i64) -> Vec<RecordedSample> {
    let active = alerts.iter().filter(|(_, alert)| alert.state != State::Inactive);
    active
        .flat_map(|(labels, alert)| {
            let labels = Labels::new(labels.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            let shown = labels.with(METRIC_NAME, ALERTS).with(ALERT_STATE, alert.state.name());
            let for_state = labels.with(METRIC_NAME, ALERTS_FOR_STATE);
            let sample =
                |labels, value| RecordedSample { labels, time, value: Some(Sample::Float(value)) };
            let since = alert.active_at.div_euclid(1000) as f64;
            [sample(shown, 1.0), sample(for_state, since)]
        })
        .collect()
}

/// Ends the series that were there at the last evaluation and are not any more.
fn end_series(samples: &mut Vec<RecordedSample>, series: &mut BTreeSet<Labels>, time: i64) {
    let now: BTreeSet<Labels> = samples.iter().map(|sample| sample.labels.clone()).collect();
    let gone = series.difference(&now).cloned();
    samples.extend(gone.map(|labels| RecordedSample { labels, time, value: None }));
    *series = now;
}

fn with_pairs(labels: &Labels, pairs: &[(String, String)]) -> Labels {
    pairs.iter().fold(labels.clone(), |labels, (name, value)| labels.with(name, value))
}
