//! Segments: immutable Parquet files with their sidecar index, written by flush and compaction, read by queries.

mod object;

pub use object::ObjectReader;

use crate::Error;
use crate::batch::{AttributeType, TableBatch};
use crate::log_index::IndexQuery;
use crate::model::{Table, TenantId, Timestamp, TraceId};
use crate::snapshot::Chunk;
use bytes::Bytes;
use futures::future::BoxFuture;
use parquet::file::metadata::ParquetMetaData;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// Name of a segment: a UUID version 7, so names sort by time of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub uuid::Uuid);

/// A segment as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentInfo {
    pub id: SegmentId,
    pub tenant: TenantId,
    pub table: Table,
    /// Day of `time_min`, counted from 1970-01-01 (UTC).
    pub day: i32,
    /// Which share of the trace ids or series it holds: `hash % part_modulus == part`. One machine: 0 of 1.
    pub part: u32,
    pub part_modulus: u32,
    /// 0: flushed. 1 and up: how often its rows were compacted.
    pub level: u32,
    pub time_min: Timestamp,
    pub time_max: Timestamp,
    pub rows: u64,
    /// Size of the Parquet file, and of the tail of it that holds page index, metadata and trailer.
    pub bytes: u64,
    pub footer_bytes: u64,
    /// CRC32C of that tail.
    pub footer_crc32c: u32,
    /// Size of the sidecar; 0 when there is none.
    pub index_bytes: u64,
    /// Version of the columns' layout and of the sort order, for readers of later versions.
    pub schema_version: u32,
    pub sort_version: u32,
    /// WAL positions whose rows it may hold, `[from, to]`.
    pub wal_from: u64,
    pub wal_to: u64,
    /// Latest `ingested_at` of its rows.
    pub ingested_max: Timestamp,
}

/// Where attributes are in one file: which keys have a column of which type, and which are (also) in
/// `attributes_rest`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeKeys {
    /// Key → type of its column, named `attributes.<key>`.
    pub columns: BTreeMap<String, AttributeType>,
    /// Keys that occur in `attributes_rest`; `None` when there are too many to list.
    pub rest: Option<BTreeSet<String>>,
}

impl AttributeKeys {
    /// Whether `attributes_rest` may hold `key`.
    pub fn may_be_in_rest(&self, key: &str) -> bool {
        self.rest.as_ref().is_none_or(|keys| keys.contains(key))
    }
}

/// Name of the column of attribute `key`.
pub fn attribute_column_name(key: &str) -> String {
    format!("attributes.{key}")
}

/// Name of the column that holds the attributes without a column of their own: a stored list of `KeyValue`.
pub const ATTRIBUTES_REST: &str = "attributes_rest";

/// How much effort a file is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteLevel {
    /// Soon replaced: quick to write, a token filter for logs.
    Flush,
    /// Kept for long: a full log index.
    Compacted,
}

/// The bytes of a new segment, and what the catalog wants to know of them.
#[derive(Debug, Clone)]
pub struct WrittenSegment {
    pub parquet: Bytes,
    /// The sidecar, for tables that have one.
    pub index: Option<Bytes>,
    pub rows: u64,
    /// Over all rows that went in, duplicates that were left out included.
    pub time_min: Timestamp,
    pub time_max: Timestamp,
    pub ingested_max: Timestamp,
    pub footer_bytes: u64,
    pub footer_crc32c: u32,
    pub schema_version: u32,
    pub sort_version: u32,
}

/// Rows that go into a merge, oldest source first.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    Batch(&'a TableBatch),
    File(&'a SegmentFile),
}

/// A whole segment file in memory (or mapped), opened for compaction.
#[derive(Debug)]
pub struct SegmentFile {}

impl SegmentFile {
    /// Checks the file and reads its metadata. `id` names it in errors.
    pub fn open(_id: &str, _table: Table, _parquet: Bytes) -> Result<SegmentFile, Error> {
        unimplemented!()
    }
}

/// Merges `sources` into sorted segments, split by day. Pure computation: no files, no clock.
pub fn write_segments(
    _table: Table,
    _sources: &[Source<'_>],
    _level: WriteLevel,
) -> Result<Vec<WrittenSegment>, Error> {
    unimplemented!()
}

/// A readable segment. Opening costs nothing; metadata and index are read when first asked for and kept.
#[derive(Debug)]
pub struct Segment {
    info: SegmentInfo,
    parquet: ObjectReader,
    index: Option<ObjectReader>,
}

impl Segment {
    /// `index` is `None` when there is no sidecar.
    pub fn new(info: SegmentInfo, parquet: ObjectReader, index: Option<ObjectReader>) -> Segment {
        Segment { info, parquet, index }
    }

    pub fn info(&self) -> &SegmentInfo {
        &self.info
    }

    /// Reads the whole file, for compaction.
    pub async fn load(&self) -> Result<SegmentFile, Error> {
        SegmentFile::open(
            &self.info.id.0.to_string(),
            self.info.table,
            self.parquet.read_all().await?,
        )
    }

    /// The Parquet metadata with the page index.
    pub async fn metadata(&self) -> Result<Arc<ParquetMetaData>, Error> {
        unimplemented!()
    }

    /// Byte ranges of the Parquet file.
    pub fn read(&self, _ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, Error>> {
        unimplemented!()
    }

    pub async fn attributes(&self) -> Result<Arc<AttributeKeys>, Error> {
        unimplemented!()
    }

    /// Rows (ascending) that have this trace id; exact.
    pub async fn trace_rows(&self, _id: TraceId) -> Result<Vec<u32>, Error> {
        unimplemented!()
    }

    /// Row ranges (ascending, apart) outside of which no row's body can match; `None` when the index cannot tell.
    pub async fn candidates(&self, _query: &IndexQuery) -> Result<Option<Vec<Range<u32>>>, Error> {
        unimplemented!()
    }
}

/// Buffered rows of one table in the shape of a segment's file, unsorted.
pub fn chunk(_table: Table, _batches: &[&TableBatch]) -> Result<Chunk, Error> {
    unimplemented!()
}
