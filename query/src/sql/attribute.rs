//! One attribute of every row, as one type, wherever a file keeps it.

use super::proto::AttributeList;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanBuilder, Float64Builder, Int64Builder,
    StringViewBuilder,
};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use binnacle_storage::batch::AttributeType;
use binnacle_storage::model::Value;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The Arrow type of an attribute read as `kind`.
pub(super) fn data_type(kind: AttributeType) -> DataType {
    match kind {
        AttributeType::String => DataType::Utf8View,
        AttributeType::Int => DataType::Int64,
        AttributeType::Double => DataType::Float64,
        AttributeType::Bool => DataType::Boolean,
    }
}

/// Any value as text. Nothing but an empty value is lost: bytes become base64, arrays and lists JSON.
pub(super) fn to_text<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    Some(match *value {
        Value::Empty => return None,
        Value::String(text) => Cow::Borrowed(text),
        Value::Int(number) => Cow::Owned(number.to_string()),
        Value::Double(number) => Cow::Owned(number.to_string()),
        Value::Bool(flag) => Cow::Borrowed(if flag { "true" } else { "false" }),
        Value::Bytes(bytes) => {
            let mut text = String::new();
            super::proto::put_base64(&mut text, bytes);
            Cow::Owned(text)
        }
        Value::Array(_) | Value::KeyValues(_) => {
            let mut json = String::new();
            super::proto::put_json(&mut json, value);
            Cow::Owned(json)
        }
    })
}

/// Whole numbers, also when sent as a double or as text.
pub(super) fn to_int(value: &Value<'_>) -> Option<i64> {
    match *value {
        Value::Int(number) => Some(number),
        Value::Double(number) => {
            let fits = number >= i64::MIN as f64 && number < i64::MAX as f64;
            (fits && number.fract() == 0.0).then_some(number as i64)
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Numbers, also when sent as text.
pub(super) fn to_double(value: &Value<'_>) -> Option<f64> {
    match *value {
        Value::Int(number) => Some(number as f64),
        Value::Double(number) => Some(number),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Truth values, also when sent as the text `true` or `false`.
pub(super) fn to_bool(value: &Value<'_>) -> Option<bool> {
    match *value {
        Value::Bool(flag) => Some(flag),
        Value::String("true") => Some(true),
        Value::String("false") => Some(false),
        _ => None,
    }
}

/// Values of one attribute row by row, made into an array of one type.
pub(super) fn build<'a>(
    kind: AttributeType,
    rows: usize,
    value: impl Fn(usize) -> Value<'a>,
) -> ArrayRef {
    match kind {
        AttributeType::String => {
            let mut out = StringViewBuilder::with_capacity(rows);
            (0..rows).for_each(|row| out.append_option(to_text(&value(row))));
            Arc::new(out.finish())
        }
        AttributeType::Int => {
            let mut out = Int64Builder::with_capacity(rows);
            (0..rows).for_each(|row| out.append_option(to_int(&value(row))));
            Arc::new(out.finish())
        }
        AttributeType::Double => {
            let mut out = Float64Builder::with_capacity(rows);
            (0..rows).for_each(|row| out.append_option(to_double(&value(row))));
            Arc::new(out.finish())
        }
        AttributeType::Bool => {
            let mut out = BooleanBuilder::with_capacity(rows);
            (0..rows).for_each(|row| out.append_option(to_bool(&value(row))));
            Arc::new(out.finish())
        }
    }
}

/// A typed attribute column's value in one row; empty where it is null.
pub(super) fn column_value(column: &dyn Array, row: usize) -> Value<'_> {
    if column.is_null(row) {
        return Value::Empty;
    }
    match column.data_type() {
        DataType::Utf8View => Value::String(column.as_string_view().value(row)),
        DataType::Utf8 => Value::String(column.as_string::<i32>().value(row)),
        DataType::Int64 => Value::Int(column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Value::Double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        _ => Value::Empty,
    }
}

/// Byte values of a column, whichever layout it came in.
pub(super) fn binary(column: &ArrayRef) -> Result<BinaryViewArray> {
    match column.data_type() {
        DataType::BinaryView => Ok(column.as_binary_view().clone()),
        DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_) => {
            let cast = arrow::compute::cast(column, &DataType::BinaryView)?;
            Ok(cast.as_binary_view().clone())
        }
        other => internal_err!("a column of bytes came as {other}"),
    }
}

/// The different values of a column whose values repeat, and which row has which.
pub(super) struct Distinct<'a> {
    pub(super) values: Vec<&'a [u8]>,
    /// Position in `values`; `None` where the row is null.
    pub(super) codes: Vec<Option<u32>>,
}

impl<'a> Distinct<'a> {
    pub(super) fn of(column: &'a BinaryViewArray) -> Distinct<'a> {
        let mut distinct = Distinct { values: Vec::new(), codes: Vec::with_capacity(column.len()) };
        let mut seen: HashMap<&[u8], u32> = HashMap::new();
        let mut last: Option<(u128, u32)> = None;
        for row in 0..column.len() {
            if column.is_null(row) {
                distinct.codes.push(None);
                continue;
            }
            // Equal views are equal values; repeated values share their view.
            let view = column.views()[row];
            let code = match last {
                Some((same, code)) if same == view => code,
                _ => {
                    let value = column.value(row);
                    *seen.entry(value).or_insert_with(|| {
                        distinct.values.push(value);
                        distinct.values.len() as u32 - 1
                    })
                }
            };
            last = Some((view, code));
            distinct.codes.push(Some(code));
        }
        distinct
    }
}

/// An attribute read from a typed column, from a list of attributes, or from the first of both that has it.
#[derive(Debug, Clone)]
pub(super) struct AttributeExpr {
    pub(super) key: Arc<str>,
    pub(super) kind: AttributeType,
    pub(super) list: AttributeList,
    pub(super) column: Option<Arc<dyn PhysicalExpr>>,
    pub(super) bytes: Option<Arc<dyn PhysicalExpr>>,
}

impl AttributeExpr {
    fn find<'a>(&self, bytes: &'a [u8]) -> Value<'a> {
        let mut attributes = self.list.attributes(bytes);
        attributes.find(|attribute| attribute.key == &*self.key).map_or(Value::Empty, |a| a.value)
    }

    fn evaluate_rows(
        &self,
        rows: usize,
        column: Option<ArrayRef>,
        bytes: Option<ArrayRef>,
    ) -> Result<ArrayRef> {
        let typed = |row| column.as_ref().map_or(Value::Empty, |column| column_value(column, row));
        let Some(bytes) = bytes.filter(|bytes| bytes.null_count() < rows) else {
            return Ok(match &column {
                Some(column) if column.data_type() == &data_type(self.kind) => column.clone(),
                _ => build(self.kind, rows, typed),
            });
        };
        let bytes = binary(&bytes)?;
        if self.list != AttributeList::Row {
            let distinct = Distinct::of(&bytes);
            let found: Vec<_> = distinct.values.iter().map(|bytes| self.find(bytes)).collect();
            let value =
                |row: usize| distinct.codes[row].map_or(Value::Empty, |code| found[code as usize]);
            return Ok(build(self.kind, rows, value));
        }
        Ok(build(self.kind, rows, |row| match typed(row) {
            Value::Empty if bytes.is_valid(row) => self.find(bytes.value(row)),
            value => value,
        }))
    }
}

impl PartialEq for AttributeExpr {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
            && self.kind == other.kind
            && self.list == other.list
            && self.column.eq(&other.column)
            && self.bytes.eq(&other.bytes)
    }
}

impl Eq for AttributeExpr {}

impl Hash for AttributeExpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.key, self.kind, self.list).hash(state);
        self.column.hash(state);
        self.bytes.hash(state);
    }
}

impl fmt::Display for AttributeExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attribute('{}', {}", self.key, self.kind.name())?;
        for input in self.children() {
            write!(f, ", {input}")?;
        }
        f.write_str(")")
    }
}

impl PhysicalExpr for AttributeExpr {
    fn return_field(&self, _: &Schema) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(&*self.key, data_type(self.kind), true)))
    }

    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(data_type(self.kind))
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let input = |expr: &Option<Arc<dyn PhysicalExpr>>| -> Result<Option<ArrayRef>> {
            expr.as_ref().map(|expr| expr.evaluate(batch)?.into_array(rows)).transpose()
        };
        let array = self.evaluate_rows(rows, input(&self.column)?, input(&self.bytes)?)?;
        Ok(ColumnarValue::Array(array))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.column.iter().chain(&self.bytes).collect()
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let mut children = children.into_iter();
        let mut replace = |old: &Option<_>| old.as_ref().and_then(|_| children.next());
        Ok(Arc::new(AttributeExpr {
            column: replace(&self.column),
            bytes: replace(&self.bytes),
            ..(*self).clone()
        }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}['{}']", self.list.sql_name(), self.key)
    }
}
