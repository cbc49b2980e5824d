//! Catalog: which segments are live, and up to where the WAL is in them.
//!
//! Every edit is one transaction: it happens whole or not at all, and survives a crash once it has returned.

mod sqlite;

pub(crate) use sqlite::SqliteCatalog;

use crate::Error;
use crate::borders::Positions;
use crate::model::{Signal, Table, TenantId, Timestamp};
use crate::segment::{SegmentId, SegmentInfo};
use std::collections::{BTreeSet, HashMap};

/// A request that a later one may repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredRequest {
    pub content_hash: u128,
    pub arrived_at: Timestamp,
}

/// An attribute key that a table's rows carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeKey {
    pub table: Table,
    pub key: String,
    /// `string`, `int`, `double`, `bool`, `bytes`, `array`, `kvlist` or `empty`; a key of several types comes several
    /// times.
    pub value_type: String,
    /// Rows that had it, in all segments ever flushed.
    pub rows: u64,
    pub last_seen: Timestamp,
}

/// What a flush changes.
#[derive(Debug, Clone)]
pub(crate) struct FlushEdit {
    pub tenant: TenantId,
    pub signal: Signal,
    /// The WAL position flushed before, which must not have moved, and the one flushed now.
    pub wal_before: u64,
    pub wal_after: u64,
    pub segments: Vec<SegmentInfo>,
    pub requests: Vec<StoredRequest>,
    pub attributes: Vec<AttributeKey>,
    pub now: Timestamp,
}

/// What a compaction changes.
#[derive(Debug, Clone)]
pub(crate) struct CompactionEdit {
    pub retired: Vec<SegmentId>,
    pub segments: Vec<SegmentInfo>,
    pub now: Timestamp,
}

/// What became of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Edited {
    Done,
    /// The catalog is not as the edit assumed; nothing was changed.
    Stale,
}

/// Durable list of segments. Calls block.
pub(crate) trait Catalog: Send + std::fmt::Debug {
    fn list_segments(&self) -> Result<Vec<SegmentInfo>, Error>;
    /// Up to where the WAL of each tenant and signal is in segments.
    fn list_wal_positions(&self) -> Result<HashMap<(TenantId, Signal), u64>, Error>;
    fn list_requests(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(TenantId, Signal, StoredRequest)>, Error>;
    fn list_attribute_keys(&self, tenant: &TenantId) -> Result<Vec<AttributeKey>, Error>;
    fn commit_flush(&mut self, edit: &FlushEdit) -> Result<Edited, Error>;
    fn commit_compaction(&mut self, edit: &CompactionEdit) -> Result<Edited, Error>;
    /// Takes segments out; their files go later.
    fn retire(&mut self, ids: &[SegmentId], now: Timestamp) -> Result<Edited, Error>;
    /// Segments retired at or before `until`.
    fn list_retired(&self, until: Timestamp) -> Result<Vec<SegmentInfo>, Error>;
    /// Drops what is left of retired segments whose files are gone.
    fn forget(&mut self, ids: &[SegmentId]) -> Result<(), Error>;
    /// WAL positions at which segments are not joined.
    fn list_borders(&self) -> Result<Positions, Error>;
    /// Replaces those of one tenant's table.
    fn store_borders(
        &mut self,
        tenant: &TenantId,
        table: Table,
        positions: &BTreeSet<u64>,
    ) -> Result<(), Error>;
    /// Whether the catalog has the segment, live or retired.
    fn knows(&self, id: SegmentId) -> Result<bool, Error>;
}
