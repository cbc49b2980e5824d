//! Running a unit test: the rules are evaluated over the series as in a server, one tick after the other.

use super::file::{AlertTest, ExpectedAlert, ExprTest, TestFile, TestGroup};
use super::report;
use crate::rule::evaluate::Around;
use crate::rule::group::{GroupState, evaluate_group};
use crate::rule::query::{Querier, Question, Vector, vector};
use crate::rule::template::Surroundings;
use crate::rule::{Group, Language, State};
use crate::{RecordedSample, SeriesSink};
use binnacle_query::promql::describe::Point;
use binnacle_query::promql::labels::Labels;
use binnacle_query::promql::memory::Memory;
use binnacle_query::promql::series::{STALE, Sample};
use binnacle_query::promql::{Request, Settings, Times, run};
use binnacle_storage::model::TenantId;
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;

/// Everything a test does not find as expected, in words. Blocks.
pub fn run_test(file: &TestFile, test: &TestGroup, groups: &[Group]) -> Vec<String> {
    futures::executor::block_on(Running::new(file, test, groups).run())
}

/// Series in memory, asked and written to.
struct Series {
    memory: Memory,
    subquery_step: Duration,
}

impl Querier for Series {
    fn ask(&self, question: Question, at: i64) -> BoxFuture<'_, Result<Vector, String>> {
        Box::pin(async move {
            if question.language != Language::Promql {
                return Err("unit tests have series only, so only PromQL can be tested".to_owned());
            }
            let settings = Settings {
                lookback: Duration::from_secs(300),
                subquery_step: self.subquery_step,
                bytes_max: 1 << 30,
                threads: 1,
                delayed_names: true,
                experimental: true,
                timeout: Duration::from_secs(600),
            };
            let times = Times { start: at, end: at, step: 0 };
            let request = Request { query: question.expr, times, settings };
            let answer = run(&self.memory, &request, Arc::new(|| false)).await;
            vector(answer.map_err(|failure| failure.to_string())?.value)
        })
    }
}

impl SeriesSink for Series {
    fn write(
        &self,
        _tenant: &TenantId,
        samples: Vec<RecordedSample>,
    ) -> BoxFuture<'_, Result<(), String>> {
        for RecordedSample { labels, time, value } in samples {
            self.memory.insert(&labels, time, value.unwrap_or(Sample::Float(STALE)));
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

struct Running<'a> {
    file: &'a TestFile,
    test: &'a TestGroup,
    groups: Vec<&'a Group>,
    states: Vec<GroupState>,
    series: Series,
    /// How many samples of each input series are in.
    loaded: Vec<usize>,
    problems: Vec<String>,
}

impl<'a> Running<'a> {
    fn new(file: &'a TestFile, test: &'a TestGroup, groups: &'a [Group]) -> Running<'a> {
        let mut ordered: Vec<&Group> = groups.iter().collect();
        let order = |group: &&Group| {
            file.group_eval_order.iter().position(|name| *name == group.name).unwrap_or(0)
        };
        ordered.sort_by_key(order);
        let subquery_step = Duration::from_millis(file.evaluation_interval.unsigned_abs());
        Running {
            file,
            test,
            states: ordered.iter().map(|group| GroupState::of(group)).collect(),
            groups: ordered,
            series: Series { memory: Memory::default(), subquery_step },
            loaded: vec![0; test.series.len()],
            problems: Vec::new(),
        }
    }

    async fn run(mut self) -> Vec<String> {
        let (step, end) = (self.file.evaluation_interval, self.test.time_max());
        let mut alerts: Vec<&AlertTest> = self.test.alerts.iter().collect();
        alerts.sort_by_key(|test| test.eval_time);
        let mut alerts = alerts.into_iter().peekable();
        let mut at = 0;
        while at <= end {
            self.load(at);
            if !self.evaluate(at).await {
                return self.problems;
            }
            while let Some(test) = alerts.next_if(|test| test.eval_time < at + step) {
                self.check_alerts(test);
            }
            at += step;
        }
        for test in &self.test.exprs {
            self.check_expr(test).await;
        }
        self.problems
    }

    /// Puts in what the input series have until a time after the start.
    fn load(&mut self, until: i64) {
        let (start, interval) = (self.test.start, self.test.interval);
        for ((labels, points), loaded) in self.test.series.iter().zip(&mut self.loaded) {
            while let Some(point) = points.get(*loaded) {
                let time = interval.saturating_mul(*loaded as i64);
                if time > until {
                    break;
                }
                self.series.memory.put(labels, start + time, point.clone());
                *loaded += 1;
            }
        }
    }

    /// Evaluates all rules; false when one of them failed.
    async fn evaluate(&mut self, after_start: i64) -> bool {
        let at = self.test.start + after_start;
        let surroundings = Surroundings {
            external_labels: Arc::new(self.test.external_labels.iter().cloned().collect()),
            external_url: self.test.external_url.clone(),
            time: at,
        };
        let (tenant, before) = (TenantId::default(), self.problems.len());
        for (group, state) in self.groups.iter().zip(&mut self.states) {
            let around = Around {
                querier: &self.series,
                surroundings: &surroundings,
                limit: group.limit,
                query_offset: group.query_offset.unwrap_or(0),
            };
            evaluate_group(group, state, &tenant, &self.series, &around, at).await;
            for (rule, state) in group.rules.iter().zip(&state.rules) {
                if let Some(error) = &state.last_error {
                    let time = report::duration(after_start);
                    let problem = format!("    rule: {}, time: {time}, err: {error}", rule.name());
                    self.problems.push(problem);
                }
            }
        }
        self.problems.len() == before
    }

    fn check_alerts(&mut self, test: &AlertTest) {
        let mut expected = test.expected.clone();
        expected.sort();
        let mut got = self.firing(&test.alertname);
        got.sort();
        if expected != got {
            self.problems.push(report::alerts(&self.test.name, test, &expected, &got));
        }
    }

    fn firing(&self, name: &str) -> Vec<ExpectedAlert> {
        let both = self.groups.iter().zip(&self.states);
        let rules = both.flat_map(|(group, state)| group.rules.iter().zip(&state.rules));
        let named = rules.filter(|(rule, _)| rule.alert().is_some_and(|alert| alert.name == name));
        named
            .flat_map(|(_, state)| &state.alerts)
            .filter(|(_, alert)| alert.state == State::Firing)
            .map(|(labels, alert)| {
                let pairs = |set: &crate::LabelSet| set.clone().into_iter().collect::<Vec<_>>();
                ExpectedAlert {
                    labels: Labels::new(pairs(labels)),
                    annotations: Labels::with_empty(pairs(&alert.annotations)),
                }
            })
            .collect()
    }

    async fn check_expr(&mut self, test: &ExprTest) {
        let at = self.test.start + test.eval_time;
        let got = self.series.ask(Question::promql(&test.expr), at).await;
        let head =
            format!("    expr: {:?}, time: {},", test.expr, report::duration(test.eval_time));
        let (mut got, mut expected) = match (got, test.expected.clone()) {
            (Err(reason), _) | (_, Err(reason)) => {
                return self.problems.push(format!("{head} err: {reason}"));
            }
            (Ok(got), Ok(expected)) => (got, expected),
        };
        got.sort_by(|a, b| a.0.cmp(&b.0));
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        let fuzzy = self.file.fuzzy_compare;
        let same = got.len() == expected.len()
            && got
                .iter()
                .zip(&expected)
                .all(|(got, expected)| got.0 == expected.0 && is_equal(&got.1, &expected.1, fuzzy));
        if !same {
            let exp = report::expected_samples(&expected);
            let got = report::samples(&got);
            self.problems.push(format!("{head}\n        exp: {exp}\n        got: {got}"));
        }
    }
}

fn is_equal(got: &Sample, expected: &Point, fuzzy: bool) -> bool {
    match (got, expected) {
        (Sample::Float(a), Point::Float(b)) => {
            let neighbours = fuzzy && (a.next_up() == *b || a.next_down() == *b);
            a == b || (a.is_nan() && b.is_nan()) || neighbours
        }
        (Sample::Histogram(a), Point::Histogram(b)) => **a == **b && a.hint == b.hint,
        _ => false,
    }
}
