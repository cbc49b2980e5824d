//! Arrow IPC stream: the schema, then the batches as they come.

use super::Renderer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use binnacle_query::StatsSnapshot;
use binnacle_query::sql::output::{OutputKind, convert, convert_schema};
use bytes::Bytes;

#[derive(Default)]
pub struct ArrowRenderer {
    /// With the schema every batch is converted to.
    writer: Option<(StreamWriter<Vec<u8>>, SchemaRef)>,
}

impl ArrowRenderer {
    fn write(
        &mut self,
        step: impl FnOnce(&mut StreamWriter<Vec<u8>>, &SchemaRef) -> Result<(), String>,
    ) -> Result<Bytes, String> {
        let (writer, schema) = self.writer.as_mut().ok_or("the stream has not started")?;
        step(writer, schema)?;
        Ok(std::mem::take(writer.get_mut()).into())
    }
}

impl Renderer for ArrowRenderer {
    fn start(&mut self, schema: &Schema) -> Result<Bytes, String> {
        let schema = convert_schema(schema, OutputKind::Binary);
        let writer = StreamWriter::try_new(Vec::new(), &schema).map_err(|e| e.to_string())?;
        self.writer = Some((writer, schema));
        self.write(|_, _| Ok(()))
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<Bytes, String> {
        self.write(|writer, schema| {
            let batch = convert(batch, schema).map_err(|error| error.to_string())?;
            writer.write(&batch).map_err(|error| error.to_string())
        })
    }

    fn finish(&mut self, _: &StatsSnapshot) -> Result<Bytes, String> {
        self.write(|writer, _| writer.finish().map_err(|error| error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, StringArray, StringViewArray};
    use arrow::ipc::reader::StreamReader;
    use std::sync::Arc;

    #[test]
    fn what_is_written_reads_back() {
        let column = Arc::new(StringViewArray::from(vec!["a", "a longer string than fits inline"]));
        let batch = RecordBatch::try_from_iter([("c", column as ArrayRef)]).unwrap();
        let mut renderer = ArrowRenderer::default();
        let mut bytes = renderer.start(&batch.schema()).unwrap().to_vec();
        bytes.extend(renderer.batch(&batch).unwrap());
        bytes.extend(renderer.finish(&StatsSnapshot::default()).unwrap());
        let read: Vec<_> =
            StreamReader::try_new(bytes.as_slice(), None).unwrap().map(Result::unwrap).collect();
        let strings = StringArray::from(vec!["a", "a longer string than fits inline"]);
        let expected = RecordBatch::try_from_iter([("c", Arc::new(strings) as ArrayRef)]).unwrap();
        assert_eq!(read, [expected]);
    }
}
