//! From shares of blame to a ranked answer, each place with the probability that chance alone put it there.
//!
//! A service that is slow in bad events is tested by rank (Mann–Whitney): by how much longer than usual it took, in bad events
//! against others that it takes part in. One that fails is tested by share (Fisher's exact test or the G test): in how many bad events, and in how
//! many others, something of it failed. Attributes are tested by share. All tests of an explanation are corrected together
//! (Benjamini and Hochberg). Places are by what was spent beyond what was usual, those of significance first.

use super::anatomy::Anatomy;
use super::blame::Blame;
use super::names::Names;
use super::record::{AttributeShare, Culprit, How, Operation};
use crate::trace::statistics::{Counts, corrected, rank_test};
use std::collections::{BTreeMap, HashMap};

/// Most of each list.
const SERVICES_MAX: usize = 50;
const OPERATIONS_MAX: usize = 50;
const ATTRIBUTES_MAX: usize = 50;

/// A value seen in fewer events is tested by nobody: no count of it could be significant among so many.
const EVENTS_MIN: u64 = 3;

/// Corrected probability below which something is called significant.
const SIGNIFICANT: f64 = 0.05;

/// Fewer measurements are no sample.
const SAMPLE_MIN: usize = 3;

/// The events of an explanation, taken apart.
pub(super) struct Events<'a> {
    pub names: &'a Names,
    pub blame: &'a Blame,
    pub bad: &'a [Anatomy],
    /// Bad events that each of `bad` stands for.
    pub bad_weight: f64,
    /// Good events of the window and events of the time before.
    pub others: Vec<&'a Anatomy>,
    pub bad_before: &'a [Anatomy],
    /// Bad events of a window at the rate of before, for each of `bad_before`.
    pub before_weight: f64,
}

pub(super) struct Ranked {
    pub services: Vec<Culprit>,
    pub operations: Vec<Operation>,
    pub attributes: Vec<AttributeShare>,
    pub tests: u64,
}

/// What a group of components spent: by service, or by component and what it did.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    now: f64,
    failing: f64,
    expected: f64,
}

type Group = (usize, Option<(usize, How)>);

pub(super) fn rank(events: &Events<'_>) -> Ranked {
    let spent = spent(events);
    let bad_by_time = events.bad.iter().filter(|event| event.failure.is_none());
    let slow = Excesses::of(events.blame, bad_by_time);
    let others = Excesses::of(events.blame, events.others.iter().copied());
    let mut tests: Vec<f64> = Vec::new();
    let mut test = |p: f64| {
        tests.push(p);
        tests.len() - 1
    };
    let groups: Vec<(Group, Spent, f64, usize)> = spent
        .into_iter()
        .map(|(group, spent)| {
            let p = p_value(events, &slow, &others, group, spent);
            (group, spent, p, test(p))
        })
        .collect();
    let mut attributes = attributes(events);
    let tested: Vec<usize> = attributes.iter().map(|one| test(one.p_value)).collect();
    let q = corrected(&tests);
    for (attribute, place) in attributes.iter_mut().zip(tested) {
        attribute.q_value = q[place];
        attribute.is_significant = q[place] < SIGNIFICANT;
    }
    let all: f64 = groups.iter().filter(|one| one.0.1.is_none()).map(|one| one.1.now).sum();
    let mut services = Vec::new();
    let mut operations = Vec::new();
    for ((culprit, component), spent, p_value, place) in groups {
        let is_significant = q[place] < SIGNIFICANT && spent.now > spent.expected;
        match component {
            None => services.push(Culprit {
                service: events.names.services[culprit].clone(),
                spent: spent.now,
                expected: spent.expected,
                share: if all > 0.0 { spent.now / all } else { 0.0 },
                failing: spent.failing,
                p_value,
                q_value: q[place],
                is_significant,
            }),
            Some((component, how)) => {
                let mut operation = operation(events, culprit, component, how);
                (operation.spent, operation.expected) = (spent.now, spent.expected);
                (operation.p_value, operation.q_value) = (p_value, q[place]);
                operation.is_significant = is_significant;
                operations.push(operation);
            }
        }
    }
    let order = |significant: bool, spent: f64, expected: f64| (!significant, -(spent - expected));
    services.sort_by(|a, b| {
        let key = |one: &Culprit| order(one.is_significant, one.spent, one.expected);
        let (a_key, b_key) = (key(a), key(b));
        a_key.0.cmp(&b_key.0).then(a_key.1.total_cmp(&b_key.1)).then(a.service.cmp(&b.service))
    });
    operations.sort_by(|a, b| {
        let key = |one: &Operation| order(one.is_significant, one.spent, one.expected);
        let (a_key, b_key) = (key(a), key(b));
        let names = (&a.service, &a.operation).cmp(&(&b.service, &b.operation));
        a_key.0.cmp(&b_key.0).then(a_key.1.total_cmp(&b_key.1)).then(names)
    });
    attributes.sort_by(|a, b| {
        // What bad events have says more than what they lack.
        let key = |one: &AttributeShare| (!one.is_significant, one.difference <= 0.0);
        let telling = b.difference.abs().total_cmp(&a.difference.abs());
        let names = (&a.service, &a.name, &a.value).cmp(&(&b.service, &b.name, &b.value));
        key(a).cmp(&key(b)).then(telling).then(names)
    });
    services.truncate(SERVICES_MAX);
    operations.truncate(OPERATIONS_MAX);
    attributes.truncate(ATTRIBUTES_MAX);
    Ranked { services, operations, attributes, tests: tests.len() as u64 }
}

fn spent(events: &Events<'_>) -> BTreeMap<Group, Spent> {
    let mut spent: BTreeMap<Group, Spent> = BTreeMap::new();
    for event in events.bad {
        for share in events.blame.shares(event) {
            let (culprit, groups) = groups(events.blame, share.component, share.how);
            for group in groups {
                let sum = spent.entry((culprit, group)).or_default();
                sum.now += share.share * events.bad_weight;
                if share.how == How::Failing {
                    sum.failing += share.share * events.bad_weight;
                }
            }
        }
    }
    for event in events.bad_before {
        for share in events.blame.shares(event) {
            let (culprit, groups) = groups(events.blame, share.component, share.how);
            for group in groups {
                if let Some(sum) = spent.get_mut(&(culprit, group)) {
                    sum.expected += share.share * events.before_weight;
                }
            }
        }
    }
    spent
}

fn groups(blame: &Blame, component: usize, how: How) -> (usize, [Option<(usize, How)>; 2]) {
    (blame.culprit(component), [None, Some((component, how))])
}

fn p_value(
    events: &Events<'_>,
    slow: &Excesses,
    others: &Excesses,
    group: Group,
    spent: Spent,
) -> f64 {
    let mut least: f64 = 1.0;
    let mut tests = 0.0;
    if spent.failing > 0.0 {
        let (with_a, with_b) = (failing_bad(events, group), failing_others(events, group));
        let counts = Counts {
            with_a,
            all_a: events.bad.len() as u64,
            with_b,
            all_b: events.others.len() as u64,
        };
        tests += 1.0;
        if counts.difference() > 0.0 {
            least = least.min(counts.p_value());
        }
    }
    if spent.now > spent.failing {
        let sides = |is_padded| [slow, others].map(|side| side.of_group(group, is_padded));
        let [mut bad, mut rest] = sides(false);
        if bad.len() < SAMPLE_MIN || rest.len() < SAMPLE_MIN {
            [bad, rest] = sides(true);
        }
        let ranks = rank_test(&bad, &rest);
        tests += 1.0;
        if ranks.effect > 0.0 {
            least = least.min(ranks.p_value);
        }
    }
    (least * f64::max(tests, 1.0)).min(1.0)
}

/// Nanoseconds beyond the usual that events spent in each group, of those that take part in it.
#[derive(Debug, Default)]
struct Excesses {
    by_group: HashMap<(usize, Option<usize>), Vec<f64>>,
    events: usize,
}

impl Excesses {
    fn of<'a>(blame: &Blame, events: impl Iterator<Item = &'a Anatomy>) -> Excesses {
        let mut excesses = Excesses::default();
        for event in events {
            let mut sums: HashMap<(usize, Option<usize>), f64> = HashMap::new();
            for part in &event.parts {
                let (culprit, excess) = (blame.culprit(part.component), blame.excess(part) as f64);
                *sums.entry((culprit, None)).or_default() += excess;
                *sums.entry((culprit, Some(part.component))).or_default() += excess;
            }
            for (group, sum) in sums {
                excesses.by_group.entry(group).or_default().push(sum);
            }
            excesses.events += 1;
        }
        excesses
    }

    /// Of those that take part, or of all, with nothing where one has no part.
    fn of_group(&self, (culprit, component): Group, is_padded: bool) -> Vec<f64> {
        let group = (culprit, component.map(|(component, _)| component));
        let mut excess = self.by_group.get(&group).cloned().unwrap_or_default();
        if is_padded {
            excess.resize(self.events, 0.0);
        }
        excess
    }
}

fn failing_bad(events: &Events<'_>, (culprit, component): Group) -> u64 {
    let is_of = |number: usize| match component {
        Some((component, _)) => number == component,
        None => events.blame.culprit(number) == culprit,
    };
    let failures = events.bad.iter().filter_map(|event| event.failure.as_ref());
    failures.filter(|failure| is_of(failure.component)).count() as u64
}

/// Others in which something of the service failed, whoever went on without it.
fn failing_others(events: &Events<'_>, (culprit, _): Group) -> u64 {
    events.others.iter().filter(|event| event.failing.contains(&culprit)).count() as u64
}

fn operation(events: &Events<'_>, culprit: usize, number: usize, how: How) -> Operation {
    let component = &events.names.components[number];
    let mut now: Vec<i64> = events
        .bad
        .iter()
        .flat_map(|event| &event.parts)
        .filter(|part| part.component == number)
        .map(|part| part.nanos)
        .collect();
    now.sort_unstable();
    Operation {
        service: events.names.services[culprit].clone(),
        operation: component.operation.clone(),
        how,
        caller: component.callee.as_ref().map(|_| component.service.clone()),
        callee: component.callee.clone(),
        usual: events.blame.usual(number),
        now: now.get(now.len() / 2).copied(),
        ..Operation::default()
    }
}

fn attributes(events: &Events<'_>) -> Vec<AttributeShare> {
    let mut counts: HashMap<usize, (u64, u64)> = HashMap::new();
    for value in events.bad.iter().flat_map(|event| &event.values) {
        counts.entry(*value).or_default().0 += 1;
    }
    for value in events.others.iter().flat_map(|event| &event.values) {
        counts.entry(*value).or_default().1 += 1;
    }
    let (all_a, all_b) = (events.bad.len() as u64, events.others.len() as u64);
    let mut tested = Vec::new();
    for (number, (bad, other)) in counts {
        if bad + other < EVENTS_MIN || bad + other == all_a + all_b {
            continue;
        }
        let value = &events.names.values[number];
        let counts = Counts { with_a: bad, all_a, with_b: other, all_b };
        tested.push(AttributeShare {
            service: value.service.clone(),
            name: value.name.clone(),
            value: value.value.clone(),
            bad,
            other,
            difference: counts.difference(),
            p_value: counts.p_value(),
            q_value: 1.0,
            is_significant: false,
        });
    }
    tested
}
