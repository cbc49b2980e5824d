//! Service level indicators: how many events there were in each slice of time, and how many of them were good.
//!
//! Events are rows of spans or log records that pass a filter which one row decides alone: TraceQL conditions, or log search.
//! A span is counted where it **ends**, since its outcome is known only then; a record at its time. Each row is counted
//! once: a span that repeats another in what storage calls a duplicate is not counted, wherever the first one lies.
//!
//! The path: [`QueryEngine::sli_sources`] takes a snapshot; of segments each is counted once in its life
//! ([`QueryEngine::sli_segments`]) and what it came to is kept by the caller; the buffer is counted anew each time
//! ([`QueryEngine::sli_buffer`]), what did not change in it from memory. `rows` reads and decides, `duplicates` finds what
//! was there before.
//!
//! Events may be told apart by attributes ([`SliGroups`]): then each group has counts of its own beside those of all.
//!
//! Journeys ([`QueryEngine::sli_journeys`], several spans of a trace each),
//! what counters counted ([`QueryEngine::sli_counters`]) and what SQL counts ([`QueryEngine::sli_sql`]) have no rows of their own: they are
//! asked anew for the time of which [`QueryEngine::sli_news`] says that it changed.

mod buffer;
mod counters;
mod counts;
mod duplicates;
mod filter;
mod groups;
mod journey;
mod news;
mod rows;
mod sample;
mod segments;
mod tables;
#[cfg(test)]
mod tests;

pub use buffer::SliCache;
pub use counters::{SliSums, parse_counters, silence_millis};
pub use counts::{LATE_NANOS, SLICE_NANOS, SliCounts, SliLate, SliSlices};
pub use filter::{SliQuery, check_logs, check_spans};
pub use groups::{GROUP_ATTRIBUTES_MAX, GroupBudget, SliGroup, SliGroups, check_groups};
pub use journey::{JourneyRequest, SliJourneys};
pub use news::{SliNews, SliSeen};
pub(crate) use sample::sample;
pub use sample::{NamedEvent, Sample, SampleRequest, WindowEvents};
pub use tables::check_sql;

use crate::{Error, QueryEngine};
use binnacle_storage::model::{Table, TenantId, TimeRange};
use binnacle_storage::segment::Segment;
use binnacle_storage::{Chunk, Snapshot};
use std::sync::Arc;

/// What one count sees.
#[derive(Debug, Clone)]
pub struct SliSources {
    table: Table,
    /// With rows, in the order in which they were written.
    segments: Arc<Vec<Arc<Segment>>>,
    chunks: Vec<Arc<Chunk>>,
}

impl QueryEngine {
    /// The rows of `table` that `tenant` has by now.
    pub async fn sli_sources(&self, tenant: &TenantId, table: Table) -> Result<SliSources, Error> {
        Ok(SliSources::of(&self.storage().snapshot(tenant).await?, table))
    }
}

impl SliSources {
    fn of(snapshot: &Snapshot, table: Table) -> SliSources {
        let mut segments = snapshot.segments(table, TimeRange::all());
        segments.sort_by_key(|segment| (segment.info().wal_from, segment.info().id));
        let chunks = snapshot.chunks(table, TimeRange::all());
        SliSources { table, segments: Arc::new(segments), chunks }
    }

    /// Up to where the write-ahead log is in segments, as far as segments still say; 0 without any.
    pub fn segments_to(&self) -> u64 {
        self.segments.iter().map(|segment| segment.info().wal_to).max().unwrap_or(0)
    }
}
