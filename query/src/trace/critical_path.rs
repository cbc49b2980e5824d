//! Critical path: which span the trace was waiting for, at every moment.
//!
//! The rule is that of CRISP (Zhang et al., "CRISP: Critical Path Analysis of Large-Scale Microservice Architectures",
//! USENIX ATC 2022), which Jaeger draws as well. Start at the end of a span and walk back: among its children that ended
//! by then, the one that ended last is what the span waited for. The time after that child is the span's own; then the
//! walk goes on inside the child, and after it at the child's start. Children still running at that start ran beside
//! it and were not waited for.
//!
//! Where real traces are less tidy:
//! - A child is seen only inside its parent's time: what sticks out on either side, because of clocks that differ, is cut.
//! - A child that ends after its parent and was not waited for is left out, with everything below it: one that is asynchronous by
//!   its kind (a consumer, or the child of a producer), and one that its own process went on with. A server's span that ends after
//!   the call of it stays: clocks differ, and whoever called may have given up. See [`goes_on`].
//! - Several roots are walked like the children of one span around all of them, and the time between them belongs to nobody.
//! - Who is whose child, [`Tree`] decides.

use super::Span;
use super::tree::Tree;
use binnacle_storage::model::{SpanId, Timestamp};
use std::sync::Arc;

/// A stretch of time `[start, end)` that was spent in one span itself, not in its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CriticalSegment {
    pub span_id: SpanId,
    pub start: Timestamp,
    pub end: Timestamp,
}

/// A stretch of time on the critical path; the span by its index.
pub(crate) struct Step {
    pub(crate) span: usize,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// The critical path of a trace: segments in order of time, apart from each other.
pub fn critical_path(spans: &[Span]) -> Vec<CriticalSegment> {
    let segment = |step: Step| CriticalSegment {
        span_id: spans[step.span].span_id,
        start: Timestamp(step.start),
        end: Timestamp(step.end),
    };
    path(spans, &Tree::of(spans)).into_iter().map(segment).collect()
}

/// The same with spans by their index.
pub(crate) fn path(spans: &[Span], tree: &Tree) -> Vec<Step> {
    let mut path = walk(spans, tree);
    path.reverse();
    path
}

/// OTLP's `SpanKind` numbers.
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

/// Of two spans of one process the one that ends last may be recorded as ending first by so much: spans are ended one
/// after the other, and some clocks tell whole milliseconds.
const AFTER_NANOS: i64 = 1_000_000;

/// Whether a child goes on after its parent has ended, so that the parent did not wait for it. Of one process the clock says so.
/// Of others it does where the child does no work for a call, and is longer than its parent: no difference of clocks explains that.
pub(crate) fn goes_on(child: &Span, parent: &Span) -> bool {
    let after = child.end_time().0.saturating_sub(parent.end_time().0);
    if child.kind == CONSUMER || parent.kind == PRODUCER {
        return after > 0;
    }
    let is_here = child.service == parent.service
        && (Arc::ptr_eq(&child.resource, &parent.resource) || child.resource == parent.resource);
    match is_here {
        true => child.kind != SERVER && after > AFTER_NANOS,
        false => {
            let is_own_work = matches!(child.kind, INTERNAL | CLIENT | PRODUCER);
            let is_called = !matches!(parent.kind, INTERNAL | SERVER | CONSUMER);
            is_own_work && !is_called && after > AFTER_NANOS && child.duration > parent.duration
        }
    }
}

/// A span, as far as it lies inside all its ancestors.
#[derive(Clone, Copy)]
struct Window {
    span: usize,
    start: i64,
    end: i64,
}

/// A span on the way back: `cursor` is where the walk stands, `waiting` the children not yet tried, the last to end at
/// the end.
struct Frame {
    window: Option<Window>,
    cursor: i64,
    waiting: Vec<Window>,
}

/// Newest segment first. A stack of our own, because a trace may be 100,000 spans deep.
fn walk(spans: &[Span], tree: &Tree) -> Vec<Step> {
    let mut path = Vec::new();
    let roots = windows(spans, &tree.roots, None);
    let mut stack = vec![Frame { window: None, cursor: i64::MAX, waiting: roots }];
    while let Some(frame) = stack.last_mut() {
        let Some(child) = frame.waiting.pop() else {
            if let Some(window) = frame.window {
                push(&mut path, window.span, window.start, frame.cursor);
            }
            stack.pop();
            continue;
        };
        if child.end > frame.cursor {
            continue;
        }
        if let Some(window) = frame.window {
            push(&mut path, window.span, child.end, frame.cursor);
        }
        frame.cursor = child.start;
        let waiting = windows(spans, &tree.children[child.span], Some(child));
        stack.push(Frame { window: Some(child), cursor: child.end, waiting });
    }
    path
}

/// The parts of `members` that can be waited for, the last to end at the end.
fn windows(spans: &[Span], members: &[usize], parent: Option<Window>) -> Vec<Window> {
    let mut windows: Vec<Window> = members
        .iter()
        .filter_map(|&index| {
            let span = &spans[index];
            let (mut start, mut end) = (span.start_time.0, span.end_time().0);
            if let Some(parent) = parent {
                let of = &spans[parent.span];
                let asynchronous = span.kind == CONSUMER || of.kind == PRODUCER;
                if goes_on(span, of) || asynchronous && end > parent.end {
                    return None;
                }
                start = start.max(parent.start);
                end = end.min(parent.end);
            }
            (start < end).then_some(Window { span: index, start, end })
        })
        .collect();
    // Of those that end together the longest was waited for.
    windows.sort_by_key(|w| (w.end, std::cmp::Reverse(w.start), spans[w.span].span_id, w.span));
    windows
}

fn push(path: &mut Vec<Step>, span: usize, start: i64, end: i64) {
    if start < end {
        path.push(Step { span, start, end });
    }
}

#[cfg(test)]
mod tests {
    use super::super::span::tests::span;
    use super::*;
    use proptest::prelude::*;

    const MS: i64 = 1_000_000;

    /// `(id, parent, start, end)`; parent 0 is none.
    fn trace(rows: &[(u8, u8, i64, i64)]) -> Vec<Span> {
        rows.iter().map(|&(id, parent, start, end)| span(id, parent, start, end)).collect()
    }

    fn check(spans: &[Span], expected: &[(u8, i64, i64)]) {
        let path: Vec<_> = critical_path(spans)
            .iter()
            .map(|segment| (segment.span_id.0[7], segment.start.0, segment.end.0))
            .collect();
        assert_eq!(path, expected);
    }

    #[test]
    fn one_span_is_its_own_path() {
        check(&trace(&[(1, 0, 10, 20)]), &[(1, 10, 20)]);
        check(&[], &[]);
    }

    #[test]
    fn sequential_children_are_all_on_it() {
        let spans = trace(&[(1, 0, 0, 100), (2, 1, 10, 30), (3, 1, 40, 90)]);
        check(&spans, &[(1, 0, 10), (2, 10, 30), (1, 30, 40), (3, 40, 90), (1, 90, 100)]);
    }

    #[test]
    fn of_parallel_children_the_last_to_end_is_on_it() {
        let spans = trace(&[(1, 0, 0, 100), (2, 1, 10, 60), (3, 1, 10, 90)]);
        check(&spans, &[(1, 0, 10), (3, 10, 90), (1, 90, 100)]);
    }

    #[test]
    fn children_that_stick_out_are_cut() {
        let spans = trace(&[(1, 0, 10, 20), (2, 1, 5, 12), (3, 1, 15, 50), (4, 1, 60, 70)]);
        check(&spans, &[(2, 10, 12), (1, 12, 15), (3, 15, 20)]);
    }

    #[test]
    fn what_goes_on_after_its_parent_was_not_waited_for() {
        let ms = |rows: &[(u8, u8, i64, i64)]| {
            let rows = rows.iter();
            let rows = rows.map(|&(id, of, start, end)| (id, of, start * MS, end * MS));
            trace(&rows.collect::<Vec<_>>())
        };
        let path = |spans: &[Span]| -> Vec<(u8, i64, i64)> {
            let path = critical_path(spans).into_iter();
            path.map(|one| (one.span_id.0[7], one.start.0 / MS, one.end.0 / MS)).collect()
        };
        // 3 waits for nobody, and 4 is below it.
        let rows = [(1, 0, 0, 100), (2, 1, 10, 90), (3, 1, 5, 400), (4, 3, 6, 99)];
        let without = [(1, 0, 10), (2, 10, 90), (1, 90, 100)];
        for kind in [0, INTERNAL, CLIENT, CONSUMER] {
            let mut spans = ms(&rows);
            spans[2].kind = kind;
            assert_eq!(path(&spans), without, "kind {kind}");
        }
        // In another service, too, if nobody called it.
        let mut spans = ms(&rows);
        spans[2].service = "audit".to_owned();
        assert_eq!(path(&spans), without);
        // Whoever called a server may have given up, or clocks differ.
        spans[2].kind = SERVER;
        assert_eq!(path(&spans), [(1, 0, 5), (3, 5, 6), (4, 6, 99), (3, 99, 100)]);
        spans[0].kind = CLIENT;
        assert_eq!(path(&spans).len(), 4);
        (spans[2].kind, spans[0].kind) = (INTERNAL, INTERNAL);
        spans[2].start_time = Timestamp(20 * MS);
        spans[2].duration = 90 * MS;
        assert_eq!(path(&spans)[1], (4, 20, 99), "it fits into its parent");
        // The same process ends its spans one after the other.
        let spans = ms(&[(1, 0, 0, 100), (2, 1, 10, 101)]);
        assert_eq!(path(&spans), [(1, 0, 10), (2, 10, 100)]);
    }

    #[test]
    fn asynchronous_children_are_not_waited_for() {
        let mut spans = trace(&[(1, 0, 0, 10), (2, 1, 5, 50), (3, 2, 6, 9)]);
        spans[1].kind = CONSUMER;
        check(&spans, &[(1, 0, 10)]);
        spans[1].duration = 3; // now it ends inside its parent
        check(&spans, &[(1, 0, 5), (2, 5, 6), (3, 6, 8), (1, 8, 10)]);
    }

    #[test]
    fn several_roots_are_walked_one_after_the_other() {
        let spans = trace(&[(1, 9, 0, 10), (2, 9, 5, 8), (3, 8, 20, 30)]);
        check(&spans, &[(1, 0, 10), (3, 20, 30)]);
    }

    #[test]
    fn cycles_are_cut_at_their_earliest_span() {
        check(&trace(&[(1, 1, 0, 10)]), &[(1, 0, 10)]);
        check(&trace(&[(2, 1, 5, 8), (1, 2, 0, 10)]), &[(1, 0, 5), (2, 5, 8), (1, 8, 10)]);
    }

    #[test]
    fn a_client_and_server_with_one_id_are_parent_and_child() {
        let mut spans = trace(&[(2, 1, 6, 9), (2, 1, 5, 10), (1, 0, 0, 20), (3, 2, 7, 8)]);
        spans[0].kind = 2;
        spans[1].kind = CLIENT;
        let expected =
            [(1, 0, 5), (2, 5, 6), (2, 6, 7), (3, 7, 8), (2, 8, 9), (2, 9, 10), (1, 10, 20)];
        check(&spans, &expected);
    }

    #[test]
    fn a_very_deep_trace_does_not_overflow_the_stack() {
        let deep = 100_000u32;
        let spans: Vec<_> = (0..deep)
            .map(|index| {
                let mut span = span(0, 0, 0, 1_000_000);
                span.span_id.0[..4].copy_from_slice(&(index + 1).to_be_bytes());
                let mut parent = SpanId([0; 8]);
                parent.0[..4].copy_from_slice(&index.to_be_bytes());
                span.parent_span_id = (index > 0).then_some(parent);
                span
            })
            .collect();
        assert_eq!(critical_path(&spans).len(), 1);
    }

    prop_compose! {
        /// One root and children anywhere, with parents anywhere (also missing, later, or in cycles).
        fn spans(one_root: bool)(
            rows in prop::collection::vec((0u8..12, 0i64..100, 0i64..60, 0i32..6), 1..12)
        ) -> Vec<Span> {
            rows.iter().enumerate().map(|(index, &(parent, start, length, kind))| {
                let id = index as u8 + 1;
                let parent = match one_root {
                    true if index == 0 => 0,
                    true => parent % id + u8::from(parent % id == 0),
                    false => parent,
                };
                let mut span = span(id, parent, start, start + length);
                span.kind = kind;
                span
            }).collect()
        }
    }

    proptest! {
        #[test]
        fn segments_are_in_order_and_apart_and_inside_their_spans(spans in spans(false)) {
            let path = critical_path(&spans);
            for pair in path.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start);
            }
            for segment in &path {
                prop_assert!(segment.start < segment.end);
                let span = spans.iter().find(|span| span.span_id == segment.span_id).unwrap();
                prop_assert!(span.start_time <= segment.start && segment.end <= span.end_time());
            }
        }

        #[test]
        fn with_one_root_the_path_covers_exactly_the_root(spans in spans(true)) {
            let sum: i64 = critical_path(&spans).iter().map(|s| s.end.0 - s.start.0).sum();
            prop_assert_eq!(sum, spans[0].duration);
        }
    }
}
