//! Flame graphs: where the time of one trace or of many went, by the path of services and operations that led there.
//!
//! Spans with the same path from the root are one node. Two kinds of time are counted: all time, in which work done side by side
//! counts as often as it was done, and the time on the critical path, of which each moment of a trace belongs to one span.

use super::Span;
use super::critical_path::{Step, path};
use super::tree::Tree;
use std::collections::HashMap;

/// Most nodes of a flame graph. Spans past them are counted in their parent's node.
pub const FLAME_NODES_MAX: usize = 50_000;

/// A node: a path of services and operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlameNode {
    /// Index of the node above; it comes before this one.
    pub parent: Option<usize>,
    pub service: String,
    pub name: String,
    /// Spans counted here.
    pub spans: u64,
    /// Of those, with an error status.
    pub errors: u64,
    /// Nanoseconds in these spans alone, not in spans below them.
    pub self_time: i64,
    /// Nanoseconds in these spans; on the critical path, in them and the spans below.
    pub total_time: i64,
}

/// A flame graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flame {
    /// Parents before children, children of one parent by total time, the longest first.
    pub nodes: Vec<FlameNode>,
    pub traces: u64,
    /// Some spans had no node of their own.
    pub truncated: bool,
}

/// Which time is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlameTime {
    All,
    CriticalPath,
}

/// The flame graph of one trace.
pub fn flame(spans: &[Span], time: FlameTime) -> Flame {
    let mut builder = FlameBuilder::new(time);
    builder.add(spans);
    builder.finish()
}

/// A flame graph that traces are added to.
#[derive(Debug)]
pub(crate) struct FlameBuilder {
    time: FlameTime,
    nodes: Vec<FlameNode>,
    /// Numbers of pairs of service and operation.
    labels: HashMap<String, usize>,
    /// Node by parent and label.
    places: HashMap<(Option<usize>, usize), usize>,
    traces: u64,
    truncated: bool,
}

impl FlameBuilder {
    pub(crate) fn new(time: FlameTime) -> FlameBuilder {
        FlameBuilder {
            time,
            nodes: Vec::new(),
            labels: HashMap::new(),
            places: HashMap::new(),
            traces: 0,
            truncated: false,
        }
    }

    pub(crate) fn add(&mut self, spans: &[Span]) {
        let tree = Tree::of(spans);
        self.traces += 1;
        match self.time {
            FlameTime::All => self.add_all(spans, &tree),
            FlameTime::CriticalPath => self.add_path(spans, &tree),
        }
    }

    fn add_all(&mut self, spans: &[Span], tree: &Tree) {
        let mut places: Vec<Option<usize>> = vec![None; spans.len()];
        for index in tree.downwards() {
            let above = tree.parents[index].and_then(|parent| places[parent]);
            let (place, is_own) = self.place(above, &spans[index]);
            places[index] = place;
            let Some(node) = place.and_then(|place| self.nodes.get_mut(place)) else { continue };
            add(&mut node.self_time, self_time(spans, tree, index));
            if is_own {
                count(node, &spans[index]);
                add(&mut node.total_time, spans[index].duration.max(0));
            }
        }
    }

    fn add_path(&mut self, spans: &[Span], tree: &Tree) {
        let mut on_path: HashMap<usize, i64> = HashMap::new();
        for Step { span, start, end } in path(spans, tree) {
            add(on_path.entry(span).or_default(), end.saturating_sub(start));
        }
        // Nodes are made for the spans on the path and what leads there, and for nothing else.
        let mut needed: Vec<bool> = vec![false; spans.len()];
        for &span in on_path.keys() {
            let mut next = Some(span);
            while let Some(span) = next.filter(|&span| !needed[span]) {
                needed[span] = true;
                next = tree.parents[span];
            }
        }
        let mut places: Vec<Option<usize>> = vec![None; spans.len()];
        for index in tree.downwards().into_iter().filter(|&index| needed[index]) {
            let above = tree.parents[index].and_then(|parent| places[parent]);
            let (place, is_own) = self.place(above, &spans[index]);
            places[index] = place;
            let node = place.and_then(|place| self.nodes.get_mut(place));
            if let (Some(node), Some(time)) = (node, on_path.get(&index)) {
                add(&mut node.self_time, *time);
                if is_own {
                    count(node, &spans[index]);
                }
            }
        }
    }

    /// The node of a span below another, and whether it is the span's own.
    fn place(&mut self, parent: Option<usize>, span: &Span) -> (Option<usize>, bool) {
        let label = format!("{}\0{}", span.service, span.name);
        let labels = self.labels.len();
        let label = *self.labels.entry(label).or_insert(labels);
        if let Some(place) = self.places.get(&(parent, label)) {
            return (Some(*place), true);
        }
        if self.nodes.len() >= FLAME_NODES_MAX {
            self.truncated = true;
            return (parent, false);
        }
        self.nodes.push(FlameNode {
            parent,
            service: span.service.clone(),
            name: span.name.clone(),
            spans: 0,
            errors: 0,
            self_time: 0,
            total_time: 0,
        });
        self.places.insert((parent, label), self.nodes.len() - 1);
        (Some(self.nodes.len() - 1), true)
    }

    pub(crate) fn finish(mut self) -> Flame {
        if self.time == FlameTime::CriticalPath {
            for index in (0..self.nodes.len()).rev() {
                let own = self.nodes[index].self_time;
                add(&mut self.nodes[index].total_time, own);
                if let Some(parent) = self.nodes[index].parent {
                    let whole = self.nodes[index].total_time;
                    add(&mut self.nodes[parent].total_time, whole);
                }
            }
        }
        Flame { nodes: ordered(self.nodes), traces: self.traces, truncated: self.truncated }
    }
}

/// Adds up as far as the number goes: clocks may be anything.
fn add(total: &mut i64, time: i64) {
    *total = total.saturating_add(time);
}

fn count(node: &mut FlameNode, span: &Span) {
    node.spans += 1;
    node.errors += u64::from(span.status_code == 2);
}

/// Nanoseconds of a span in which none of its children ran.
fn self_time(spans: &[Span], tree: &Tree, index: usize) -> i64 {
    let (start, end) = (spans[index].start_time.0, spans[index].end_time().0);
    let mut children: Vec<(i64, i64)> = tree.children[index]
        .iter()
        .map(|&child| (spans[child].start_time.0.max(start), spans[child].end_time().0.min(end)))
        .filter(|(start, end)| start < end)
        .collect();
    children.sort_unstable();
    let (mut covered, mut reached) = (0, start);
    for (from, to) in children {
        add(&mut covered, to.saturating_sub(from.max(reached)).max(0));
        reached = reached.max(to);
    }
    end.saturating_sub(start).max(0).saturating_sub(covered)
}

/// The nodes in depth first order, children by total time, then name.
fn ordered(nodes: Vec<FlameNode>) -> Vec<FlameNode> {
    let mut below: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        below.entry(node.parent).or_default().push(index);
    }
    for children in below.values_mut() {
        // The last one is taken first.
        children.sort_by(|&a, &b| {
            let (a, b) = (&nodes[a], &nodes[b]);
            let by_name = (&b.service, &b.name).cmp(&(&a.service, &a.name));
            a.total_time.cmp(&b.total_time).then(by_name)
        });
    }
    let mut ordered: Vec<FlameNode> = Vec::with_capacity(nodes.len());
    let mut open: Vec<(usize, Option<usize>)> =
        below.remove(&None).unwrap_or_default().into_iter().map(|root| (root, None)).collect();
    while let Some((index, parent)) = open.pop() {
        let place = ordered.len();
        ordered.push(FlameNode { parent, ..nodes[index].clone() });
        let children = below.remove(&Some(index)).unwrap_or_default();
        open.extend(children.into_iter().map(|child| (child, Some(place))));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::super::span::tests::span;
    use super::*;
    use proptest::prelude::*;

    fn of_many(time: FlameTime, traces: &[Vec<Span>]) -> Flame {
        let mut builder = FlameBuilder::new(time);
        traces.iter().for_each(|spans| builder.add(spans));
        builder.finish()
    }

    fn shown(flame: &Flame) -> Vec<(Option<usize>, &str, u64, i64, i64)> {
        flame
            .nodes
            .iter()
            .map(|n| (n.parent, n.name.as_str(), n.spans, n.self_time, n.total_time))
            .collect()
    }

    /// Root 0–100 with children 10–60 and 10–90.
    fn parallel() -> Vec<Span> {
        vec![span(1, 0, 0, 100), span(2, 1, 10, 60), span(3, 1, 10, 90)]
    }

    #[test]
    fn all_time_counts_work_side_by_side_twice() {
        let flame = of_many(FlameTime::All, &[parallel(), parallel()]);
        assert_eq!(
            shown(&flame),
            [
                (None, "span 1", 2, 40, 200),
                (Some(0), "span 3", 2, 160, 160),
                (Some(0), "span 2", 2, 100, 100),
            ]
        );
        assert_eq!((flame.traces, flame.truncated), (2, false));
    }

    #[test]
    fn the_critical_path_counts_each_moment_once() {
        let flame = of_many(FlameTime::CriticalPath, &[parallel(), parallel()]);
        assert_eq!(shown(&flame), [(None, "span 1", 2, 40, 200), (Some(0), "span 3", 2, 160, 160)]);
    }

    proptest! {
        #[test]
        fn no_time_on_the_critical_path_is_lost(
            rows in prop::collection::vec((0u8..12, 0i64..100, 0i64..60), 1..12)
        ) {
            let spans: Vec<Span> = rows.iter().enumerate().map(|(index, &(parent, start, length))| {
                span(index as u8 + 1, parent, start, start + length)
            }).collect();
            let whole: i64 = super::super::critical_path(&spans).iter().map(|s| s.end.0 - s.start.0).sum();
            let path = flame(&spans, FlameTime::CriticalPath);
            prop_assert_eq!(path.nodes.iter().map(|node| node.self_time).sum::<i64>(), whole);
            let roots = path.nodes.iter().filter(|node| node.parent.is_none());
            prop_assert_eq!(roots.map(|node| node.total_time).sum::<i64>(), whole);
            let all = flame(&spans, FlameTime::All);
            prop_assert_eq!(all.nodes.iter().map(|node| node.spans).sum::<u64>(), spans.len() as u64);
        }
    }
}
