//! Evaluation: a node's columns from its children's, over a grid of steps.

mod aggregate;
mod aggregate_k;
mod binary;
mod element;
mod grid;
mod matching;
mod selector;
mod smooth;
mod windows;

pub use element::arithmetic;
pub use grid::{Grid, subquery_grid};
pub(super) use selector::Lookup;
pub use windows::{Before, Ranges, Slider, Window};

use super::annotation::{Annotation, Annotations};
use super::ast::*;
use super::error::Failure;
use super::function;
use super::parallel;
use super::run::{Request, Stopped, milliseconds};
use super::series::{Column, Output, Samples};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a node computes.
#[derive(Debug)]
pub enum Evaluated {
    /// One value per step.
    Scalar(Vec<f64>),
    Text(String),
    Vector(Vec<Column>),
    /// Only at the root of an instant query.
    Matrix(Vec<Samples>),
}

type SeriesById = HashMap<usize, Arc<Vec<Samples>>>;

/// Evaluates one query.
pub struct Evaluator {
    pub(super) lookback: i64,
    pub(super) subquery_step: i64,
    pub(super) delayed_names: bool,
    threads: usize,
    pub(super) times: super::Times,
    series: SeriesById,
    pub(super) info: SeriesById,
    notes: Annotations,
    bytes_max: u64,
    deadline: Instant,
    stopped: Stopped,
    timeout: Duration,
}

impl Evaluator {
    pub fn new(
        request: &Request,
        (series, info): (SeriesById, SeriesById),
        deadline: Instant,
        stopped: Stopped,
    ) -> Evaluator {
        let settings = request.settings;
        Evaluator {
            lookback: milliseconds(settings.lookback),
            subquery_step: milliseconds(settings.subquery_step).max(1),
            delayed_names: settings.delayed_names,
            threads: settings.threads,
            times: request.times,
            series,
            info,
            notes: Annotations::default(),
            bytes_max: settings.bytes_max,
            deadline,
            stopped,
            timeout: settings.timeout,
        }
    }

    pub fn into_annotations(self) -> Annotations {
        self.notes
    }

    pub(super) fn note(&mut self, annotation: Annotation, span: Span) {
        self.notes.add(annotation, span);
    }

    pub(super) fn check_time(&self) -> Result<(), Failure> {
        if (self.stopped)() {
            return Err(Failure::Cancelled);
        }
        if Instant::now() < self.deadline {
            return Ok(());
        }
        Err(Failure::Timeout { limit: self.timeout })
    }

    /// Threads worth starting for work on this many samples.
    pub(super) fn threads(&self, samples: usize) -> usize {
        if samples < parallel::SAMPLES_WORTH { 1 } else { self.threads }
    }

    /// Refuses columns that would not fit into the memory a query may take.
    pub(super) fn check_size(&self, columns: usize, grid: Grid) -> Result<(), Failure> {
        let bytes = (columns as u64).saturating_mul(grid.count() as u64).saturating_mul(8);
        if bytes <= self.bytes_max {
            return Ok(());
        }
        Err(Failure::TooManySamples { limit: self.bytes_max })
    }

    /// The root of an instant query may be a range.
    pub fn eval_root(&mut self, expr: &Expr, grid: Grid) -> Result<Evaluated, Failure> {
        match expr.bare() {
            Expr::Matrix(node) => self.matrix(node, grid).map(Evaluated::Matrix),
            Expr::Subquery(node) => self.subquery(node, grid).map(Evaluated::Matrix),
            _ => self.eval(expr, grid),
        }
    }

    pub(super) fn eval(&mut self, expr: &Expr, grid: Grid) -> Result<Evaluated, Failure> {
        self.check_time()?;
        match expr {
            Expr::Number(node) => Ok(Evaluated::Scalar(vec![node.value; grid.count()])),
            Expr::Text(node) => Ok(Evaluated::Text(node.value.clone())),
            Expr::Vector(node) => self.vector_selector(node, grid).map(Evaluated::Vector),
            Expr::Paren(inner, _) => self.eval(inner, grid),
            Expr::Unary(node) => self.unary(node, grid),
            Expr::Binary(node) => self.binary(node, grid),
            Expr::Call(node) => function::call(self, node, grid),
            Expr::Aggregate(node) => self.aggregate(node, grid).map(Evaluated::Vector),
            Expr::Matrix(_) | Expr::Subquery(_) => {
                Err(Failure::execution("a range vector has no value of its own here"))
            }
        }
    }

    pub(super) fn vector(&mut self, expr: &Expr, grid: Grid) -> Result<Vec<Column>, Failure> {
        match self.eval(expr, grid)? {
            Evaluated::Vector(columns) => Ok(columns),
            _ => Err(Failure::execution("expected an instant vector")),
        }
    }

    pub(super) fn scalar(&mut self, expr: &Expr, grid: Grid) -> Result<Vec<f64>, Failure> {
        match self.eval(expr, grid)? {
            Evaluated::Scalar(values) => Ok(values),
            _ => Err(Failure::execution("expected a scalar")),
        }
    }

    fn unary(&mut self, node: &Unary, grid: Grid) -> Result<Evaluated, Failure> {
        let value = self.eval(&node.expr, grid)?;
        if !node.is_negative {
            return Ok(value);
        }
        match value {
            Evaluated::Scalar(values) => {
                Ok(Evaluated::Scalar(values.into_iter().map(|value| -value).collect()))
            }
            Evaluated::Vector(mut columns) => {
                for column in &mut columns {
                    negate(column);
                }
                self.nameless(columns).map(Evaluated::Vector)
            }
            other => Ok(other),
        }
    }

    /// Columns that lose their name: at once, or marked for the end of the query.
    pub(super) fn nameless(&self, columns: Vec<Column>) -> Result<Vec<Column>, Failure> {
        let columns = columns.into_iter().map(|mut column| {
            column.drop_name = true;
            if !self.delayed_names {
                column.labels = column.labels.without_metadata();
            }
            column
        });
        if self.delayed_names { Ok(columns.collect()) } else { self.merged(columns) }
    }

    /// Joins columns of the same labels, which must not both have a value at any step.
    pub(super) fn merged(
        &self,
        columns: impl IntoIterator<Item = Column>,
    ) -> Result<Vec<Column>, Failure> {
        let mut columns = columns.into_iter().peekable();
        let steps = columns.peek().map_or(0, |column| column.floats.len());
        let mut output = Output::new(steps);
        for column in columns {
            output.add(column)?;
        }
        Ok(output.into_columns())
    }
}

fn negate(column: &mut Column) {
    for value in &mut column.floats {
        if !super::series::is_stale(*value) {
            *value = -*value;
        }
    }
    for slot in column.histograms.iter_mut().flatten() {
        *slot = slot.take().map(|histogram| Arc::new(histogram.scaled(-1.0)));
    }
}
