//! Spans that repeat one that is stored already.
//!
//! Storage drops them when it joins the two segments, which may be much later. Until then they are found by the trace
//! indexes: only rows of a trace that both places have are compared.

use super::rows::{Event, IDENTITY_COLUMNS, Identity, Spans};
use crate::rows::{SegmentRows, Wanted, ranges_of};
use crate::{Error, QueryStats, broken};
use binnacle_storage::model::TraceId;
use binnacle_storage::segment::Segment;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// Which of `events` are in one of `segments`.
pub(super) async fn in_segments(
    events: &[Event],
    segments: &[Arc<Segment>],
) -> Result<HashSet<usize>, Error> {
    let mut repeated = HashSet::new();
    for segment in segments {
        let info = segment.info();
        let near: Vec<usize> = (0..events.len())
            .filter(|&index| (info.time_min.0..=info.time_max.0).contains(&events[index].start))
            .filter(|index| !repeated.contains(index))
            .collect();
        if near.is_empty() {
            continue;
        }
        let identities =
            match identities(segment, near.iter().map(|&index| events[index].trace_id)).await {
                Ok(identities) => identities,
                // Its rows are lost to every query, so that these are the only ones left.
                Err(Error::Storage(error)) if broken::is_lasting(&error) => continue,
                Err(error) => return Err(error),
            };
        repeated
            .extend(near.into_iter().filter(|&index| identities.contains(&events[index].identity)));
    }
    Ok(repeated)
}

/// The spans of some traces in a segment.
async fn identities(
    segment: &Arc<Segment>,
    traces: impl Iterator<Item = TraceId>,
) -> Result<HashSet<Identity>, Error> {
    let traces: BTreeSet<TraceId> = traces.collect();
    let mut rows = BTreeSet::new();
    for trace in traces {
        rows.extend(segment.trace_rows(trace).await?);
    }
    let mut identities = HashSet::new();
    if rows.is_empty() {
        return Ok(identities);
    }
    let reader = SegmentRows::open(segment.clone(), Arc::new(QueryStats::new())).await?;
    let columns: Vec<String> = IDENTITY_COLUMNS.iter().map(|name| (*name).to_owned()).collect();
    for batch in reader.read(Wanted::Named(&columns), &ranges_of(rows)).await? {
        let spans = Spans::of(&batch)?;
        identities.extend((0..batch.num_rows()).map(|row| spans.identity(row)));
    }
    Ok(identities)
}
