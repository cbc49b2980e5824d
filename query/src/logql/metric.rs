//! Metric queries: numbers of lines, gathered by label set, and what is computed of them.
//!
//! Range aggregations are LogQL's own; everything above them is PromQL's evaluator over a grid of step numbers, to which each
//! range aggregation is a selector whose series have a sample at each step.

use super::ast::*;
use super::gather::{Gather, Scope, gather};
use super::pipeline::Pipeline;
use super::range::{Ranges, Sample, Steps};
use super::rows::{Found, Lines};
use super::scan::Prefilter;
use crate::Error;
use crate::promql::ast as prom;
use crate::promql::labels::{Labels, MatchOp};
use crate::promql::series::{Samples, is_stale};
use crate::promql::signature;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most series that one range aggregation makes.
pub const SERIES_MAX: usize = 20_000;

/// The series of each selector, by its id.
pub type SeriesById = HashMap<usize, Arc<Vec<Samples>>>;

/// A metric query as PromQL's tree, and the range aggregations that its selectors stand for.
pub struct Translation {
    pub expr: prom::Expr,
    pub ranges: Vec<RangeQuery>,
}

/// One range aggregation, with the labels its series are to have.
#[derive(Clone)]
pub struct RangeQuery {
    pub node: RangeAggregate,
    pub grouping: Option<Grouping>,
}

pub fn translate(metric: &Metric) -> Result<Translation, Error> {
    let mut ranges = Vec::new();
    let expr = expr(metric, None, &mut ranges)?;
    Ok(Translation { expr, ranges })
}

/// `outer` is how the series will be summed, which may be done as they are made.
fn expr(
    metric: &Metric,
    outer: Option<&Grouping>,
    ranges: &mut Vec<RangeQuery>,
) -> Result<prom::Expr, Error> {
    let text = |value: &str, span| prom::Expr::Text(prom::Text { value: value.to_owned(), span });
    let number = |value, span| prom::Expr::Number(prom::Number { value, is_duration: false, span });
    Ok(match metric {
        Metric::Number(value, span) => number(*value, *span),
        Metric::Vector(value, span) => call("vector", vec![number(*value, *span)], *span)?,
        Metric::Paren(inner, span) => {
            prom::Expr::Paren(Box::new(expr(inner, outer, ranges)?), *span)
        }
        Metric::Range(node) => {
            // Whether there are lines at all takes none of their labels.
            let absent = (node.op == RangeOp::Absent)
                .then(|| Grouping { without: false, labels: Vec::new() });
            let grouping = node.grouping.clone().or(absent);
            let grouping = grouping.or_else(|| outer.filter(|_| node.op.adds_up()).cloned());
            let id = ranges.len();
            ranges.push(RangeQuery { node: (**node).clone(), grouping });
            prom::Expr::Vector(prom::VectorSelector {
                name: None,
                matchers: Vec::new(),
                shift: prom::Shift::default(),
                edges: prom::Edges::Plain,
                span: node.span,
                id,
            })
        }
        Metric::Aggregate(node) => aggregate(node, ranges)?,
        Metric::Binary(node) => {
            let op = match node.op {
                prom::BinaryOp::Div => prom::BinaryOp::LogDiv,
                prom::BinaryOp::Mod => prom::BinaryOp::LogMod,
                op => op,
            };
            prom::Expr::Binary(Box::new(prom::Binary {
                op,
                left: expr(&node.left, None, ranges)?,
                right: expr(&node.right, None, ranges)?,
                matching: node.matching.clone(),
                return_bool: node.return_bool,
            }))
        }
        Metric::LabelReplace(node) => {
            let args = vec![
                expr(&node.expr, None, ranges)?,
                text(&node.target, node.span),
                text(&node.replacement, node.span),
                text(&node.source, node.span),
                text(&node.regex, node.span),
            ];
            call("label_replace", args, node.span)?
        }
    })
}

fn aggregate(node: &VectorAggregate, ranges: &mut Vec<RangeQuery>) -> Result<prom::Expr, Error> {
    let all = Grouping { without: false, labels: Vec::new() };
    let grouping = node.grouping.as_ref().unwrap_or(&all);
    let op = match node.op {
        VectorOp::Plain(op) => op,
        VectorOp::ApproxTopk => prom::AggregateOp::Topk,
        VectorOp::Sort | VectorOp::SortDesc => {
            return call(node.op.name(), vec![expr(&node.expr, None, ranges)?], node.span);
        }
    };
    let outer = (op == prom::AggregateOp::Sum).then_some(grouping);
    let parameter = node.parameter.map(|value| {
        prom::Expr::Number(prom::Number { value, is_duration: false, span: node.span })
    });
    Ok(prom::Expr::Aggregate(Box::new(prom::Aggregate {
        op,
        expr: expr(&node.expr, outer, ranges)?,
        parameter,
        labels: grouping.labels.clone(),
        without: grouping.without,
        span: node.span,
    })))
}

fn call(name: &str, args: Vec<prom::Expr>, span: Span) -> Result<prom::Expr, Error> {
    let function = signature::find(name)
        .ok_or_else(|| Error::Execution { message: format!("the function {name} is not there") })?;
    Ok(prom::Expr::Call(prom::Call { function, args, span }))
}

/// Reads the lines of every range aggregation and computes their series.
pub async fn series(
    scope: &Scope,
    ranges: Vec<RangeQuery>,
    steps: Steps,
) -> Result<SeriesById, Error> {
    let mut all = SeriesById::new();
    for (id, range) in ranges.into_iter().enumerate() {
        all.insert(id, Arc::new(range.series(scope, steps).await?));
    }
    Ok(all)
}

impl RangeQuery {
    async fn series(self, scope: &Scope, steps: Steps) -> Result<Vec<Samples>, Error> {
        let node = &self.node;
        let ranges = Ranges {
            op: node.op,
            parameter: node.parameter.unwrap_or(0.0),
            is_unwrapped: node.unwrap.is_some(),
            range: node.range,
            offset: node.offset,
            steps,
        };
        let samples = gather_samples(scope, self.clone(), ranges.span()).await?;
        let cells = (samples.len() as u64).saturating_mul(steps.count as u64).saturating_mul(16);
        if cells > scope.bytes_max {
            return Err(Error::MemoryLimit { limit: scope.bytes_max });
        }
        if node.op == RangeOp::Absent {
            return Ok(vec![absent(node, samples, &ranges)]);
        }
        let mut list = Vec::with_capacity(samples.len());
        for (at, (labels, mut samples)) in samples.into_iter().enumerate() {
            // Of one time by value, wherever they lie.
            samples.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            list.push(column(labels, &ranges.evaluate(&samples)));
            if at % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
        list.retain(|samples: &Samples| !samples.is_empty());
        list.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(list)
    }

    /// Labels of the answer's series; `None` is all of them.
    fn shown(&self) -> Option<Vec<String>> {
        self.grouping
            .as_ref()
            .filter(|grouping| !grouping.without)
            .map(|grouping| grouping.labels.clone())
    }

    /// The labels of the series that a line belongs to.
    fn labels(&self, found: &Found<'_>) -> Labels {
        let unwrapped = self.node.unwrap.as_ref().map(|unwrap| unwrap.label.clone());
        match &self.grouping {
            Some(Grouping { without: false, labels }) => found.labels.picked(labels),
            Some(Grouping { without: true, labels }) => {
                let mut names = labels.clone();
                names.extend(unwrapped);
                found.labels.without(&names)
            }
            None => match unwrapped {
                Some(name) => found.labels.without(&[name]),
                None => found.labels.merged(),
            },
        }
    }
}

/// A value per step as samples whose times are the steps' numbers.
fn column(labels: Labels, values: &[f64]) -> Samples {
    let mut samples = Samples { labels, ..Samples::default() };
    for (step, value) in values.iter().enumerate() {
        if !is_stale(*value) {
            samples.times.push(step as i64);
            samples.values.push(*value);
        }
    }
    samples
}

/// 1 where no line lies in the range, labelled with what the selector names.
fn absent(node: &RangeAggregate, all: HashMap<Labels, Vec<Sample>>, ranges: &Ranges) -> Samples {
    let mut samples: Vec<Sample> = all.into_values().flatten().collect();
    samples.sort_by_key(|(time, _)| *time);
    let present = ranges.evaluate(&samples);
    let matchers = &node.query.matchers;
    let named = matchers.iter().filter(|matcher| {
        let same = matchers.iter().filter(|other| other.name == matcher.name).count();
        matcher.op == MatchOp::Equal && same == 1
    });
    let labels = Labels::new(named.map(|matcher| (matcher.name.clone(), matcher.value.clone())));
    let flipped: Vec<f64> = present
        .into_iter()
        .map(|value| if is_stale(value) { 1.0 } else { crate::promql::series::STALE })
        .collect();
    column(labels, &flipped)
}

/// What the tasks of one range aggregation share.
struct Shared {
    query: RangeQuery,
    held: AtomicU64,
    bytes_max: u64,
}

/// The numbers of lines by label set, in no order of time.
struct Gathered {
    shared: Arc<Shared>,
    series: HashMap<Labels, Vec<Sample>>,
}

async fn gather_samples(
    scope: &Scope,
    query: RangeQuery,
    (from, to): (i64, i64),
) -> Result<HashMap<Labels, Vec<Sample>>, Error> {
    let node = &query.node;
    let shown = query.shown();
    let lines = Lines {
        matchers: node.query.matchers.clone(),
        pipeline: Pipeline::new(&node.query.stages, node.unwrap.as_ref(), shown.as_deref()),
        from,
        to,
        needs_line: matches!(node.op, RangeOp::Bytes | RangeOp::BytesRate),
    };
    let prefilter = Prefilter::of(&node.query.stages);
    let shared = Arc::new(Shared { query, held: AtomicU64::new(0), bytes_max: scope.bytes_max });
    let new = || Gathered { shared: shared.clone(), series: HashMap::new() };
    Ok(gather(scope, lines, prefilter, new).await?.series)
}

impl Gather for Gathered {
    fn take(&mut self, lines: &Lines, mut found: Found<'_>) -> Result<(), Error> {
        let query = &self.shared.query;
        let weight = found.weight as f64;
        let value = match (&query.node.unwrap, query.node.op) {
            (Some(_), op) => match lines.pipeline.unwrapped(&mut found.labels) {
                // What adds up does so for all that the line stands for.
                Some(value) if op.adds_up() => value * weight,
                Some(value) => value,
                None => return Ok(()),
            },
            (None, RangeOp::Bytes | RangeOp::BytesRate) => found.line.len() as f64 * weight,
            (None, _) => weight,
        };
        if found.labels.has_error() {
            return Err(pipeline_error(&found));
        }
        let samples = self.series.entry(query.labels(&found));
        if let Entry::Vacant(entry) = &samples {
            let text: usize =
                entry.key().iter().map(|(name, value)| name.len() + value.len() + 64).sum();
            self.shared.hold(text as u64 + 64)?;
        }
        samples.or_default().push((found.time, value));
        self.shared.hold(size_of::<Sample>() as u64)?;
        check_count(self.series.len())
    }

    fn unite(&mut self, other: Gathered) -> Result<(), Error> {
        for (labels, samples) in other.series {
            self.series.entry(labels).or_default().extend(samples);
        }
        check_count(self.series.len())
    }
}

impl Shared {
    /// Counts what is held against the memory the query may take.
    fn hold(&self, bytes: u64) -> Result<(), Error> {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if held > self.bytes_max {
            return Err(Error::MemoryLimit { limit: self.bytes_max });
        }
        Ok(())
    }
}

fn check_count(series: usize) -> Result<(), Error> {
    if series <= SERIES_MAX {
        return Ok(());
    }
    Err(Error::InvalidRequest {
        message: format!("maximum number of series ({SERIES_MAX}) reached for a single query"),
        hint: Some(
            "sum by fewer labels, or narrow the selector; labels of single records, such as trace_id, are labels too".to_owned(),
        ),
    })
}

/// A line whose number may be wrong spoils the answer, as in Loki.
fn pipeline_error(found: &Found<'_>) -> Error {
    let kind = found.labels.find(super::labels::ERROR).unwrap_or("");
    let labels = found.labels.merged();
    Error::InvalidRequest {
        message: format!(
            "pipeline error: '{kind}' for series: '{labels}'.\nUse a label filter to intentionally skip this error. \
             (e.g | __error__!=\"{kind}\").\nTo skip all potential errors you can match empty errors.(e.g __error__=\"\")\n\
             The label filter can also be specified after unwrap. (e.g | unwrap latency | __error__=\"\" )\n"
        ),
        hint: None,
    }
}
