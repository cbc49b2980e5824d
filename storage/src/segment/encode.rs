//! Encoding: how each column is written to Parquet. The choices were measured; `storage/FORMAT.md` lists them.

use super::column::encode_error;
use crate::Error;
use bytes::Bytes;
use parquet::column::writer::ColumnCloseResult;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder, WriterVersion};
use parquet::file::writer::SerializedRowGroupWriter;

/// A column with a larger dictionary is written without: reading a few rows would decompress all of it.
pub(super) const DICTIONARY_BYTES_MAX: usize = 8 << 20;

/// How the values of one column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueEncoding {
    /// Dictionary page and codes.
    Dictionary,
    /// As they are.
    Plain,
    /// As they are, compressed harder: the bodies of logs are most of what logs take.
    Prose,
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

/// A column of one row group, written.
pub(super) struct EncodedChunk {
    bytes: Bytes,
    close: ColumnCloseResult,
}

impl EncodedChunk {
    pub fn new((bytes, close): (Bytes, ColumnCloseResult)) -> EncodedChunk {
        EncodedChunk { bytes, close }
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn append_to(self, group: &mut SerializedRowGroupWriter<'_, Vec<u8>>) -> Result<(), Error> {
        group.append_column(&self.bytes, self.close).map_err(encode_error)
    }
}
