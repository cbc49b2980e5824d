//! One operation on two values.

use super::super::annotation::{Annotation, Operation};
use super::super::ast::{BinaryOp, Span};
use super::super::histogram::{Histogram, Keep, ResetHint};
use super::super::series::Sample;
use super::Evaluator;
use std::sync::Arc;

/// The arithmetic of two numbers; a comparison gives 1 or 0.
pub fn arithmetic(op: BinaryOp, left: f64, right: f64) -> f64 {
    use BinaryOp::*;
    match op {
        Add => left + right,
        Sub => left - right,
        Mul => left * right,
        Div => left / right,
        Mod => left % right,
        LogDiv | LogMod if right == 0.0 => f64::NAN,
        LogDiv => left / right,
        LogMod => left % right,
        Pow => left.powf(right),
        Atan2 => left.atan2(right),
        op if op.is_comparison() => f64::from(u8::from(holds(op, left, right))),
        _ => f64::NAN,
    }
}

pub fn holds(op: BinaryOp, left: f64, right: f64) -> bool {
    use BinaryOp::*;
    match op {
        Equal => left == right,
        NotEqual => left != right,
        Greater => left > right,
        Less => left < right,
        GreaterEqual => left >= right,
        LessEqual => left <= right,
        _ => true,
    }
}

/// A value, and whether a comparison holds for it.
pub type Outcome = Option<(Sample, bool)>;

impl Evaluator {
    /// `None` where the operation means nothing for these values, which is noted.
    pub(super) fn element(
        &mut self,
        op: BinaryOp,
        left: &Sample,
        right: &Sample,
        span: Span,
    ) -> Outcome {
        use BinaryOp::*;
        match (left, right) {
            (Sample::Float(a), Sample::Float(b)) => match op {
                TrimLower | TrimUpper => self.mismatch("float", op, "float", span),
                op if op.is_comparison() => Some((Sample::Float(*a), holds(op, *a, *b))),
                op => Some((Sample::Float(arithmetic(op, *a, *b)), true)),
            },
            (Sample::Float(factor), Sample::Histogram(histogram)) => match op {
                Mul => compacted(histogram.scaled(*factor)),
                op => self.mismatch("float", op, "histogram", span),
            },
            (Sample::Histogram(histogram), Sample::Float(number)) => match op {
                Mul => compacted(histogram.scaled(*number)),
                Div => compacted(histogram.divided(*number)),
                TrimUpper => compacted(histogram.trimmed(*number, Keep::Below)),
                TrimLower => compacted(histogram.trimmed(*number, Keep::Above)),
                op => self.mismatch("histogram", op, "float", span),
            },
            (Sample::Histogram(a), Sample::Histogram(b)) => match op {
                Add | Sub => self.sum(op, a, b, span),
                Equal => Some((left.clone(), a == b)),
                NotEqual => Some((left.clone(), a != b)),
                op => self.mismatch("histogram", op, "histogram", span),
            },
        }
    }

    fn sum(&mut self, op: BinaryOp, a: &Histogram, b: &Histogram, span: Span) -> Outcome {
        let is_addition = op == BinaryOp::Add;
        let mut total = a.clone();
        let added = if is_addition { total.add(b) } else { total.subtract(b) };
        let operation = if is_addition { Operation::Addition } else { Operation::Subtraction };
        let Ok(added) = added else {
            self.note(Annotation::IncompatibleBuckets { operator: op.text() }, span);
            return None;
        };
        if added.reconciled {
            self.note(Annotation::BucketsReconciled(operation), span);
        }
        if added.collision {
            self.note(Annotation::ResetCollision(operation), span);
        }
        if !is_addition {
            total.hint = ResetHint::Gauge;
        }
        compacted(total)
    }

    fn mismatch(
        &mut self,
        left: &'static str,
        op: BinaryOp,
        right: &'static str,
        span: Span,
    ) -> Outcome {
        self.note(Annotation::IncompatibleTypes { left, operator: op.text(), right }, span);
        None
    }
}

fn compacted(mut histogram: Histogram) -> Outcome {
    histogram.compact();
    Some((Sample::Histogram(Arc::new(histogram)), true))
}
