//! Scalars of the JSON mapping: from what JSON has to what the wire takes.

use super::schema::Kind;
use binnacle_storage::model::wire::{self, FIXED32, FIXED64, LENGTH, VARINT};

/// A scalar as the JSON parser delivers it.
#[derive(Debug, Clone, Copy)]
pub enum Scalar<'s> {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Double(f64),
    Text(&'s str),
}

/// Wire type of `kind`'s values.
pub fn wire_type(kind: Kind) -> u32 {
    match kind {
        Kind::Bool | Kind::Int32 | Kind::UInt32 | Kind::Int64 | Kind::UInt64 | Kind::SInt32 => {
            VARINT
        }
        Kind::Fixed64 | Kind::SFixed64 | Kind::Double => FIXED64,
        Kind::Fixed32 => FIXED32,
        Kind::String | Kind::Bytes | Kind::Id => LENGTH,
        Kind::Message(_) | Kind::Record(_) | Kind::Group(_) => LENGTH,
    }
}

/// Appends `scalar` in the encoding of `kind`, without a tag. An error says what was expected.
pub fn put(out: &mut Vec<u8>, kind: Kind, scalar: Scalar<'_>) -> Result<(), &'static str> {
    match kind {
        Kind::String => match scalar {
            Scalar::Text(text) => put_bytes(out, text.as_bytes()),
            _ => return Err("a string"),
        },
        Kind::Bytes => put_bytes(out, &base64(scalar).ok_or("a base64 string")?),
        Kind::Id => put_bytes(out, &hex(scalar).ok_or("a hex string")?),
        Kind::Bool => match scalar {
            Scalar::Bool(flag) => out.push(u8::from(flag)),
            _ => return Err("a boolean"),
        },
        Kind::Int32 => {
            let number = signed(scalar).and_then(|number| i32::try_from(number).ok());
            wire::put_varint(out, i64::from(number.ok_or("a 32-bit integer")?) as u64);
        }
        Kind::UInt32 => wire::put_varint(out, u64::from(unsigned32(scalar)?)),
        Kind::Int64 => wire::put_varint(out, signed(scalar).ok_or("a 64-bit integer")? as u64),
        Kind::UInt64 => wire::put_varint(out, unsigned(scalar).ok_or(UNSIGNED)?),
        Kind::SInt32 => {
            let number = signed(scalar).and_then(|number| i32::try_from(number).ok());
            let number = number.ok_or("a 32-bit integer")?;
            wire::put_varint(out, u64::from(((number << 1) ^ (number >> 31)) as u32));
        }
        Kind::Fixed32 => out.extend_from_slice(&unsigned32(scalar)?.to_le_bytes()),
        Kind::Fixed64 => {
            out.extend_from_slice(&unsigned(scalar).ok_or(UNSIGNED)?.to_le_bytes());
        }
        Kind::SFixed64 => {
            out.extend_from_slice(&signed(scalar).ok_or("a 64-bit integer")?.to_le_bytes());
        }
        Kind::Double => out.extend_from_slice(&double(scalar).ok_or("a number")?.to_le_bytes()),
        Kind::Message(_) | Kind::Record(_) | Kind::Group(_) => return Err("an object"),
    }
    Ok(())
}

const UNSIGNED: &str = "an unsigned 64-bit integer";

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    wire::put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn unsigned32(scalar: Scalar<'_>) -> Result<u32, &'static str> {
    let number = unsigned(scalar).and_then(|number| u32::try_from(number).ok());
    number.ok_or("an unsigned 32-bit integer")
}

/// Whole doubles count as integers: `1e3` is one in JSON.
fn unsigned(scalar: Scalar<'_>) -> Option<u64> {
    match scalar {
        Scalar::Unsigned(number) => Some(number),
        Scalar::Signed(number) => u64::try_from(number).ok(),
        Scalar::Text(text) => text.parse().ok(),
        Scalar::Double(number) => {
            let whole =
                number.fract() == 0.0 && (0.0..18_446_744_073_709_551_616.0).contains(&number);
            whole.then_some(number as u64)
        }
        Scalar::Bool(_) => None,
    }
}

fn signed(scalar: Scalar<'_>) -> Option<i64> {
    match scalar {
        Scalar::Unsigned(number) => i64::try_from(number).ok(),
        Scalar::Signed(number) => Some(number),
        Scalar::Text(text) => text.parse().ok(),
        Scalar::Double(number) => {
            let limit = 9_223_372_036_854_775_808.0;
            let whole = number.fract() == 0.0 && (-limit..limit).contains(&number);
            whole.then_some(number as i64)
        }
        Scalar::Bool(_) => None,
    }
}

fn double(scalar: Scalar<'_>) -> Option<f64> {
    match scalar {
        Scalar::Unsigned(number) => Some(number as f64),
        Scalar::Signed(number) => Some(number as f64),
        Scalar::Double(number) => Some(number),
        Scalar::Text("NaN") => Some(f64::NAN),
        Scalar::Text("Infinity") => Some(f64::INFINITY),
        Scalar::Text("-Infinity") => Some(f64::NEG_INFINITY),
        // `parse` would also take "inf" and "nan", which the mapping does not have.
        Scalar::Text(text) if text.bytes().any(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        Scalar::Text(_) | Scalar::Bool(_) => None,
    }
}

fn hex(scalar: Scalar<'_>) -> Option<Vec<u8>> {
    let Scalar::Text(text) = scalar else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match *pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

/// Either alphabet, padded or not: the protobuf JSON mapping takes all of them.
fn base64(scalar: Scalar<'_>) -> Option<Vec<u8>> {
    let Scalar::Text(text) = scalar else { return None };
    let text = text.trim_end_matches('=').as_bytes();
    if text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.chunks(4) {
        let mut word = 0u32;
        for &character in group {
            let sextet = match character {
                b'A'..=b'Z' => character - b'A',
                b'a'..=b'z' => character - b'a' + 26,
                b'0'..=b'9' => character - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => return None,
            };
            word = word << 6 | u32::from(sextet);
        }
        word <<= 6 * (4 - group.len());
        bytes.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_both_alphabets_padded_or_not() {
        let decode = |text| base64(Scalar::Text(text));
        for text in ["+/8=", "-_8", "-_8="] {
            assert_eq!(decode(text), Some(vec![0xfb, 0xff]), "{text}");
        }
        assert_eq!(decode(""), Some(vec![]));
        assert_eq!(decode("AAEC"), Some(vec![0, 1, 2]));
        for wrong in ["A", "AAAA A", "é==="] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn integers_come_as_numbers_or_strings_but_keep_their_range() {
        let put = |kind, scalar| {
            let mut out = Vec::new();
            super::put(&mut out, kind, scalar).map(|()| out)
        };
        let max = put(Kind::Fixed64, Scalar::Text("18446744073709551615"));
        assert_eq!(max, Ok(vec![0xff; 8]));
        assert_eq!(put(Kind::SFixed64, Scalar::Signed(-1)), Ok(vec![0xff; 8]));
        assert_eq!(put(Kind::UInt32, Scalar::Double(1e3)), Ok(vec![0xe8, 0x07]));
        assert!(put(Kind::UInt32, Scalar::Unsigned(1 << 32)).is_err());
        assert!(put(Kind::Int32, Scalar::Text("SPAN_KIND_SERVER")).is_err());
        assert!(put(Kind::Fixed64, Scalar::Double(0.5)).is_err());
        assert!(put(Kind::Id, Scalar::Text("abc")).is_err());
        assert!(put(Kind::Double, Scalar::Text("inf")).is_err());
    }
}
