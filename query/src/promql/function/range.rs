//! Range functions: one value per step from the samples of a window.

use super::super::annotation::Annotation;
use super::super::ast::{Call, Edges, Kind, Span};
use super::super::error::Failure;
use super::super::eval::{Evaluator, Grid, Ranges, Slider, Window};
use super::super::labels::Labels;
use super::super::parallel;
use super::super::series::{Column, Sample, Samples};
use super::{changes, exponential, instant_rate, over_time, rate, regression};

/// What a range function knows beside its samples.
pub struct Context<'a> {
    pub evaluator: &'a mut Evaluator,
    pub name: &'static str,
    /// The other arguments at this step.
    pub numbers: &'a [f64],
    pub labels: &'a Labels,
    /// The moment of the step.
    pub time: i64,
    /// The samples looked at are after `start` and not after `end`, but for anchored and smoothed ranges.
    pub start: i64,
    pub end: i64,
    pub edges: Edges,
    /// Where the range stands in the text.
    pub span: Span,
    /// Where the first argument stands.
    pub first_span: Span,
}

impl Context<'_> {
    pub fn metric(&self) -> String {
        self.labels.metric_name().to_owned()
    }

    pub fn note(&mut self, annotation: Annotation) {
        self.evaluator.note(annotation, self.span);
    }

    pub fn number(&self, index: usize) -> f64 {
        self.numbers.get(index).copied().unwrap_or(f64::NAN)
    }

    pub fn seconds(&self) -> f64 {
        (self.end - self.start) as f64 / 1000.0
    }
}

pub type Outcome = Result<Option<Sample>, Failure>;
pub type RangeFunction = fn(&mut Context<'_>, &Window<'_>) -> Outcome;

pub fn find(name: &str) -> Option<RangeFunction> {
    Some(match name {
        "rate" | "increase" | "delta" => rate::rate,
        "irate" | "idelta" => instant_rate::instant_rate,
        "changes" => changes::changes,
        "resets" => changes::resets,
        "deriv" => regression::deriv,
        "predict_linear" => regression::predict_linear,
        "double_exponential_smoothing" => exponential::double_exponential_smoothing,
        "avg_over_time" => over_time::avg,
        "sum_over_time" => over_time::sum,
        "count_over_time" => |_, window| Ok(Some(Sample::Float(window.count() as f64))),
        "present_over_time" => |_, _| Ok(Some(Sample::Float(1.0))),
        "min_over_time" | "max_over_time" | "ts_of_min_over_time" | "ts_of_max_over_time" => {
            over_time::extreme
        }
        "first_over_time" | "last_over_time" | "ts_of_first_over_time" | "ts_of_last_over_time" => {
            over_time::edge
        }
        "quantile_over_time" => over_time::quantile,
        "mad_over_time" => over_time::mad,
        "stddev_over_time" | "stdvar_over_time" => over_time::variance,
        _ => return None,
    })
}

const ANCHORED: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
const SMOOTHED: [&str; 3] = ["delta", "increase", "rate"];

pub fn call(
    evaluator: &mut Evaluator,
    node: &Call,
    function: RangeFunction,
    grid: Grid,
) -> Result<Vec<Column>, Failure> {
    let name = node.function.name;
    let is_range = |arg: &&super::super::ast::Expr| arg.kind() == Kind::Matrix;
    let Some(range_arg) = node.args.iter().find(is_range) else {
        return Err(Failure::execution("expected a range vector"));
    };
    let ranges = evaluator.ranges(range_arg, grid)?;
    check_edges(name, ranges.edges)?;
    let mut others = Vec::new();
    for arg in node.args.iter().filter(|arg| !is_range(arg)) {
        others.push(evaluator.scalar(arg, grid)?);
    }
    evaluator.check_size(ranges.series.len(), grid)?;
    let first_span = node.args.first().map_or(node.span, |arg| arg.span());
    let keeps_name = matches!(name, "last_over_time" | "first_over_time");
    let mut columns = Vec::with_capacity(ranges.series.len());
    let mut numbers = vec![0.0; others.len()];
    let whole = whole_columns(evaluator, name, &ranges, grid)?;
    for (samples, whole) in ranges.series.iter().zip(whole) {
        evaluator.check_time()?;
        if let Some(floats) = whole {
            let labels = samples.labels.clone();
            let column = Column { labels, drop_name: true, floats, histograms: None };
            note_non_counter(evaluator, name, &column, ranges.span);
            if column.has_any() {
                columns.push(column);
            }
            continue;
        }
        let samples = samples.without_stale();
        let mut slider = Slider::default();
        let drop_name = if keeps_name { samples.drop_name } else { true };
        let mut column = Column::empty(samples.labels.clone(), drop_name, grid.count());
        for step in 0..grid.count() {
            let end = ranges.shift.apply(grid.time(step));
            let start = end.saturating_sub(ranges.range_ms);
            let (from, to) = reach(ranges.edges, start, end, evaluator.lookback);
            let window = slider.window(&samples, from, to);
            if window.is_empty() {
                continue;
            }
            for (number, values) in numbers.iter_mut().zip(&others) {
                *number = values[step];
            }
            let mut context = Context {
                evaluator,
                name,
                numbers: &numbers,
                labels: &samples.labels,
                time: grid.time(step),
                start,
                end,
                edges: ranges.edges,
                span: ranges.span,
                first_span,
            };
            if let Some(sample) = function(&mut context, &window)? {
                column.put(step, sample);
            }
        }
        note_non_counter(evaluator, name, &column, ranges.span);
        if column.has_any() {
            columns.push(column);
        }
    }
    if keeps_name { Ok(columns) } else { evaluator.nameless(columns) }
}

/// The columns of those series of which a function needs no single windows.
fn whole_columns(
    evaluator: &Evaluator,
    name: &str,
    ranges: &Ranges,
    grid: Grid,
) -> Result<Vec<Option<Vec<f64>>>, Failure> {
    if !matches!(name, "rate" | "increase" | "delta") || ranges.edges != Edges::Plain {
        return Ok(ranges.series.iter().map(|_| None).collect());
    }
    let samples: usize = ranges.series.iter().map(|samples| samples.len() + grid.count()).sum();
    let series: Vec<&Samples> = ranges.series.iter().collect();
    let columns = parallel::map(evaluator.threads(samples), series, |samples| {
        evaluator.check_time()?;
        if !samples.histogram_times.is_empty() {
            return Ok(None);
        }
        let samples = samples.without_stale();
        Ok(Some(rate::column(&samples, name, grid, &ranges.shift, ranges.range_ms)))
    });
    columns.into_iter().collect()
}

/// Anchored ranges also see the sample before, smoothed ones those before and after.
fn reach(edges: Edges, start: i64, end: i64, lookback: i64) -> (i64, i64) {
    match edges {
        Edges::Plain => (start, end),
        Edges::Anchored => (start.saturating_sub(lookback), end),
        Edges::Smoothed => (start.saturating_sub(lookback), end.saturating_add(lookback)),
    }
}

fn check_edges(name: &str, edges: Edges) -> Result<(), Failure> {
    let (word, allowed): (&str, &[&str]) = match edges {
        Edges::Plain => return Ok(()),
        Edges::Anchored => ("anchored", &ANCHORED),
        Edges::Smoothed => ("smoothed", &SMOOTHED),
    };
    if allowed.contains(&name) {
        return Ok(());
    }
    let list = allowed.join(", ");
    Err(Failure::Execution(format!(
        "{word} modifier can only be used with: {list} - not with {name}"
    )))
}

/// A rate of something that does not look like a counter is nearly always a mistake.
fn note_non_counter(evaluator: &mut Evaluator, name: &str, column: &Column, span: Span) {
    if !matches!(name, "rate" | "increase") {
        return;
    }
    let metric = column.labels.metric_name();
    let counts =
        ["_total", "_sum", "_count", "_bucket"].iter().any(|suffix| metric.ends_with(suffix));
    let has_floats = column.floats.iter().any(|value| !super::super::series::is_stale(*value));
    if metric.is_empty() || counts || !has_floats {
        return;
    }
    evaluator.note(Annotation::PossibleNonCounter { metric: metric.to_owned() }, span);
}
