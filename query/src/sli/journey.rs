//! Journeys: traces as events, each good if all its steps are good in time.
//!
//! A journey begins with the first span of its first step, and is judged so long after that as it may take: that is its time. A
//! step is good if one of its spans is good and ended by then. What is asked for is read with some time before it, so that a trace
//! is seen from its beginning.

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

/// A first step again so much later in its trace is still known not to begin another journey.
const REACH_NANOS: i64 = 600 * 1_000_000_000;

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
    let nanos = |slice: i64| slice.saturating_mul(SLICE_NANOS);
    let reach = request.within_nanos.saturating_add(REACH_NANOS);
    let start = Timestamp(nanos(request.slices.start).saturating_sub(reach));
    let Some(range) = TimeRange::new(start, Timestamp(nanos(request.slices.end))) else {
        return Ok(SliJourneys::default());
    };
    let mut reading =
        Reading { steps: &request.steps, shared: Shared::default(), traces: Traces::new() };
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

struct Reading<'a> {
    steps: &'a [Arc<SliQuery>],
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
            if event.trace_id == TraceId([0; 16]) {
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
                let span = StepSpan { step, start: event.start, end: event.end, is_good };
                // Sent twice it is one.
                if !spans.contains(&span) {
                    spans.push(span);
                }
            }
        }
        Ok(())
    }
}

fn judge_all(traces: &Traces, request: &JourneyRequest) -> SliJourneys {
    let mut journeys = SliJourneys::default();
    for spans in traces.values() {
        let judged = judge(spans, request.steps.len(), request.within_nanos);
        let Some((at, is_good)) = judged else { continue };
        let slice = at.div_euclid(SLICE_NANOS);
        if request.slices.contains(&slice) {
            let count = journeys.slices.entry(slice).or_default();
            *count = (count.0 + u64::from(is_good), count.1 + 1);
            journeys.last = journeys.last.max(Some(at));
        }
    }
    journeys
}

/// When a trace's journey is judged, and whether it is good. `None` for a trace that begins none.
fn judge(spans: &[StepSpan], steps: usize, within: i64) -> Option<(i64, bool)> {
    let begin = spans.iter().filter(|span| span.step == 0).map(|span| span.start).min()?;
    let until = begin.saturating_add(within);
    let is_good = |step: usize| {
        let mut of_step = spans.iter().filter(|span| span.step == step);
        of_step.any(|span| span.is_good && span.end <= until)
    };
    Some((until, (0..steps).all(is_good)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn span(step: usize, start: i64, end: i64, is_good: bool) -> StepSpan {
        StepSpan { step, start: start * SECOND, end: end * SECOND, is_good }
    }

    /// Of two steps within five seconds.
    fn judged(spans: &[StepSpan]) -> Option<(i64, bool)> {
        judge(spans, 2, 5 * SECOND).map(|(at, is_good)| (at / SECOND, is_good))
    }

    #[test]
    fn a_journey_is_good_if_every_step_was_in_time() {
        let begin = span(0, 10, 11, true);
        assert_eq!(judged(&[begin, span(1, 12, 15, true)]), Some((15, true)));
        assert_eq!(judged(&[span(1, 12, 15, true), begin]), Some((15, true)));
        assert_eq!(judged(&[begin, span(1, 12, 16, true)]), Some((15, false)));
        assert_eq!(judged(&[begin, span(1, 12, 13, false)]), Some((15, false)));
        assert_eq!(judged(&[begin]), Some((15, false)));
        let retried = [begin, span(1, 12, 13, false), span(1, 13, 14, true)];
        assert_eq!(judged(&retried), Some((15, true)));
    }

    #[test]
    fn a_trace_without_the_first_step_is_no_journey() {
        assert_eq!(judged(&[span(1, 12, 15, true)]), None);
        assert_eq!(judged(&[]), None);
    }

    #[test]
    fn the_first_of_several_beginnings_counts() {
        let spans = [span(0, 20, 21, true), span(0, 10, 11, false), span(1, 12, 13, true)];
        assert_eq!(judged(&spans), Some((15, false)));
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
}
