//! Trace index: which rows of a segment have a trace id. Exact.
//!
//! A table of all trace ids in ascending order, searched in place, and per id its rows as differences. All 16 bytes of an
//! id count, so that 64-bit ids padded with zeros are no worse than random ones.

use super::bitmap::Bitmap;
use super::sidecar::corrupt;
use crate::Error;
use crate::model::TraceId;
use crate::model::wire::{Reader, put_varint};
use bytes::Bytes;
use std::ops::Range;

const ID_BYTES: usize = 16;

/// The index of the rows `range` of a merged `trace_id` column; rows count from its start.
///
/// Layout: number of ids `n` (u32), the ids in ascending order, `n + 1` offsets (u32) into the lists that follow, lists:
/// first row, then differences, as variable-length integers. Little-endian.
pub(super) fn build(ids: &[u8], valid: Option<&Bitmap>, range: Range<u32>) -> Vec<u8> {
    let mut rows: Vec<(u128, u32)> = range
        .clone()
        .filter(|&row| valid.is_none_or(|valid| valid.is_set(row as usize)))
        .map(|row| (id_at(ids, row as usize), row - range.start))
        .collect();
    rows.sort_unstable();
    let mut table = Vec::new();
    let mut offsets = vec![0u32];
    let mut lists = Vec::with_capacity(rows.len() * 2);
    for trace in rows.chunk_by(|a, b| a.0 == b.0) {
        table.extend_from_slice(&trace[0].0.to_be_bytes());
        let mut last = 0;
        for &(_, row) in trace {
            put_varint(&mut lists, u64::from(row - last));
            last = row;
        }
        offsets.push(lists.len() as u32);
    }
    let mut index = Vec::with_capacity(4 + table.len() + offsets.len() * 4 + lists.len());
    index.extend_from_slice(&((table.len() / ID_BYTES) as u32).to_le_bytes());
    index.extend_from_slice(&table);
    offsets.iter().for_each(|offset| index.extend_from_slice(&offset.to_le_bytes()));
    index.extend_from_slice(&lists);
    index
}

fn id_at(ids: &[u8], index: usize) -> u128 {
    let id = &ids[index * ID_BYTES..][..ID_BYTES];
    u128::from_be_bytes(id.try_into().expect("the slice has 16 bytes"))
}

/// A trace index opened for reading.
#[derive(Debug, Clone)]
pub(super) struct TraceIndex {
    bytes: Bytes,
    ids: usize,
}

impl TraceIndex {
    /// `bytes` have passed their checksum; what does not fit together is still an error.
    pub fn open(bytes: Bytes) -> Result<TraceIndex, Error> {
        let ids = bytes.get(..4).map(|b| u32::from_le_bytes(b.try_into().expect("4 bytes")));
        let ids = ids.ok_or_else(|| corrupt("the trace index has no length".into()))? as usize;
        let tables = ids.checked_mul(ID_BYTES + 4).and_then(|size| size.checked_add(4 + 4));
        if tables.is_none_or(|size| size > bytes.len()) {
            return Err(corrupt("the trace index is shorter than its tables".into()));
        }
        Ok(TraceIndex { bytes, ids })
    }

    /// Rows with this id, ascending.
    pub fn rows(&self, id: TraceId) -> Result<Vec<u32>, Error> {
        let table = &self.bytes[4..4 + self.ids * ID_BYTES];
        let wanted = u128::from_be_bytes(id.0);
        let (mut low, mut high) = (0, self.ids);
        while low < high {
            let middle = low + (high - low) / 2;
            if id_at(table, middle) < wanted { low = middle + 1 } else { high = middle }
        }
        if low == self.ids || id_at(table, low) != wanted {
            return Ok(Vec::new());
        }
        self.list(low)
    }

    fn list(&self, index: usize) -> Result<Vec<u32>, Error> {
        let broken = || corrupt("a list of the trace index is broken".into());
        let offsets = 4 + self.ids * ID_BYTES;
        let offset = |index: usize| {
            let bytes = &self.bytes[offsets + index * 4..][..4];
            u32::from_le_bytes(bytes.try_into().expect("4 bytes")) as usize
        };
        let lists = &self.bytes[offsets + (self.ids + 1) * 4..];
        let list = lists.get(offset(index)..offset(index + 1)).ok_or_else(broken)?;
        let mut reader = Reader::new(list);
        let (mut rows, mut last) = (Vec::new(), 0u32);
        while !reader.is_done() {
            let step = reader.varint().ok().and_then(|step| u32::try_from(step).ok());
            last = step.and_then(|step| last.checked_add(step)).ok_or_else(broken)?;
            rows.push(last);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_of_every_id_are_found(ids in proptest::collection::vec(proptest::option::of(0u8..20), 0..200), from in 0usize..50) {
            let mut bytes = Vec::new();
            let mut valid = Bitmap::new(ids.len());
            for (row, id) in ids.iter().enumerate() {
                bytes.extend_from_slice(&[0; 15]);
                bytes.push(id.unwrap_or(0));
                if id.is_some() {
                    valid.set(row);
                }
            }
            let from = from.min(ids.len());
            let index = build(&bytes, Some(&valid), from as u32..ids.len() as u32);
            let index = TraceIndex::open(index.into()).unwrap();
            for wanted in 0..21u8 {
                let mut id = TraceId([0; 16]);
                id.0[15] = wanted;
                let matching = ids[from..].iter().enumerate().filter(|(_, id)| **id == Some(wanted));
                let expected: Vec<u32> = matching.map(|(row, _)| row as u32).collect();
                prop_assert_eq!(index.rows(id).unwrap(), expected);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), count in 0u32..6) {
            let mut bytes = bytes;
            bytes.splice(0..bytes.len().min(4), count.to_le_bytes());
            if let Ok(index) = TraceIndex::open(bytes.into()) {
                for id in [[0; 16], [255; 16], [7; 16]] {
                    let _ = index.rows(TraceId(id));
                }
            }
        }
    }
}
