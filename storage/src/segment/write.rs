//! Writing segments: sources in, sorted Parquet files and their sidecars out.

use super::attributes::{self, Listing, METADATA_KEY, RestKeys};
use super::column::{NULL, SlotValues, Slots, encode_error};
use super::dictionary::CodedColumn;
use super::encode::{DICTIONARY_BYTES_MAX, EncodedChunk, ValueEncoding, properties};
use super::merge::{Merge, MergedColumn};
use super::order::{Extent, Order, order};
use super::plain::PlainColumn;
use super::schema::{
    BODY_CRC32C_KEY, SCHEMA_VERSION, SCHEMA_VERSION_KEY, SORT_VERSION, SORT_VERSION_KEY, TABLE_KEY,
    THINNED_KEY, field,
};
use super::sidecar::{SidecarBuilder, TRACE_SECTION};
use super::source::Source;
use super::spans::spans;
use super::trace_index;
use super::value_filter::{DISTINCT_MIN, FiltersBuilder, VALUE_SECTION};
use crate::Error;
use crate::batch::{AttributeType, Interner};
use crate::log_index::{WORD_SECTION, WordIndexBuilder};
use crate::model::{ColumnKind, SortKey, Table, Timestamp, WEIGHT_COLUMN};
use crate::rollup::{Rollup, encode};
use arrow::datatypes::{Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;
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

/// Room for a footer; larger ones grow the file's memory.
const FOOTER_BYTES: usize = 64 << 10;

/// The columns that have an index.
const TRACE_COLUMN: &str = "trace_id";
const BODY_COLUMN: &str = "body";

const ARRIVAL_COLUMN: &str = "ingested_at";

/// The bytes of a new segment, and what the catalog wants to know of them.
#[derive(Debug, Clone)]
pub struct WrittenSegment {
    pub parquet: Bytes,
    /// The sidecar, for tables that have one.
    pub index: Option<Bytes>,
    /// The rollup file, for spans.
    pub rollup: Option<Bytes>,
    /// Whether the rollup is settled (see `settle.rs`).
    pub rollup_settled: bool,
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

impl WrittenSegment {
    /// A segment that has lost all its rows.
    pub(crate) fn without_rows() -> WrittenSegment {
        WrittenSegment {
            parquet: Bytes::new(),
            index: None,
            rollup: None,
            rollup_settled: false,
            rows: 0,
            time_min: Timestamp(i64::MAX),
            time_max: Timestamp(i64::MIN),
            ingested_max: Timestamp(i64::MIN),
            footer_bytes: 0,
            footer_crc32c: 0,
            schema_version: SCHEMA_VERSION,
            sort_version: SORT_VERSION,
        }
    }
}

/// Which rows of a merge are left out, and what the others stand for.
#[derive(Debug, Clone, Copy)]
pub struct Thinned<'a> {
    /// Per row of all sources: 0 leaves it out, 1 keeps it and its weight as they are, more is its weight from now on.
    pub weights: &'a [u32],
    /// What the files say of it, at the metadata key `binnacle.thinned`.
    pub rule: &'a str,
}

/// Merges `sources` into sorted segments, split by day. Pure computation: no files, no clock. Without rows there are no
/// segments. [`Error::Encode`] when the sources are too large for one merge, [`Error::Corrupt`] when a file is broken.
pub fn write_segments(table: Table, sources: &[Source<'_>]) -> Result<Vec<WrittenSegment>, Error> {
    write(table, sources, None)
}

/// The same with fewer rows.
pub fn write_thinned(
    table: Table,
    sources: &[Source<'_>],
    thinned: Thinned<'_>,
) -> Result<Vec<WrittenSegment>, Error> {
    write(table, sources, Some(thinned))
}

fn write(
    table: Table,
    sources: &[Source<'_>],
    thinned: Option<Thinned<'_>>,
) -> Result<Vec<WrittenSegment>, Error> {
    let weights = thinned.map(|thinned| thinned.weights);
    let order = order(table, sources, weights)?;
    let mut rollups = rollups(table, sources, &order)?.into_iter();
    let chosen = if table.has_attributes() { attributes::choose(sources)? } else { Vec::new() };
    let extents: Vec<Range<u32>> = order.segments.iter().map(|s| s.rows.clone()).collect();
    let merge = Merge {
        table,
        sources,
        positions: &order.positions,
        rows: extents.last().map_or(0, |last| last.end as usize),
        extents: &extents,
        chosen: &chosen,
        weights,
        strings: None,
    };
    let rule = thinned.map(|thinned| thinned.rule);
    let mut files: Vec<FileBuilder> =
        order.segments.iter().map(|extent| FileBuilder::new(table, extent.clone(), rule)).collect();
    let rest = merge.each_column(&mut |column| add_column(table, &mut files, column))?;
    let mut rest = rest.into_iter();
    files
        .into_iter()
        .map(|file| file.finish(rest.next().unwrap_or_default(), rollups.next()))
        .collect()
}

/// The rollup of each segment of spans.
fn rollups(table: Table, sources: &[Source<'_>], order: &Order) -> Result<Vec<Bytes>, Error> {
    if table != Table::Spans {
        return Ok(Vec::new());
    }
    let rows = order.segments.last().map_or(0, |last| last.rows.end as usize);
    let spans = spans(sources, &order.positions, rows)?;
    let extents = order.segments.iter();
    extents.map(|extent| encode(&Rollup::of(&spans, extent.rows.clone())?)).collect()
}

/// Encodes one column into every file.
fn add_column(table: Table, files: &mut [FileBuilder], column: MergedColumn) -> Result<(), Error> {
    let MergedColumn { name, kind, required, attribute, slots } = column;
    let values = match (choose_encoding(&name, attribute.is_some(), &slots), slots) {
        (ValueEncoding::Dictionary, slots) => {
            let slots = code(slots);
            if name == TRACE_COLUMN
                && let SlotValues::Coded { dictionary, codes } = &slots.values
            {
                files.iter_mut().for_each(|file| file.index_traces(dictionary, codes));
            }
            Values::of_codes(table, &name, slots)
        }
        (encoding, Slots { kind, valid, values }) => {
            Values::Plain(PlainColumn { kind, valid, values, encoding })
        }
    };
    if name == BODY_COLUMN {
        files.iter_mut().for_each(|file| file.index_bodies(&values));
    }
    let schema = Schema::new(vec![field(&name, kind, required)]);
    let parquet = ArrowSchemaConverter::new().convert(&schema).map_err(encode_error)?;
    let descriptor = parquet.column(0);
    files
        .iter_mut()
        .try_for_each(|file| file.add(schema.field(0), &descriptor, &values, attribute.as_ref()))
}

/// The same column as codes.
fn code(slots: Slots) -> Slots {
    let Slots { kind, valid, values } = slots;
    let is_set = |row| valid.as_ref().is_none_or(|valid| valid.is_set(row));
    let (dictionary, codes) = match values {
        SlotValues::Fixed { width, bytes } => CodedColumn::from_ids(&bytes, width, is_set),
        SlotValues::Int(numbers) => CodedColumn::from_numbers(&numbers, kind, is_set),
        values => return Slots { kind, valid, values },
    };
    Slots { kind, valid, values: SlotValues::Coded { dictionary, codes } }
}

/// A column on its way into the files, as it will be encoded.
enum Values {
    Codes(CodedColumn),
    Plain(PlainColumn),
}

impl Values {
    fn of_codes(table: Table, name: &str, slots: Slots) -> Values {
        let Slots { kind, valid, values } = slots;
        match values {
            SlotValues::Coded { dictionary, codes } => {
                let count = codes.iter().filter(|&&code| code != NULL).count();
                let is_id = matches!(kind, ColumnKind::Fixed(_));
                if is_id && dictionary.len() * 100 > count * DICTIONARY_DISTINCT_IDS_PERCENT {
                    let values = SlotValues::Coded { dictionary, codes };
                    let encoding = ValueEncoding::Plain;
                    return Values::Plain(PlainColumn { kind, valid, values, encoding });
                }
                let required = valid.is_none();
                let is_random = name == TRACE_COLUMN;
                // Points of many series arrive together, again and again.
                let is_cyclic = table.sort_key() == SortKey::SeriesTime && name == ARRIVAL_COLUMN;
                Values::Codes(CodedColumn {
                    kind,
                    dictionary,
                    codes,
                    required,
                    is_random,
                    is_cyclic,
                })
            }
            values => {
                Values::Plain(PlainColumn { kind, valid, values, encoding: ValueEncoding::Plain })
            }
        }
    }

    /// Values within `rows`.
    fn count(&self, rows: &Range<u32>) -> usize {
        match self {
            Values::Codes(column) => column.value_count(rows),
            Values::Plain(column) => column.value_count(rows),
        }
    }

    /// Whether so many values are distinct that most pages lack most of them.
    fn are_many(&self) -> bool {
        match self {
            Values::Codes(column) => column.dictionary.len() >= DISTINCT_MIN,
            Values::Plain(_) => true,
        }
    }

    /// Calls `visit` for every row with its text or bytes.
    fn each_bytes(&self, rows: &Range<u32>, visit: &mut dyn FnMut(Option<&[u8]>)) {
        match self {
            Values::Plain(column) => column.each_bytes(rows, visit),
            Values::Codes(column) => {
                for &code in &column.codes[rows.start as usize..rows.end as usize] {
                    visit((code != NULL).then(|| column.dictionary.value(code)));
                }
            }
        }
    }

    fn write(&self, descriptor: &ColumnDescPtr, rows: &Range<u32>) -> Result<EncodedChunk, Error> {
        let written = match self {
            Values::Codes(column) => column.write(descriptor, rows)?,
            Values::Plain(column) => column.write(descriptor, rows)?,
        };
        Ok(EncodedChunk::new(written))
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
        (ColumnKind::Text, _) if name == "body" => ValueEncoding::Prose,
        (ColumnKind::Text | ColumnKind::Bytes, _) => ValueEncoding::Plain,
        (ColumnKind::Fixed(_), _) => match name {
            "trace_id" | "series_id" => ValueEncoding::Dictionary,
            "span_id" | "parent_span_id" => ValueEncoding::Random,
            _ => ValueEncoding::Plain,
        },
        (ColumnKind::Timestamp, _) if name == ARRIVAL_COLUMN => ValueEncoding::Dictionary,
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
    /// What thinned the rows.
    rule: Option<String>,
    /// Row groups, as ranges of positions.
    groups: Vec<Range<u32>>,
    fields: Vec<Field>,
    /// Per row group, a chunk per field.
    chunks: Vec<Vec<EncodedChunk>>,
    attributes: Vec<(Arc<str>, AttributeType, u64)>,
    filters: FiltersBuilder,
    sidecar: SidecarBuilder,
}

impl FileBuilder {
    fn new(table: Table, extent: Extent, rule: Option<&str>) -> FileBuilder {
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
            rule: rule.map(str::to_owned),
            groups,
            fields: Vec::new(),
            chunks,
            attributes: Vec::new(),
            filters: FiltersBuilder::default(),
            sidecar: SidecarBuilder::default(),
        }
    }

    fn index_traces(&mut self, dictionary: &Interner, codes: &[u32]) {
        if self.table.has_trace_index() {
            let index = trace_index::build(dictionary, codes, self.extent.rows.clone());
            self.sidecar.add(TRACE_SECTION, &index);
        }
    }

    fn index_bodies(&mut self, bodies: &Values) {
        if !self.table.has_log_index() {
            return;
        }
        let mut words = WordIndexBuilder::new();
        bodies.each_bytes(&self.extent.rows, &mut |body| words.push(body));
        match words.finish() {
            Some(index) => self.sidecar.add(WORD_SECTION, &index),
            // A log index is a short cut; without it the segment is as good.
            None => warn!("a segment has too many words for a log index and goes without"),
        }
    }

    fn add(
        &mut self,
        field: &Field,
        descriptor: &ColumnDescPtr,
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
        if field.name() == WEIGHT_COLUMN && values.count(&self.extent.rows) == 0 {
            return Ok(());
        }
        for (group, chunks) in self.groups.iter().zip(&mut self.chunks) {
            chunks.push(values.write(descriptor, group)?);
        }
        self.fields.push(field.clone());
        if let Some((key, AttributeType::String)) = attribute.map(|(key, kind)| (key, *kind))
            && matches!(self.table, Table::Spans | Table::Logs)
            && values.are_many()
        {
            self.filters.add(key, |visit| values.each_bytes(&self.extent.rows, visit));
        }
        Ok(())
    }

    /// Puts the file together.
    fn finish(mut self, rest: RestKeys, rollup: Option<Bytes>) -> Result<WrittenSegment, Error> {
        if let Some(filters) = self.filters.finish() {
            self.sidecar.add(VALUE_SECTION, &filters);
        }
        let schema = Schema::new(self.fields);
        let parquet = ArrowSchemaConverter::new().convert(&schema).map_err(encode_error)?;
        let sorting = sorting_columns(self.table, &schema);
        let properties = Arc::new(properties().set_sorting_columns(Some(sorting)).build());
        let bytes: usize = self.chunks.iter().flatten().map(EncodedChunk::len).sum();
        let file = Vec::with_capacity(bytes + bytes / 64 + FOOTER_BYTES);
        let mut writer = SerializedFileWriter::new(file, parquet.root_schema_ptr(), properties)
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
        let thinned = self.rule.map(|rule| (THINNED_KEY, rule));
        for (key, value) in metadata.into_iter().chain(thinned) {
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
            rollup,
            rollup_settled: false,
        })
    }
}

/// The order of rows, for readers that can use it.
fn sorting_columns(table: Table, schema: &Schema) -> Vec<SortingColumn> {
    let names: &[&str] = match table.sort_key() {
        SortKey::ServiceNameTime => &["service", "name", "start_time"],
        // Classes of severity are no column.
        SortKey::SeverityTime => &[],
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
