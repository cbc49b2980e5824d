//! Kept columns of rollups: what was decoded last. Rollups are small and asked for again and again, by every dashboard and
//! every overview, so that reading their files would be most of the answer's cost.

use crate::kept::Kept;
use arrow::array::ArrayRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use binnacle_storage::rollup::{RollupTable, decode};
use binnacle_storage::segment::SegmentId;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::{Arc, LazyLock};

/// Bytes of all kept columns of the process.
const BYTES_MAX: usize = 16 << 20;

const COLUMN_BYTES_MAX: usize = 4 << 20;

/// A column of `red` in one segment, which never changes.
type Key = (SegmentId, usize);

static KEPT: LazyLock<Mutex<Kept<Key, ArrayRef>>> =
    LazyLock::new(|| Mutex::new(Kept::new(BYTES_MAX, COLUMN_BYTES_MAX)));

/// The rows of `red` of a segment's rollup file, with the columns `projection` (positions in its schema, ascending; all when
/// `None`). The error says in words what is wrong with the file.
pub(super) fn red(
    segment: SegmentId,
    file: &Bytes,
    projection: Option<&[usize]>,
) -> Result<RecordBatch, String> {
    // Without columns there is only a number of rows, which is the file's.
    let Some(projection) = projection.filter(|projection| !projection.is_empty()) else {
        return decode(file.clone(), RollupTable::Red, projection);
    };
    let kept: Option<Vec<ArrayRef>> = {
        let mut kept = KEPT.lock();
        projection.iter().map(|index| kept.find(&(segment, *index))).collect()
    };
    if let Some(columns) = kept {
        let schema = RollupTable::Red.schema();
        let schema = schema.project(projection).map_err(|error| error.to_string())?;
        let options = RecordBatchOptions::new().with_row_count(columns.first().map(|c| c.len()));
        return RecordBatch::try_new_with_options(Arc::new(schema), columns, &options)
            .map_err(|error| error.to_string());
    }
    let batch = decode(file.clone(), RollupTable::Red, Some(projection))?;
    let mut kept = KEPT.lock();
    for (index, column) in projection.iter().zip(batch.columns()) {
        kept.put((segment, *index), column.clone(), column.get_array_memory_size());
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use binnacle_storage::rollup::{Rollup, encode};

    #[test]
    fn a_column_is_decoded_once() {
        let empty = |table: RollupTable| RecordBatch::new_empty(table.schema());
        let rollup = Rollup { red: empty(RollupTable::Red), edges: empty(RollupTable::Edges) };
        let file = encode(&rollup).unwrap();
        let segment = SegmentId(Default::default());
        let whole = decode(file.clone(), RollupTable::Red, Some(&[0, 2])).unwrap();
        assert_eq!(red(segment, &file, Some(&[0, 2])), Ok(whole.clone()));
        let nothing = Bytes::new();
        assert_eq!(red(segment, &nothing, Some(&[0, 2])), Ok(whole.clone()));
        assert_eq!(red(segment, &nothing, Some(&[2])).unwrap().columns(), &whole.columns()[1..]);
        assert!(red(segment, &nothing, Some(&[1])).is_err());
    }
}
