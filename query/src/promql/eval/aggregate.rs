//! Aggregations that make one series of a group.

use super::super::annotation::{Annotation, Operation};
use super::super::ast::*;
use super::super::error::Failure;
use super::super::function::quantile_of;
use super::super::histogram::{Histogram, ResetHint, kahan_add};
use super::super::labels::Labels;
use super::super::parallel;
use super::super::series::{Column, STALE, Sample, is_stale};
use super::{Evaluator, Grid};
use std::collections::HashMap;
use std::sync::Arc;

/// Series numbers per group, with the labels each group gets.
pub(super) struct Groups {
    pub(super) labels: Vec<Labels>,
    pub(super) members: Vec<Vec<usize>>,
}

pub(super) fn groups(node: &Aggregate, columns: &[Column]) -> Groups {
    let mut groups = Groups { labels: Vec::new(), members: Vec::new() };
    let mut places: HashMap<Labels, usize> = HashMap::new();
    for (at, column) in columns.iter().enumerate() {
        let labels = group_labels(node, &node.labels, &column.labels);
        let place = *places.entry(labels).or_insert_with_key(|labels| {
            groups.labels.push(labels.clone());
            groups.members.push(Vec::new());
            groups.labels.len() - 1
        });
        groups.members[place].push(at);
    }
    groups
}

pub(super) fn group_labels(node: &Aggregate, names: &[String], labels: &Labels) -> Labels {
    if node.without {
        labels.without(names).without(&[super::super::labels::METRIC_NAME])
    } else {
        labels.keep(names)
    }
}

impl Evaluator {
    pub(super) fn aggregate(
        &mut self,
        node: &Aggregate,
        grid: Grid,
    ) -> Result<Vec<Column>, Failure> {
        use AggregateOp::*;
        let parameter = match &node.parameter {
            Some(expr) if node.op != CountValues => self.scalar(expr, grid)?,
            _ => Vec::new(),
        };
        let columns = self.vector(&node.expr, grid)?;
        match node.op {
            Topk | Bottomk | Limitk | LimitRatio => {
                self.aggregate_k(node, &parameter, columns, grid)
            }
            CountValues => self.count_values(node, &columns, grid),
            _ => {
                if node.op == Quantile {
                    self.check_quantiles(node, &parameter);
                }
                let groups = groups(node, &columns);
                self.check_size(groups.labels.len(), grid)?;
                let mut out = Vec::with_capacity(groups.labels.len());
                let totals = self.totals(node, &groups, &columns, grid)?;
                for ((labels, members), floats) in
                    groups.labels.iter().zip(&groups.members).zip(totals)
                {
                    self.check_time()?;
                    let members: Vec<&Column> = members.iter().map(|at| &columns[*at]).collect();
                    let column = self.group(node, labels, &members, &parameter, floats);
                    if column.has_any() {
                        out.push(column);
                    }
                }
                Ok(out)
            }
        }
    }

    fn check_quantiles(&mut self, node: &Aggregate, parameter: &[f64]) {
        let span = node.parameter.as_ref().map_or(node.span, Expr::span);
        let wrong = parameter.iter().find(|q| !(0.0..=1.0).contains(*q));
        if let Some(q) = wrong {
            self.note(Annotation::InvalidQuantile(*q), span);
        }
    }

    /// What the floats of each group come to, but for quantiles.
    fn totals(
        &self,
        node: &Aggregate,
        groups: &Groups,
        columns: &[Column],
        grid: Grid,
    ) -> Result<Vec<Vec<f64>>, Failure> {
        let threads = self.threads(columns.len().saturating_mul(grid.count()));
        let totals = parallel::map(threads, groups.members.iter().collect(), |members| {
            self.check_time()?;
            let mut floats = vec![STALE; grid.count()];
            if node.op != AggregateOp::Quantile {
                let mut totals = Totals::new(grid.count());
                for at in members {
                    totals.add(node.op, &columns[*at]);
                }
                totals.finish(node.op, &mut floats);
            }
            Ok(floats)
        });
        totals.into_iter().collect()
    }

    fn group(
        &mut self,
        node: &Aggregate,
        labels: &Labels,
        members: &[&Column],
        parameter: &[f64],
        floats: Vec<f64>,
    ) -> Column {
        let drop_name = members.iter().any(|column| column.drop_name);
        let mut out = Column { labels: labels.clone(), drop_name, floats, histograms: None };
        if node.op == AggregateOp::Quantile {
            self.quantiles(node, members, parameter, &mut out);
            return out;
        }
        if members.iter().any(|column| column.histograms.is_some()) {
            self.group_histograms(node, members, &mut out);
        }
        out
    }

    fn quantiles(
        &mut self,
        node: &Aggregate,
        members: &[&Column],
        parameter: &[f64],
        out: &mut Column,
    ) {
        let mut values = Vec::with_capacity(members.len());
        for (step, q) in parameter.iter().enumerate() {
            values.clear();
            values.extend(members.iter().filter_map(|column| column.float(step)));
            if members.iter().any(|column| column.histogram(step).is_some()) {
                let name = node.op.name();
                self.note(Annotation::IgnoredInAggregation { name }, node.expr.span());
            }
            if !values.is_empty() {
                out.floats[step] = quantile_of(*q, &mut values);
            }
        }
    }

    /// What histograms do to the steps they are in.
    fn group_histograms(&mut self, node: &Aggregate, members: &[&Column], out: &mut Column) {
        use AggregateOp::*;
        let span = node.expr.span();
        for step in 0..out.floats.len() {
            let histograms: Vec<(&Arc<Histogram>, &Labels)> = members
                .iter()
                .filter_map(|column| Some((column.histogram(step)?, &column.labels)))
                .collect();
            if histograms.is_empty() {
                continue;
            }
            match node.op {
                Count => {
                    let floats = Some(out.floats[step]).filter(|count| !is_stale(*count));
                    out.floats[step] = floats.unwrap_or(0.0) + histograms.len() as f64;
                }
                Group => out.floats[step] = 1.0,
                Sum | Avg if !is_stale(out.floats[step]) => {
                    self.note(Annotation::MixedInAggregation, span);
                    out.clear(step);
                }
                Sum | Avg => {
                    if let Some(total) = self.total(node, &histograms) {
                        out.put(step, Sample::Histogram(Arc::new(total)));
                    }
                }
                op => self.note(Annotation::IgnoredInAggregation { name: op.name() }, span),
            }
        }
    }

    /// Sum or average of histograms; `None` where they cannot be added.
    fn total(
        &mut self,
        node: &Aggregate,
        histograms: &[(&Arc<Histogram>, &Labels)],
    ) -> Option<Histogram> {
        let span = node.expr.span();
        let has = |hint| histograms.iter().any(|(histogram, _)| histogram.hint == hint);
        let mut total = (*histograms.first()?.0).as_ref().clone();
        let mut lost = Histogram::default();
        let mut reconciled = false;
        let mut overflow = false;
        for (histogram, labels) in &histograms[1..] {
            let Ok(added) = total.add_exactly(histogram, &mut lost) else {
                let metric = labels.metric_name().to_owned();
                self.note(Annotation::MixedSchemas { metric }, span);
                return None;
            };
            reconciled |= added.reconciled;
            overflow |= total.has_overflow();
        }
        if reconciled {
            self.note(Annotation::BucketsReconciled(Operation::Aggregation), span);
        }
        if has(ResetHint::Reset) && has(ResetHint::NotReset) {
            self.note(Annotation::ResetCollision(Operation::Aggregation), span);
        }
        if node.op == AggregateOp::Avg {
            let all = histograms.iter().map(|(histogram, _)| histogram.as_ref());
            return Some(super::super::function::mean_of(total, lost, all, overflow));
        }
        super::super::function::add_lost(&mut total, &lost);
        total.compact();
        Some(total)
    }

    fn count_values(
        &mut self,
        node: &Aggregate,
        columns: &[Column],
        grid: Grid,
    ) -> Result<Vec<Column>, Failure> {
        let Some(Expr::Text(label)) = node.parameter.as_ref().map(Expr::bare) else {
            return Err(Failure::execution("count_values needs a label name"));
        };
        let label = label.value.as_str();
        if label.is_empty() {
            return Err(Failure::execution("invalid label name \"\""));
        }
        let mut names = node.labels.clone();
        if !node.without {
            names.push(label.to_owned());
        }
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut out: Vec<Column> = Vec::new();
        for column in columns {
            self.check_time()?;
            for step in 0..grid.count() {
                let value = match column.sample(step) {
                    None => continue,
                    Some(Sample::Float(value)) => super::super::text::float_plain(value),
                    Some(Sample::Histogram(histogram)) => histogram.to_string(),
                };
                let labels = group_labels(node, &names, &column.labels.with(label, &value));
                let place = *places.entry(labels).or_insert_with_key(|labels| {
                    out.push(Column::empty(labels.clone(), false, grid.count()));
                    out.len() - 1
                });
                let count = out[place].float(step).unwrap_or(0.0);
                out[place].floats[step] = count + 1.0;
            }
            self.check_size(out.len(), grid)?;
        }
        Ok(out)
    }
}

/// Running totals of the floats of a group, per step.
struct Totals {
    count: Vec<f64>,
    value: Vec<f64>,
    /// What rounding lost of a sum; the mean while a variance is computed.
    aside: Vec<f64>,
    /// Steps whose sum overflowed, where `value` holds the mean so far.
    is_mean: Vec<bool>,
}

impl Totals {
    fn new(steps: usize) -> Totals {
        Totals {
            count: vec![0.0; steps],
            value: vec![0.0; steps],
            aside: vec![0.0; steps],
            is_mean: vec![false; steps],
        }
    }

    fn add(&mut self, op: AggregateOp, column: &Column) {
        use AggregateOp::*;
        if op == Sum {
            return self.add_to_sum(&column.floats);
        }
        for (step, value) in column.floats.iter().copied().enumerate() {
            if is_stale(value) {
                continue;
            }
            self.count[step] += 1.0;
            let is_first = self.count[step] == 1.0;
            let total = &mut self.value[step];
            match op {
                Avg if is_first => *total = value,
                Avg => self.add_to_mean(step, value),
                Min if is_first || *total > value || total.is_nan() => *total = value,
                Max if is_first || *total < value || total.is_nan() => *total = value,
                Stddev | Stdvar if is_first => {
                    self.aside[step] = value;
                    *total = if value.is_finite() { 0.0 } else { f64::NAN };
                }
                Stddev | Stdvar => {
                    let delta = value - self.aside[step];
                    self.aside[step] += delta / self.count[step];
                    *total += delta * (value - self.aside[step]);
                }
                _ => {}
            }
        }
    }

    fn add_to_sum(&mut self, values: &[f64]) {
        let totals = self.value.iter_mut().zip(&mut self.aside).zip(&mut self.count);
        for (value, ((total, lost), count)) in values.iter().zip(totals) {
            if is_stale(*value) {
                continue;
            }
            if *count == 0.0 {
                *total = *value;
            } else {
                (*total, *lost) = kahan_add(*value, *total, *lost);
            }
            *count += 1.0;
        }
    }

    /// Sums as long as the sum can be held, then moves the mean.
    fn add_to_mean(&mut self, step: usize, value: f64) {
        let (count, lost) = (self.count[step], self.aside[step]);
        if !self.is_mean[step] {
            let (sum, lost) = kahan_add(value, self.value[step], lost);
            if !sum.is_infinite() {
                (self.value[step], self.aside[step]) = (sum, lost);
                return;
            }
            self.is_mean[step] = true;
            self.value[step] /= count - 1.0;
            self.aside[step] /= count - 1.0;
        }
        let share = (count - 1.0) / count;
        let (mean, lost) =
            kahan_add(value / count, share * self.value[step], share * self.aside[step]);
        (self.value[step], self.aside[step]) = (mean, lost);
    }

    fn finish(&self, op: AggregateOp, floats: &mut [f64]) {
        use AggregateOp::*;
        for (step, out) in floats.iter_mut().enumerate() {
            let (count, value, aside) = (self.count[step], self.value[step], self.aside[step]);
            if count == 0.0 {
                continue;
            }
            *out = match op {
                Sum => value + aside,
                Avg if self.is_mean[step] => value + aside,
                Avg => value / count + aside / count,
                Count => count,
                Group => 1.0,
                Stdvar => value / count,
                Stddev => (value / count).sqrt(),
                _ => value,
            };
        }
    }
}
