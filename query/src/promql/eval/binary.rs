//! Binary operators: between scalars, a vector and a scalar, and sets of series.

use super::super::ast::*;
use super::super::error::Failure;
use super::super::labels::Labels;
use super::super::series::{Column, Output, Sample, is_stale};
use super::element::{arithmetic, holds};
use super::matching::Signatures;
use super::{Evaluated, Evaluator, Grid};

impl Evaluator {
    pub(super) fn binary(&mut self, node: &Binary, grid: Grid) -> Result<Evaluated, Failure> {
        let (left, right) = (node.left.kind(), node.right.kind());
        if left == Kind::Scalar && right == Kind::Scalar {
            let (left, right) = (self.scalar(&node.left, grid)?, self.scalar(&node.right, grid)?);
            let pairs = left.into_iter().zip(right);
            return Ok(Evaluated::Scalar(pairs.map(|(a, b)| arithmetic(node.op, a, b)).collect()));
        }
        let columns = if left == Kind::Scalar {
            let scalar = self.scalar(&node.left, grid)?;
            let columns = self.vector(&node.right, grid)?;
            self.with_scalar(node, columns, &scalar, true)?
        } else if right == Kind::Scalar {
            let columns = self.vector(&node.left, grid)?;
            let scalar = self.scalar(&node.right, grid)?;
            self.with_scalar(node, columns, &scalar, false)?
        } else {
            let left = self.vector(&node.left, grid)?;
            let right = self.vector(&node.right, grid)?;
            if node.op.is_set() {
                set(node, left, right, grid)?
            } else {
                self.vectors(node, &left, &right, grid)?
            }
        };
        Ok(Evaluated::Vector(columns))
    }

    fn with_scalar(
        &mut self,
        node: &Binary,
        mut columns: Vec<Column>,
        scalar: &[f64],
        scalar_first: bool,
    ) -> Result<Vec<Column>, Failure> {
        for column in &mut columns {
            self.check_time()?;
            if column.histograms.is_none()
                && !matches!(node.op, BinaryOp::TrimLower | BinaryOp::TrimUpper)
            {
                floats_with_scalar(node, &mut column.floats, scalar, scalar_first);
            } else {
                self.samples_with_scalar(node, column, scalar, scalar_first);
            }
        }
        columns.retain(Column::has_any);
        if node.op.changes_meaning() || node.return_bool {
            self.nameless(columns)
        } else {
            Ok(columns)
        }
    }

    fn samples_with_scalar(
        &mut self,
        node: &Binary,
        column: &mut Column,
        scalar: &[f64],
        scalar_first: bool,
    ) {
        let span = node.left.span();
        for (step, number) in scalar.iter().enumerate() {
            let Some(sample) = column.sample(step) else { continue };
            let number = Sample::Float(*number);
            let outcome = if scalar_first {
                self.element(node.op, &number, &sample, span)
            } else {
                self.element(node.op, &sample, &number, span)
            };
            column.clear(step);
            let Some((value, keep)) = outcome else { continue };
            if node.return_bool {
                column.floats[step] = f64::from(u8::from(keep));
            } else if keep {
                // A filter gives the vector's value, on whichever side it stands.
                let value = if node.op.is_comparison() { sample } else { value };
                column.put(step, value);
            }
        }
    }
}

fn floats_with_scalar(node: &Binary, floats: &mut [f64], scalar: &[f64], scalar_first: bool) {
    let filters = node.op.is_comparison() && !node.return_bool;
    for (value, number) in floats.iter_mut().zip(scalar) {
        if is_stale(*value) {
            continue;
        }
        let (left, right) = if scalar_first { (*number, *value) } else { (*value, *number) };
        if !filters {
            *value = arithmetic(node.op, left, right);
        } else if !holds(node.op, left, right) {
            *value = super::super::series::STALE;
        }
    }
}

/// `and`, `or`, `unless`: which series have a partner at a step.
fn set(
    node: &Binary,
    left: Vec<Column>,
    right: Vec<Column>,
    grid: Grid,
) -> Result<Vec<Column>, Failure> {
    let mut signatures = Signatures::new(&node.matching);
    let left_ids: Vec<usize> = left.iter().map(|column| signatures.id(&column.labels)).collect();
    let right_ids: Vec<usize> = right.iter().map(|column| signatures.id(&column.labels)).collect();
    let steps = grid.count();
    let present = |columns: &[Column], ids: &[usize]| {
        let mut present = vec![false; signatures.count() * steps];
        for (column, id) in columns.iter().zip(ids) {
            for (step, there) in present[id * steps..][..steps].iter_mut().enumerate() {
                *there |= column.has(step);
            }
        }
        present
    };
    // Values of `columns` at the steps where a partner is there, or is not.
    let masked = |columns: Vec<Column>, ids: &[usize], partners: &[bool], wanted: bool| {
        let kept = columns.into_iter().zip(ids).map(|(mut column, id)| {
            for step in 0..steps {
                if partners[id * steps + step] != wanted {
                    column.clear(step);
                }
            }
            column
        });
        kept.filter(Column::has_any).collect::<Vec<_>>()
    };
    let mut output = Output::new(steps);
    match node.op {
        BinaryOp::Or => {
            let taken = present(&left, &left_ids);
            let rest = masked(right, &right_ids, &taken, false);
            for column in left.into_iter().chain(rest) {
                output.add(column)?;
            }
        }
        op => {
            let partners = present(&right, &right_ids);
            for column in masked(left, &left_ids, &partners, op == BinaryOp::And) {
                output.add(column)?;
            }
        }
    }
    Ok(output.into_columns())
}

/// Labels of the result of an operation between two series.
pub(super) fn result_labels(node: &Binary, many: &Labels, one: &Labels) -> Labels {
    let matching = &node.matching;
    let mut labels = many.clone();
    if node.op.changes_meaning() {
        labels = labels.without_metadata();
    }
    if matching.cardinality == Cardinality::OneToOne {
        labels = if matching.on {
            labels.keep(&matching.labels)
        } else {
            labels.without(&matching.labels)
        };
    }
    for name in &matching.include {
        labels = labels.with(name, one.value(name));
    }
    labels
}
