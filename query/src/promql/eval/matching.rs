//! Vector matching: operations between series that have equal labels.

use super::super::ast::*;
use super::super::error::Failure;
use super::super::labels::Labels;
use super::super::series::{Column, Output, Sample};
use super::binary::result_labels;
use super::{Evaluator, Grid};
use std::collections::{HashMap, HashSet};

/// Numbers the groups of labels that match each other.
pub struct Signatures<'a> {
    matching: &'a Matching,
    ids: HashMap<Labels, usize>,
}

impl<'a> Signatures<'a> {
    pub fn new(matching: &'a Matching) -> Signatures<'a> {
        Signatures { matching, ids: HashMap::new() }
    }

    pub fn id(&mut self, labels: &Labels) -> usize {
        let key = labels.matching(self.matching.on, &self.matching.labels);
        let next = self.ids.len();
        *self.ids.entry(key).or_insert(next)
    }

    pub fn count(&self) -> usize {
        self.ids.len()
    }
}

/// The series of one group: those of the "many" side and those of the "one" side.
#[derive(Debug, Default, Clone)]
struct Group {
    many: Vec<usize>,
    one: Vec<usize>,
}

/// Both sides with the "one" side known, and the fill values of each.
struct Sides<'a> {
    many: &'a [Column],
    one: &'a [Column],
    fill_many: Option<f64>,
    fill_one: Option<f64>,
    /// The "many" side is on the right of the operator.
    swapped: bool,
}

impl Evaluator {
    pub(super) fn vectors(
        &mut self,
        node: &Binary,
        left: &[Column],
        right: &[Column],
        grid: Grid,
    ) -> Result<Vec<Column>, Failure> {
        let matching = &node.matching;
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let sides = if swapped {
            Sides {
                many: right,
                one: left,
                fill_many: matching.fill_right,
                fill_one: matching.fill_left,
                swapped,
            }
        } else {
            Sides {
                many: left,
                one: right,
                fill_many: matching.fill_left,
                fill_one: matching.fill_right,
                swapped,
            }
        };
        let groups = groups(matching, &sides);
        let active = active(&sides, grid);
        let mut joiner = Joiner {
            evaluator: self,
            node,
            sides: &sides,
            active: &active,
            labels: HashMap::new(),
            output: Output::new(grid.count()),
        };
        let done = groups.iter().try_for_each(|group| {
            joiner.evaluator.check_time()?;
            joiner.group(group, grid)
        });
        if let Err(failure) = done {
            return Err(joiner.first_failure(&groups, grid, failure));
        }
        let mut columns = joiner.output.into_columns();
        columns.retain(Column::has_any);
        Ok(columns)
    }
}

fn groups(matching: &Matching, sides: &Sides<'_>) -> Vec<Group> {
    let mut signatures = Signatures::new(matching);
    let mut groups: Vec<Group> = Vec::new();
    for (is_many, columns) in [(true, sides.many), (false, sides.one)] {
        for (at, column) in columns.iter().enumerate() {
            let id = signatures.id(&column.labels);
            if groups.len() <= id {
                groups.resize(id + 1, Group::default());
            }
            let group = &mut groups[id];
            if is_many { group.many.push(at) } else { group.one.push(at) }
        }
    }
    groups
}

/// The steps at which there is anything to match: without a fill value both sides must have some value.
fn active(sides: &Sides<'_>, grid: Grid) -> Vec<bool> {
    let any = |columns: &[Column]| {
        let mut any = vec![false; grid.count()];
        for column in columns {
            any.iter_mut().enumerate().for_each(|(step, any)| *any |= column.has(step));
        }
        any
    };
    let fills = sides.fill_many.is_some() || sides.fill_one.is_some();
    let pairs = any(sides.many).into_iter().zip(any(sides.one));
    pairs.map(|(many, one)| if fills { many || one } else { many && one }).collect()
}

struct Joiner<'a> {
    evaluator: &'a mut Evaluator,
    node: &'a Binary,
    sides: &'a Sides<'a>,
    active: &'a [bool],
    /// Result labels by the places of both series; the last place stands for a filled-in one.
    labels: HashMap<(usize, usize), Labels>,
    output: Output,
}

const FILLED: usize = usize::MAX;

impl Joiner<'_> {
    fn group(&mut self, group: &Group, grid: Grid) -> Result<(), Failure> {
        let lonely = (group.one.is_empty() && self.sides.fill_one.is_none())
            || (group.many.is_empty() && self.sides.fill_many.is_none());
        // A group without partners matters only for its own duplicates.
        if lonely && group.one.len() < 2 {
            return Ok(());
        }
        for step in (0..grid.count()).filter(|step| self.active[*step]) {
            self.step(group, step)?;
        }
        Ok(())
    }

    /// The failure of the earliest step, which is the one an evaluation step by step would meet.
    fn first_failure(&mut self, groups: &[Group], grid: Grid, failure: Failure) -> Failure {
        if !matches!(failure, Failure::Execution(_)) {
            return failure;
        }
        self.output = Output::new(grid.count());
        let mut group_of = HashMap::new();
        for (group, of_one) in groups.iter().enumerate() {
            group_of.extend(of_one.one.iter().map(|at| (*at, group)));
        }
        for step in (0..grid.count()).filter(|step| self.active[*step]) {
            let mut firsts = HashMap::new();
            for at in (0..self.sides.one.len()).filter(|at| self.sides.one[*at].has(step)) {
                if let Some(first) = group_of.get(&at).and_then(|group| firsts.insert(group, at)) {
                    return self.duplicates(first, at);
                }
            }
            let wrong = groups.iter().find_map(|group| self.step(group, step).err());
            if let Some(failure) = wrong {
                return failure;
            }
        }
        failure
    }

    fn step(&mut self, group: &Group, step: usize) -> Result<(), Failure> {
        let sides = self.sides;
        let mut there = group.one.iter().copied().filter(|at| sides.one[*at].has(step));
        let (one, second) = (there.next(), there.next());
        if let (Some(first), Some(second)) = (one, second) {
            return Err(self.duplicates(first, second));
        }
        let one_sample = match one {
            Some(at) => sides.one[at].sample(step),
            None => sides.fill_one.map(Sample::Float),
        };
        let mut matched = false;
        let mut inserted: HashSet<Labels> = HashSet::new();
        if let Some(one_sample) = &one_sample {
            for at in group.many.iter().copied() {
                let Some(sample) = sides.many[at].sample(step) else { continue };
                let pair = (at, one.unwrap_or(FILLED));
                self.pair(pair, &sample, one_sample, step, &mut matched, &mut inserted)?;
            }
        }
        if let (Some(at), Some(fill), false) = (one, sides.fill_many, matched)
            && let Some(one_sample) = &one_sample
        {
            let sample = Sample::Float(fill);
            self.pair((FILLED, at), &sample, one_sample, step, &mut matched, &mut inserted)?;
        }
        Ok(())
    }

    fn pair(
        &mut self,
        pair: (usize, usize),
        many: &Sample,
        one: &Sample,
        step: usize,
        matched: &mut bool,
        inserted: &mut HashSet<Labels>,
    ) -> Result<(), Failure> {
        let node = self.node;
        let (left, right) = if self.sides.swapped { (one, many) } else { (many, one) };
        let span = node.left.span();
        let Some((value, keep)) = self.evaluator.element(node.op, left, right, span) else {
            return Ok(());
        };
        let labels = self.labels_of(pair);
        if node.matching.cardinality == Cardinality::OneToOne {
            if *matched {
                return Err(Failure::execution(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                ));
            }
        } else if !inserted.insert(labels.clone()) {
            return Err(Failure::execution(
                "multiple matches for labels: grouping labels must ensure unique matches",
            ));
        }
        *matched = true;
        let value = if node.return_bool { Sample::Float(f64::from(u8::from(keep))) } else { value };
        if keep || node.return_bool {
            // A filter keeps what the name's side knows of its name.
            let side = self.sides.many.get(pair.0);
            let drop_name = node.return_bool || side.is_some_and(|column| column.drop_name);
            self.output.put(&labels, drop_name, step, value)?;
        }
        Ok(())
    }

    fn labels_of(&mut self, (many, one): (usize, usize)) -> Labels {
        if let Some(labels) = self.labels.get(&(many, one)) {
            return labels.clone();
        }
        let (matching, sides) = (&self.node.matching, self.sides);
        let shared = |labels: &Labels| labels.matching(matching.on, &matching.labels);
        let (many_labels, one_labels) = match (sides.many.get(many), sides.one.get(one)) {
            (Some(many), Some(one)) => (many.labels.clone(), one.labels.clone()),
            (Some(many), None) => (many.labels.clone(), shared(&many.labels)),
            (None, Some(one)) => (shared(&one.labels), one.labels.clone()),
            (None, None) => Default::default(),
        };
        let mut labels = result_labels(self.node, &many_labels, &one_labels);
        if self.node.return_bool && !self.evaluator.delayed_names {
            labels = labels.without_metadata();
        }
        self.labels.insert((many, one), labels.clone());
        labels
    }

    fn duplicates(&self, first: usize, second: usize) -> Failure {
        let matching = &self.node.matching;
        let one = self.sides.one;
        let group = one[first].labels.matching(matching.on, &matching.labels);
        let mut both = [one[first].labels.to_string(), one[second].labels.to_string()];
        both.sort();
        let side = if self.sides.swapped { "left" } else { "right" };
        Failure::Execution(format!(
            "found duplicate series for the match group {group} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
            both[0], both[1]
        ))
    }
}
