//! The text of a log body that is not a string: compact JSON, so that words in it can be searched.

use binnacle_storage::model::Value;
use binnacle_storage::model::wire::{self, Malformed};
use std::fmt::Write;

/// Appends `value`, which was checked before. Bytes become hex; numbers JSON does not have become strings.
pub fn render(value: &Value<'_>, out: &mut String) -> Result<(), Malformed> {
    match *value {
        Value::Empty => out.push_str("null"),
        Value::String(text) => quote(text, out),
        Value::Int(number) => append(out, format_args!("{number}")),
        Value::Double(number) if number.is_finite() => append(out, format_args!("{number:?}")),
        Value::Double(number) if number.is_nan() => out.push_str("\"NaN\""),
        Value::Double(number) if number > 0.0 => out.push_str("\"Infinity\""),
        Value::Double(_) => out.push_str("\"-Infinity\""),
        Value::Bool(flag) => append(out, format_args!("{flag}")),
        Value::Bytes(bytes) => {
            out.push('"');
            bytes.iter().for_each(|byte| append(out, format_args!("{byte:02x}")));
            out.push('"');
        }
        Value::Array(list) => {
            out.push('[');
            for (index, element) in wire::messages(list).enumerate() {
                separate(index, out);
                render(&wire::any_value(element?)?, out)?;
            }
            out.push(']');
        }
        Value::KeyValues(list) => {
            out.push('{');
            for (index, attribute) in wire::attributes(list).enumerate() {
                let attribute = attribute?;
                separate(index, out);
                quote(attribute.key, out);
                out.push(':');
                render(&attribute.value, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("strings take all text");
}

fn separate(index: usize, out: &mut String) {
    if index > 0 {
        out.push(',');
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if (control as u32) < 0x20 => {
                append(out, format_args!("\\u{:04x}", control as u32));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_read_as_compact_json() {
        let mut list = Vec::new();
        wire::put_attribute(&mut list, "a\"b", &Value::String("line\nnext \u{1}"));
        wire::put_attribute(&mut list, "n", &Value::Double(f64::NAN));
        wire::put_attribute(&mut list, "d", &Value::Double(1.0));
        wire::put_attribute(&mut list, "raw", &Value::Bytes(&[0xca, 0xfe]));
        let mut text = String::new();
        render(&Value::KeyValues(&list), &mut text).unwrap();
        assert_eq!(text, r#"{"a\"b":"line\nnext \u0001","n":"NaN","d":1.0,"raw":"cafe"}"#);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
