//! Trace index: which rows of a segment may have a trace id.
//!
//! Ids are kept as hashes, a third as long: who reads a row has its id and can check it. A row of another trace comes up
//! about once in ten million searches.
//!
//! Layout, little-endian: ids (u32), `bits` (u32), 2^`bits` + 1 offsets (u32) into what follows, then the ids in order of
//! their 64-bit XXH3 hash. The first `bits` bits of a hash say between which offsets its id is; an id is the next 24 bits
//! (three bytes, the highest first), then its rows: the first, then differences, as variable-length integers, each
//! shifted left by one with the lowest bit set when another follows.

use super::column::NULL;
use super::sidecar::corrupt;
use crate::Error;
use crate::batch::Interner;
use crate::model::TraceId;
use crate::model::wire::{Reader, put_varint};
use bytes::Bytes;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// Ids per offset of the table, on average.
const BUCKET_IDS: usize = 8;

const HEADER_BYTES: usize = 8;

const FINGERPRINT_BYTES: usize = 3;

/// The index of the rows `range` of a merged `trace_id` column, whose codes ([`NULL`] without an id) and dictionary are
/// given; rows count from the start of `range`.
pub(super) fn build(dictionary: &Interner, codes: &[u32], range: Range<u32>) -> Vec<u8> {
    let codes = &codes[range.start as usize..range.end as usize];
    let mut starts = vec![0u32; dictionary.len() + 1];
    for &code in codes.iter().filter(|&&code| code != NULL) {
        starts[code as usize + 1] += 1;
    }
    let used = (0..dictionary.len() as u32).filter(|&code| starts[code as usize + 1] > 0);
    let mut order: Vec<(u64, u32)> =
        used.map(|code| (xxh3_64(dictionary.value(code)), code)).collect();
    order.sort_unstable();
    for code in 0..dictionary.len() {
        starts[code + 1] += starts[code];
    }
    let mut rows = vec![0u32; starts[dictionary.len()] as usize];
    let mut next = starts.clone();
    for (row, &code) in codes.iter().enumerate().filter(|(_, code)| **code != NULL) {
        rows[next[code as usize] as usize] = row as u32;
        next[code as usize] += 1;
    }
    let bits = (order.len() / BUCKET_IDS).max(1).ilog2();
    let mut entries = Vec::with_capacity(rows.len() * 3 + order.len() * 4);
    let mut offsets = Vec::with_capacity((1 << bits) + 1);
    for &(hash, code) in &order {
        offsets.resize(bucket(hash, bits) + 1, entries.len() as u32);
        entries.extend_from_slice(&fingerprint(hash, bits));
        put_rows(
            &rows[starts[code as usize] as usize..starts[code as usize + 1] as usize],
            &mut entries,
        );
    }
    offsets.resize((1 << bits) + 1, entries.len() as u32);
    let mut index = Vec::with_capacity(HEADER_BYTES + offsets.len() * 4 + entries.len());
    index.extend_from_slice(&(order.len() as u32).to_le_bytes());
    index.extend_from_slice(&bits.to_le_bytes());
    offsets.iter().for_each(|offset| index.extend_from_slice(&offset.to_le_bytes()));
    index.extend_from_slice(&entries);
    index
}

fn put_rows(rows: &[u32], out: &mut Vec<u8>) {
    let mut last = 0;
    for (index, &row) in rows.iter().enumerate() {
        let has_more = u64::from(index + 1 < rows.len());
        put_varint(out, u64::from(row - last) << 1 | has_more);
        last = row;
    }
}

fn bucket(hash: u64, bits: u32) -> usize {
    hash.checked_shr(64 - bits).unwrap_or(0) as usize
}

fn fingerprint(hash: u64, bits: u32) -> [u8; FINGERPRINT_BYTES] {
    let bytes = (hash << bits).to_be_bytes();
    [bytes[0], bytes[1], bytes[2]]
}

/// A trace index opened for reading.
#[derive(Debug, Clone)]
pub(super) struct TraceIndex {
    bytes: Bytes,
    bits: u32,
}

impl TraceIndex {
    /// `bytes` have passed their checksum; what does not fit together is still an error.
    pub fn open(bytes: Bytes) -> Result<TraceIndex, Error> {
        let bits = read_u32(&bytes, 4).filter(|bits| *bits < 32);
        let bits = bits.ok_or_else(|| corrupt("the trace index has no length".into()))?;
        if bytes.len() < HEADER_BYTES + ((1usize << bits) + 1) * 4 {
            return Err(corrupt("the trace index is shorter than its table".into()));
        }
        Ok(TraceIndex { bytes, bits })
    }

    /// Rows, ascending, outside of which none has this id.
    pub fn rows(&self, id: TraceId) -> Result<Vec<u32>, Error> {
        let hash = xxh3_64(&id.0);
        let entries = self.bucket(bucket(hash, self.bits)).ok_or_else(broken)?;
        let wanted = fingerprint(hash, self.bits);
        let mut reader = Reader::new(entries);
        let mut rows = Vec::new();
        while !reader.is_done() {
            let found = reader.bytes(FINGERPRINT_BYTES).map_err(|_| broken())? == wanted;
            read_rows(&mut reader, |row| rows.extend(found.then_some(row))).ok_or_else(broken)?;
        }
        // Two ids may share a hash.
        if !rows.is_sorted() {
            rows.sort_unstable();
        }
        Ok(rows)
    }

    /// How many of the first bits of a hash are known.
    pub fn known_bits(&self) -> u32 {
        self.bits + 8 * FINGERPRINT_BYTES as u32
    }

    /// Calls `visit` with what is known of each id's hash (its first bits, zeros after them) and its rows.
    pub fn each(&self, visit: &mut (dyn FnMut(u64, &[u32]) + Send)) -> Result<(), Error> {
        let mut rows = Vec::new();
        for bucket in 0..1usize << self.bits {
            let mut reader = Reader::new(self.bucket(bucket).ok_or_else(broken)?);
            let first = (bucket as u64).checked_shl(64 - self.bits).unwrap_or(0);
            while !reader.is_done() {
                let next = reader.bytes(FINGERPRINT_BYTES).map_err(|_| broken())?;
                let next = u64::from_be_bytes([next[0], next[1], next[2], 0, 0, 0, 0, 0]);
                rows.clear();
                read_rows(&mut reader, |row| rows.push(row)).ok_or_else(broken)?;
                visit(first | next >> self.bits, &rows);
            }
        }
        Ok(())
    }

    fn bucket(&self, bucket: usize) -> Option<&[u8]> {
        let entries = HEADER_BYTES + ((1usize << self.bits) + 1) * 4;
        let offset = |index: usize| read_u32(&self.bytes, HEADER_BYTES + index * 4);
        let range = offset(bucket)? as usize..offset(bucket + 1)? as usize;
        self.bytes.get(entries..)?.get(range)
    }
}

fn read_rows(reader: &mut Reader<'_>, mut visit: impl FnMut(u32)) -> Option<()> {
    let mut row = 0u32;
    loop {
        let step = reader.varint().ok()?;
        row = row.checked_add(u32::try_from(step >> 1).ok()?)?;
        visit(row);
        if step & 1 == 0 {
            return Some(());
        }
    }
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn broken() -> Error {
    corrupt("a list of the trace index is broken".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u16) -> TraceId {
        let mut id = TraceId([0; 16]);
        id.0[14..].copy_from_slice(&number.to_be_bytes());
        id
    }

    proptest! {
        #[test]
        fn rows_of_every_id_are_found(ids in proptest::collection::vec(proptest::option::of(0u16..120), 0..400), from in 0usize..50) {
            let mut dictionary = Interner::default();
            let codes: Vec<u32> =
                ids.iter().map(|number| number.map_or(NULL, |n| dictionary.intern(&id(n).0))).collect();
            let from = from.min(ids.len());
            let index = build(&dictionary, &codes, from as u32..ids.len() as u32);
            let index = TraceIndex::open(index.into()).unwrap();
            for wanted in 0..121u16 {
                let matching = ids[from..].iter().enumerate().filter(|(_, id)| **id == Some(wanted));
                let expected: Vec<u32> = matching.map(|(row, _)| row as u32).collect();
                prop_assert_eq!(index.rows(id(wanted)).unwrap(), expected);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), count in 0u32..6) {
            let mut bytes = bytes;
            bytes.splice(0..bytes.len().min(4), count.to_le_bytes());
            let index = TraceIndex::open(bytes.into());
            for id in [[0; 16], [255; 16], [7; 16]] {
                let _ = index.as_ref().map(|index| index.rows(TraceId(id)));
            }
        }
    }
}
