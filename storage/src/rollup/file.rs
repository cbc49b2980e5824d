//! The rollup file of a segment: `red` and `edges` in one Parquet file that any tool reads.
//!
//! One table with the columns of both; the column `rollup` says which a row is of, and the columns of the other are null.
//! The rows of `red` come first; the file's metadata says how many there are.

use super::{Rollup, edge_schema, failed, red_schema};
use crate::Error;
use arrow::array::{ArrayRef, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use std::sync::{Arc, LazyLock};

const KIND_COLUMN: &str = "rollup";
const VERSION_KEY: &str = "binnacle.rollup_version";
const RED_ROWS_KEY: &str = "binnacle.red_rows";
const VERSION: &str = "1";

/// One of the tables of a rollup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RollupTable {
    Red,
    Edges,
}

impl RollupTable {
    /// Its SQL name.
    pub fn name(self) -> &'static str {
        match self {
            RollupTable::Red => "red",
            RollupTable::Edges => "edges",
        }
    }

    pub fn schema(self) -> SchemaRef {
        match self {
            RollupTable::Red => red_schema(),
            RollupTable::Edges => edge_schema(),
        }
    }
}

/// Columns of the file: those of `red`, then those that only `edges` has.
fn file_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let (red, edges) = (red_schema(), edge_schema());
        let mut fields = vec![Field::new(KIND_COLUMN, DataType::Utf8, false)];
        for field in red.fields().iter().chain(edges.fields()) {
            if fields.iter().all(|known| known.name() != field.name()) {
                let is_shared =
                    red.index_of(field.name()).is_ok() && edges.index_of(field.name()).is_ok();
                fields.push(field.as_ref().clone().with_nullable(!is_shared));
            }
        }
        Arc::new(Schema::new(fields))
    });
    SCHEMA.clone()
}

/// The rollup as a file.
pub fn encode(rollup: &Rollup) -> Result<Bytes, Error> {
    let options = ArrowWriterOptions::new()
        .with_properties(properties(rollup))
        .with_skip_arrow_metadata(true);
    let mut file = Vec::new();
    let mut writer =
        ArrowWriter::try_new_with_options(&mut file, file_schema(), options).map_err(failed)?;
    for (table, rows) in [(RollupTable::Red, &rollup.red), (RollupTable::Edges, &rollup.edges)] {
        if rows.num_rows() > 0 {
            writer.write(&widen(table, rows)?).map_err(failed)?;
            writer.flush().map_err(failed)?;
        }
    }
    writer.close().map_err(failed)?;
    Ok(file.into())
}

/// The same rows with all columns of the file.
fn widen(table: RollupTable, rows: &RecordBatch) -> Result<RecordBatch, Error> {
    let schema = file_schema();
    let count = rows.num_rows();
    let column = |field: &Arc<Field>| -> ArrayRef {
        if field.name() == KIND_COLUMN {
            let name = std::iter::repeat_n(table.name(), count);
            return Arc::new(StringArray::from_iter_values(name));
        }
        let own = rows.column_by_name(field.name());
        own.cloned().unwrap_or_else(|| new_null_array(field.data_type(), count))
    };
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(schema, columns).map_err(failed)
}

fn properties(rollup: &Rollup) -> WriterProperties {
    let metadata =
        [(VERSION_KEY, VERSION.to_owned()), (RED_ROWS_KEY, rollup.red.num_rows().to_string())];
    let metadata = metadata.map(|(key, value)| KeyValue::new(key.to_owned(), value));
    let zstd = ZstdLevel::try_new(1).unwrap_or_default();
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by(concat!("binnacle ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(zstd))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(metadata.to_vec()));
    for field in file_schema().fields() {
        let path = ColumnPath::from(field.name().as_str());
        let encoding = match field.data_type() {
            DataType::Int64 | DataType::Timestamp(..) => Encoding::DELTA_BINARY_PACKED,
            DataType::Binary | DataType::FixedSizeBinary(_) | DataType::Decimal128(..) => {
                Encoding::PLAIN
            }
            _ => continue,
        };
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, encoding);
    }
    properties.build()
}

/// The rows of one table of a rollup file, with the columns `projection` (positions in its schema, ascending; all when `None`).
/// The error says in words what is wrong with the file.
pub fn decode(
    file: Bytes,
    table: RollupTable,
    projection: Option<&[usize]>,
) -> Result<RecordBatch, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let schema = table.schema();
    let fields: Vec<Arc<Field>> = match projection {
        Some(projection) => {
            projection.iter().map(|&index| schema.fields()[index].clone()).collect()
        }
        None => schema.fields().to_vec(),
    };
    // What the file's types leave open is given, so that a decimal and a time come as they were.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .map_err(|error| words(&error))?;
    let metadata = builder.metadata().file_metadata();
    let find = |key: &str| {
        let entries = metadata.key_value_metadata().into_iter().flatten();
        entries.into_iter().find(|entry| entry.key == key).and_then(|entry| entry.value.as_deref())
    };
    if find(VERSION_KEY) != Some(VERSION) {
        return Err("its version is unknown".to_owned());
    }
    let total = usize::try_from(metadata.num_rows()).unwrap_or(0);
    let red = find(RED_ROWS_KEY).and_then(|rows| rows.parse::<usize>().ok());
    let red = red.filter(|red| *red <= total).ok_or("it does not say which rows are red")?;
    let (offset, rows) = match table {
        RollupTable::Red => (0, red),
        RollupTable::Edges => (red, total - red),
    };
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let mask = ProjectionMask::columns(builder.parquet_schema(), names);
    let reader = builder
        .with_projection(mask)
        .with_offset(offset)
        .with_limit(rows)
        .with_batch_size(rows.max(1))
        .build()
        .map_err(|error| words(&error))?;
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| words(&error))?;
    let columns = fields.iter().map(|field| -> Result<ArrayRef, String> {
        let parts: Vec<&dyn arrow::array::Array> = batches
            .iter()
            .map(|batch| batch.column_by_name(field.name()).map(|column| column.as_ref()))
            .collect::<Option<_>>()
            .ok_or_else(|| format!("column {} is missing", field.name()))?;
        if parts.is_empty() {
            return Ok(arrow::array::new_empty_array(field.data_type()));
        }
        arrow::compute::concat(&parts).map_err(|error| words(&error))
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|error| words(&error))
}
