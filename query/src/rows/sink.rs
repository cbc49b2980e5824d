//! Arrays made value by value, of the types in which Arrow reads our columns.

use crate::pages::Unreadable;
use arrow::array::{
    ArrayRef, BinaryViewBuilder, BooleanBuilder, FixedSizeBinaryBuilder, NullBufferBuilder,
    PrimitiveArray, StringViewBuilder,
};
use arrow::buffer::{NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float64Type, Int32Type, Int64Type, TimeUnit,
    TimestampNanosecondType, UInt32Type, UInt64Type,
};
use std::sync::Arc;

/// An array in the making.
pub(super) enum Sink {
    /// Numbers as the 64 bits they have, or whose lower half they have.
    Number {
        kind: DataType,
        values: Vec<u64>,
        nulls: NullBufferBuilder,
    },
    Bool(BooleanBuilder),
    Fixed(FixedSizeBinaryBuilder, usize),
    Text(StringViewBuilder),
    Bytes(BinaryViewBuilder),
}

/// One value, as pages have it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Null,
    Bits(u64),
    Bytes(&'a [u8]),
}

impl Sink {
    pub(super) fn new(
        kind: &DataType,
        rows: usize,
        has_dictionary: bool,
    ) -> Result<Sink, Unreadable> {
        Ok(match kind {
            DataType::Int64
            | DataType::UInt64
            | DataType::Int32
            | DataType::UInt32
            | DataType::Float64
            | DataType::Timestamp(TimeUnit::Nanosecond, _) => Sink::Number {
                kind: kind.clone(),
                values: Vec::with_capacity(rows),
                nulls: NullBufferBuilder::new(rows),
            },
            DataType::Boolean => Sink::Bool(BooleanBuilder::with_capacity(rows)),
            DataType::FixedSizeBinary(width) => {
                let bytes = usize::try_from(*width).map_err(|_| Unreadable)?;
                Sink::Fixed(FixedSizeBinaryBuilder::with_capacity(rows, *width), bytes)
            }
            // Whoever decodes a resource remembers by its view what it is.
            DataType::Utf8View if has_dictionary => {
                Sink::Text(StringViewBuilder::with_capacity(rows).with_deduplicate_strings())
            }
            DataType::Utf8View => Sink::Text(StringViewBuilder::with_capacity(rows)),
            DataType::BinaryView if has_dictionary => {
                Sink::Bytes(BinaryViewBuilder::with_capacity(rows).with_deduplicate_strings())
            }
            DataType::BinaryView => Sink::Bytes(BinaryViewBuilder::with_capacity(rows)),
            _ => return Err(Unreadable),
        })
    }

    pub(super) fn put(&mut self, cell: Cell<'_>) -> Result<(), Unreadable> {
        match (self, cell) {
            (Sink::Number { values, nulls, .. }, Cell::Bits(bits)) => {
                values.push(bits);
                nulls.append_non_null();
            }
            (Sink::Number { values, nulls, .. }, Cell::Null) => {
                values.push(0);
                nulls.append_null();
            }
            (Sink::Bool(sink), Cell::Bits(bits)) => sink.append_value(bits == 1),
            (Sink::Bool(sink), Cell::Null) => sink.append_null(),
            (Sink::Fixed(sink, width), Cell::Bytes(bytes)) if bytes.len() == *width => {
                sink.append_value(bytes).map_err(|_| Unreadable)?;
            }
            (Sink::Fixed(sink, _), Cell::Null) => sink.append_null(),
            (Sink::Text(sink), Cell::Bytes(bytes)) => {
                sink.append_value(std::str::from_utf8(bytes).map_err(|_| Unreadable)?);
            }
            (Sink::Text(sink), Cell::Null) => sink.append_null(),
            (Sink::Bytes(sink), Cell::Bytes(bytes)) => sink.append_value(bytes),
            (Sink::Bytes(sink), Cell::Null) => sink.append_null(),
            _ => return Err(Unreadable),
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<ArrayRef, Unreadable> {
        Ok(match self {
            Sink::Number { kind, values, mut nulls } => numbers(&kind, &values, nulls.finish())?,
            Sink::Bool(mut sink) => Arc::new(sink.finish()),
            Sink::Fixed(mut sink, _) => Arc::new(sink.finish()),
            Sink::Text(mut sink) => Arc::new(sink.finish()),
            Sink::Bytes(mut sink) => Arc::new(sink.finish()),
        })
    }
}

fn numbers(
    kind: &DataType,
    bits: &[u64],
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, Unreadable> {
    fn array<T: ArrowPrimitiveType>(
        bits: &[u64],
        nulls: Option<NullBuffer>,
        value: impl Fn(u64) -> T::Native,
    ) -> PrimitiveArray<T> {
        let values: ScalarBuffer<T::Native> = bits.iter().map(|&bits| value(bits)).collect();
        PrimitiveArray::new(values, nulls)
    }
    Ok(match kind {
        DataType::Int64 => Arc::new(array::<Int64Type>(bits, nulls, |bits| bits as i64)),
        DataType::UInt64 => Arc::new(array::<UInt64Type>(bits, nulls, |bits| bits)),
        DataType::Int32 => Arc::new(array::<Int32Type>(bits, nulls, |bits| bits as i32)),
        DataType::UInt32 => Arc::new(array::<UInt32Type>(bits, nulls, |bits| bits as u32)),
        DataType::Float64 => Arc::new(array::<Float64Type>(bits, nulls, f64::from_bits)),
        DataType::Timestamp(TimeUnit::Nanosecond, zone) => {
            let times = array::<TimestampNanosecondType>(bits, nulls, |bits| bits as i64);
            Arc::new(times.with_timezone_opt(zone.clone()))
        }
        _ => return Err(Unreadable),
    })
}
