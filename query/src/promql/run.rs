//! One query from its text to its answer.

use super::annotation::Annotations;
use super::ast::{Expr, Kind};
use super::error::Failure;
use super::eval::{Evaluated, Evaluator, Grid};
use super::labels::Labels;
use super::parse::{Features, parse};
use super::plan::{Plan, plan};
use super::prepare::{Times, prepare};
use super::series::{Column, Output, Sample, Samples};
use super::source::SeriesSource;
use futures::future::try_join_all;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the same server uses for all queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How far back the latest sample of a series may lie.
    pub lookback: Duration,
    /// The step of subqueries that name none.
    pub subquery_step: Duration,
    /// Bytes of samples one query may hold.
    pub bytes_max: u64,
    /// Whether names are dropped only when the query is done, so that they can still be used in between.
    pub delayed_names: bool,
    /// Whether experimental parts of the language may be used.
    pub experimental: bool,
    pub timeout: Duration,
    /// How many threads one query may use.
    pub threads: usize,
}

/// One query.
#[derive(Debug, Clone)]
pub struct Request {
    pub query: String,
    pub times: Times,
    pub settings: Settings,
}

#[derive(Debug, Clone)]
pub enum Value {
    Scalar(f64),
    Text(String),
    /// In the order the query asks for.
    Vector(Vec<(Labels, Sample)>),
    /// Sorted by labels.
    Matrix(Vec<Samples>),
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub value: Value,
    pub annotations: Annotations,
    /// Samples read.
    pub samples: u64,
}

/// Whether nobody waits for the answer any more; asked now and then.
pub type Stopped = Arc<dyn Fn() -> bool + Send + Sync>;

/// Answers a query over the series of `source`.
pub async fn run(
    source: &dyn SeriesSource,
    request: &Request,
    stopped: Stopped,
) -> Result<Answer, Failure> {
    let started = Instant::now();
    let settings = request.settings;
    let features = Features { experimental: settings.experimental };
    let mut expr = parse(&request.query, features).map_err(|error| {
        let text = error.text(&request.query);
        Failure::Parse { error, text }
    })?;
    check_kind(&expr, request)?;
    prepare(&mut expr, request.times).map_err(|error| {
        let text = error.message.clone();
        Failure::Parse { error, text }
    })?;
    let grid = Grid::of(request.times);
    let (lookback, subquery_step) =
        (milliseconds(settings.lookback), milliseconds(settings.subquery_step).max(1));
    let plan = plan(&expr, grid, lookback, subquery_step);
    let (series, info) = read(source, &plan, settings.bytes_max).await?;
    let samples =
        series.values().map(|list| list.iter().map(|s| s.len() as u64).sum::<u64>()).sum();
    let deadline = started + settings.timeout;
    let mut evaluator = Evaluator::new(request, (series, info), deadline, stopped);
    let value = evaluator.eval_root(&expr, grid)?;
    let value = answer(value, &expr, request, grid)?;
    Ok(Answer { value, annotations: evaluator.into_annotations(), samples })
}

/// Answers an expression of another language, whose selectors' series are at hand by their ids.
pub(crate) fn evaluate(
    expr: &Expr,
    request: &Request,
    series: HashMap<usize, Arc<Vec<Samples>>>,
    stopped: Stopped,
) -> Result<Value, Failure> {
    let grid = Grid::of(request.times);
    let deadline = Instant::now() + request.settings.timeout;
    let mut evaluator = Evaluator::new(request, (series, HashMap::new()), deadline, stopped);
    let value = evaluator.eval_root(expr, grid)?;
    answer(value, expr, request, grid)
}

pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A range query has one value per step, so its answer cannot be a range or a text itself.
fn check_kind(expr: &Expr, request: &Request) -> Result<(), Failure> {
    let kind = expr.kind();
    if !request.times.is_range() || matches!(kind, Kind::Scalar | Kind::Vector) {
        return Ok(());
    }
    let message = format!(
        "invalid expression type {:?} for range query, must be Scalar or instant Vector",
        kind.name()
    );
    let error = super::parse::ParseError::at(expr.span(), message.clone());
    Err(Failure::Parse { error, text: message })
}

type Read = (HashMap<usize, Arc<Vec<Samples>>>, HashMap<usize, Arc<Vec<Samples>>>);

/// Reads what the plan names; equal selections are read once.
async fn read(source: &dyn SeriesSource, plan: &Plan, bytes_max: u64) -> Result<Read, Failure> {
    let mut selects = Vec::new();
    let mut places: Vec<(bool, usize, usize)> = Vec::new();
    let all = plan.selectors.iter().map(|entry| (false, entry));
    for (is_info, (id, wanted)) in all.chain(plan.info.iter().map(|entry| (true, entry))) {
        let select = Plan::select(wanted, bytes_max);
        let at = selects.iter().position(|other| *other == select).unwrap_or_else(|| {
            selects.push(select);
            selects.len() - 1
        });
        places.push((is_info, *id, at));
    }
    let read = try_join_all(selects.iter().map(|select| source.select(select))).await?;
    let read: Vec<Arc<Vec<Samples>>> = read.into_iter().map(Arc::new).collect();
    let bytes: u64 = read.iter().flat_map(|list| list.iter()).map(|s| s.size() as u64).sum();
    if bytes > bytes_max {
        return Err(Failure::TooManySamples { limit: bytes_max });
    }
    let (mut series, mut info) = Read::default();
    for (is_info, id, at) in places {
        let into = if is_info { &mut info } else { &mut series };
        into.insert(id, read[at].clone());
    }
    Ok((series, info))
}

/// Drops the names that were to be dropped, and puts the answer into its form.
fn answer(value: Evaluated, expr: &Expr, request: &Request, grid: Grid) -> Result<Value, Failure> {
    let columns = match value {
        Evaluated::Text(text) => return Ok(Value::Text(text)),
        Evaluated::Scalar(values) if !request.times.is_range() => {
            return Ok(Value::Scalar(values.first().copied().unwrap_or(f64::NAN)));
        }
        Evaluated::Scalar(floats) => {
            vec![Column { floats, ..Column::empty(Labels::default(), false, 0) }]
        }
        Evaluated::Vector(columns) => columns,
        Evaluated::Matrix(list) => return matrix(list),
    };
    let mut output = Output::new(grid.count());
    for mut column in columns {
        if column.drop_name {
            column.labels = column.labels.without_metadata();
        }
        output.add(column)?;
    }
    let columns = output.into_columns();
    debug_assert!(expr.kind() != Kind::Matrix, "ranges are answered above");
    if !request.times.is_range() {
        let vector = columns.into_iter().filter_map(|column| {
            let sample = column.sample(0)?;
            Some((column.labels, sample))
        });
        return Ok(Value::Vector(vector.collect()));
    }
    let mut list: Vec<Samples> = columns.iter().map(|column| samples(column, grid)).collect();
    list.retain(|samples| !samples.is_empty());
    list.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(Value::Matrix(list))
}

fn matrix(mut list: Vec<Samples>) -> Result<Value, Failure> {
    for samples in &mut list {
        if samples.drop_name {
            samples.labels = samples.labels.without_metadata();
        }
    }
    list.sort_by(|a, b| a.labels.cmp(&b.labels));
    if list.windows(2).any(|pair| pair[0].labels == pair[1].labels) {
        return Err(Failure::from(super::series::Duplicate));
    }
    Ok(Value::Matrix(list))
}

/// A column as samples at the times of its steps.
pub(super) fn samples(column: &Column, grid: Grid) -> Samples {
    let mut samples = Samples {
        labels: column.labels.clone(),
        drop_name: column.drop_name,
        ..Samples::default()
    };
    for step in 0..column.floats.len() {
        match column.sample(step) {
            Some(Sample::Float(value)) => {
                samples.times.push(grid.time(step));
                samples.values.push(value);
            }
            Some(Sample::Histogram(histogram)) => {
                samples.histogram_times.push(grid.time(step));
                samples.histograms.push(histogram);
            }
            None => {}
        }
    }
    samples
}
