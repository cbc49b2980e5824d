//! Bitmap: one bit per row, in Arrow's order (lowest bit first).

use arrow::buffer::{BooleanBuffer, NullBuffer};
use std::ops::Range;

/// Rows counted at a time.
const PIECE_ROWS: usize = 8_192;

#[derive(Debug, Clone)]
pub(super) struct Bitmap {
    bytes: Vec<u8>,
    rows: usize,
}

impl Bitmap {
    /// All bits unset.
    pub fn new(rows: usize) -> Bitmap {
        Bitmap { bytes: vec![0; rows.div_ceil(8)], rows }
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    #[inline]
    pub fn set(&mut self, row: usize) {
        self.bytes[row / 8] |= 1 << (row % 8);
    }

    /// Sets a bit that is still unset to `value`.
    #[inline]
    pub fn put(&mut self, row: usize, value: bool) {
        self.bytes[row / 8] |= u8::from(value) << (row % 8);
    }

    #[inline]
    pub fn is_set(&self, row: usize) -> bool {
        self.bytes[row / 8] >> (row % 8) & 1 == 1
    }

    /// Bits that are set among `rows`.
    pub fn count(&self, rows: Range<usize>) -> usize {
        let mut bits = Vec::new();
        let mut count = 0;
        for start in rows.clone().step_by(PIECE_ROWS) {
            let piece = start..rows.end.min(start + PIECE_ROWS);
            let unused = (8 - piece.len() % 8) % 8;
            self.copy_to(piece, &mut bits);
            if let Some(last) = bits.last_mut() {
                *last = *last << unused >> unused;
            }
            count += bits.iter().map(|byte| byte.count_ones() as usize).sum::<usize>();
        }
        count
    }

    /// Copies the bits of `rows`, the first of them lowest; what follows the last one in its byte is anything.
    pub fn copy_to(&self, rows: Range<usize>, out: &mut Vec<u8>) {
        out.clear();
        let (first, shift) = (rows.start / 8, rows.start % 8);
        let count = rows.len().div_ceil(8);
        if shift == 0 {
            out.extend_from_slice(&self.bytes[first..first + count]);
            return;
        }
        out.extend((first..first + count).map(|at| {
            let next = self.bytes.get(at + 1).copied().unwrap_or(0);
            self.bytes[at] >> shift | next << (8 - shift)
        }));
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// As Arrow's null buffer; `None` when there are no nulls.
    pub fn into_nulls(self) -> Option<NullBuffer> {
        let nulls = NullBuffer::new(BooleanBuffer::from(self));
        (nulls.null_count() > 0).then_some(nulls)
    }
}
