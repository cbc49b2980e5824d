//! Field by field, as strict as the official decoders.
//!
//! `depth` is always the number of message levels still allowed below the message being read, counted from the request.

use binnacle_storage::model::wire::{self, FIXED32, FIXED64, LENGTH, Malformed, Reader, VARINT};

/// Why a record cannot be taken as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Malformed(Malformed),
    /// A message field that may occur once came in several parts, which protobuf says to merge. Senders do not do this;
    /// the record takes the slow way round through the generated messages.
    Split,
    /// Well-formed, but not telemetry.
    Invalid(&'static str),
}

impl From<Malformed> for Fault {
    fn from(error: Malformed) -> Fault {
        Fault::Malformed(error)
    }
}

impl Fault {
    /// The sentence for the sender.
    pub fn reason(&self) -> String {
        match self {
            Fault::Malformed(error) => format!("malformed: {error}"),
            Fault::Split => "malformed: a part of a split message cannot be read".to_owned(),
            Fault::Invalid(reason) => (*reason).to_owned(),
        }
    }
}

/// Most entries in one list of a record (attributes, events, links, exemplars): an entry may be two bytes long and takes
/// forty times that while its record is read. Far beyond what instrumentation sends.
pub const LIST_MAX: usize = 1 << 16;

/// Adds to a list of a record.
#[inline]
pub fn push<T>(list: &mut Vec<T>, entry: T) -> Result<(), Fault> {
    if list.len() == LIST_MAX {
        return Err(Fault::Invalid("more than 65,536 attributes, events, links or exemplars"));
    }
    list.push(entry);
    Ok(())
}

/// Levels of messages a request may nest: the official decoders' limit.
pub const REQUEST_DEPTH: u32 = 100;

/// The levels left inside a message found at `depth`.
#[inline]
pub fn inside(depth: u32) -> Result<u32, Malformed> {
    depth.checked_sub(1).ok_or(Malformed::Depth)
}

/// Passes over a field this version does not know. A known number here came with the wrong wire type.
#[cold]
pub fn skip(reader: &mut Reader<'_>, tag: u32, known: u64, depth: u32) -> Result<(), Malformed> {
    let number = tag >> 3;
    if number < 64 && known >> number & 1 == 1 {
        return Err(Malformed::Tag);
    }
    skip_any(reader, tag, depth)
}

fn skip_any(reader: &mut Reader<'_>, tag: u32, depth: u32) -> Result<(), Malformed> {
    if depth == 0 {
        return Err(Malformed::Depth);
    }
    match tag & 7 {
        VARINT => reader.varint().map(drop),
        FIXED64 => reader.fixed64().map(drop),
        LENGTH => reader.length_delimited().map(drop),
        FIXED32 => reader.fixed32().map(drop),
        wire::GROUP_START => loop {
            let inner = reader.tag()?;
            if inner & 7 == wire::GROUP_END {
                return if inner >> 3 == tag >> 3 { Ok(()) } else { Err(Malformed::Tag) };
            }
            skip_any(reader, inner, depth - 1)?;
        },
        _ => Err(Malformed::Tag),
    }
}

/// The bit mask of field numbers that [`skip`] takes.
pub const fn known(numbers: &[u32]) -> u64 {
    let mut mask = 0;
    let mut index = 0;
    while index < numbers.len() {
        mask |= 1 << numbers[index];
        index += 1;
    }
    mask
}

/// Reads a string field.
#[inline]
pub fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Malformed> {
    let bytes = reader.length_delimited()?;
    // Most strings are short ASCII, where a loop over words beats the call into the vector code.
    if bytes.len() <= 32 && bytes.is_ascii() {
        // SAFETY: ASCII is UTF-8.
        return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    wire::text(bytes)
}
