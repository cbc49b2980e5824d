//! The run as others read it: what is registered with a server, and the JSON report. `POST /api/v1/runs` takes either.

use crate::latency::Latency;
use crate::plan::Plan;
use crate::schedule::Stage;
use crate::tally::{Part, Slot, Tally};
use crate::threshold::Measured;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Percentiles that are told of every part.
pub const PERCENTILES: [f64; 8] = [50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0];

#[derive(Debug, Clone, Serialize)]
pub struct Run {
    pub name: String,
    pub tool: &'static str,
    pub tool_version: &'static str,
    pub target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub labels: BTreeMap<String, String>,
    pub state: State,
    pub started_at: String,
    pub ended_at: Option<String>,
    /// Latency counts from when a request was due.
    pub corrected: bool,
    pub behind_seconds_max: f64,
    // What a registered run has no place for is told in the text and on the page.
    #[serde(skip)]
    pub behind_seconds_p99: f64,
    pub services: Vec<String>,
    pub total: Total,
    pub stages: Vec<StageOf>,
    pub operations: Vec<Operation>,
    pub timeline: Vec<Second>,
    /// What failed, and how often.
    #[serde(skip)]
    pub failures: BTreeMap<String, u64>,
    /// The generator's own spans, when it sent them.
    #[serde(skip)]
    pub spans: Option<Spans>,
    pub thresholds: Vec<Checked>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Running,
    Finished,
    Aborted,
}

#[derive(Debug, Clone, Serialize)]
pub struct Total {
    pub requests: u64,
    pub errors: u64,
    pub intended_rate: f64,
    pub achieved_rate: f64,
    pub latency: RunLatency,
}

#[derive(Debug, Clone, Serialize)]
pub struct StageOf {
    pub name: String,
    pub started_at: String,
    pub ended_at: String,
    pub intended_rate: f64,
    pub achieved_rate: f64,
    pub requests: u64,
    pub errors: u64,
    pub latency: RunLatency,
}

#[derive(Debug, Clone, Serialize)]
pub struct Operation {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_name: Option<String>,
    pub requests: u64,
    pub errors: u64,
    pub latency: RunLatency,
}

/// What ended in a slot of time.
#[derive(Debug, Clone, Serialize)]
pub struct Second {
    pub at: String,
    pub seconds: u64,
    pub intended: u64,
    pub requests: u64,
    pub errors: u64,
    pub p50_ns: u64,
    pub p99_ns: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    pub expression: String,
    pub actual: String,
    pub passed: bool,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Spans {
    pub exported: u64,
    pub lost: u64,
}

/// Of nanoseconds.
#[derive(Debug, Clone, Serialize)]
pub struct RunLatency {
    pub min_ns: u64,
    pub max_ns: u64,
    pub mean_ns: u64,
    /// `[highest value, how many]`, ascending.
    pub buckets: Vec<(u64, u64)>,
    pub percentiles: Vec<(f64, u64)>,
}

impl From<&Latency> for RunLatency {
    fn from(latency: &Latency) -> RunLatency {
        RunLatency {
            min_ns: latency.min(),
            max_ns: latency.max(),
            mean_ns: latency.mean(),
            buckets: latency.buckets(),
            percentiles: match latency.count() {
                0 => Vec::new(),
                _ => PERCENTILES.map(|percent| (percent, latency.percentile(percent))).to_vec(),
            },
        }
    }
}

impl RunLatency {
    /// One of [`PERCENTILES`]; 0 when nothing was measured.
    pub fn percentile(&self, percent: f64) -> u64 {
        let found = self.percentiles.iter().find(|(of, _)| *of == percent);
        found.map_or(0, |(_, value)| *value)
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub began: SystemTime,
    /// Since then.
    pub elapsed: Duration,
    pub state: State,
    pub spans: Option<Spans>,
}

impl Run {
    /// Somebody stopped it.
    pub fn is_aborted(&self) -> bool {
        self.state == State::Aborted
    }

    /// The run as `tally` has it. `service` sent the generator's own spans, if it sent any.
    pub fn new(plan: &Plan, tally: &Tally, standing: Standing, service: Option<&str>) -> Run {
        let at = |offset: Duration| rfc3339(standing.began + offset);
        let is_over = standing.state != State::Running;
        let total = of_all(plan, tally, standing.elapsed);
        let mut begin = Duration::ZERO;
        let stages = plan.schedule.stages().iter().enumerate().map(|(index, stage)| {
            let started = begin;
            begin += stage.duration;
            stage_of(
                stage,
                &tally.stages[index],
                tally.ended_within[index],
                (at(started), at(begin)),
            )
        });
        let stages = stages.collect();
        let operations: Vec<Operation> = plan
            .requests
            .iter()
            .zip(&tally.operations)
            .map(|(request, part)| Operation {
                name: request.name.clone(),
                service: request.service.clone().or(service.map(str::to_owned)),
                span_name: match (&request.service, &request.span_name) {
                    (_, Some(name)) => Some(name.clone()),
                    (None, None) => service.map(|_| request.name.clone()),
                    (Some(_), None) => None,
                },
                requests: part.requests,
                errors: part.errors,
                latency: (&part.latency).into(),
            })
            .collect();
        let mut services: Vec<String> =
            operations.iter().filter_map(|operation| operation.service.clone()).collect();
        services.sort();
        services.dedup();
        let thresholds = if is_over { check(plan, tally, standing.elapsed) } else { Vec::new() };
        Run {
            name: plan.name.clone(),
            tool: "binnacle load",
            tool_version: env!("CARGO_PKG_VERSION"),
            target: plan.target.clone(),
            version: plan.version.clone(),
            labels: plan.labels.clone(),
            state: standing.state,
            started_at: rfc3339(standing.began),
            ended_at: is_over.then(|| at(standing.elapsed)),
            corrected: true,
            behind_seconds_max: tally.behind.max() as f64 / 1e9,
            behind_seconds_p99: tally.behind.percentile(99.0) as f64 / 1e9,
            services,
            total,
            stages,
            operations,
            timeline: timeline(plan, tally, standing.began),
            failures: tally.failures.clone(),
            spans: standing.spans,
            passed: is_over.then(|| thresholds.iter().all(|checked| checked.passed)),
            thresholds,
        }
    }
}

fn of_all(plan: &Plan, tally: &Tally, elapsed: Duration) -> Total {
    let begun = elapsed.min(plan.schedule.duration());
    let intended = plan.schedule.begun_by(begun) as f64;
    Total {
        requests: tally.total.requests,
        errors: tally.total.errors,
        intended_rate: per_second(intended, begun),
        achieved_rate: achieved(plan, tally, elapsed),
        latency: (&tally.total.latency).into(),
    }
}

/// Answers per second, while they were asked for and until the last one came.
fn achieved(plan: &Plan, tally: &Tally, elapsed: Duration) -> f64 {
    let lasted = elapsed.min(plan.schedule.duration()).max(tally.ended);
    per_second(tally.total.requests as f64, lasted)
}

fn per_second(count: f64, lasted: Duration) -> f64 {
    if lasted.is_zero() { 0.0 } else { count / lasted.as_secs_f64() }
}

fn stage_of(stage: &Stage, part: &Part, ended_within: u64, times: (String, String)) -> StageOf {
    let (started_at, ended_at) = times;
    StageOf {
        name: stage.name(),
        started_at,
        ended_at,
        intended_rate: stage.mean(),
        achieved_rate: per_second(ended_within as f64, stage.duration),
        requests: part.requests,
        errors: part.errors,
        latency: (&part.latency).into(),
    }
}

fn timeline(plan: &Plan, tally: &Tally, began: SystemTime) -> Vec<Second> {
    let width = tally.slot;
    let slots = tally.timeline();
    let second = |(index, slot): (u32, &Slot)| {
        let begin = width * index;
        let due = plan.schedule.begun_by(begin + width) - plan.schedule.begun_by(begin);
        Second {
            at: rfc3339(began + begin),
            seconds: width.as_secs(),
            intended: due,
            requests: slot.requests,
            errors: slot.errors,
            p50_ns: slot.p50,
            p99_ns: slot.p99,
        }
    };
    (0..).zip(&slots).map(second).collect()
}

fn check(plan: &Plan, tally: &Tally, elapsed: Duration) -> Vec<Checked> {
    let behind = Duration::from_nanos(tally.behind.max());
    let lasted = elapsed.min(plan.schedule.duration()).max(tally.ended);
    let checked = plan.thresholds.iter().map(|threshold| {
        let mut named = plan.requests.iter().zip(&tally.operations);
        let part = match &threshold.operation {
            Some(name) => named.find(|(request, _)| request.name == *name),
            None => None,
        };
        let part = part.map_or(&tally.total, |(_, part)| part);
        let rate = per_second(part.requests as f64, lasted);
        let (requests, errors) = (part.requests, part.errors);
        let measured = Measured { latency: &part.latency, requests, errors, rate, behind };
        let (actual, passed) = threshold.check(measured);
        Checked { expression: threshold.to_string(), actual, passed }
    });
    checked.collect()
}

fn rfc3339(time: SystemTime) -> String {
    DateTime::<Utc>::from(time).to_rfc3339_opts(SecondsFormat::Nanos, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::File;
    use crate::schedule::Arrival;
    use crate::tally::Outcome;
    use std::time::UNIX_EPOCH;

    fn run(state: State, service: Option<&str>) -> Run {
        let text = r#"
            target = "http://shop"
            stages = ["2s:2"]
            thresholds = ["p99{GET /a}<1s", "errors<10%", "requests>=4"]
            [[requests]]
            path = "/a"
            [[requests]]
            path = "/b"
            service = "gateway"
        "#;
        let file: File = toml::from_str(text).unwrap();
        let plan = Plan::new(file).unwrap();
        let mut tally = Tally::new(&plan.schedule, 2);
        for arrival in plan.schedule.arrivals() {
            let Arrival { number, due, .. } = arrival;
            let result = if number == 3 { Err("status 500".to_owned()) } else { Ok(()) };
            let ended = due + Duration::from_millis(100 * (number + 1));
            let operation = usize::from(number >= 2);
            tally.add(&Outcome { arrival, operation, sent: due, ended, result });
        }
        let began = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let standing = Standing { began, elapsed: Duration::from_millis(2150), state, spans: None };
        Run::new(&plan, &tally, standing, service)
    }

    #[test]
    fn a_run_that_is_over_has_its_verdict() {
        let run = run(State::Finished, Some("load"));
        assert_eq!(run.started_at, "2023-11-14T22:13:20.000000000Z");
        assert_eq!(run.ended_at.as_deref(), Some("2023-11-14T22:13:22.150000000Z"));
        let passed: Vec<bool> = run.thresholds.iter().map(|checked| checked.passed).collect();
        assert_eq!((passed, run.passed), (vec![true, false, true], Some(false)));
        assert_eq!(run.thresholds[1].actual, "25.0%");
        assert_eq!((run.total.requests, run.total.errors), (4, 1));
        assert_eq!(run.total.intended_rate, 2.0);
        assert!((run.total.achieved_rate - 4.0 / 2.15).abs() < 1e-9, "{}", run.total.achieved_rate);
        let due: Vec<(u64, u64)> = run.timeline.iter().map(|s| (s.intended, s.requests)).collect();
        assert_eq!(due, [(2, 2), (2, 1), (0, 1)]);
        assert_eq!(run.failures["status 500"], 1);
        assert_eq!(run.stages[0].achieved_rate, 1.5);
    }

    #[test]
    fn operations_say_which_spans_are_theirs() {
        let of = |service| {
            let run = run(State::Running, service);
            assert_eq!((run.passed, run.ended_at.is_some()), (None, false));
            let spans = run.operations.into_iter().map(|one| (one.service, one.span_name));
            (spans.collect::<Vec<_>>(), run.services)
        };
        let text = |text: &str| Some(text.to_owned());
        let (spans, services) = of(Some("load"));
        assert_eq!(spans, [(text("load"), text("GET /a")), (text("gateway"), None)]);
        assert_eq!(services, ["gateway", "load"]);
        assert_eq!(of(None).0, [(None, None), (text("gateway"), None)]);
    }

    #[test]
    fn percentiles_and_buckets_are_of_the_same_requests() {
        let latency = run(State::Finished, None).total.latency;
        assert_eq!(latency.buckets.iter().map(|bucket| bucket.1).sum::<u64>(), 4);
        assert_eq!(latency.percentile(100.0) / 1_000_000, 400);
        assert_eq!(latency.buckets.last().map(|bucket| bucket.0 / 1_000_000), Some(400));
        assert_eq!(latency.percentile(50.0) / 1_000_000, 200);
    }
}
