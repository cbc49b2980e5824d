//! Who is whose child in a trace, whatever was sent.
//!
//! A span whose parent is missing is a root. Spans that are each other's ancestors have no root; the earliest of them becomes
//! one. Two spans with one id (a client and a server that share it, as Zipkin sends them) are parent and child.

use super::Span;
use binnacle_storage::model::SpanId;
use std::collections::HashMap;

/// OTLP's `SpanKind` number of a client.
const CLIENT: i32 = 3;

/// Indexes into the spans. Every span is a root or the child of one other.
pub(crate) struct Tree {
    /// By start time.
    pub(crate) roots: Vec<usize>,
    pub(crate) parents: Vec<Option<usize>>,
    pub(crate) children: Vec<Vec<usize>>,
}

impl Tree {
    pub(crate) fn of(spans: &[Span]) -> Tree {
        let named = parents(spans);
        let mut below = vec![Vec::new(); spans.len()];
        for (index, parent) in named.iter().enumerate() {
            if let Some(parent) = parent {
                below[*parent].push(index);
            }
        }
        // Reach everything from the roots; what is left hangs on a cycle, which is cut at its earliest span.
        let mut tree = Tree {
            roots: Vec::new(),
            parents: vec![None; spans.len()],
            children: vec![Vec::new(); spans.len()],
        };
        let mut reached = vec![false; spans.len()];
        let mut by_start: Vec<usize> = (0..spans.len()).collect();
        by_start.sort_by_key(|&index| (spans[index].start_time, spans[index].span_id, index));
        let without_parent = by_start.iter().copied().filter(|&index| named[index].is_none());
        for root in without_parent.chain(by_start.iter().copied()) {
            if reached[root] {
                continue;
            }
            reached[root] = true;
            tree.roots.push(root);
            let mut open = vec![root];
            while let Some(parent) = open.pop() {
                for &child in &below[parent] {
                    if !reached[child] {
                        reached[child] = true;
                        tree.parents[child] = Some(parent);
                        tree.children[parent].push(child);
                        open.push(child);
                    }
                }
            }
        }
        tree
    }

    /// All spans, parents before their children.
    pub(crate) fn downwards(&self) -> Vec<usize> {
        let mut order = self.roots.clone();
        let mut at = 0;
        while at < order.len() {
            order.extend(&self.children[order[at]]);
            at += 1;
        }
        order
    }
}

/// Each span's parent, if it is there.
fn parents(spans: &[Span]) -> Vec<Option<usize>> {
    let mut with_id: HashMap<SpanId, Vec<usize>> = HashMap::with_capacity(spans.len());
    for (index, span) in spans.iter().enumerate() {
        with_id.entry(span.span_id).or_default().push(index);
    }
    for same in with_id.values_mut() {
        same.sort_by_key(|&index| (spans[index].kind != CLIENT, spans[index].start_time, index));
    }
    let parent_of = |(index, span): (usize, &Span)| {
        let same = &with_id[&span.span_id];
        let outer = same.iter().take_while(|&&other| other != index).last();
        let named = || span.parent_span_id.and_then(|id| with_id.get(&id)?.last());
        outer.or_else(named).copied().filter(|&parent| parent != index)
    };
    spans.iter().enumerate().map(parent_of).collect()
}
