//! One value of a column as text.
//!
//! Bool, integers and finite floats are JSON's own; other floats are `"NaN"`, `"Infinity"`, `"-Infinity"`; times and
//! durations are Unix ns as decimal strings; binary values and ids are lower-case hex; lists are arrays, structs and maps
//! objects; null is null.

use crate::api::value::double_name;
use arrow::array::{Array, AsArray, MapArray, StructArray};
use arrow::datatypes::{
    ArrowNativeType, DataType, DurationMicrosecondType, DurationMillisecondType,
    DurationNanosecondType, DurationSecondType, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use std::io::Write;

/// Writes the value of one row.
pub type CellWriter<'a> = Box<dyn Fn(usize, &mut Vec<u8>) + 'a>;

/// Writes values of `array` as JSON, nulls included.
pub fn json_writer(array: &dyn Array) -> Result<CellWriter<'_>, String> {
    let write = value_writer(array, true)?;
    Ok(nullable(array, write, b"null"))
}

/// Writes values of `array` bare, strings without quotes; a null is nothing.
pub fn plain_writer(array: &dyn Array) -> Result<CellWriter<'_>, String> {
    let write = value_writer(array, false)?;
    Ok(nullable(array, write, b""))
}

fn nullable<'a>(
    array: &'a dyn Array,
    write: CellWriter<'a>,
    null: &'static [u8],
) -> CellWriter<'a> {
    if matches!(array.data_type(), DataType::Null) {
        return Box::new(move |_, out| out.extend_from_slice(null));
    }
    // Dictionaries may hide nulls among their values.
    let nulls = array.logical_nulls();
    Box::new(move |row, out| match &nulls {
        Some(nulls) if nulls.is_null(row) => out.extend_from_slice(null),
        _ => write(row, out),
    })
}

macro_rules! integers {
    ($array:expr, $kind:ty) => {{
        let values = $array.as_primitive::<$kind>();
        Box::new(move |row, out| write_display(values.value(row), out))
    }};
}

macro_rules! nanoseconds {
    ($array:expr, $kind:ty, $factor:expr, $quoted:expr) => {{
        let values = $array.as_primitive::<$kind>();
        Box::new(move |row, out| {
            write_quoted($quoted, out, |out| {
                write_display(i128::from(values.value(row)) * $factor, out)
            })
        })
    }};
}

fn value_writer(array: &dyn Array, quoted: bool) -> Result<CellWriter<'_>, String> {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    Ok(match array.data_type() {
        DataType::Null => Box::new(|_, _| ()),
        DataType::Boolean => {
            let values = array.as_boolean();
            Box::new(move |row, out| write_display(values.value(row), out))
        }
        DataType::Int8 => integers!(array, Int8Type),
        DataType::Int16 => integers!(array, Int16Type),
        DataType::Int32 => integers!(array, Int32Type),
        DataType::Int64 => integers!(array, Int64Type),
        DataType::UInt8 => integers!(array, UInt8Type),
        DataType::UInt16 => integers!(array, UInt16Type),
        DataType::UInt32 => integers!(array, UInt32Type),
        DataType::UInt64 => integers!(array, UInt64Type),
        DataType::Float16 => {
            let values = array.as_primitive::<Float16Type>();
            Box::new(move |row, out| write_double(f64::from(values.value(row)), quoted, out))
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            Box::new(move |row, out| write_float(values.value(row), quoted, out))
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            Box::new(move |row, out| write_double(values.value(row), quoted, out))
        }
        DataType::Timestamp(Nanosecond, _) => {
            nanoseconds!(array, TimestampNanosecondType, 1, quoted)
        }
        DataType::Timestamp(Microsecond, _) => {
            nanoseconds!(array, TimestampMicrosecondType, 1_000, quoted)
        }
        DataType::Timestamp(Millisecond, _) => {
            nanoseconds!(array, TimestampMillisecondType, 1_000_000, quoted)
        }
        DataType::Timestamp(Second, _) => {
            nanoseconds!(array, TimestampSecondType, 1_000_000_000, quoted)
        }
        DataType::Duration(Nanosecond) => nanoseconds!(array, DurationNanosecondType, 1, quoted),
        DataType::Duration(Microsecond) => {
            nanoseconds!(array, DurationMicrosecondType, 1_000, quoted)
        }
        DataType::Duration(Millisecond) => {
            nanoseconds!(array, DurationMillisecondType, 1_000_000, quoted)
        }
        DataType::Duration(Second) => {
            nanoseconds!(array, DurationSecondType, 1_000_000_000, quoted)
        }
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            Box::new(move |row, out| write_text(values.value(row), quoted, out))
        }
        DataType::LargeUtf8 => {
            let values = array.as_string::<i64>();
            Box::new(move |row, out| write_text(values.value(row), quoted, out))
        }
        DataType::Utf8View => {
            let values = array.as_string_view();
            Box::new(move |row, out| write_text(values.value(row), quoted, out))
        }
        DataType::Binary => {
            let values = array.as_binary::<i32>();
            Box::new(move |row, out| write_hex(values.value(row), quoted, out))
        }
        DataType::LargeBinary => {
            let values = array.as_binary::<i64>();
            Box::new(move |row, out| write_hex(values.value(row), quoted, out))
        }
        DataType::BinaryView => {
            let values = array.as_binary_view();
            Box::new(move |row, out| write_hex(values.value(row), quoted, out))
        }
        DataType::FixedSizeBinary(_) => {
            let values = array.as_fixed_size_binary();
            Box::new(move |row, out| write_hex(values.value(row), quoted, out))
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            if dictionary.values().is_empty() {
                return Ok(Box::new(|_, _| ())); // every row is null
            }
            let keys = dictionary.normalized_keys();
            let write = value_writer(dictionary.values().as_ref(), quoted)?;
            Box::new(move |row, out| write(keys[row], out))
        }
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            list_writer(lists.values().as_ref(), lists.value_offsets())?
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            list_writer(lists.values().as_ref(), lists.value_offsets())?
        }
        DataType::FixedSizeList(_, length) => {
            let write = json_writer(array.as_fixed_size_list().values().as_ref())?;
            let length = length.as_usize();
            Box::new(move |row, out| write_array(row * length..(row + 1) * length, &write, out))
        }
        DataType::Struct(_) => struct_writer(array.as_struct())?,
        DataType::Map(_, _) => map_writer(array.as_map())?,
        _ => formatted_writer(array, quoted)?,
    })
}

fn list_writer<'a, O: ArrowNativeType>(
    values: &'a dyn Array,
    offsets: &'a [O],
) -> Result<CellWriter<'a>, String> {
    let write = json_writer(values)?;
    Ok(Box::new(move |row, out| {
        write_array(offsets[row].as_usize()..offsets[row + 1].as_usize(), &write, out);
    }))
}

fn write_array(rows: std::ops::Range<usize>, write: &CellWriter<'_>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, row) in rows.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(row, out);
    }
    out.push(b']');
}

fn struct_writer(array: &StructArray) -> Result<CellWriter<'_>, String> {
    let mut members = Vec::with_capacity(array.num_columns());
    for (name, column) in array.column_names().into_iter().zip(array.columns()) {
        members.push((name, json_writer(column.as_ref())?));
    }
    Ok(Box::new(move |row, out| {
        out.push(b'{');
        for (index, (name, write)) in members.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_text(name, true, out);
            out.push(b':');
            write(row, out);
        }
        out.push(b'}');
    }))
}

fn map_writer(array: &MapArray) -> Result<CellWriter<'_>, String> {
    let key_is_text = matches!(
        array.keys().data_type(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    );
    let write_key = value_writer(array.keys().as_ref(), true)?;
    let write_value = json_writer(array.values().as_ref())?;
    let offsets = array.value_offsets();
    Ok(Box::new(move |row, out| {
        out.push(b'{');
        let entries = offsets[row].as_usize()..offsets[row + 1].as_usize();
        for (index, entry) in entries.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_quoted(!key_is_text, out, |out| write_key(entry, out));
            out.push(b':');
            write_value(entry, out);
        }
        out.push(b'}');
    }))
}

/// Dates, times of day, intervals, decimals and whatever else: as Arrow prints them.
fn formatted_writer(array: &dyn Array, quoted: bool) -> Result<CellWriter<'_>, String> {
    const OPTIONS: FormatOptions<'static> = FormatOptions::new();
    let formatter = ArrayFormatter::try_new(array, &OPTIONS).map_err(|error| error.to_string())?;
    Ok(Box::new(move |row, out| write_text(&formatter.value(row).to_string(), quoted, out)))
}

fn write_display(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    let _ = write!(out, "{value}"); // writing to memory cannot fail
}

fn write_quoted(quoted: bool, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    if quoted {
        out.push(b'"');
    }
    write(out);
    if quoted {
        out.push(b'"');
    }
}

fn write_text(text: &str, quoted: bool, out: &mut Vec<u8>) {
    if quoted {
        let _ = serde_json::to_writer(out, text); // writing to memory cannot fail
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

fn write_hex(bytes: &[u8], quoted: bool, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    write_quoted(quoted, out, |out| {
        out.reserve(bytes.len() * 2);
        for byte in bytes {
            out.push(DIGITS[usize::from(byte >> 4)]);
            out.push(DIGITS[usize::from(byte & 15)]);
        }
    });
}

fn write_double(number: f64, quoted: bool, out: &mut Vec<u8>) {
    match double_name(number) {
        Some(name) => write_text(name, quoted, out),
        None => {
            let _ = serde_json::to_writer(out, &number); // writing to memory cannot fail
        }
    }
}

/// As the shortest text that reads back as the same `f32`.
fn write_float(number: f32, quoted: bool, out: &mut Vec<u8>) {
    match double_name(f64::from(number)) {
        Some(name) => write_text(name, quoted, out),
        None => {
            let _ = serde_json::to_writer(out, &number); // writing to memory cannot fail
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        ArrayRef, BinaryViewArray, BooleanArray, DictionaryArray, DurationMillisecondArray,
        FixedSizeBinaryArray, Float64Array, Int64Array, ListArray, MapBuilder, StringArray,
        StringBuilder, StringViewArray, TimestampNanosecondArray, TimestampSecondArray,
        UInt64Array,
    };
    use arrow::datatypes::Field;
    use std::sync::Arc;

    fn json(array: &dyn Array) -> Vec<String> {
        let write = json_writer(array).unwrap();
        let cells = (0..array.len()).map(|row| {
            let mut out = Vec::new();
            write(row, &mut out);
            String::from_utf8(out).unwrap()
        });
        cells.collect()
    }

    #[test]
    fn every_kind_of_column_renders() {
        let cases: Vec<(ArrayRef, &[&str])> = vec![
            (Arc::new(BooleanArray::from(vec![Some(true), None])), &["true", "null"]),
            (Arc::new(Int64Array::from(vec![i64::MIN])), &["-9223372036854775808"]),
            (Arc::new(UInt64Array::from(vec![u64::MAX])), &["18446744073709551615"]),
            (
                Arc::new(Float64Array::from(vec![1.0, f64::NAN, 1e300, f64::NEG_INFINITY])),
                &["1.0", "\"NaN\"", "1e+300", "\"-Infinity\""],
            ),
            (Arc::new(StringViewArray::from(vec!["a\"\n"])), &[r#""a\"\n""#]),
            (
                Arc::new(TimestampNanosecondArray::from(vec![i64::MAX]).with_timezone("UTC")),
                &["\"9223372036854775807\""],
            ),
            (
                Arc::new(TimestampSecondArray::from(vec![i64::MAX])),
                &["\"9223372036854775807000000000\""],
            ),
            (Arc::new(DurationMillisecondArray::from(vec![-1])), &["\"-1000000\""]),
            (Arc::new(BinaryViewArray::from(vec![b"\x00\xff".as_slice()])), &["\"00ff\""]),
            (
                Arc::new(FixedSizeBinaryArray::try_from_iter([[171u8; 8]].iter()).unwrap()),
                &["\"abababababababab\""],
            ),
            (
                Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("x"), None, Some("x")])),
                &["\"x\"", "null", "\"x\""],
            ),
            (Arc::new(DictionaryArray::<Int32Type>::from_iter([None::<&str>])), &["null"]),
            (
                Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([
                    Some(vec![Some(1), None]),
                    None,
                    Some(vec![]),
                ])),
                &["[1,null]", "null", "[]"],
            ),
        ];
        for (array, expected) in cases {
            assert_eq!(json(array.as_ref()), *expected, "{}", array.data_type());
        }
    }

    #[test]
    fn structs_and_maps_are_objects() {
        let name = Arc::new(StringArray::from(vec!["n"])) as ArrayRef;
        let fields = vec![(Arc::new(Field::new("name", DataType::Utf8, true)), name)];
        assert_eq!(json(&StructArray::from(fields)), [r#"{"name":"n"}"#]);
        let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        map.keys().append_value("k");
        map.values().append_null();
        map.append(true).unwrap();
        assert_eq!(json(&map.finish()), [r#"{"k":null}"#]);
    }

    #[test]
    fn plain_text_has_no_quotes() {
        let array = StringArray::from(vec![Some("a,b"), None]);
        let write = plain_writer(&array).unwrap();
        let mut out = Vec::new();
        write(0, &mut out);
        write(1, &mut out);
        assert_eq!(out, b"a,b");
    }
}
