//! Two traces side by side: which spans they share, which only one of them has, and how much longer those in common took.
//!
//! Spans are matched from the roots down. Among the children of two matched spans, those with the same service, name and kind
//! are matched in the order of their starts; what is left over was added or removed, with everything below it.

use super::Span;
use super::tree::Tree;
use crate::value::AnyValue;
use binnacle_storage::model::SpanId;
use std::collections::BTreeMap;

/// What became of a span from the first trace to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// In both, with the same status and attributes.
    Same,
    /// In both, with another status or other attributes.
    Changed,
    /// In the second only.
    Added,
    /// In the first only.
    Removed,
}

/// A span of one trace, or of both.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedSpan {
    /// Index of the one above; it comes before this one.
    pub parent: Option<usize>,
    pub service: String,
    pub name: String,
    /// OTLP's `SpanKind` number.
    pub kind: i32,
    pub change: Change,
    pub a: Option<ComparedSide>,
    pub b: Option<ComparedSide>,
    /// Attributes that differ, by key; for a span in both.
    pub attributes: Vec<ChangedAttribute>,
}

/// A span in one of the traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComparedSide {
    pub span_id: SpanId,
    /// Nanoseconds after the first span of its trace.
    pub offset: i64,
    /// Nanoseconds.
    pub duration: i64,
    /// OTLP's `StatusCode` number.
    pub status_code: i32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChangedAttribute {
    pub key: String,
    pub a: Option<AnyValue>,
    pub b: Option<AnyValue>,
}

/// Siblings that are still to be written, the next one last.
struct Open {
    parent: Option<usize>,
    pairs: Vec<Pair>,
}

/// The spans of both traces, parents before their children, in the order of their starts.
pub fn compare_traces(a: &[Span], b: &[Span]) -> Vec<ComparedSpan> {
    let (tree_a, tree_b) = (Tree::of(a), Tree::of(b));
    let (start_a, start_b) = (start(a), start(b));
    let mut compared: Vec<ComparedSpan> = Vec::new();
    let pairs = matched(a, b, &tree_a.roots, &tree_b.roots);
    let mut open = vec![Open { parent: None, pairs }];
    while let Some(Open { parent, pairs }) = open.last_mut() {
        let Some((in_a, in_b)) = pairs.pop() else {
            open.pop();
            continue;
        };
        let place = compared.len();
        compared.push(compared_span(
            *parent,
            in_a.map(|index| (&a[index], start_a)),
            in_b.map(|index| (&b[index], start_b)),
        ));
        let below_a = in_a.map_or(&[][..], |index| &tree_a.children[index]);
        let below_b = in_b.map_or(&[][..], |index| &tree_b.children[index]);
        open.push(Open { parent: Some(place), pairs: matched(a, b, below_a, below_b) });
    }
    compared
}

fn start(spans: &[Span]) -> i64 {
    spans.iter().map(|span| span.start_time.0).min().unwrap_or(0)
}

type Pair = (Option<usize>, Option<usize>);

/// Pairs up siblings; in the order of their starts, counted from the earliest on each side, the first one last.
fn matched(a: &[Span], b: &[Span], of_a: &[usize], of_b: &[usize]) -> Vec<Pair> {
    type Key<'a> = (&'a str, &'a str, i32);
    fn key(span: &Span) -> Key<'_> {
        (&span.service, &span.name, span.kind)
    }
    let mut groups: BTreeMap<Key<'_>, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    of_a.iter().for_each(|&index| groups.entry(key(&a[index])).or_default().0.push(index));
    of_b.iter().for_each(|&index| groups.entry(key(&b[index])).or_default().1.push(index));
    let first = |spans: &[Span], of: &[usize]| {
        of.iter().map(|&index| spans[index].start_time.0).min().unwrap_or(0)
    };
    let (first_a, first_b) = (first(a, of_a), first(b, of_b));
    let mut pairs: Vec<(i64, Key<'_>, Pair)> = Vec::new();
    for (key, (mut in_a, mut in_b)) in groups {
        in_a.sort_by_key(|&index| (a[index].start_time, index));
        in_b.sort_by_key(|&index| (b[index].start_time, index));
        for place in 0..in_a.len().max(in_b.len()) {
            let pair = (in_a.get(place).copied(), in_b.get(place).copied());
            let since = match pair {
                (Some(index), _) => a[index].start_time.0.saturating_sub(first_a),
                (None, Some(index)) => b[index].start_time.0.saturating_sub(first_b),
                (None, None) => 0,
            };
            pairs.push((since, key, pair));
        }
    }
    // Stable: what starts together stays in the order of names.
    pairs.sort_by_key(|(since, _, _)| *since);
    pairs.into_iter().rev().map(|(_, _, pair)| pair).collect()
}

fn compared_span(
    parent: Option<usize>,
    a: Option<(&Span, i64)>,
    b: Option<(&Span, i64)>,
) -> ComparedSpan {
    let side = |(span, start): (&Span, i64)| ComparedSide {
        span_id: span.span_id,
        offset: span.start_time.0.saturating_sub(start),
        duration: span.duration,
        status_code: span.status_code,
    };
    let attributes = match (a, b) {
        (Some((a, _)), Some((b, _))) => changed_attributes(a, b),
        _ => Vec::new(),
    };
    let change = match (a, b) {
        (None, _) => Change::Added,
        (_, None) => Change::Removed,
        (Some((a, _)), Some((b, _))) if a.status_code != b.status_code => Change::Changed,
        _ if !attributes.is_empty() => Change::Changed,
        _ => Change::Same,
    };
    let shown = a.or(b).map(|(span, _)| span);
    ComparedSpan {
        parent,
        service: shown.map(|span| span.service.clone()).unwrap_or_default(),
        name: shown.map(|span| span.name.clone()).unwrap_or_default(),
        kind: shown.map_or(0, |span| span.kind),
        change,
        a: a.map(side),
        b: b.map(side),
        attributes,
    }
}

fn changed_attributes(a: &Span, b: &Span) -> Vec<ChangedAttribute> {
    let values =
        |span: &Span| -> BTreeMap<String, AnyValue> { span.attributes.iter().cloned().collect() };
    let (mut in_a, mut in_b) = (values(a), values(b));
    let keys: std::collections::BTreeSet<String> =
        in_a.keys().chain(in_b.keys()).cloned().collect();
    let mut changed = Vec::new();
    for key in keys {
        let (a, b) = (in_a.remove(&key), in_b.remove(&key));
        if a != b {
            changed.push(ChangedAttribute { key, a, b });
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::super::span::tests::span;
    use super::*;

    fn named(mut span: Span, name: &str) -> Span {
        span.name = name.to_owned();
        span
    }

    /// Name, depth, change, and by how much longer the second is.
    fn shown(a: &[Span], b: &[Span]) -> Vec<(String, usize, Change, Option<i64>)> {
        let all = compare_traces(a, b);
        let depth = |mut index: usize| {
            let mut depth = 0;
            while let Some(parent) = all[index].parent {
                (index, depth) = (parent, depth + 1);
            }
            depth
        };
        let line = |(index, one): (usize, &ComparedSpan)| {
            let longer = one.a.zip(one.b).map(|(a, b)| b.duration.saturating_sub(a.duration));
            (one.name.clone(), depth(index), one.change, longer)
        };
        all.iter().enumerate().map(line).collect()
    }

    #[test]
    fn spans_are_matched_by_what_they_are_and_when_they_came() {
        let a = [
            named(span(1, 0, 0, 100), "root"),
            named(span(2, 1, 10, 20), "read"),
            named(span(3, 1, 30, 40), "read"),
            named(span(4, 1, 50, 60), "write"),
            named(span(5, 4, 51, 52), "sync"),
        ];
        let mut b = vec![
            named(span(11, 0, 1000, 1200), "root"),
            named(span(12, 11, 1010, 1050), "read"),
            named(span(13, 11, 1060, 1070), "check"),
        ];
        b[1].status_code = 2;
        assert_eq!(
            shown(&a, &b),
            [
                ("root".to_owned(), 0, Change::Same, Some(100)),
                ("read".to_owned(), 1, Change::Changed, Some(30)),
                ("read".to_owned(), 1, Change::Removed, None),
                ("write".to_owned(), 1, Change::Removed, None),
                ("sync".to_owned(), 2, Change::Removed, None),
                ("check".to_owned(), 1, Change::Added, None),
            ]
        );
    }

    #[test]
    fn a_trace_is_the_same_as_itself() {
        let a = [span(1, 0, 0, 9), span(2, 1, 1, 3), span(3, 1, 1, 3), span(4, 9, 0, 1)];
        let all = compare_traces(&a, &a);
        assert_eq!(all.len(), 4);
        assert!(all.iter().all(|one| one.change == Change::Same && one.a == one.b));
    }

    #[test]
    fn attributes_that_differ_are_named() {
        let (mut a, mut b) = (span(1, 0, 0, 9), span(1, 0, 0, 9));
        a.attributes = vec![("k".to_owned(), AnyValue::Int(1)), ("l".to_owned(), AnyValue::Int(2))];
        b.attributes = vec![("k".to_owned(), AnyValue::Int(1)), ("m".to_owned(), AnyValue::Int(3))];
        let all = compare_traces(&[a], &[b]);
        let keys: Vec<&str> = all[0].attributes.iter().map(|one| one.key.as_str()).collect();
        assert_eq!((all[0].change, keys), (Change::Changed, vec!["l", "m"]));
    }
}
