//! Journeys: traces as events, each good if all its steps are good in time.
//!
//! A journey begins with a span of its first step before which none of the same trace began for as long as a journey may take,
//! and lasts that long: then it is judged, and that is its time. So journeys of one trace lie apart, and first steps that follow each other more
//! closely than that, as those that are tried again, are one. A step is good if one of its spans is good and ended
//! while the journey lasted; none that began longer before the journey than it may take is looked at.
//!
//! What a journey comes to is thus decided by the spans that began within the time of one journey before it and while it lasts:
//! however much else is read, in whatever parts and from wherever it lies, the answer is the same.

use super::counts::SLICE_NANOS;
use super::filter::SliQuery;
use super::rows::{Events, counted_columns};
use crate::rows::{SegmentRows, Shared, Wanted};
use crate::{Error, QueryEngine, QueryStats, broken};
use binnacle_storage::model::{Table, TenantId, TimeRange, Timestamp, TraceId};
use binnacle_storage::segment::Segment;
use binnacle_storage::{Snapshot, Storage};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

/// Traces held at once.
const TRACES_MAX: usize = 4_000_000;

/// Rows read at a time.
const ROWS_AT_ONCE: u32 = 1 << 16;

/// Good and all journeys by slice, and when the last was judged (Unix nanoseconds).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SliJourneys {
    pub slices: BTreeMap<i64, (u64, u64)>,
    pub last: Option<i64>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct JourneyRequest {
    /// Each says which spans are a step, and which of these are good.
    pub steps: Vec<Arc<SliQuery>>,
    pub within_nanos: i64,
    pub slices: Range<i64>,
}

impl QueryEngine {
    /// The journeys that are judged in a range of slices.
    pub async fn sli_journeys(
        &self,
        tenant: &TenantId,
        request: JourneyRequest,
    ) -> Result<SliJourneys, Error> {
        let snapshot = self.storage().snapshot(tenant).await?;
        let storage = self.storage().clone();
        self.spawn(async move { count(&storage, &snapshot, &request).await }).await
    }
}

/// A span of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StepSpan {
    step: usize,
    start: i64,
    end: i64,
    is_good: bool,
}

type Traces = HashMap<TraceId, Vec<StepSpan>>;

async fn count(
    storage: &Storage,
    snapshot: &Snapshot,
    request: &JourneyRequest,
) -> Result<SliJourneys, Error> {
    let begun = request.begun();
    let Some(range) = TimeRange::new(Timestamp(begun.start), Timestamp(begun.end)) else {
        return Ok(SliJourneys::default());
    };
    let mut reading =
        Reading { steps: &request.steps, begun, shared: Shared::default(), traces: Traces::new() };
    for chunk in snapshot.chunks(Table::Spans, range) {
        reading.add(&chunk.records)?;
        tokio::task::yield_now().await;
    }
    for segment in snapshot.segments(Table::Spans, range) {
        match reading.add_segment(&segment).await {
            Err(Error::Storage(error)) if broken::is_lasting(&error) => {
                let error = Error::Storage(error);
                broken::leave_out(storage, &segment, &error, &QueryStats::new()).await;
            }
            read => read?,
        }
    }
    Ok(judge_all(&reading.traces, request))
}

impl JourneyRequest {
    /// When spans began that may matter: those of a journey, which begins so long before it is judged as it may take, and
    /// those of as long before that.
    fn begun(&self) -> Range<i64> {
        let nanos = |slice: i64| slice.saturating_mul(SLICE_NANOS);
        let reach = self.within_nanos.saturating_mul(2);
        nanos(self.slices.start).saturating_sub(reach)..nanos(self.slices.end)
    }
}

struct Reading<'a> {
    steps: &'a [Arc<SliQuery>],
    begun: Range<i64>,
    shared: Shared,
    traces: Traces,
}

impl Reading<'_> {
    async fn add_segment(&mut self, segment: &Arc<Segment>) -> Result<(), Error> {
        let keys = segment.attributes().await?;
        let reader = SegmentRows::open(segment.clone(), Arc::new(QueryStats::new())).await?;
        let mut columns: BTreeSet<String> = counted_columns(Table::Spans).into_iter().collect();
        for step in self.steps {
            columns.extend(step.columns(&keys, reader.metadata()));
        }
        let columns: Vec<String> = columns.into_iter().collect();
        let rows = u32::try_from(segment.info().rows).unwrap_or(u32::MAX);
        for start in (0..rows).step_by(ROWS_AT_ONCE as usize) {
            let range = start..rows.min(start.saturating_add(ROWS_AT_ONCE));
            for batch in reader.read(Wanted::Named(&columns), std::slice::from_ref(&range)).await? {
                self.add(&batch)?;
            }
            // Reads of cached bytes never wait: let others run.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn add(&mut self, batch: &arrow::record_batch::RecordBatch) -> Result<(), Error> {
        let mut events = Events::default();
        events.add(batch, Table::Spans, self.steps, &mut self.shared, None)?;
        for event in events.events {
            if event.trace_id == TraceId([0; 16]) || !self.begun.contains(&event.start) {
                continue;
            }
            if self.traces.len() >= TRACES_MAX && !self.traces.contains_key(&event.trace_id) {
                let message = format!(
                    "there are more than {TRACES_MAX} traces in the time that is counted at once"
                );
                return Err(Error::Execution { message });
            }
            let spans = self.traces.entry(event.trace_id).or_default();
            for step in 0..self.steps.len() {
                let Some(is_good) = event.is_good(step) else { continue };
                // Sent twice it is there twice, which changes nothing.
                let end = event.end.max(event.start);
                spans.push(StepSpan { step, start: event.start, end, is_good });
            }
        }
        Ok(())
    }
}

fn judge_all(traces: &Traces, request: &JourneyRequest) -> SliJourneys {
    let mut journeys = SliJourneys::default();
    for spans in traces.values() {
        for (at, is_good) in judge(spans, request.steps.len(), request.within_nanos) {
            let slice = at.div_euclid(SLICE_NANOS);
            if request.slices.contains(&slice) {
                let count = journeys.slices.entry(slice).or_default();
                *count = (count.0 + u64::from(is_good), count.1 + 1);
                journeys.last = journeys.last.max(Some(at));
            }
        }
    }
    journeys
}

/// When each of a trace's journeys is judged, and whether it is good. None for a trace without the first step.
fn judge(spans: &[StepSpan], steps: usize, within: i64) -> Vec<(i64, bool)> {
    let first = spans.iter().filter(|span| span.step == 0).map(|span| span.start);
    let first: BTreeSet<i64> = first.collect();
    let mut journeys: Vec<Journey> = Vec::new();
    let mut before = None;
    for begin in first {
        if before.is_none_or(|before: i64| before.saturating_add(within) < begin) {
            journeys.push(Journey { begin, is_good: vec![false; steps] });
        }
        before = Some(begin);
    }
    for span in spans.iter().filter(|span| span.is_good) {
        // They lie apart: of those that have begun only the last can go on.
        let begun = journeys.partition_point(|journey| journey.begin <= span.end);
        let Some(journey) = begun.checked_sub(1).map(|index| &mut journeys[index]) else {
            continue;
        };
        let is_in_time = span.end <= journey.begin.saturating_add(within)
            && span.start >= journey.begin.saturating_sub(within);
        journey.is_good[span.step] |= is_in_time;
    }
    let judged = |journey: Journey| {
        (journey.begin.saturating_add(within), journey.is_good.iter().all(|is_good| *is_good))
    };
    journeys.into_iter().map(judged).collect()
}

/// A journey of one trace, and which of its steps were good.
struct Journey {
    begin: i64,
    is_good: Vec<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000_000;

    fn span(step: usize, start: i64, end: i64, is_good: bool) -> StepSpan {
        StepSpan { step, start: start * SECOND, end: end * SECOND, is_good }
    }

    /// Of two steps within five seconds.
    fn judged(spans: &[StepSpan]) -> Vec<(i64, bool)> {
        let judged = judge(spans, 2, 5 * SECOND).into_iter();
        judged.map(|(at, is_good)| (at / SECOND, is_good)).collect()
    }

    #[test]
    fn a_journey_is_good_if_every_step_was_in_time() {
        let begin = span(0, 10, 11, true);
        assert_eq!(judged(&[begin, span(1, 12, 15, true)]), [(15, true)]);
        assert_eq!(judged(&[span(1, 12, 15, true), begin]), [(15, true)]);
        assert_eq!(judged(&[begin, span(1, 12, 16, true)]), [(15, false)]);
        assert_eq!(judged(&[begin, span(1, 12, 13, false)]), [(15, false)]);
        assert_eq!(judged(&[begin]), [(15, false)]);
        let retried = [begin, span(1, 12, 13, false), span(1, 13, 14, true)];
        assert_eq!(judged(&retried), [(15, true)]);
    }

    #[test]
    fn a_trace_without_the_first_step_is_no_journey() {
        assert_eq!(judged(&[span(1, 12, 15, true)]), []);
        assert_eq!(judged(&[]), []);
    }

    #[test]
    fn first_steps_that_follow_each_other_closely_are_one_journey() {
        let spans = [span(0, 14, 15, true), span(0, 10, 11, false), span(1, 12, 13, true)];
        assert_eq!(judged(&spans), [(15, true)]);
        let chain: Vec<StepSpan> = (2..9).map(|n| span(0, n * 5, n * 5 + 1, false)).collect();
        assert_eq!(judged(&chain), [(15, false)]);
    }

    #[test]
    fn a_first_step_long_after_the_one_before_begins_another_journey() {
        let spans = [span(0, 10, 11, true), span(1, 12, 13, true), span(0, 16, 17, true)];
        assert_eq!(judged(&spans), [(15, true), (21, false)]);
        let both = [&spans[..], &[span(1, 18, 19, true)]].concat();
        assert_eq!(judged(&both), [(15, true), (21, true)]);
    }

    #[test]
    fn a_step_may_begin_before_the_journey_but_ends_in_it() {
        let begin = span(0, 20, 21, true);
        assert_eq!(judged(&[begin, span(1, 15, 22, true)]), [(25, true)]);
        assert_eq!(judged(&[begin, span(1, 15, 19, true)]), [(25, false)]);
        assert_eq!(judged(&[begin, span(1, 14, 22, true)]), [(25, false)], "too long ago");
    }

    #[test]
    fn journeys_lie_in_the_slice_in_which_they_are_judged() {
        let trace = |id: u8, spans: &[StepSpan]| (TraceId([id; 16]), spans.to_vec());
        let traces: Traces = [
            trace(1, &[span(0, 4, 5, true)]),
            trace(2, &[span(0, 6, 7, true)]),
            trace(3, &[span(0, 30, 31, true)]),
        ]
        .into_iter()
        .collect();
        let step = Arc::new(SliQuery::spans("", "{ status != error }", true).unwrap());
        let request = JourneyRequest { steps: vec![step], within_nanos: 5 * SECOND, slices: 0..2 };
        let journeys = judge_all(&traces, &request);
        assert_eq!(journeys.slices, BTreeMap::from([(0, (1, 1)), (1, (1, 1))]));
        assert_eq!(journeys.last, Some(11 * SECOND));
    }

    const WITHIN: i64 = 7 * SECOND;

    fn asked(slices: Range<i64>) -> JourneyRequest {
        let step = Arc::new(SliQuery::spans("", "{ status != error }", true).unwrap());
        JourneyRequest { steps: vec![step.clone(), step], within_nanos: WITHIN, slices }
    }

    /// What a request comes to if it reads what it has to, and `more` or less of what lies beside that.
    fn answered(spans: &[StepSpan], slices: Range<i64>, more: i64) -> BTreeMap<i64, (u64, u64)> {
        let request = asked(slices);
        let begun = request.begun();
        let read = begun.start.saturating_sub(more)..begun.end.saturating_add(more);
        let read = spans.iter().copied().filter(|span| read.contains(&span.start)).collect();
        judge_all(&Traces::from([(TraceId([1; 16]), read)]), &request).slices
    }

    proptest! {
        #[test]
        fn journeys_are_the_same_in_whatever_parts_they_are_asked_for(
            rows in prop::collection::vec((0usize..2, 0i64..1_200, 0i64..200, any::<bool>()), 1..25),
            mut cuts in prop::collection::vec((0i64..20, 0i64..300), 0..6),
        ) {
            // In tenths of a second, so that ends meet.
            let tenth = SECOND / 10;
            let spans: Vec<StepSpan> = rows
                .iter()
                .map(|&(step, start, lasts, is_good)| StepSpan {
                    step,
                    start: start * tenth,
                    end: (start + lasts) * tenth,
                    is_good,
                })
                .collect();
            let all = answered(&spans, -100..100, 0);
            cuts.sort_unstable();
            let mut parts = BTreeMap::new();
            let mut from = -100;
            for (to, more) in cuts.into_iter().chain([(100, 0)]) {
                parts.extend(answered(&spans, from..to, more * tenth));
                from = to;
            }
            prop_assert_eq!(parts, all);
        }
    }
}
