//! SQL functions of our own.

use super::attribute::binary;
use super::proto;
use arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// Functions that make values of any size from small ones, where no memory limit sees it.
pub(super) const REFUSED: [&str; 8] = [
    "array_repeat",
    "generate_series",
    "list_repeat",
    "lpad",
    "range",
    "repeat",
    "rpad",
    "array_resize",
];

/// The functions added to DataFusion's.
pub(super) fn all() -> Vec<Arc<ScalarUDF>> {
    let date_bin = datafusion::functions::datetime::date_bin();
    let time_bucket = date_bin.as_ref().clone().with_aliases(["time_bucket"]);
    vec![
        Arc::new(ScalarUDF::from(Hex::new())),
        json_value(),
        Arc::new(time_bucket),
        super::histogram::quantile(),
    ]
}

/// `json_value(text, key)`: the member of a JSON object, as text.
pub(super) fn json_value() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(JsonValue::new()))
}

/// `hex(id)`: bytes as lower-case hex.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Hex {
    signature: Signature,
}

impl Hex {
    fn new() -> Hex {
        Hex { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Hex {
    fn name(&self) -> &str {
        "hex"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [
                DataType::FixedSizeBinary(_)
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::Null,
            ] => Ok(DataType::Utf8View),
            other => datafusion::common::plan_err!("hex takes an id or bytes, not {other:?}"),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let Some(argument) = arguments.args.first() else {
            return exec_err!("hex takes one argument");
        };
        let bytes = argument.clone().into_array(rows)?;
        Ok(ColumnarValue::Array(hex_text(&bytes)?))
    }
}

/// Bytes as lower-case hex, nulls kept.
pub(super) fn hex_text(bytes: &ArrayRef) -> Result<ArrayRef> {
    if bytes.data_type() == &DataType::Null {
        return Ok(arrow::array::new_null_array(&DataType::Utf8View, bytes.len()));
    }
    let bytes = binary(bytes)?;
    let mut out = StringViewBuilder::with_capacity(bytes.len());
    let mut text = String::new();
    for value in &bytes {
        text.clear();
        out.append_option(value.map(|value| {
            proto::put_hex(&mut text, value);
            &text
        }));
    }
    Ok(Arc::new(out.finish()))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonValue {
    signature: Signature,
}

impl JsonValue {
    fn new() -> JsonValue {
        let text = vec![DataType::Utf8View, DataType::Utf8View];
        JsonValue { signature: Signature::exact(text, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for JsonValue {
    fn name(&self) -> &str {
        "json_value"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let [text, key] = arguments.args.as_slice() else {
            return exec_err!("json_value takes a text and a key");
        };
        let (text, key) = (text.clone().into_array(rows)?, key.clone().into_array(rows)?);
        let mut out = StringViewBuilder::with_capacity(rows);
        for (text, key) in text.as_string_view().iter().zip(key.as_string_view().iter()) {
            let member = text.zip(key).and_then(|(text, key)| member(text, key));
            out.append_option(member);
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}

/// A member of an object, or of a list of pairs that stands for one.
fn member(text: &str, key: &str) -> Option<String> {
    use serde_json::Value;
    let object = serde_json::from_str::<Value>(text).ok()?;
    let found = match object.get("$kvlist") {
        // A list with a repeated key: the first value counts, as everywhere.
        Some(Value::Array(pairs)) => pairs.iter().find(|pair| pair[0] == key).map(|pair| &pair[1]),
        _ => object.get(key),
    };
    match found? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
