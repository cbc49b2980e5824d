//! Encoding: how each column is written to Parquet. The choices were measured; `storage/FORMAT.md` lists them.

use super::column::encode_error;
use super::dictionary::CodedColumn;
use crate::Error;
use arrow::array::ArrayRef;
use arrow::datatypes::{Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use std::ops::Range;
use std::sync::Arc;

/// Rows per page: small enough that a trace's few rows cost little decoding, large enough to compress.
pub(super) const PAGE_ROWS: usize = 8_192;

/// The row limit of pages acts only at the end of a write batch.
const WRITE_BATCH_ROWS: usize = 1_024;

/// Trace ids and paths would fall back to plain in the middle of a row group at the crate's limit of 1 MiB.
pub(super) const DICTIONARY_BYTES_MAX: usize = 8 << 20;

/// How the values of one column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueEncoding {
    /// Dictionary page and codes.
    Dictionary,
    /// As they are.
    Plain,
    /// As they are, uncompressed and without statistics: random bytes gain nothing from either.
    Random,
    /// Differences of neighbours, bit-packed.
    Delta,
    /// Bytes of equal weight together.
    ByteStreamSplit,
    /// Runs of equal bits.
    Runs,
}

/// Properties of every file.
pub(super) fn properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by(concat!("binnacle ", env!("CARGO_PKG_VERSION")).to_owned())
}

fn column_properties(encoding: ValueEncoding) -> WriterProperties {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default());
    let properties = properties()
        .set_compression(zstd)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(WRITE_BATCH_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_dictionary_enabled(encoding == ValueEncoding::Dictionary)
        .set_statistics_enabled(EnabledStatistics::Page);
    match encoding {
        ValueEncoding::Dictionary => properties.set_encoding(Encoding::PLAIN),
        ValueEncoding::Plain => properties.set_encoding(Encoding::PLAIN),
        ValueEncoding::Random => properties
            .set_encoding(Encoding::PLAIN)
            .set_compression(Compression::UNCOMPRESSED)
            .set_statistics_enabled(EnabledStatistics::None),
        ValueEncoding::Delta => properties.set_encoding(Encoding::DELTA_BINARY_PACKED),
        ValueEncoding::ByteStreamSplit => properties.set_encoding(Encoding::BYTE_STREAM_SPLIT),
        ValueEncoding::Runs => properties.set_encoding(Encoding::RLE),
    }
    .build()
}

/// A column of one row group, written.
pub(super) enum EncodedChunk {
    /// By the Parquet crate.
    Arrow(ArrowColumnChunk),
    /// By ourselves.
    Direct(Bytes, ColumnCloseResult),
}

impl EncodedChunk {
    pub fn append_to(self, group: &mut SerializedRowGroupWriter<'_, Vec<u8>>) -> Result<(), Error> {
        match self {
            EncodedChunk::Arrow(chunk) => chunk.append_to_row_group(group),
            EncodedChunk::Direct(bytes, close) => group.append_column(&bytes, close),
        }
        .map_err(encode_error)
    }
}

/// Writes the rows of one row group of a column that is held as codes.
pub(super) fn encode_codes(
    field: &Field,
    column: &CodedColumn,
    rows: &Range<u32>,
) -> Result<EncodedChunk, Error> {
    let schema = Schema::new(vec![field.clone()]);
    let parquet = ArrowSchemaConverter::new().convert(&schema).map_err(encode_error)?;
    let (bytes, close) = column.write(&parquet.column(0), rows)?;
    Ok(EncodedChunk::Direct(bytes, close))
}

/// Writes one column of one row group.
pub(super) fn encode_chunk(
    field: &Field,
    array: &ArrayRef,
    encoding: ValueEncoding,
) -> Result<EncodedChunk, Error> {
    let schema = Arc::new(Schema::new(vec![field.clone()]));
    let parquet = ArrowSchemaConverter::new().convert(&schema).map_err(encode_error)?;
    let properties = Arc::new(column_properties(encoding));
    // The file of this writer is thrown away: the crate makes column writers only for a whole schema.
    let file = SerializedFileWriter::new(std::io::sink(), parquet.root_schema_ptr(), properties)
        .map_err(encode_error)?;
    let factory = ArrowRowGroupWriterFactory::new(&file, schema);
    let mut writers = factory.create_column_writers(0).map_err(encode_error)?;
    let mut writer = writers.pop().ok_or_else(|| encode_error("no column writer"))?;
    for leaf in compute_leaves(field, array).map_err(encode_error)? {
        writer.write(&leaf).map_err(encode_error)?;
    }
    writer.close().map(EncodedChunk::Arrow).map_err(encode_error)
}
