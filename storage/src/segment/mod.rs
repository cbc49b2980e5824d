//! Segments: immutable Parquet files with their sidecar index, written by flush and compaction, read by queries.

mod attributes;
mod bitmap;
mod chunk;
mod column;
mod encode;
mod file;
mod merge;
mod object;
mod order;
mod place;
mod rest;
mod schema;
mod source;
mod write;

pub use attributes::{ATTRIBUTES_REST, AttributeKeys, attribute_column_name};
pub use chunk::chunk;
pub use file::SegmentFile;
pub use object::ObjectReader;
pub use schema::{SCHEMA_VERSION, SORT_VERSION, data_type};
pub use source::Source;
pub use write::{WriteLevel, WrittenSegment, write_segments};

use crate::Error;
use crate::log_index::IndexQuery;
use crate::model::{Table, TenantId, Timestamp, TraceId};
use bytes::Bytes;
use futures::future::BoxFuture;
use parquet::file::metadata::ParquetMetaData;
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

#[cfg(test)]
mod tests;
