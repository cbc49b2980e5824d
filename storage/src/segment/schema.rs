//! Schema: Arrow and Parquet types of the columns, and the names and versions that files carry.

use crate::model::{ColumnKind, Table};
use arrow::datatypes::{DataType, Field, TimeUnit};
use parquet::basic::Type as PhysicalType;
use parquet::file::metadata::ParquetMetaData;

/// Version of the columns' layout. Readers take this and every earlier one.
pub const SCHEMA_VERSION: u32 = 1;

/// Version of the order of rows. 1 had logs by time alone.
pub const SORT_VERSION: u32 = 2;

pub(super) const TABLE_KEY: &str = "binnacle.table";
pub(super) const SCHEMA_VERSION_KEY: &str = "binnacle.schema_version";
pub(super) const SORT_VERSION_KEY: &str = "binnacle.sort_version";
/// CRC32C of the file up to the end of the last column chunk, in decimal.
pub(super) const BODY_CRC32C_KEY: &str = "binnacle.body_crc32c";

/// The rule by which rows were left out ([`crate::retention`]); files that have all their rows lack it.
pub(crate) const THINNED_KEY: &str = "binnacle.thinned";

/// Type of a column in memory.
pub fn data_type(kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Timestamp => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        ColumnKind::Int64 => DataType::Int64,
        ColumnKind::Int32 => DataType::Int32,
        ColumnKind::UInt32 => DataType::UInt32,
        ColumnKind::UInt64 => DataType::UInt64,
        ColumnKind::Float64 => DataType::Float64,
        ColumnKind::Bool => DataType::Boolean,
        ColumnKind::Fixed(width) => DataType::FixedSizeBinary(width as i32),
        ColumnKind::Text => DataType::Utf8View,
        ColumnKind::Bytes => DataType::BinaryView,
    }
}

pub(super) fn field(name: &str, kind: ColumnKind, required: bool) -> Field {
    Field::new(name, data_type(kind), !required)
}

pub(super) fn physical_type(kind: ColumnKind) -> PhysicalType {
    match kind {
        ColumnKind::Timestamp | ColumnKind::Int64 | ColumnKind::UInt64 => PhysicalType::INT64,
        ColumnKind::Int32 | ColumnKind::UInt32 => PhysicalType::INT32,
        ColumnKind::Float64 => PhysicalType::DOUBLE,
        ColumnKind::Bool => PhysicalType::BOOLEAN,
        ColumnKind::Fixed(_) => PhysicalType::FIXED_LEN_BYTE_ARRAY,
        ColumnKind::Text | ColumnKind::Bytes => PhysicalType::BYTE_ARRAY,
    }
}

/// End of the last column chunk; 4 (after the magic) without any.
pub(super) fn body_end(metadata: &ParquetMetaData) -> u64 {
    let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
    chunks
        .map(|chunk| {
            let (start, length) = chunk.byte_range();
            start.saturating_add(length)
        })
        .max()
        .unwrap_or(4)
}

/// Position of a column of `table` that is always there.
pub(super) fn column_index(table: Table, name: &str) -> usize {
    table.column_index(name).expect("the table has the column")
}
