//! One trace as the tree that TraceQL's relations and intrinsics speak of.

use super::ast::Relation;
use crate::trace::Span;
use binnacle_storage::model::SpanId;
use std::collections::HashMap;

/// The spans of one trace and how they hang together.
#[derive(Debug)]
pub(crate) struct Tree {
    /// By start time.
    pub(crate) spans: Vec<Span>,
    nodes: Vec<Node>,
    /// See [`downwards()`].
    downwards: Vec<(usize, usize)>,
    /// Earliest start, latest end.
    pub(super) start: i64,
    pub(super) end: i64,
    root: Option<usize>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    parent: Option<usize>,
    children: Vec<usize>,
    /// Nested-set numbers: a span lies below another when its numbers lie between the other's. Zero where the span is not
    /// reached from a root.
    left: i64,
    right: i64,
}

impl Tree {
    /// `spans` in order of time.
    pub(crate) fn of(spans: Vec<Span>) -> Tree {
        let mut nodes = vec![Node::default(); spans.len()];
        let mut first: HashMap<SpanId, usize> = HashMap::with_capacity(spans.len());
        for (index, span) in spans.iter().enumerate() {
            first.entry(span.span_id).or_insert(index);
        }
        for (index, span) in spans.iter().enumerate() {
            let parent = span.parent_span_id.and_then(|id| first.get(&id).copied());
            // A span that names itself has no parent to speak of.
            if let Some(parent) = parent.filter(|&parent| parent != index) {
                nodes[index].parent = Some(parent);
                nodes[parent].children.push(index);
            }
        }
        number(&spans, &mut nodes);
        let root = spans.iter().position(|span| span.parent_span_id.is_none());
        let start = spans.iter().map(|span| span.start_time.0).min().unwrap_or(0);
        let end = spans.iter().map(|span| span.end_time().0).max().unwrap_or(0);
        Tree { start, end: end.max(start), root, downwards: downwards(&nodes), nodes, spans }
    }

    /// The earliest span without a parent id.
    pub(super) fn root(&self) -> Option<&Span> {
        self.root.map(|root| &self.spans[root])
    }

    pub(super) fn parent(&self, span: usize) -> Option<usize> {
        self.nodes[span].parent
    }

    /// Spans that name a parent which is not there.
    pub(super) fn orphans(&self) -> u64 {
        let is_orphan = |(span, node): &(&Span, &Node)| {
            node.parent.is_none() && span.parent_span_id.is_some_and(|id| id != span.span_id)
        };
        self.spans.iter().zip(&self.nodes).filter(is_orphan).count() as u64
    }

    pub(super) fn child_count(&self, span: usize) -> usize {
        self.nodes[span].children.len()
    }

    /// Nested-set numbers of a span; parent's left number −1 for a root.
    pub(super) fn nested_set(&self, span: usize) -> (i64, i64, i64) {
        let node = &self.nodes[span];
        let parent = node.parent.map_or(-1, |parent| self.nodes[parent].left);
        (node.left, node.right, parent)
    }

    /// Of every span, whether it is a child (descendant, …) of one of the `others`.
    pub(super) fn related(&self, relation: Relation, others: &[usize]) -> Vec<bool> {
        let mut is_other = vec![false; self.spans.len()];
        others.iter().for_each(|&span| is_other[span] = true);
        let mut related = vec![false; self.spans.len()];
        match relation {
            Relation::Child => {
                for (span, parent) in self.parents() {
                    related[span] = is_other[parent];
                }
            }
            Relation::Parent => {
                for (span, parent) in self.parents() {
                    related[parent] |= is_other[span];
                }
            }
            Relation::Sibling => {
                let mut children = vec![0usize; self.spans.len()];
                for (span, parent) in self.parents() {
                    children[parent] += usize::from(is_other[span]);
                }
                for (span, parent) in self.parents() {
                    related[span] = children[parent] > usize::from(is_other[span]);
                }
            }
            Relation::Descendant => {
                for &(span, parent) in &self.downwards {
                    related[span] = is_other[parent] || related[parent];
                }
            }
            Relation::Ancestor => {
                for &(span, parent) in self.downwards.iter().rev() {
                    related[parent] |= is_other[span] || related[span];
                }
            }
        }
        related
    }

    /// Every span that has a parent, with it.
    fn parents(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter_map(|(span, node)| Some((span, node.parent?)))
    }
}

/// Every span below one that has no parent, with its own parent, parents before their children. Spans that are each
/// other's parents are below none.
fn downwards(nodes: &[Node]) -> Vec<(usize, usize)> {
    let mut left: Vec<usize> =
        (0..nodes.len()).filter(|&span| nodes[span].parent.is_none()).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(span) = left.pop() {
        for &child in &nodes[span].children {
            order.push((child, span));
            left.push(child);
        }
    }
    order
}

/// Numbers the spans below every root: 1 on the way down into the first, then counting on.
fn number(spans: &[Span], nodes: &mut [Node]) {
    let mut next = 1;
    let roots = (0..spans.len()).filter(|&index| spans[index].parent_span_id.is_none());
    for root in roots.collect::<Vec<_>>() {
        // (span, how many of its children were entered)
        let mut path = vec![(root, 0)];
        nodes[root].left = next;
        next += 1;
        while let Some((span, entered)) = path.last_mut() {
            if let Some(&child) = nodes[*span].children.get(*entered) {
                *entered += 1;
                nodes[child].left = next;
                path.push((child, 0));
            } else {
                nodes[*span].right = next;
                path.pop();
            }
            next += 1;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::trace::tests_span as span;

    /// Root 1 with children 2 and 3; 4 below 2; 5 whose parent is missing.
    pub(crate) fn family() -> Tree {
        let parts = [(1, 0), (2, 1), (3, 1), (4, 2), (5, 9)];
        let spans = parts.map(|(id, parent)| span(id, parent, i64::from(id), 100));
        Tree::of(spans.to_vec())
    }

    #[test]
    fn the_tree_is_numbered_in_nested_sets() {
        let tree = family();
        let numbers: Vec<_> = (0..5).map(|span| tree.nested_set(span)).collect();
        assert_eq!(numbers, [(1, 8, -1), (2, 5, 1), (6, 7, 1), (3, 4, 2), (0, 0, -1)]);
        assert_eq!((tree.child_count(0), tree.orphans()), (2, 1));
        assert_eq!(tree.root().map(|span| span.span_id.0[7]), Some(1));
    }

    #[test]
    fn relations_are_those_of_the_tree() {
        let tree = family();
        let check = |relation, others: &[usize], expected: &[usize]| {
            let related = tree.related(relation, others);
            let found: Vec<usize> = (0..5).filter(|&span| related[span]).collect();
            assert_eq!(found, expected, "{relation:?} of {others:?}");
        };
        check(Relation::Child, &[0], &[1, 2]);
        check(Relation::Descendant, &[0], &[1, 2, 3]);
        check(Relation::Parent, &[3, 1], &[0, 1]);
        check(Relation::Ancestor, &[3], &[0, 1]);
        check(Relation::Sibling, &[1], &[2]);
        check(Relation::Sibling, &[0, 4], &[]);
    }

    #[test]
    fn spans_that_are_each_others_parents_end() {
        let tree = Tree::of(vec![span(1, 2, 0, 1), span(2, 1, 0, 1), span(3, 3, 0, 1)]);
        assert_eq!(tree.related(Relation::Descendant, &[0, 1, 2]), [false; 3]);
        assert_eq!(tree.related(Relation::Child, &[0]), [false, true, false]);
        assert!(tree.root().is_none());
        assert_eq!(tree.parent(2), None);
    }
}
