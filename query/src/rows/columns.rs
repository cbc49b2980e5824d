//! Typed access to the columns of a batch, whatever Arrow type a reader chose for them.

use crate::Error;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, FixedSizeBinaryArray, Float64Array, Int64Array,
    StringViewArray, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::wire::Malformed;

/// The columns of a batch by name. A column the batch does not have reads as null in every row.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a>(pub(crate) &'a RecordBatch);

pub(crate) struct TextColumn(Option<StringViewArray>);
pub(crate) struct ByteColumn(Option<BinaryViewArray>);
pub(crate) struct FixedColumn(Option<FixedSizeBinaryArray>);
pub(crate) struct IntColumn(Option<Int64Array>);
pub(crate) struct CountColumn(Option<UInt64Array>);
pub(crate) struct DoubleColumn(Option<Float64Array>);

/// Stored bytes that are not what they should be.
pub(crate) fn malformed(column: &str, error: Malformed) -> Error {
    Error::Execution { message: format!("column '{column}' holds damaged bytes: {error}") }
}

impl Columns<'_> {
    pub(crate) fn text(self, name: &str) -> Result<TextColumn, Error> {
        let array = self.column(name, &DataType::Utf8View)?;
        Ok(TextColumn(array.map(|array| array.as_string_view().clone())))
    }

    pub(crate) fn bytes(self, name: &str) -> Result<ByteColumn, Error> {
        let array = self.column(name, &DataType::BinaryView)?;
        Ok(ByteColumn(array.map(|array| array.as_binary_view().clone())))
    }

    pub(crate) fn fixed(self, name: &str) -> Result<FixedColumn, Error> {
        match self.0.column_by_name(name) {
            None => Ok(FixedColumn(None)),
            Some(array) => match array.as_fixed_size_binary_opt() {
                Some(array) => Ok(FixedColumn(Some(array.clone()))),
                None => Err(wrong_type(name, array.data_type())),
            },
        }
    }

    /// Integers of every width up to 64 bits, and timestamps.
    pub(crate) fn int(self, name: &str) -> Result<IntColumn, Error> {
        let array = self.column(name, &DataType::Int64)?;
        Ok(IntColumn(array.map(|array| array.as_primitive::<Int64Type>().clone())))
    }

    /// Counts, which may take all of 64 bits.
    pub(crate) fn count(self, name: &str) -> Result<CountColumn, Error> {
        let array = self.column(name, &DataType::UInt64)?;
        Ok(CountColumn(array.map(|array| array.as_primitive::<UInt64Type>().clone())))
    }

    pub(crate) fn double(self, name: &str) -> Result<DoubleColumn, Error> {
        let array = self.column(name, &DataType::Float64)?;
        Ok(DoubleColumn(array.map(|array| array.as_primitive::<Float64Type>().clone())))
    }

    fn column(self, name: &str, kind: &DataType) -> Result<Option<ArrayRef>, Error> {
        match self.0.column_by_name(name) {
            None => Ok(None),
            Some(array) if array.data_type() == kind => Ok(Some(array.clone())),
            Some(array) => {
                let cast = cast(array, kind).map_err(|_| wrong_type(name, array.data_type()))?;
                Ok(Some(cast))
            }
        }
    }
}

fn wrong_type(name: &str, kind: &DataType) -> Error {
    Error::Execution { message: format!("column '{name}' has the unexpected type {kind}") }
}

fn valid<A: Array>(array: &Option<A>, row: usize) -> Option<&A> {
    array.as_ref().filter(|array| array.is_valid(row))
}

impl TextColumn {
    pub(crate) fn value(&self, row: usize) -> Option<&str> {
        valid(&self.0, row).map(|array| array.value(row))
    }

    /// Within one batch, equal numbers mean equal values.
    pub(crate) fn view(&self, row: usize) -> Option<u128> {
        valid(&self.0, row).map(|array| array.views()[row])
    }

    /// The value, or an empty string.
    pub(crate) fn owned(&self, row: usize) -> String {
        self.value(row).unwrap_or_default().to_owned()
    }
}

impl ByteColumn {
    /// A column that was not read: null in every row.
    pub(crate) fn absent() -> ByteColumn {
        ByteColumn(None)
    }

    pub(crate) fn is_there(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn value(&self, row: usize) -> Option<&[u8]> {
        valid(&self.0, row).map(|array| array.value(row))
    }

    /// Equal numbers mean equal values; equal values of one dictionary page have equal numbers.
    pub(crate) fn view(&self, row: usize) -> Option<u128> {
        valid(&self.0, row).map(|array| array.views()[row])
    }
}

impl FixedColumn {
    pub(crate) fn value(&self, row: usize) -> Option<&[u8]> {
        valid(&self.0, row).map(|array| array.value(row))
    }

    /// The value as an id of `N` bytes; `None` also when the column has another width.
    pub(crate) fn id<const N: usize>(&self, row: usize) -> Option<[u8; N]> {
        self.value(row).and_then(|bytes| bytes.try_into().ok())
    }
}

impl IntColumn {
    pub(crate) fn value(&self, row: usize) -> Option<i64> {
        valid(&self.0, row).map(|array| array.value(row))
    }

    /// A small number; 0 when null.
    pub(crate) fn i32(&self, row: usize) -> i32 {
        self.value(row).and_then(|value| i32::try_from(value).ok()).unwrap_or(0)
    }

    /// A small count or flags; 0 when null.
    pub(crate) fn u32(&self, row: usize) -> u32 {
        self.value(row).and_then(|value| u32::try_from(value).ok()).unwrap_or(0)
    }

    /// Of the column of weights: how many rows this one stands for.
    pub(crate) fn weight(&self, row: usize) -> u32 {
        self.u32(row).max(1)
    }
}

impl CountColumn {
    pub(crate) fn value(&self, row: usize) -> Option<u64> {
        valid(&self.0, row).map(|array| array.value(row))
    }
}

impl DoubleColumn {
    pub(crate) fn value(&self, row: usize) -> Option<f64> {
        valid(&self.0, row).map(|array| array.value(row))
    }
}
