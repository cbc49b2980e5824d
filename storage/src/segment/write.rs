//! Writing segments: sources in, sorted Parquet files and their sidecars out.

use super::attributes::{self, Listing, METADATA_KEY, RestKeys};
use super::bitmap::Bitmap;
use super::column::{NULL, SlotValues, Slots, encode_error};
use super::dictionary::CodedColumn;
use super::encode::{
    DICTIONARY_BYTES_MAX, EncodedChunk, ValueEncoding, encode_chunk, encode_codes, properties,
};
use super::merge::{Merge, MergedColumn};
use super::order::{Extent, order};
use super::schema::{
    BODY_CRC32C_KEY, SCHEMA_VERSION, SCHEMA_VERSION_KEY, SORT_VERSION, SORT_VERSION_KEY, TABLE_KEY,
    field,
};
use super::sidecar::{SidecarBuilder, TRACE_SECTION};
use super::source::Source;
use super::trace_index;
use crate::Error;
use crate::batch::AttributeType;
use crate::log_index::{self, BLOCK_SECTION_PREFIX, FILTER_SECTION};
use crate::model::{ColumnKind, SortKey, Table, Timestamp};
use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::datatypes::{Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::writer::SerializedFileWriter;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use tracing::warn;

/// Most rows in one row group.
const ROW_GROUP_ROWS_MAX: usize = 512 * 1024;

/// A column with more distinct values than this share of its values, in percent, is written without a dictionary: reading
/// a few rows would decompress all of it.
const DICTIONARY_DISTINCT_PERCENT: usize = 20;

/// The same for ids, of which a code saves 13 bytes.
const DICTIONARY_DISTINCT_IDS_PERCENT: usize = 50;

/// The columns that have an index.
const TRACE_COLUMN: &str = "trace_id";
const BODY_COLUMN: &str = "body";

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

/// Merges `sources` into sorted segments, split by day. Pure computation: no files, no clock. Without rows there are no
/// segments. [`Error::Encode`] when the sources are too large for one merge, [`Error::Corrupt`] when a file is broken.
pub fn write_segments(
    table: Table,
    sources: &[Source<'_>],
    level: WriteLevel,
) -> Result<Vec<WrittenSegment>, Error> {
    let order = order(table, sources)?;
    let chosen = if table.has_attributes() { attributes::choose(sources)? } else { Vec::new() };
    let extents: Vec<Range<u32>> = order.segments.iter().map(|s| s.rows.clone()).collect();
    let merge = Merge {
        table,
        sources,
        positions: &order.positions,
        rows: extents.last().map_or(0, |last| last.end as usize),
        extents: &extents,
        chosen: &chosen,
        strings: None,
    };
    let mut files: Vec<FileBuilder> = order
        .segments
        .iter()
        .map(|extent| FileBuilder::new(table, extent.clone(), level))
        .collect();
    let rest = merge.each_column(&mut |column| add_column(&mut files, column))?;
    let mut rest = rest.into_iter();
    files.into_iter().map(|file| file.finish(rest.next().unwrap_or_default())).collect()
}

/// Encodes one column into every file.
fn add_column(files: &mut [FileBuilder], column: MergedColumn) -> Result<(), Error> {
    let MergedColumn { name, kind, required, attribute, slots } = column;
    let encoding = choose_encoding(&name, attribute.is_some(), &slots);
    if let (TRACE_COLUMN, SlotValues::Fixed { bytes, .. }) = (name.as_str(), &slots.values) {
        files.iter_mut().for_each(|file| file.index_traces(bytes, slots.valid.as_ref()));
    }
    let field = field(&name, kind, required);
    let values = Values::new(&name, encoding, slots)?;
    if name == BODY_COLUMN
        && let Some(bodies) = values.texts()?
    {
        files.iter_mut().for_each(|file| file.index_bodies(&bodies));
    }
    files.iter_mut().try_for_each(|file| file.add(&field, &values, attribute.as_ref()))
}

/// A column on its way into the files, as it will be encoded.
enum Values {
    Codes(CodedColumn),
    Array(ArrayRef, ValueEncoding),
}

impl Values {
    fn new(name: &str, encoding: ValueEncoding, slots: Slots) -> Result<Values, Error> {
        let Slots { kind, valid, values } = slots;
        let required = valid.is_none();
        let coded = |(dictionary, codes)| {
            // Bounds of random ids exclude nothing.
            let has_statistics = name != TRACE_COLUMN;
            Values::Codes(CodedColumn { kind, dictionary, codes, required, has_statistics })
        };
        match (values, encoding) {
            (SlotValues::Coded { dictionary, codes }, ValueEncoding::Dictionary) => {
                Ok(coded((dictionary, codes)))
            }
            (SlotValues::Fixed { width, bytes }, ValueEncoding::Dictionary) => {
                let is_set = |row| valid.as_ref().is_none_or(|valid| valid.is_set(row));
                let (dictionary, codes) = CodedColumn::from_ids(&bytes, width, is_set);
                let count = codes.iter().filter(|&&code| code != NULL).count();
                if dictionary.len() * 100 <= count * DICTIONARY_DISTINCT_IDS_PERCENT {
                    return Ok(coded((dictionary, codes)));
                }
                let slots = Slots { kind, valid, values: SlotValues::Fixed { width, bytes } };
                Ok(Values::Array(slots.into_array()?, ValueEncoding::Plain))
            }
            (values, encoding) => {
                Ok(Values::Array(Slots { kind, valid, values }.into_array()?, encoding))
            }
        }
    }

    /// Values within `rows`.
    fn count(&self, rows: &Range<u32>) -> usize {
        match self {
            Values::Codes(column) => column.value_count(rows),
            Values::Array(array, _) => {
                let own = array.slice(rows.start as usize, rows.len());
                own.len() - own.null_count()
            }
        }
    }

    /// As an array, if the values are texts.
    fn texts(&self) -> Result<Option<StringViewArray>, Error> {
        match self {
            Values::Array(array, _) => Ok(array.as_string_view_opt().cloned()),
            Values::Codes(column) if column.kind == ColumnKind::Text => {
                let valid = Bitmap::from_bits(column.codes.iter().map(|&code| code != NULL));
                let values = SlotValues::Coded {
                    dictionary: column.dictionary.clone(),
                    codes: column.codes.clone(),
                };
                let slots = Slots { kind: column.kind, valid: Some(valid), values };
                Ok(slots.into_array()?.as_string_view_opt().cloned())
            }
            Values::Codes(_) => Ok(None),
        }
    }

    fn encode(&self, field: &Field, rows: &Range<u32>) -> Result<EncodedChunk, Error> {
        match self {
            Values::Codes(column) => encode_codes(field, column, rows),
            Values::Array(array, encoding) => {
                encode_chunk(field, &array.slice(rows.start as usize, rows.len()), *encoding)
            }
        }
    }
}

/// How a column is written, from what it is and how often its values repeat.
fn choose_encoding(name: &str, is_attribute: bool, slots: &Slots) -> ValueEncoding {
    let repeats =
        |distinct: usize, values: usize| distinct * 100 <= values * DICTIONARY_DISTINCT_PERCENT;
    match (slots.kind, &slots.values) {
        (ColumnKind::Text | ColumnKind::Bytes, SlotValues::Coded { dictionary, codes }) => {
            let values = codes.iter().filter(|&&code| code != NULL).count();
            let is_small = dictionary.bytes().len() <= DICTIONARY_BYTES_MAX;
            if is_small && repeats(dictionary.len(), values) {
                ValueEncoding::Dictionary
            } else {
                ValueEncoding::Plain
            }
        }
        (ColumnKind::Text | ColumnKind::Bytes, _) => ValueEncoding::Plain,
        (ColumnKind::Fixed(_), _) => match name {
            "trace_id" | "series_id" => ValueEncoding::Dictionary,
            "span_id" => ValueEncoding::Random,
            _ => ValueEncoding::Plain,
        },
        (ColumnKind::Timestamp, _) if name == "ingested_at" => ValueEncoding::Dictionary,
        (ColumnKind::Timestamp | ColumnKind::UInt64, _) => ValueEncoding::Delta,
        (ColumnKind::Int64, SlotValues::Int(values)) => match name {
            "duration" => ValueEncoding::ByteStreamSplit,
            _ if is_attribute && seems_to_repeat(values, slots) => ValueEncoding::Dictionary,
            _ => ValueEncoding::Delta,
        },
        (ColumnKind::Float64, _) => ValueEncoding::ByteStreamSplit,
        (ColumnKind::Bool, _) => ValueEncoding::Runs,
        _ => ValueEncoding::Dictionary,
    }
}

/// Whether few of some values spread over the column are distinct.
fn seems_to_repeat(values: &[i64], slots: &Slots) -> bool {
    const SAMPLE: usize = 2_048;
    let is_set = |row: &usize| slots.valid.as_ref().is_none_or(|valid| valid.is_set(*row));
    let step = (values.len() / (SAMPLE * 4)).max(1);
    let sample = (0..values.len()).step_by(step).filter(is_set).take(SAMPLE * 4);
    let mut distinct = HashSet::new();
    let mut count = 0;
    for row in sample {
        count += 1;
        distinct.insert(values[row]);
    }
    distinct.len() * 2 <= count
}

/// One file in the making: its columns so far.
struct FileBuilder {
    table: Table,
    extent: Extent,
    level: WriteLevel,
    /// Row groups, as ranges of positions.
    groups: Vec<Range<u32>>,
    fields: Vec<Field>,
    /// Per row group, a chunk per field.
    chunks: Vec<Vec<EncodedChunk>>,
    attributes: Vec<(Arc<str>, AttributeType, u64)>,
    sidecar: SidecarBuilder,
}

impl FileBuilder {
    fn new(table: Table, extent: Extent, level: WriteLevel) -> FileBuilder {
        let count = extent.rows.len().div_ceil(ROW_GROUP_ROWS_MAX);
        let size = extent.rows.len().div_ceil(count.max(1)).max(1);
        let groups: Vec<Range<u32>> = extent
            .rows
            .clone()
            .step_by(size)
            .map(|start| start..extent.rows.end.min(start + size as u32))
            .collect();
        let chunks = groups.iter().map(|_| Vec::new()).collect();
        FileBuilder {
            table,
            extent,
            level,
            groups,
            fields: Vec::new(),
            chunks,
            attributes: Vec::new(),
            sidecar: SidecarBuilder::default(),
        }
    }

    fn index_traces(&mut self, ids: &[u8], valid: Option<&Bitmap>) {
        if self.table.has_trace_index() {
            let index = trace_index::build(ids, valid, self.extent.rows.clone());
            self.sidecar.add(TRACE_SECTION, &index);
        }
    }

    fn index_bodies(&mut self, bodies: &StringViewArray) {
        if !self.table.has_log_index() {
            return;
        }
        let own = bodies.slice(self.extent.rows.start as usize, self.extent.rows.len());
        let blocks = match self.level {
            WriteLevel::Flush => None,
            // A log index is a short cut; without it the segment is as good.
            WriteLevel::Compacted => log_index::build_block_index(own.iter())
                .inspect_err(|error| {
                    warn!(error = %error, "failed to build a log index, falling back to a filter");
                })
                .ok(),
        };
        match blocks {
            Some(files) => {
                for (name, bytes) in files {
                    self.sidecar.add(&format!("{BLOCK_SECTION_PREFIX}{name}"), &bytes);
                }
            }
            None => self.sidecar.add(FILTER_SECTION, &log_index::build_token_filter(own.iter())),
        }
    }

    fn add(
        &mut self,
        field: &Field,
        values: &Values,
        attribute: Option<&(Arc<str>, AttributeType)>,
    ) -> Result<(), Error> {
        if let Some((key, kind)) = attribute {
            let rows = values.count(&self.extent.rows) as u64;
            if rows == 0 {
                return Ok(());
            }
            self.attributes.push((key.clone(), *kind, rows));
        }
        for (group, chunks) in self.groups.iter().zip(&mut self.chunks) {
            chunks.push(values.encode(field, group)?);
        }
        self.fields.push(field.clone());
        Ok(())
    }

    /// Puts the file together.
    fn finish(self, rest: RestKeys) -> Result<WrittenSegment, Error> {
        let schema = Schema::new(self.fields);
        let parquet = ArrowSchemaConverter::new().convert(&schema).map_err(encode_error)?;
        let sorting = sorting_columns(self.table, &schema);
        let properties = Arc::new(properties().set_sorting_columns(Some(sorting)).build());
        let mut writer =
            SerializedFileWriter::new(Vec::new(), parquet.root_schema_ptr(), properties)
                .map_err(encode_error)?;
        for chunks in self.chunks {
            let mut group = writer.next_row_group().map_err(encode_error)?;
            for chunk in chunks {
                chunk.append_to(&mut group)?;
            }
            group.close().map_err(encode_error)?;
        }
        writer.flush().map_err(encode_error)?;
        let body_bytes = writer.inner().len();
        let body_crc32c = crc32c::crc32c(writer.inner());
        let metadata = [
            (TABLE_KEY, self.table.name().to_owned()),
            (SCHEMA_VERSION_KEY, SCHEMA_VERSION.to_string()),
            (SORT_VERSION_KEY, SORT_VERSION.to_string()),
            (BODY_CRC32C_KEY, body_crc32c.to_string()),
            (METADATA_KEY, Listing::new(self.attributes, rest).render()),
        ];
        for (key, value) in metadata {
            writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        let parquet = writer.into_inner().map_err(encode_error)?;
        let footer = &parquet[body_bytes..];
        Ok(WrittenSegment {
            rows: self.extent.rows.len() as u64,
            time_min: self.extent.time_min,
            time_max: self.extent.time_max,
            ingested_max: self.extent.ingested_max,
            footer_bytes: footer.len() as u64,
            footer_crc32c: crc32c::crc32c(footer),
            schema_version: SCHEMA_VERSION,
            sort_version: SORT_VERSION,
            parquet: parquet.into(),
            index: self.sidecar.finish(),
        })
    }
}

/// The order of rows, for readers that can use it.
fn sorting_columns(table: Table, schema: &Schema) -> Vec<SortingColumn> {
    let names: &[&str] = match table.sort_key() {
        SortKey::ServiceNameTime => &["service", "name", "start_time"],
        SortKey::Time => &["time"],
        SortKey::SeriesTime => &["series_id", "time"],
    };
    let indexes = names.iter().filter_map(|name| schema.index_of(name).ok());
    indexes
        .map(|index| SortingColumn {
            column_idx: index as i32,
            descending: false,
            nulls_first: false,
        })
        .collect()
}
