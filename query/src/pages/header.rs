//! The header before every page: Thrift's compact protocol, of which little is needed.
//!
//! Source: `PageHeader` of parquet-format's `parquet.thrift`, and Thrift's compact protocol specification.

use super::Unreadable;
use super::decode::Input;

/// What a page says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: i64,
    /// Bytes after the header, and what they are decompressed, levels included.
    pub bytes: usize,
    pub bytes_uncompressed: usize,
    pub values: usize,
    pub nulls: usize,
    pub rows: usize,
    /// parquet-format's number of the encoding.
    pub encoding: i64,
    pub definition_bytes: usize,
    pub repetition_bytes: usize,
    pub is_compressed: bool,
}

pub(super) const DICTIONARY_PAGE: i64 = 2;
pub(super) const DATA_PAGE_V2: i64 = 3;

// Types of the compact protocol.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

/// Structs within structs; a page header has three levels.
const DEPTH_MAX: usize = 8;

/// Reads a header off the front of `bytes`: it, and its length.
pub(super) fn read(bytes: &[u8]) -> Result<(Header, usize), Unreadable> {
    let mut input = Input(bytes);
    let mut header = Header {
        kind: -1,
        bytes: 0,
        bytes_uncompressed: 0,
        values: 0,
        nulls: 0,
        rows: 0,
        encoding: -1,
        definition_bytes: 0,
        repetition_bytes: 0,
        is_compressed: true,
    };
    fields(&mut input, |id, kind, input| {
        match id {
            1 => header.kind = input.zigzag()?,
            2 => header.bytes_uncompressed = size(input)?,
            3 => header.bytes = size(input)?,
            7 if kind == STRUCT => fields(input, |id, kind, input| {
                match id {
                    1 => header.values = size(input)?,
                    2 => header.encoding = input.zigzag()?,
                    _ => skip(kind, input, 0)?,
                }
                Ok(())
            })?,
            8 if kind == STRUCT => fields(input, |id, kind, input| {
                match id {
                    1 => header.values = size(input)?,
                    2 => header.nulls = size(input)?,
                    3 => header.rows = size(input)?,
                    4 => header.encoding = input.zigzag()?,
                    5 => header.definition_bytes = size(input)?,
                    6 => header.repetition_bytes = size(input)?,
                    7 => header.is_compressed = kind == TRUE,
                    _ => skip(kind, input, 0)?,
                }
                Ok(())
            })?,
            _ => skip(kind, input, 0)?,
        }
        Ok(())
    })?;
    Ok((header, bytes.len() - input.0.len()))
}

fn size(input: &mut Input<'_>) -> Result<usize, Unreadable> {
    usize::try_from(input.zigzag()?).map_err(|_| Unreadable)
}

/// Calls `field` with number and type of each field of a struct; it reads the value.
fn fields<'a>(
    input: &mut Input<'a>,
    mut field: impl FnMut(i64, u8, &mut Input<'a>) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    let mut id = 0i64;
    loop {
        let head = input.byte()?;
        let (delta, kind) = (head >> 4, head & 0x0f);
        if kind == 0 {
            return Ok(());
        }
        id = match delta {
            0 => input.zigzag()?,
            delta => id.checked_add(i64::from(delta)).ok_or(Unreadable)?,
        };
        field(id, kind, input)?;
    }
}

fn skip(kind: u8, input: &mut Input<'_>, depth: usize) -> Result<(), Unreadable> {
    if depth > DEPTH_MAX {
        return Err(Unreadable);
    }
    match kind {
        TRUE | FALSE => {}
        BYTE => drop(input.byte()?),
        // Integers of 16 to 64 bits.
        4..=6 => drop(input.varint()?),
        DOUBLE => drop(input.take(8)?),
        BINARY => {
            let length = input.count()?;
            input.take(length)?;
        }
        LIST | SET => {
            let head = input.byte()?;
            let count = match head >> 4 {
                15 => input.count()?,
                count => usize::from(count),
            };
            for _ in 0..count {
                match head & 0x0f {
                    // A boolean of a list takes a byte.
                    TRUE | FALSE => drop(input.byte()?),
                    kind => skip(kind, input, depth + 1)?,
                }
            }
        }
        STRUCT => fields(input, |_, kind, input| skip(kind, input, depth + 1))?,
        _ => return Err(Unreadable),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_data_page_is_read_past_what_is_not_needed() {
        // type 3, 100 and 60 bytes, crc; data page v2 with statistics of one binary.
        let bytes = [
            0x15, 6, 0x15, 200, 1, 0x15, 120, 0x15, 9, 0x4c, 0x15, 16, 0x15, 2, 0x15, 16, 0x15, 16,
            0x15, 4, 0x15, 0, 0x12, 0x1c, 0x18, 2, b'a', b'b', 0, 0, 0, 77,
        ];
        let (header, length) = read(&bytes).unwrap();
        let expected = Header {
            kind: DATA_PAGE_V2,
            bytes: 60,
            bytes_uncompressed: 100,
            values: 8,
            nulls: 1,
            rows: 8,
            encoding: 8,
            definition_bytes: 2,
            repetition_bytes: 0,
            is_compressed: false,
        };
        assert_eq!((header, length), (expected, bytes.len() - 1));
    }

    proptest! {
        #[test]
        fn garbage_is_unreadable(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok((_, length)) = read(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
