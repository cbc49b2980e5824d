//! Putting a trace in order: the same rows make the same answer, wherever they are stored.

use super::{Exemplar, Span};
use crate::logs::{LogRecord, content_hash};
use binnacle_storage::batch::NumberValue;
use binnacle_storage::model::SpanId;
use std::collections::BTreeSet;

/// Sorts spans by start time, span id and kind, and drops repetitions of one span, which are those that a merge of segments
/// drops: of spans that agree in ids, service, name, kind and times the one that arrived first stays.
pub(crate) fn order_spans(spans: &mut Vec<Span>) {
    spans.sort_by(|a, b| identity(a).cmp(&identity(b)).then(a.ingested_at.cmp(&b.ingested_at)));
    spans.dedup_by(|a, b| identity(a) == identity(b));
}

/// What makes a span that span, in the order in which a trace shows them.
fn identity(span: &Span) -> impl Ord + '_ {
    (span.start_time, span.span_id, span.kind, span.duration, &span.service, &span.name)
}

/// Parents that are named but not there; sorted.
pub(super) fn missing_parents(spans: &[Span]) -> Vec<SpanId> {
    let present: BTreeSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
    let named: BTreeSet<SpanId> = spans.iter().filter_map(|span| span.parent_span_id).collect();
    named.difference(&present).copied().collect()
}

/// Sorts log records by time; those of one time by what they say.
pub(super) fn order_logs(logs: &mut [LogRecord]) {
    logs.sort_by_cached_key(|log| (log.time, content_hash(log)));
}

/// Sorts exemplars by time, then series, then what they say.
pub(super) fn order_exemplars(exemplars: &mut [Exemplar]) {
    exemplars.sort_by_cached_key(|exemplar| {
        let value = match exemplar.value {
            None => (0, 0),
            Some(NumberValue::Int(number)) => (1, number as u64),
            Some(NumberValue::Double(number)) => (2, number.to_bits()),
        };
        (exemplar.time, exemplar.series_id, exemplar.point_time, exemplar.span_id, value)
    });
}

#[cfg(test)]
mod tests {
    use super::super::span::tests::span;
    use super::*;
    use binnacle_storage::model::Timestamp;

    #[test]
    fn spans_are_ordered_and_repetitions_dropped() {
        let mut later = span(2, 1, 5, 9);
        later.ingested_at = Timestamp(7);
        let mut server = span(2, 1, 5, 9);
        server.kind = 2;
        let mut spans = vec![later, span(3, 9, 1, 2), span(2, 1, 5, 9), span(1, 0, 5, 6), server];
        order_spans(&mut spans);
        let order: Vec<_> =
            spans.iter().map(|s| (s.span_id.0[7], s.kind, s.ingested_at.0)).collect();
        assert_eq!(order, [(3, 1, 0), (1, 1, 0), (2, 1, 0), (2, 2, 0)]);
        assert_eq!(missing_parents(&spans), [SpanId([0, 0, 0, 0, 0, 0, 0, 9])]);
    }
}
