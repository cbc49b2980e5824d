//! Stored messages as text: resources, scopes, events, links and whole attribute lists.

use super::attribute::{Distinct, binary, column_value};
use super::proto::{self, AttributeList};
use arrow::array::{
    Array, ArrayRef, DictionaryArray, Int32Array, StringBuilder, StringViewBuilder,
};
use arrow::datatypes::{DataType, Field, FieldRef, Int32Type, Schema};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::wire;
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What a text column is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum TextSource {
    /// All of a row's attributes, columns and tail, as a JSON object.
    Attributes,
    /// Resource or scope attributes as a JSON object.
    List(AttributeList),
    ScopeName,
    ScopeVersion,
    /// Span events and links as JSON arrays.
    Events,
    Links,
    /// An `AnyValue` as JSON.
    AnyValue,
    /// A stored list of attributes as a JSON object.
    Metadata,
}

impl TextSource {
    /// The stored column it is made from; `None` for [`TextSource::Attributes`], made from many.
    pub(super) fn column(self) -> Option<&'static str> {
        Some(match self {
            TextSource::Attributes => return None,
            TextSource::List(AttributeList::Row) => return None,
            TextSource::List(AttributeList::Resource) => "resource",
            TextSource::List(AttributeList::Scope)
            | TextSource::ScopeName
            | TextSource::ScopeVersion => "scope",
            TextSource::Events => "events",
            TextSource::Links => "links",
            TextSource::AnyValue => "body_value",
            TextSource::Metadata => "metadata",
        })
    }

    /// Values that repeat are a dictionary. It also keeps these columns apart from the stored columns of the same name,
    /// which the Parquet reader would otherwise read as UTF-8.
    pub(super) fn data_type(self) -> DataType {
        match self {
            TextSource::Attributes => DataType::Utf8View,
            _ => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        }
    }

    /// Appends the text of `bytes`; false where there is none.
    fn put(self, out: &mut String, bytes: &[u8]) -> bool {
        let scope = || proto::messages(bytes, 1).last().unwrap_or_default();
        let list = |list: AttributeList| list.attributes(bytes).map(|a| (a.key, a.value));
        match self {
            TextSource::Attributes => return false,
            TextSource::List(of) => proto::put_json_object(out, list(of)),
            TextSource::ScopeName => out.push_str(proto::text_field(scope(), 1).unwrap_or("")),
            TextSource::ScopeVersion => out.push_str(proto::text_field(scope(), 2).unwrap_or("")),
            TextSource::Events => proto::put_events(out, bytes),
            TextSource::Links => proto::put_links(out, bytes),
            TextSource::AnyValue => match wire::any_value(bytes) {
                Ok(value) => proto::put_json(out, &value),
                Err(_) => return false,
            },
            TextSource::Metadata => proto::put_json_object(out, list(AttributeList::Row)),
        }
        true
    }
}

/// A text column. Inputs: the one stored column, or for [`TextSource::Attributes`] the attribute columns in the order
/// of `keys` and then, if `with_rest`, the tail.
#[derive(Debug, Clone)]
pub(super) struct TextExpr {
    pub(super) source: TextSource,
    pub(super) keys: Arc<[String]>,
    pub(super) with_rest: bool,
    pub(super) inputs: Vec<Arc<dyn PhysicalExpr>>,
}

impl TextExpr {
    fn of_distinct(&self, column: &ArrayRef) -> Result<ArrayRef> {
        let bytes = binary(column)?;
        let distinct = Distinct::of(&bytes);
        let mut values = StringBuilder::new();
        let mut text = String::new();
        for bytes in &distinct.values {
            text.clear();
            let some = self.source.put(&mut text, bytes);
            values.append_option(some.then_some(&text));
        }
        let codes = distinct.codes.iter().map(|code| code.map(|code| code as i32));
        let codes: Int32Array = codes.collect();
        let values: ArrayRef = Arc::new(values.finish());
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(codes, values)?))
    }

    fn of_attributes(&self, rows: usize, inputs: &[ArrayRef]) -> Result<ArrayRef> {
        let (columns, rest) = inputs.split_at(self.keys.len());
        let rest = rest.first().map(binary).transpose()?;
        let mut out = StringViewBuilder::with_capacity(rows);
        let mut text = String::new();
        for row in 0..rows {
            let typed = self.keys.iter().zip(columns).filter(|(_, column)| column.is_valid(row));
            let typed = typed.map(|(key, column)| (key.as_str(), column_value(column, row)));
            let rest = rest.as_ref().filter(|rest| rest.is_valid(row)).map(|rest| rest.value(row));
            let rest = AttributeList::Row.attributes(rest.unwrap_or_default());
            let rest = rest.map(|attribute| (attribute.key, attribute.value));
            text.clear();
            proto::put_json_object(&mut text, typed.chain(rest));
            out.append_value(&text);
        }
        Ok(Arc::new(out.finish()))
    }
}

impl PartialEq for TextExpr {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
            && self.keys == other.keys
            && self.with_rest == other.with_rest
            && self.inputs == other.inputs
    }
}

impl Eq for TextExpr {}

impl Hash for TextExpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.source, &self.keys, self.with_rest).hash(state);
        self.inputs.hash(state);
    }
}

impl fmt::Display for TextExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text({:?}, {} columns)", self.source, self.inputs.len())
    }
}

impl PhysicalExpr for TextExpr {
    fn return_field(&self, _: &Schema) -> Result<FieldRef> {
        Ok(Arc::new(Field::new("text", self.source.data_type(), true)))
    }

    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(self.source.data_type())
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let inputs = self.inputs.iter().map(|input| input.evaluate(batch)?.into_array(rows));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let array = match (self.source, inputs.first()) {
            (TextSource::Attributes, _) => self.of_attributes(rows, &inputs)?,
            (_, Some(column)) => self.of_distinct(column)?,
            (_, None) => return internal_err!("a text column has no input"),
        };
        Ok(ColumnarValue::Array(array))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.inputs.iter().collect()
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(TextExpr { inputs: children, ..(*self).clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
