//! A column on its way into a segment: every value at its row of the output.
//!
//! A merge works column by column. The sources put their values at the positions that the sort gave their rows, so that
//! nothing is gathered twice, and strings stay codes or views: their bytes are copied once at most.

use super::bitmap::Bitmap;
use crate::Error;
use crate::batch::{Column, Interner, Rows, Strings, Values};
use crate::model::ColumnKind;
use arrow::array::builder::make_view;
use arrow::array::{
    ArrayRef, BinaryViewArray, BooleanArray, FixedSizeBinaryArray, Float64Array, Int32Array,
    Int64Array, StringViewArray, TimestampNanosecondArray, UInt32Array, UInt64Array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, ScalarBuffer};
use std::sync::Arc;

/// Position of a row that the output leaves out.
pub(crate) const DROPPED: u32 = u32::MAX;

/// Code of a null.
pub(super) const NULL: u32 = u32::MAX;

/// Most bytes of distinct strings in one column of a merge: Arrow's views and Parquet's pages count in `i32`.
pub(super) const STRING_BYTES_MAX: usize = i32::MAX as usize;

/// One output column, a slot per row.
#[derive(Debug)]
pub(super) struct Slots {
    pub kind: ColumnKind,
    /// Rows that have a value; `None` while every row must have one.
    pub valid: Option<Bitmap>,
    pub values: SlotValues,
}

#[derive(Debug)]
pub(super) enum SlotValues {
    Int(Vec<i64>),
    Double(Vec<f64>),
    Bool(Bitmap),
    Fixed {
        width: usize,
        bytes: Vec<u8>,
    },
    /// Strings that repeat: [`NULL`] or a code of the dictionary.
    Coded {
        dictionary: Interner,
        codes: Vec<u32>,
    },
    /// Strings that hardly repeat: Arrow views into the sources' bytes.
    Views {
        buffers: Vec<Buffer>,
        views: Vec<u128>,
    },
}

/// How strings are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StringMode {
    Coded,
    Views,
}

impl Slots {
    pub fn new(kind: ColumnKind, required: bool, rows: usize, mode: StringMode) -> Slots {
        let values = match kind {
            ColumnKind::Timestamp
            | ColumnKind::Int64
            | ColumnKind::Int32
            | ColumnKind::UInt32
            | ColumnKind::UInt64 => SlotValues::Int(vec![0; rows]),
            ColumnKind::Float64 => SlotValues::Double(vec![0.0; rows]),
            ColumnKind::Bool => SlotValues::Bool(Bitmap::new(rows)),
            ColumnKind::Fixed(width) => SlotValues::Fixed { width, bytes: vec![0; rows * width] },
            ColumnKind::Text | ColumnKind::Bytes => match mode {
                StringMode::Coded => {
                    SlotValues::Coded { dictionary: Interner::default(), codes: vec![NULL; rows] }
                }
                StringMode::Views => {
                    SlotValues::Views { buffers: Vec::new(), views: vec![0; rows] }
                }
            },
        };
        Slots { kind, valid: (!required).then(|| Bitmap::new(rows)), values }
    }

    #[inline]
    pub fn mark(&mut self, position: u32) {
        if let Some(valid) = &mut self.valid {
            valid.set(position as usize);
        }
    }

    /// Puts a batch's column at `positions`, which has one entry per row of the batch.
    pub fn place(&mut self, column: &Column, positions: &[u32]) -> Result<(), Error> {
        match (&column.values, &mut self.values) {
            (Values::Int(from), SlotValues::Int(into)) => {
                each(column, positions, |index, to| into[to] = from.get(index));
            }
            (Values::Double(from), SlotValues::Double(into)) => {
                each(column, positions, |index, to| into[to] = from[index]);
            }
            (Values::Bool(from), SlotValues::Bool(into)) => {
                each(column, positions, |index, to| into.put(to, from[index]));
            }
            (Values::Fixed { width, bytes: from }, SlotValues::Fixed { bytes: into, .. }) => {
                let width = *width;
                each(column, positions, |index, to| {
                    into[to * width..][..width].copy_from_slice(&from[index * width..][..width]);
                });
            }
            (
                Values::Text(from) | Values::Bytes(from),
                SlotValues::Coded { dictionary, codes: into },
            ) => {
                let codes = recode(from, dictionary)?;
                each(column, positions, |index, to| {
                    into[to] = codes[from.codes.get(index) as usize]
                });
            }
            (Values::Text(from) | Values::Bytes(from), SlotValues::Views { buffers, views }) => {
                let codes = views_of(from, buffers)?;
                each(column, positions, |index, to| {
                    views[to] = codes[from.codes.get(index) as usize]
                });
            }
            _ => unreachable!("a column has one kind in every source"),
        }
        if let Some(valid) = &mut self.valid {
            each(column, positions, |_, to| valid.set(to));
        }
        Ok(())
    }

    /// The values as an Arrow array of the table's in-memory type.
    pub fn into_array(self) -> Result<ArrayRef, Error> {
        let nulls = self.valid.and_then(Bitmap::into_nulls);
        Ok(match (self.kind, self.values) {
            (ColumnKind::Timestamp, SlotValues::Int(values)) => {
                Arc::new(TimestampNanosecondArray::new(values.into(), nulls).with_timezone("UTC"))
            }
            (ColumnKind::Int32, SlotValues::Int(values)) => {
                let narrow: Vec<i32> = values.iter().map(|&value| value as i32).collect();
                Arc::new(Int32Array::new(narrow.into(), nulls))
            }
            (ColumnKind::UInt32, SlotValues::Int(values)) => {
                let narrow: Vec<u32> = values.iter().map(|&value| value as u32).collect();
                Arc::new(UInt32Array::new(narrow.into(), nulls))
            }
            (ColumnKind::UInt64, SlotValues::Int(values)) => {
                let bits: Vec<u64> = values.iter().map(|&value| value as u64).collect();
                Arc::new(UInt64Array::new(bits.into(), nulls))
            }
            (_, SlotValues::Int(values)) => Arc::new(Int64Array::new(values.into(), nulls)),
            (_, SlotValues::Double(values)) => Arc::new(Float64Array::new(values.into(), nulls)),
            (_, SlotValues::Bool(values)) => Arc::new(BooleanArray::new(values.into(), nulls)),
            (_, SlotValues::Fixed { width, bytes }) => {
                let rows = bytes.len() / width;
                let array = FixedSizeBinaryArray::try_new_with_len(
                    width as i32,
                    Buffer::from_vec(bytes),
                    nulls,
                    rows,
                );
                Arc::new(array.map_err(encode_error)?)
            }
            (kind, SlotValues::Coded { dictionary, codes }) => {
                let block = dictionary.buffer();
                let of_code: Vec<u128> = (0..dictionary.len() as u32)
                    .map(|code| {
                        let offset = dictionary.offsets()[code as usize];
                        make_view(dictionary.value(code), 0, offset)
                    })
                    .collect();
                let views =
                    codes.iter().map(|&code| if code == NULL { 0 } else { of_code[code as usize] });
                string_views(kind, vec![block], views.collect(), nulls)
            }
            (kind, SlotValues::Views { buffers, views }) => {
                string_views(kind, buffers, views, nulls)
            }
        })
    }
}

/// Calls `put(value index, position)` for every value whose row is kept.
#[inline]
fn each(column: &Column, positions: &[u32], mut put: impl FnMut(usize, usize)) {
    match &column.rows {
        Rows::Dense => {
            for (index, &to) in positions.iter().enumerate() {
                if to != DROPPED {
                    put(index, to as usize);
                }
            }
        }
        Rows::Sparse(rows) => {
            for (index, row) in rows.iter().enumerate() {
                let to = positions[row as usize];
                if to != DROPPED {
                    put(index, to as usize);
                }
            }
        }
    }
}

/// Codes of `from`'s dictionary in `dictionary`.
fn recode(from: &Strings, dictionary: &mut Interner) -> Result<Vec<u32>, Error> {
    from.dictionary.iter().map(|value| intern(dictionary, value)).collect()
}

/// Interns `value`, or says that the column has become too large.
#[inline]
pub(super) fn intern(dictionary: &mut Interner, value: &[u8]) -> Result<u32, Error> {
    if dictionary.bytes().len() + value.len() > STRING_BYTES_MAX {
        return Err(too_large());
    }
    Ok(dictionary.intern(value))
}

/// Views of `from`'s dictionary, whose bytes become a buffer of their own.
fn views_of(from: &Strings, buffers: &mut Vec<Buffer>) -> Result<Vec<u128>, Error> {
    let dictionary = &from.dictionary;
    if dictionary.bytes().len() > STRING_BYTES_MAX {
        return Err(too_large());
    }
    let block = buffers.len() as u32;
    buffers.push(dictionary.buffer());
    let offsets = dictionary.offsets().windows(2);
    Ok(offsets
        .map(|at| make_view(&dictionary.bytes()[at[0] as usize..at[1] as usize], block, at[0]))
        .collect())
}

fn too_large() -> Error {
    Error::Encode { detail: format!("one column holds more than {STRING_BYTES_MAX} bytes of text") }
}

fn string_views(
    kind: ColumnKind,
    buffers: Vec<Buffer>,
    views: Vec<u128>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let views = ScalarBuffer::from(views);
    // SAFETY: every view was made from bytes of its buffer; a null's view is an empty inline string; text was checked to
    // be UTF-8 where it entered (by the decoder, or by the Parquet reader).
    unsafe {
        match kind {
            ColumnKind::Text => Arc::new(StringViewArray::new_unchecked(views, buffers, nulls)),
            _ => Arc::new(BinaryViewArray::new_unchecked(views, buffers, nulls)),
        }
    }
}

pub(super) fn encode_error(error: impl std::fmt::Display) -> Error {
    Error::Encode { detail: error.to_string() }
}

impl From<Bitmap> for BooleanBuffer {
    fn from(bitmap: Bitmap) -> BooleanBuffer {
        let rows = bitmap.len();
        BooleanBuffer::new(Buffer::from_vec(bitmap.into_bytes()), 0, rows)
    }
}
