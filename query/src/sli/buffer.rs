//! Counting what is not in segments yet, or not yet counted there: anew each time, since it will move.

use super::SliSources;
use super::counts::SliCounts;
use super::duplicates::in_segments;
use super::filter::SliQuery;
use super::rows::{Events, Identity};
use crate::rows::Shared;
use crate::{Error, QueryEngine};
use binnacle_storage::Chunk;
use binnacle_storage::model::Table;
use binnacle_storage::segment::{Segment, SegmentId};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What was found in the buffer the last time, so that only what changed is looked at.
#[derive(Debug, Default)]
pub struct SliCache {
    queries: Vec<Arc<SliQuery>>,
    chunks: Vec<(Arc<Chunk>, Arc<Found>)>,
    segments: Vec<SegmentId>,
    heard: BTreeMap<String, i64>,
}

impl SliCache {
    /// When anything in the buffer arrived last, by service: Unix nanoseconds.
    pub fn heard(&self) -> &BTreeMap<String, i64> {
        &self.heard
    }
}

/// The events of a chunk.
#[derive(Debug)]
struct Found {
    events: Events,
    /// Of all rows, events or not.
    identities: Vec<Identity>,
    /// Events that a segment has.
    in_segments: HashSet<usize>,
}

impl QueryEngine {
    /// What buffered rows come to for each query, without what repeats other rows.
    pub async fn sli_buffer(
        &self,
        sources: &SliSources,
        queries: &[Arc<SliQuery>],
        cache: &mut SliCache,
    ) -> Result<Vec<SliCounts>, Error> {
        let ids: Vec<SegmentId> =
            sources.segments.iter().map(|segment| segment.info().id).collect();
        let is_same = cache.queries.len() == queries.len()
            && cache.queries.iter().zip(queries).all(|(a, b)| Arc::ptr_eq(a, b))
            && cache.segments == ids;
        let known = if is_same { std::mem::take(&mut cache.chunks) } else { Vec::new() };
        let mut chunks = Vec::with_capacity(sources.chunks.len());
        for chunk in &sources.chunks {
            let found = known.iter().find(|(other, _)| Arc::ptr_eq(other, chunk));
            let found = match found {
                Some((_, found)) => found.clone(),
                None => {
                    let (chunk, segments) = (chunk.clone(), sources.segments.clone());
                    let (table, queries) = (sources.table, queries.to_vec());
                    let work = async move { find(&chunk, &segments, table, &queries).await };
                    Arc::new(self.spawn(work).await?)
                }
            };
            chunks.push((chunk.clone(), found));
        }
        let counts = count(&chunks, sources.table, queries);
        cache.heard = BTreeMap::new();
        for (service, heard) in chunks.iter().flat_map(|(_, found)| found.events.heard()) {
            let last = cache.heard.entry(service.clone()).or_insert(*heard);
            *last = (*last).max(*heard);
        }
        cache.queries = queries.to_vec();
        cache.segments = ids;
        cache.chunks = chunks;
        Ok(counts)
    }
}

async fn find(
    chunk: &Chunk,
    segments: &[Arc<Segment>],
    table: Table,
    queries: &[Arc<SliQuery>],
) -> Result<Found, Error> {
    let (mut events, mut identities) = (Events::default(), Vec::new());
    let all = Some(&mut identities);
    events.add(&chunk.records, table, queries, &mut Shared::default(), all)?;
    let in_segments = match table {
        Table::Spans => in_segments(&events.events, segments).await?,
        _ => HashSet::new(),
    };
    Ok(Found { events, identities, in_segments })
}

/// Of equal spans in the buffer the first counts.
fn count(
    chunks: &[(Arc<Chunk>, Arc<Found>)],
    table: Table,
    queries: &[Arc<SliQuery>],
) -> Vec<SliCounts> {
    let mut counts = vec![SliCounts::default(); queries.len()];
    let mut seen: HashSet<Identity> = HashSet::new();
    for (_, found) in chunks {
        let mut repeated = found.in_segments.clone();
        if table == Table::Spans {
            let rows = found.events.rows();
            let mut events = rows.iter().zip(0..).peekable();
            for (row, identity) in found.identities.iter().enumerate() {
                let is_new = seen.insert(*identity);
                if let Some((_, event)) = events.next_if(|(at, _)| **at == row)
                    && !is_new
                {
                    repeated.insert(event);
                }
            }
        }
        let more = found.events.counts(queries, &repeated);
        counts.iter_mut().zip(&more).for_each(|(sum, more)| sum.add(more));
    }
    counts
}
