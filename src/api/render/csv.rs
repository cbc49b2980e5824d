//! CSV as RFC 4180 says: a header line, values as in JSON but bare, nulls empty and empty strings `""`.

use super::Renderer;
use super::cell::plain_writer;
use arrow::array::Array;
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use binnacle_query::StatsSnapshot;
use bytes::Bytes;

#[derive(Debug)]
pub struct CsvRenderer;

impl Renderer for CsvRenderer {
    fn start(&mut self, schema: &Schema) -> Result<Bytes, String> {
        let mut out = Vec::new();
        for (index, field) in schema.fields().iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_field(field.name().as_bytes(), &mut out);
        }
        out.extend_from_slice(b"\r\n");
        Ok(out.into())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<Bytes, String> {
        let mut writers = Vec::with_capacity(batch.num_columns());
        for column in batch.columns() {
            writers.push((column.logical_nulls(), plain_writer(column.as_ref())?));
        }
        let (mut out, mut value) = (Vec::new(), Vec::new());
        for row in 0..batch.num_rows() {
            for (index, (nulls, write)) in writers.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                    continue;
                }
                value.clear();
                write(row, &mut value);
                write_field(&value, &mut out);
            }
            out.extend_from_slice(b"\r\n");
        }
        Ok(out.into())
    }

    fn finish(&mut self, _: &StatsSnapshot) -> Result<Bytes, String> {
        Ok(Bytes::new())
    }
}

fn write_field(value: &[u8], out: &mut Vec<u8>) {
    let special = |byte: &u8| matches!(byte, b',' | b'"' | b'\r' | b'\n');
    if !value.is_empty() && !value.iter().any(special) {
        return out.extend_from_slice(value);
    }
    out.push(b'"');
    for &byte in value {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, ListArray, StringArray};
    use arrow::datatypes::Int64Type;
    use std::sync::Arc;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let text = Arc::new(StringArray::from(vec![Some("a,\"b\""), None, Some("")])) as ArrayRef;
        let list = Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([
            Some(vec![Some(1), Some(2)]),
            None,
            Some(vec![]),
        ])) as ArrayRef;
        let batch =
            RecordBatch::try_from_iter_with_nullable([("t", text, true), ("l", list, true)])
                .unwrap();
        let mut out = CsvRenderer.start(&batch.schema()).unwrap().to_vec();
        out.extend(CsvRenderer.batch(&batch).unwrap());
        let expected = "t,l\r\n\"a,\"\"b\"\"\",\"[1,2]\"\r\n,\r\n\"\",[]\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
