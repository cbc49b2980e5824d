//! What came since somebody looked last: for those who ask again about the time that changed, instead of counting rows.

use crate::{Error, QueryEngine};
use binnacle_storage::model::{Table, TenantId, TimeRange};
use binnacle_storage::{Chunk, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was there the last time.
#[derive(Debug, Clone, Default)]
pub struct SliSeen {
    tables: BTreeMap<Table, TableSeen>,
}

#[derive(Debug, Clone, Default)]
struct TableSeen {
    chunks: Vec<Arc<Chunk>>,
    /// Up to where the write-ahead log was in segments.
    to: u64,
}

/// The time that rows are about which were not there before, in Unix nanoseconds, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliNews {
    pub first: i64,
    pub last: i64,
}

impl SliSeen {
    /// As if all segments up to a WAL position had been seen, and nothing of the buffer.
    pub fn up_to(tables: &[Table], position: u64) -> SliSeen {
        let seen = TableSeen { chunks: Vec::new(), to: position };
        SliSeen { tables: tables.iter().map(|table| (*table, seen.clone())).collect() }
    }

    /// Up to which WAL position all tables' segments have been seen; 0 without any.
    pub fn position(&self) -> u64 {
        self.tables.values().map(|seen| seen.to).filter(|to| *to > 0).min().unwrap_or(0)
    }

    /// Takes over what a snapshot has, and says what of it is new.
    fn renew(&mut self, snapshot: &Snapshot) -> Option<SliNews> {
        let mut news: Option<SliNews> = None;
        for (table, seen) in &mut self.tables {
            let segments = snapshot.segments(*table, TimeRange::all());
            let fresh = segments.iter().map(|segment| segment.info());
            let fresh = fresh.filter(|info| info.wal_to > seen.to);
            let fresh = fresh.map(|info| (info.time_min.0, info.time_max.0));
            let chunks = snapshot.chunks(*table, TimeRange::all());
            let is_new =
                |chunk: &&Arc<Chunk>| !seen.chunks.iter().any(|known| Arc::ptr_eq(known, chunk));
            let times = |chunk: &Arc<Chunk>| (chunk.time_min.0, chunk.time_max.0);
            for (first, last) in fresh.chain(chunks.iter().filter(is_new).map(times)) {
                let so_far = news.get_or_insert(SliNews { first, last });
                so_far.first = so_far.first.min(first);
                so_far.last = so_far.last.max(last);
            }
            seen.to = segments.iter().map(|s| s.info().wal_to).fold(seen.to, u64::max);
            seen.chunks = chunks;
        }
        news
    }
}

impl QueryEngine {
    /// What `tenant` has by now that is not in `seen`, which then has it.
    pub async fn sli_news(
        &self,
        tenant: &TenantId,
        seen: &mut SliSeen,
    ) -> Result<Option<SliNews>, Error> {
        let snapshot = self.storage().snapshot(tenant).await?;
        Ok(seen.renew(&snapshot))
    }
}
