//! Segments: immutable Parquet files with their sidecar index, written by flush and compaction, read by queries.

mod attributes;
mod bitmap;
mod bounds;
mod chunk;
mod column;
mod delta;
mod dictionary;
mod encode;
mod file;
mod hybrid;
mod merge;
mod object;
mod order;
mod page;
mod place;
mod plain;
mod reader;
mod rest;
mod schema;
mod series;
mod sidecar;
mod source;
mod spans;
mod trace_index;
mod trace_scan;
mod value_filter;
mod write;

pub use attributes::{ATTRIBUTES_REST, AttributeKeys, attribute_column_name};
pub use chunk::chunk;
pub(crate) use column::DROPPED;
pub use file::SegmentFile;
pub use object::ObjectReader;
pub use order::severity_class;
pub use reader::Segment;
pub use schema::{SCHEMA_VERSION, SORT_VERSION, data_type};
pub use source::Source;
pub(crate) use spans::{each_trace, spans};
pub use write::{Thinned, WrittenSegment, write_segments, write_thinned};

use crate::model::{Table, TenantId, Timestamp};

/// Name of a segment: a UUID version 7, so names sort by time of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub uuid::Uuid);

impl SegmentInfo {
    /// Whether it still has its rows, not only their rollup.
    pub fn has_rows(&self) -> bool {
        self.bytes > 0
    }
}

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
    /// Size of the rollup file, and CRC32C of all of it; 0 when there is none.
    pub rollup_bytes: u64,
    pub rollup_crc32c: u32,
    /// The rollup says all that is to be said of rows that went; it is not stitched to others any more.
    pub rollup_settled: bool,
    /// Version of the columns' layout and of the sort order, for readers of later versions.
    pub schema_version: u32,
    pub sort_version: u32,
    /// WAL positions whose rows it may hold, `[from, to]`.
    pub wal_from: u64,
    pub wal_to: u64,
    /// Latest `ingested_at` of its rows.
    pub ingested_max: Timestamp,
}

#[cfg(test)]
mod compatibility;
#[cfg(test)]
mod tests;
