//! Counting segments: each once in its life.

use super::SliSources;
use super::counts::SliCounts;
use super::duplicates::in_segments;
use super::filter::SliQuery;
use super::rows::{Events, counted_columns};
use crate::rows::{SegmentRows, Shared, Wanted};
use crate::{Error, QueryEngine, QueryStats, broken};
use binnacle_storage::model::Table;
use binnacle_storage::segment::Segment;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// Rows read at a time.
const ROWS_AT_ONCE: u32 = 1 << 16;

impl SliSources {
    /// Places of the segments beyond the WAL position `after` and up to `up_to`.
    pub fn places(&self, after: u64, up_to: u64) -> Vec<usize> {
        let is_wanted = |place: &usize| {
            let info = self.segments[*place].info();
            info.wal_from > after && info.wal_to <= up_to
        };
        (0..self.segments.len()).filter(is_wanted).collect()
    }

    /// Segments with rows on both sides of a position. Borders rule them out; what is lost must not look like silence.
    pub fn torn(&self, at: u64) -> u64 {
        let infos = self.segments.iter().map(|segment| segment.info());
        let torn = infos.filter(|info| info.wal_from <= at && at < info.wal_to);
        torn.inspect(|info| tracing::error!(segment = %info.id.0, at, "a segment mixes what SLIs have counted with what they have not")).count() as u64
    }
}

impl QueryEngine {
    /// What the rows of the segment at a place come to for each query, without what repeats rows of segments before it. One
    /// that cannot be read is set aside, and counted as lost.
    pub async fn sli_segment(
        &self,
        sources: &SliSources,
        place: usize,
        queries: &[Arc<SliQuery>],
    ) -> Result<Vec<SliCounts>, Error> {
        let (segments, table) = (sources.segments.clone(), sources.table);
        let of = queries.to_vec();
        let counted = self
            .spawn(async move { count(&segments[place], &segments[..place], table, &of).await });
        match counted.await {
            Err(Error::Storage(error)) if broken::is_lasting(&error) => {
                let (segment, error) = (&sources.segments[place], Error::Storage(error));
                broken::leave_out(self.storage(), segment, &error, &QueryStats::new()).await;
                let lost = SliCounts { lost_segments: 1, ..SliCounts::default() };
                Ok(vec![lost; queries.len()])
            }
            counted => counted,
        }
    }

    /// What the rows of all segments beyond the WAL position `after` and up to `up_to` come to.
    pub async fn sli_segments(
        &self,
        sources: &SliSources,
        queries: &[Arc<SliQuery>],
        after: u64,
        up_to: u64,
    ) -> Result<Vec<SliCounts>, Error> {
        let mut counts = vec![SliCounts::default(); queries.len()];
        for place in sources.places(after, up_to) {
            let more = self.sli_segment(sources, place, queries).await?;
            counts.iter_mut().zip(&more).for_each(|(sum, more)| sum.add(more));
        }
        Ok(counts)
    }
}

async fn count(
    segment: &Arc<Segment>,
    earlier: &[Arc<Segment>],
    table: Table,
    queries: &[Arc<SliQuery>],
) -> Result<Vec<SliCounts>, Error> {
    let keys = segment.attributes().await?;
    let reader = SegmentRows::open(segment.clone(), Arc::new(QueryStats::new())).await?;
    let mut columns: BTreeSet<String> = counted_columns(table).into_iter().collect();
    for query in queries {
        columns.extend(query.columns(&keys, reader.metadata()));
    }
    let columns: Vec<String> = columns.into_iter().collect();
    let mut events = Events::default();
    let mut shared = Shared::default();
    let rows = u32::try_from(segment.info().rows).unwrap_or(u32::MAX);
    for start in (0..rows).step_by(ROWS_AT_ONCE as usize) {
        let range = start..rows.min(start.saturating_add(ROWS_AT_ONCE));
        for batch in reader.read(Wanted::Named(&columns), std::slice::from_ref(&range)).await? {
            events.add(&batch, table, queries, &mut shared, None)?;
        }
        // Reads of cached bytes never wait: let others run.
        tokio::task::yield_now().await;
    }
    let repeated = match table {
        Table::Spans => in_segments(&events.events, earlier).await?,
        _ => HashSet::new(),
    };
    Ok(events.counts(queries, &repeated))
}
