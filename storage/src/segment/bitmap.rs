//! Bitmap: one bit per row, in Arrow's order (lowest bit first).

use arrow::buffer::{BooleanBuffer, NullBuffer};

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

    pub fn from_bits(bits: impl ExactSizeIterator<Item = bool>) -> Bitmap {
        let mut bitmap = Bitmap::new(bits.len());
        bits.enumerate().for_each(|(row, bit)| bitmap.put(row, bit));
        bitmap
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

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// As Arrow's null buffer; `None` when there are no nulls.
    pub fn into_nulls(self) -> Option<NullBuffer> {
        let nulls = NullBuffer::new(BooleanBuffer::from(self));
        (nulls.null_count() > 0).then_some(nulls)
    }
}
