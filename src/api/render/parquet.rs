//! Parquet: row groups are sent as they fill, the footer last.

use super::Renderer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use binnacle_query::StatsSnapshot;
use binnacle_query::sql::output::{OutputKind, convert, convert_schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// Memory that one answer's open row group may take before it is closed and sent.
const ROW_GROUP_BYTES_MAX: usize = 16 << 20;

#[derive(Default)]
pub struct ParquetRenderer {
    /// With the schema every batch is converted to.
    writer: Option<(ArrowWriter<Vec<u8>>, SchemaRef)>,
}

impl Renderer for ParquetRenderer {
    fn start(&mut self, schema: &Schema) -> Result<Bytes, String> {
        let zstd = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder().set_compression(zstd).build();
        let schema = convert_schema(schema, OutputKind::Binary);
        let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties));
        self.writer = Some((writer.map_err(|error| error.to_string())?, schema));
        Ok(Bytes::new())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<Bytes, String> {
        let (writer, schema) = self.writer.as_mut().ok_or("the file has not started")?;
        let batch = convert(batch, schema).map_err(|error| error.to_string())?;
        writer.write(&batch).map_err(|error| error.to_string())?;
        if writer.in_progress_size() > ROW_GROUP_BYTES_MAX {
            writer.flush().map_err(|error| error.to_string())?;
        }
        Ok(std::mem::take(writer.inner_mut()).into())
    }

    fn finish(&mut self, _: &StatsSnapshot) -> Result<Bytes, String> {
        let (writer, _) = self.writer.take().ok_or("the file has not started")?;
        writer.into_inner().map(Bytes::from).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use std::sync::Arc;

    #[test]
    fn what_is_written_reads_back_over_many_row_groups() {
        let column = Arc::new(Int64Array::from_iter_values(0..1000)) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        let mut renderer = ParquetRenderer::default();
        let mut bytes = renderer.start(&batch.schema()).unwrap().to_vec();
        for _ in 0..3 {
            bytes.extend(renderer.batch(&batch).unwrap());
            renderer.writer.as_mut().unwrap().0.flush().unwrap();
        }
        bytes.extend(renderer.finish(&StatsSnapshot::default()).unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
        assert_eq!(reader.metadata().num_row_groups(), 3);
        let rows: usize = reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
        assert_eq!(rows, 3000);
    }
}
