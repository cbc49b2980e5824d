//! Segment file: a whole segment opened to be merged into others, read one column at a time.

use super::attributes::{ATTRIBUTES_REST, Listing, METADATA_KEY, attribute_column_name};
use super::column::Slots;
use super::place::{Recode, each_bytes, place_array};
use super::schema::{BODY_CRC32C_KEY, SCHEMA_VERSION, SCHEMA_VERSION_KEY, TABLE_KEY};
use super::source::{ColumnRef, EachMessage, EachValue, Repetition};
use crate::Error;
use crate::batch::AttributeType;
use crate::model::{Table, Value, wire};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema};
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Encoding;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use std::collections::HashMap;
use std::sync::Arc;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8_192;

/// A whole segment file in memory (or mapped), opened for compaction.
#[derive(Debug)]
pub struct SegmentFile {
    id: String,
    table: Table,
    parquet: Bytes,
    metadata: ArrowReaderMetadata,
    listing: Listing,
    /// Name → position among the file's columns.
    columns: HashMap<String, usize>,
    rows: u32,
}

impl SegmentFile {
    /// Checks the file and reads its metadata. `id` names it in errors.
    pub fn open(id: &str, table: Table, parquet: Bytes) -> Result<SegmentFile, Error> {
        let corrupt = |detail: String| Error::Corrupt { id: id.to_owned(), detail };
        let metadata = ParquetMetaDataReader::new()
            .parse_and_finish(&parquet)
            .map_err(|error| corrupt(error.to_string()))?;
        let listing = check(&metadata, table, &parquet).map_err(corrupt)?;
        let rows = u32::try_from(metadata.file_metadata().num_rows())
            .map_err(|_| corrupt("row count is out of range".into()))?;
        let metadata = with_dictionaries(metadata).map_err(|error| corrupt(error.to_string()))?;
        let fields = metadata.schema().fields().iter().enumerate();
        let columns = fields.map(|(index, field)| (field.name().clone(), index)).collect();
        Ok(SegmentFile { id: id.to_owned(), table, parquet, metadata, listing, columns, rows })
    }

    pub fn rows(&self) -> u32 {
        self.rows
    }

    pub(super) fn each_attribute_column(&self, visit: &mut dyn FnMut(&str, AttributeType, u64)) {
        for (key, column) in &self.listing.columns {
            if let Some(kind) = AttributeType::from_name(&column.kind) {
                visit(key, kind, column.rows);
            }
        }
    }

    pub(super) fn each_in_rest(&self, visit: &mut EachMessage<'_>) -> Result<(), Error> {
        if self.listing.rest.as_ref().is_some_and(|rest| rest.is_empty()) {
            return Ok(());
        }
        self.read(ATTRIBUTES_REST, &mut |first, array| {
            each_bytes(array, &mut |row, list| {
                wire::messages(list).try_for_each(|message| {
                    let message =
                        message.map_err(|error| self.corrupt(format!("attributes: {error}")))?;
                    visit(first + row as u32, message)
                })
            })
        })
    }

    pub(super) fn may_have_in_rest(&self, keys: &[&str]) -> bool {
        let rest = self.listing.rest.as_ref();
        rest.is_none_or(|rest| keys.iter().any(|key| rest.contains_key(*key)))
    }

    pub(super) fn each_value(
        &self,
        key: &str,
        kind: AttributeType,
        visit: &mut EachValue<'_>,
    ) -> Result<(), Error> {
        if !self.has_attribute(key, kind) {
            return Ok(());
        }
        self.read(&attribute_column_name(key), &mut |first, array| {
            let rows = (0..array.len()).filter(|&row| array.is_valid(row));
            let mut visit_at = |row: usize, value: Value<'_>| visit(first + row as u32, &value);
            match kind {
                AttributeType::String => each_bytes(array, &mut |row, text| {
                    let text =
                        wire::text(text).map_err(|e| self.corrupt(format!("'{key}': {e}")))?;
                    visit_at(row, Value::String(text))
                }),
                AttributeType::Int => {
                    let values = array.as_primitive::<Int64Type>();
                    rows.into_iter()
                        .try_for_each(|row| visit_at(row, Value::Int(values.value(row))))
                }
                AttributeType::Double => {
                    let values = array.as_primitive::<Float64Type>();
                    rows.into_iter()
                        .try_for_each(|row| visit_at(row, Value::Double(values.value(row))))
                }
                AttributeType::Bool => {
                    let values = array.as_boolean();
                    rows.into_iter()
                        .try_for_each(|row| visit_at(row, Value::Bool(values.value(row))))
                }
            }
        })
    }

    pub(super) fn place(
        &self,
        column: ColumnRef<'_>,
        positions: &[u32],
        into: &mut Slots,
    ) -> Result<(), Error> {
        let name = match column {
            ColumnRef::Table(index) => self.table.columns()[index].name.to_owned(),
            ColumnRef::Attribute(key, kind) if self.has_attribute(key, kind) => {
                attribute_column_name(key)
            }
            ColumnRef::Attribute(..) => return Ok(()),
        };
        let mut recode = Recode::default();
        self.read(&name, &mut |first, array| {
            let positions = &positions[first as usize..][..array.len()];
            place_array(array, positions, into, &mut recode)
        })
    }

    pub(super) fn repetition(&self, column: ColumnRef<'_>) -> Repetition {
        let (name, values) = match column {
            ColumnRef::Table(index) => {
                (self.table.columns()[index].name.to_owned(), u64::from(self.rows))
            }
            ColumnRef::Attribute(key, _) => match self.listing.columns.get(key) {
                Some(listed) => (attribute_column_name(key), listed.rows),
                None => return Repetition::default(),
            },
        };
        let Some(&index) = self.columns.get(&name) else {
            return Repetition::default();
        };
        let is_dictionary =
            matches!(self.metadata.schema().field(index).data_type(), DataType::Dictionary(..));
        // A writer gives a dictionary only to columns that repeat a lot.
        Repetition { values, distinct: if is_dictionary { values / 5 } else { values } }
    }

    fn has_attribute(&self, key: &str, kind: AttributeType) -> bool {
        self.listing.columns.get(key).is_some_and(|listed| listed.kind == kind.name())
    }

    /// Decodes one column, calling `visit(first row, values)` for every piece of it. A column that the file lacks, as
    /// files of earlier versions may, is null in every row and has no pieces.
    pub(crate) fn read(
        &self,
        name: &str,
        visit: &mut dyn FnMut(u32, &ArrayRef) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(&index) = self.columns.get(name) else {
            return Ok(());
        };
        let broken =
            |error: &dyn std::fmt::Display| self.corrupt(format!("column {name}: {error}"));
        let projection = ProjectionMask::roots(self.metadata.parquet_schema(), [index]);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(
            self.parquet.clone(),
            self.metadata.clone(),
        )
        .with_projection(projection)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(|error| broken(&error))?;
        let mut first = 0u32;
        for records in reader {
            let records = records.map_err(|error| broken(&error))?;
            visit(first, records.column(0))?;
            first += records.num_rows() as u32;
        }
        if first != self.rows {
            return Err(broken(&format!("has {first} of {} rows", self.rows)));
        }
        Ok(())
    }

    pub(super) fn corrupt(&self, detail: String) -> Error {
        Error::Corrupt { id: self.id.clone(), detail }
    }
}

/// The file's listing of attributes, once everything around it is as it should be.
fn check(metadata: &ParquetMetaData, table: Table, parquet: &Bytes) -> Result<Listing, String> {
    let entries = metadata.file_metadata().key_value_metadata();
    let find = |key: &str| -> Result<&str, String> {
        let entry = entries.into_iter().flatten().find(|entry| entry.key == key);
        entry
            .and_then(|entry| entry.value.as_deref())
            .ok_or_else(|| format!("the metadata lacks '{key}'"))
    };
    if find(TABLE_KEY)? != table.name() {
        return Err(format!("it holds {} instead of {}", find(TABLE_KEY)?, table.name()));
    }
    let version: u32 =
        find(SCHEMA_VERSION_KEY)?.parse().map_err(|_| "version is not a number".to_owned())?;
    if version > SCHEMA_VERSION {
        return Err(format!("schema version {version} is newer than {SCHEMA_VERSION}"));
    }
    check_columns(metadata, table)?;
    check_body(metadata, find(BODY_CRC32C_KEY)?, parquet)?;
    Listing::parse(find(METADATA_KEY)?)
}

/// Every column that the table requires is there, and all have the right type.
fn check_columns(metadata: &ParquetMetaData, table: Table) -> Result<(), String> {
    let schema = metadata.file_metadata().schema_descr();
    for spec in table.columns() {
        let found = schema.columns().iter().find(|column| column.path().string() == spec.name);
        let expected = super::schema::physical_type(spec.kind);
        match found {
            Some(column) if column.physical_type() == expected => {}
            Some(_) => return Err(format!("column {} has the wrong type", spec.name)),
            None if spec.required => return Err(format!("column {} is missing", spec.name)),
            None => {}
        }
    }
    Ok(())
}

/// The bytes of all column chunks are those that were written.
fn check_body(metadata: &ParquetMetaData, recorded: &str, parquet: &Bytes) -> Result<(), String> {
    let recorded: u32 = recorded.parse().map_err(|_| "checksum is not a number".to_owned())?;
    let end = super::schema::body_end(metadata);
    let body = usize::try_from(end).ok().and_then(|end| parquet.get(..end));
    match body.map(crc32c::crc32c) {
        Some(found) if found == recorded => Ok(()),
        _ => Err("checksum of the columns does not match".to_owned()),
    }
}

/// Reads text as dictionaries where the file has them (codes need no hashing), else as views (no copying).
fn with_dictionaries(
    metadata: ParquetMetaData,
) -> Result<ArrowReaderMetadata, parquet::errors::ParquetError> {
    let metadata = Arc::new(metadata);
    let options = || ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let plain = ArrowReaderMetadata::try_new(metadata.clone(), options())?;
    let fields = plain.schema().fields().iter().enumerate().map(|(index, field)| {
        let has_dictionary = metadata.row_groups().iter().all(|group| {
            group.columns().get(index).is_some_and(|chunk| {
                chunk.dictionary_page_offset().is_some()
                    && chunk.encodings().any(|encoding| encoding == Encoding::RLE_DICTIONARY)
            })
        });
        let dictionary = |of| DataType::Dictionary(Box::new(DataType::Int32), Box::new(of));
        let kind = match field.data_type() {
            DataType::Utf8 if has_dictionary => dictionary(DataType::Utf8),
            DataType::Binary if has_dictionary => dictionary(DataType::Binary),
            DataType::Utf8 => DataType::Utf8View,
            DataType::Binary => DataType::BinaryView,
            other => other.clone(),
        };
        Field::new(field.name(), kind, field.is_nullable())
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    ArrowReaderMetadata::try_new(metadata, options().with_schema(schema))
}
