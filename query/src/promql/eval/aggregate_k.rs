//! Aggregations that choose series of a group: `topk`, `bottomk`, `limitk`, `limit_ratio`.

use super::super::annotation::Annotation;
use super::super::ast::*;
use super::super::error::Failure;
use super::super::series::{Column, Sample};
use super::aggregate::groups;
use super::{Evaluator, Grid};

impl Evaluator {
    pub(super) fn aggregate_k(
        &mut self,
        node: &Aggregate,
        parameter: &[f64],
        columns: Vec<Column>,
        grid: Grid,
    ) -> Result<Vec<Column>, Failure> {
        if !self.check_parameter(node, parameter)? {
            return Ok(Vec::new());
        }
        let groups = groups(node, &columns);
        let is_instant = grid.count() == 1;
        let mut order: Vec<usize> = Vec::new();
        let mut kept: Vec<Column> = columns
            .iter()
            .map(|column| Column::empty(column.labels.clone(), column.drop_name, grid.count()))
            .collect();
        for members in &groups.members {
            for (step, k) in parameter.iter().enumerate() {
                self.check_time()?;
                for at in self.choose(node, *k, &columns, members, step) {
                    if let Some(sample) = columns[at].sample(step) {
                        kept[at].put(step, sample);
                    }
                    if is_instant {
                        order.push(at);
                    }
                }
            }
        }
        // An instant query shows the chosen ones in their order.
        if is_instant {
            return Ok(order.into_iter().map(|at| std::mem::take(&mut kept[at])).collect());
        }
        kept.retain(Column::has_any);
        Ok(kept)
    }

    /// Whether there is anything to choose.
    fn check_parameter(&mut self, node: &Aggregate, parameter: &[f64]) -> Result<bool, Failure> {
        let fold = |of: fn(f64, f64) -> f64| parameter.iter().copied().fold(f64::NAN, of);
        let (least, most) = (fold(f64::min), fold(f64::max));
        let has_nan = parameter.iter().any(|k| k.is_nan());
        let span = node.parameter.as_ref().map_or(node.span, Expr::span);
        if node.op == AggregateOp::LimitRatio {
            if has_nan {
                return Err(Failure::execution("Ratio value is NaN"));
            }
            if most > 1.0 {
                self.note(Annotation::InvalidRatio { value: most, limit: 1.0 }, span);
            }
            if least < -1.0 {
                self.note(Annotation::InvalidRatio { value: least, limit: -1.0 }, span);
            }
            return Ok(least != 0.0 || most != 0.0);
        }
        if most < 1.0 {
            return Ok(false);
        }
        if has_nan {
            return Err(Failure::execution("Parameter value is NaN"));
        }
        let float = super::super::text::float_short;
        if least <= i64::MIN as f64 {
            return Err(Failure::Execution(format!(
                "Scalar value {} underflows int64",
                float(least)
            )));
        }
        if most >= 9_223_372_036_854_774_784.0 {
            return Err(Failure::Execution(format!(
                "Scalar value {} overflows int64",
                float(most)
            )));
        }
        Ok(true)
    }

    /// The chosen series of a group at a step, in the order they are shown.
    fn choose(
        &mut self,
        node: &Aggregate,
        k: f64,
        columns: &[Column],
        members: &[usize],
        step: usize,
    ) -> Vec<usize> {
        let there = members.iter().copied().filter(|at| columns[*at].has(step));
        if node.op == AggregateOp::LimitRatio {
            return there
                .filter(|at| is_sampled(k.clamp(-1.0, 1.0), columns[*at].labels.hash64()))
                .collect();
        }
        if k < 1.0 {
            return Vec::new();
        }
        let k = k as usize;
        if node.op == AggregateOp::Limitk {
            return there.take(k).collect();
        }
        let mut heap = Heap { is_top: node.op == AggregateOp::Topk, items: Vec::new() };
        for at in there.collect::<Vec<_>>() {
            match columns[at].sample(step) {
                Some(Sample::Float(value)) => heap.offer(value, at, k),
                _ => {
                    let name = node.op.name();
                    self.note(Annotation::IgnoredInAggregation { name }, node.span);
                }
            }
        }
        heap.into_order()
    }
}

/// Whether a series with this hash belongs to the sample: the lowest part of hashes, or with a negative ratio the highest.
fn is_sampled(ratio: f64, hash: u64) -> bool {
    if ratio == 0.0 {
        return false;
    }
    let offset = hash as f64 / u64::MAX as f64;
    if ratio > 0.0 { offset < ratio } else { offset >= 1.0 + ratio }
}

/// The best values seen, the worst of them first. Equal values keep the places Prometheus's heap gives them.
struct Heap {
    is_top: bool,
    items: Vec<(f64, usize)>,
}

impl Heap {
    /// Whether `a` is worse than `b`.
    fn is_worse(&self, a: f64, b: f64) -> bool {
        a.is_nan() || if self.is_top { a < b } else { a > b }
    }

    fn offer(&mut self, value: f64, at: usize, k: usize) {
        if self.items.len() < k {
            self.items.push((value, at));
            self.rise(self.items.len() - 1);
            return;
        }
        let worst = self.items[0].0;
        let is_better = if self.is_top { worst < value } else { worst > value };
        if is_better || (worst.is_nan() && !value.is_nan()) {
            self.items[0] = (value, at);
            self.sink(0);
        }
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.is_worse(self.items[at].0, self.items[parent].0) {
                return;
            }
            self.items.swap(at, parent);
            at = parent;
        }
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let left = 2 * at + 1;
            if left >= self.items.len() {
                return;
            }
            let right = left + 1;
            let is_right =
                right < self.items.len() && self.is_worse(self.items[right].0, self.items[left].0);
            let child = if is_right { right } else { left };
            if !self.is_worse(self.items[child].0, self.items[at].0) {
                return;
            }
            self.items.swap(at, child);
            at = child;
        }
    }

    /// From best to worst.
    fn into_order(mut self) -> Vec<usize> {
        let is_top = self.is_top;
        self.items.sort_by(|(a, _), (b, _)| match (a.is_nan(), b.is_nan()) {
            (false, false) if is_top => b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal),
            (false, false) => a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal),
            (a, b) => a.cmp(&b),
        });
        self.items.into_iter().map(|(_, at)| at).collect()
    }
}
