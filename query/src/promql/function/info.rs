//! `info`: series with labels of the info metrics that describe their job and instance.

use super::super::ast::{Call, Expr, Shift};
use super::super::error::Failure;
use super::super::eval::{Evaluator, Grid};
use super::super::labels::{Labels, METRIC_NAME, MatchOp, Matcher, all_match};
use super::super::series::{Column, Output, Samples, is_stale};
use super::arg;
use super::reference::{Reference, reference};
use std::collections::{BTreeMap, HashMap, HashSet};

const TARGET_INFO: &str = "target_info";
/// The labels that say which series an info metric describes.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

fn conditions(node: &Call) -> &[Matcher] {
    match node.args.get(1) {
        Some(Expr::Vector(selector)) => &selector.matchers,
        _ => &[],
    }
}

fn is_name(matcher: &Matcher) -> bool {
    &*matcher.name == METRIC_NAME
}

fn target_info() -> Vec<Matcher> {
    Matcher::new(MatchOp::Equal, METRIC_NAME, TARGET_INFO).into_iter().collect()
}

/// The conditions on the names of info metrics; none where the call says nothing about names.
fn name_conditions(node: &Call) -> Vec<Matcher> {
    if node.args.len() < 2 {
        return target_info();
    }
    let mut names: Vec<Matcher> = conditions(node).iter().filter(|m| is_name(m)).cloned().collect();
    let is_positive = |matcher: &Matcher| matches!(matcher.op, MatchOp::Equal | MatchOp::Regex);
    if !names.is_empty() && !names.iter().any(is_positive) {
        // What only excludes names says nothing about which metrics are info metrics.
        names.extend(Matcher::new(MatchOp::Regex, METRIC_NAME, ".+_info"));
    }
    names
}

/// Which info series a call needs, and of which time.
pub fn request(node: &Call, grid: Grid, lookback: i64) -> (Vec<Matcher>, (i64, i64)) {
    let mut matchers = name_conditions(node);
    if matchers.is_empty() {
        matchers = target_info();
    }
    matchers.extend(conditions(node).iter().filter(|matcher| !is_name(matcher)).cloned());
    let shift = described_at(node);
    let start = shift.apply(grid.start).saturating_sub(lookback - 1);
    (matchers, (start, shift.apply(grid.end)))
}

/// When the described series were looked at.
fn described_at(node: &Call) -> Shift {
    match node.args.first().map(reference) {
        Some(Reference::Of(shift)) => shift,
        _ => Shift::default(),
    }
}

pub fn info(evaluator: &mut Evaluator, node: &Call, grid: Grid) -> Result<Vec<Column>, Failure> {
    let base = evaluator.vector(arg(node, 0)?, grid)?;
    let name_matchers = name_conditions(node);
    let mut wanted: BTreeMap<&str, Vec<&Matcher>> = BTreeMap::new();
    for matcher in conditions(node).iter().filter(|matcher| !is_name(matcher)) {
        wanted.entry(&matcher.name).or_default().push(matcher);
    }
    // Info series are not described themselves.
    let is_info = |labels: &Labels| {
        !name_matchers.is_empty() && all_match(&name_matchers, &labels.keep(&[METRIC_NAME]))
    };
    let described: HashSet<Labels> = base
        .iter()
        .filter(|column| !is_info(&column.labels))
        .map(|column| column.labels.keep(&IDENTIFYING))
        .collect();
    let fetched = evaluator.info.get(&node.span.start).cloned().unwrap_or_default();
    let infos = InfoSeries::new(evaluator, &fetched, &described, &described_at(node), grid)?;
    let mut output = Output::new(grid.count());
    for column in &base {
        evaluator.check_time()?;
        for step in 0..grid.count() {
            let Some(sample) = column.sample(step) else { continue };
            if is_info(&column.labels) {
                output.put(&column.labels, column.drop_name, step, sample)?;
                continue;
            }
            if let Some(labels) = infos.enriched(&column.labels, &wanted, step)? {
                output.put(&labels, column.drop_name, step, sample)?;
            }
        }
    }
    Ok(output.into_columns())
}

/// The info series at every step, by metric name and identifying labels.
struct InfoSeries {
    /// Per signature the series, each with the time of its sample at every step.
    by_signature: HashMap<Labels, Vec<(Labels, Vec<Option<i64>>)>>,
    names: Vec<String>,
}

fn signature(name: &str, labels: &Labels) -> Labels {
    labels.keep(&IDENTIFYING).with(METRIC_NAME, name)
}

impl InfoSeries {
    fn new(
        evaluator: &Evaluator,
        fetched: &[Samples],
        described: &HashSet<Labels>,
        shift: &Shift,
        grid: Grid,
    ) -> Result<InfoSeries, Failure> {
        let mut infos = InfoSeries { by_signature: HashMap::new(), names: Vec::new() };
        for samples in fetched {
            let identity = samples.labels.keep(&IDENTIFYING);
            if identity.is_empty() || !described.contains(&identity) {
                continue;
            }
            if samples.histograms.iter().any(|histogram| !is_stale(histogram.sum)) {
                return Err(Failure::Execution(format!(
                    "this should be an info metric, with float samples: {}",
                    samples.labels
                )));
            }
            let mut lookup = super::super::eval::Lookup::new(samples, evaluator.lookback);
            let times: Vec<Option<i64>> = (0..grid.count())
                .map(|step| lookup.at(shift.apply(grid.time(step))).map(|(time, _)| time))
                .collect();
            let name = samples.labels.metric_name();
            if !infos.names.iter().any(|other| other == name) {
                infos.names.push(name.to_owned());
            }
            let key = signature(name, &samples.labels);
            infos.by_signature.entry(key).or_default().push((samples.labels.clone(), times));
        }
        Ok(infos)
    }

    /// The newest info series of a name that describes `labels` at a step.
    fn find(&self, name: &str, labels: &Labels, step: usize) -> Result<Option<&Labels>, Failure> {
        let mut newest: Option<(&Labels, i64)> = None;
        let list = self.by_signature.get(&signature(name, labels)).into_iter().flatten();
        for (labels, times) in list {
            let Some(time) = times[step] else { continue };
            match newest {
                Some((other, same)) if same == time => {
                    return Err(Failure::Execution(format!(
                        "found duplicate series for info metric: existing {other} @ {same}, new {labels} @ {time}"
                    )));
                }
                Some((_, newer)) if newer > time => {}
                _ => newest = Some((labels, time)),
            }
        }
        Ok(newest.map(|(labels, _)| labels))
    }

    /// `labels` with those of the info metrics; `None` when a condition has no info series to hold for.
    fn enriched(
        &self,
        labels: &Labels,
        wanted: &BTreeMap<&str, Vec<&Matcher>>,
        step: usize,
    ) -> Result<Option<Labels>, Failure> {
        let mut added: BTreeMap<String, String> = BTreeMap::new();
        let mut found_any = false;
        for name in &self.names {
            let Some(info) = self.find(name, labels, step)? else { continue };
            found_any = true;
            let new = info.iter().filter(|(label, _)| *label != METRIC_NAME);
            for (label, value) in
                new.filter(|(label, _)| wanted.is_empty() || wanted.contains_key(label))
            {
                if added.get(label).is_some_and(|other| other != value) {
                    return Err(Failure::Execution(format!("conflicting label: {label}")));
                }
                if !labels.has(label) {
                    added.insert(label.to_owned(), value.to_owned());
                }
            }
        }
        let needs_info = wanted.values().flatten().any(|matcher| !matcher.matches(""));
        if !found_any && needs_info {
            return Ok(None);
        }
        let enriched =
            added.iter().fold(labels.clone(), |labels, (name, value)| labels.with(name, value));
        Ok(Some(enriched))
    }
}
