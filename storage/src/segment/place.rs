//! Placing decoded Arrow arrays into the slots of a merged column.

use super::column::{DROPPED, SlotValues, Slots, encode_error, intern};
use crate::Error;
use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringArray};
use arrow::datatypes::{
    DataType, Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt32Type, UInt64Type,
};

/// Codes of the dictionary that was met last, in the merged one. Pieces of one row group share their dictionary.
#[derive(Default)]
pub(super) struct Recode {
    dictionary: Option<ArrayRef>,
    codes: Vec<u32>,
}

/// Puts `array` at `positions`, one per value or null.
pub(super) fn place_array(
    array: &ArrayRef,
    positions: &[u32],
    into: &mut Slots,
    recode: &mut Recode,
) -> Result<(), Error> {
    match &mut into.values {
        SlotValues::Int(slots) => place_ints(array, positions, slots)?,
        SlotValues::Double(slots) => {
            let values =
                array.as_primitive_opt::<Float64Type>().ok_or_else(|| unexpected(array))?;
            each(array, positions, |row, to| slots[to] = values.values()[row]);
        }
        SlotValues::Bool(slots) => {
            let values = array.as_boolean_opt().ok_or_else(|| unexpected(array))?;
            each(array, positions, |row, to| slots.put(to, values.value(row)));
        }
        SlotValues::Fixed { width, bytes } => {
            let values = array.as_fixed_size_binary_opt().ok_or_else(|| unexpected(array))?;
            let width = *width;
            if values.value_length() as usize != width {
                return Err(unexpected(array));
            }
            each(array, positions, |row, to| {
                bytes[to * width..][..width].copy_from_slice(values.value(row));
            });
        }
        SlotValues::Coded { dictionary, codes } => {
            if array.as_any_dictionary_opt().is_some() {
                let merged = recode.codes_of(array, &mut |value| intern(dictionary, value))?;
                let keys = array.as_dictionary::<Int32Type>().keys();
                each(array, positions, |row, to| codes[to] = merged[keys.values()[row] as usize]);
            } else {
                each_bytes(array, &mut |row, value| {
                    if positions[row] != DROPPED {
                        codes[positions[row] as usize] = intern(dictionary, value)?;
                    }
                    Ok(())
                })?;
            }
        }
        SlotValues::Views { buffers, views } => {
            let array = as_views(array)?;
            let first = buffers.len() as u32;
            let (from, blocks) = match array.data_type() {
                DataType::Utf8View => {
                    (array.as_string_view().views(), array.as_string_view().data_buffers())
                }
                _ => (array.as_binary_view().views(), array.as_binary_view().data_buffers()),
            };
            buffers.extend(blocks.iter().cloned());
            each(&array, positions, |row, to| views[to] = shifted(from[row], first));
        }
    }
    if into.valid.is_some() {
        each(array, positions, |_, to| into.valid.as_mut().into_iter().for_each(|v| v.set(to)));
    } else if array.null_count() > 0 {
        return Err(encode_error("a required column holds nulls"));
    }
    Ok(())
}

fn place_ints(array: &ArrayRef, positions: &[u32], slots: &mut [i64]) -> Result<(), Error> {
    macro_rules! place {
        ($of:ty) => {{
            let values = array.as_primitive_opt::<$of>().ok_or_else(|| unexpected(array))?.values();
            each(array, positions, |row, to| slots[to] = values[row] as i64);
        }};
    }
    match array.data_type() {
        DataType::Timestamp(..) => place!(TimestampNanosecondType),
        DataType::Int32 => place!(Int32Type),
        DataType::UInt32 => place!(UInt32Type),
        DataType::UInt64 => place!(UInt64Type),
        _ => place!(Int64Type),
    }
    Ok(())
}

/// Calls `put(row, position)` for every value that is kept.
#[inline]
fn each(array: &ArrayRef, positions: &[u32], mut put: impl FnMut(usize, usize)) {
    match array.nulls() {
        None => {
            for (row, &to) in positions.iter().enumerate() {
                if to != DROPPED {
                    put(row, to as usize);
                }
            }
        }
        Some(nulls) => {
            for row in nulls.valid_indices() {
                if positions[row] != DROPPED {
                    put(row, positions[row] as usize);
                }
            }
        }
    }
}

impl Recode {
    fn codes_of(
        &mut self,
        array: &ArrayRef,
        intern: &mut dyn FnMut(&[u8]) -> Result<u32, Error>,
    ) -> Result<&[u32], Error> {
        let values = array.as_any_dictionary().values();
        let is_same =
            self.dictionary.as_ref().is_some_and(|last| last.to_data().ptr_eq(&values.to_data()));
        if !is_same {
            self.codes.clear();
            match values.data_type() {
                DataType::Utf8 => {
                    for value in values.as_string::<i32>().iter().flatten() {
                        self.codes.push(intern(value.as_bytes())?);
                    }
                }
                DataType::Binary => {
                    for value in values.as_binary::<i32>().iter().flatten() {
                        self.codes.push(intern(value)?);
                    }
                }
                _ => return Err(unexpected(array)),
            }
            self.dictionary = Some(values.clone());
        }
        Ok(&self.codes)
    }
}

/// Called with a row and its bytes.
type EachBytes<'a> = dyn FnMut(usize, &[u8]) -> Result<(), Error> + 'a;

/// Calls `visit(row, bytes)` for every value of a text or bytes array of any layout.
pub(super) fn each_bytes(array: &ArrayRef, visit: &mut EachBytes<'_>) -> Result<(), Error> {
    let rows = (0..array.len()).filter(|&row| array.is_valid(row));
    match array.data_type() {
        DataType::Dictionary(..) => {
            let array = array.as_dictionary_opt::<Int32Type>().ok_or_else(|| unexpected(array))?;
            let keys = array.keys().values();
            if let Some(text) = array.downcast_dict::<StringArray>() {
                let text = text.values();
                rows.into_iter()
                    .try_for_each(|row| visit(row, text.value(keys[row] as usize).as_bytes()))
            } else if let Some(bytes) = array.downcast_dict::<BinaryArray>() {
                let bytes = bytes.values();
                rows.into_iter().try_for_each(|row| visit(row, bytes.value(keys[row] as usize)))
            } else {
                Err(encode_error("dictionary of an unexpected type"))
            }
        }
        DataType::Utf8View => {
            let text = array.as_string_view();
            rows.into_iter().try_for_each(|row| visit(row, text.value(row).as_bytes()))
        }
        DataType::BinaryView => {
            let bytes = array.as_binary_view();
            rows.into_iter().try_for_each(|row| visit(row, bytes.value(row)))
        }
        _ => Err(unexpected(array)),
    }
}

/// A text or bytes array as views.
fn as_views(array: &ArrayRef) -> Result<ArrayRef, Error> {
    let to = match array.data_type() {
        DataType::Utf8View | DataType::BinaryView => return Ok(array.clone()),
        DataType::Dictionary(_, of) if **of == DataType::Utf8 => DataType::Utf8View,
        DataType::Dictionary(_, of) if **of == DataType::Binary => DataType::BinaryView,
        _ => return Err(unexpected(array)),
    };
    arrow::compute::cast(array, &to).map_err(encode_error)
}

/// The same view when its array's buffers come after `first` others.
#[inline]
fn shifted(view: u128, first: u32) -> u128 {
    const INLINE_BYTES_MAX: u32 = 12;
    if view as u32 <= INLINE_BYTES_MAX { view } else { view + (u128::from(first) << 64) }
}

fn unexpected(array: &ArrayRef) -> Error {
    encode_error(format_args!("a column has the unexpected type {}", array.data_type()))
}
