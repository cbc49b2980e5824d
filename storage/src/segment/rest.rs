//! The rest: attributes on their way into and out of `attributes_rest`.
//!
//! Sources differ in which keys have columns. A value in one source's rest is promoted when the output has a column of its
//! key and type that is still free in that row; a value whose column the output lacks is demoted to wire bytes. Per row the
//! demoted values come first: what a batch or file kept in its rest came after them.

use super::attributes::RestKeys;
use super::bitmap::Bitmap;
use super::column::{DROPPED, STRING_BYTES_MAX, SlotValues, Slots, intern};
use super::merge::Merge;
use super::source::EachMessage;
use crate::Error;
use crate::batch::AttributeType;
use crate::model::{ColumnKind, Value, wire};
use arrow::array::builder::make_view;
use arrow::buffer::Buffer;
use std::collections::HashMap;

/// Values that are in a rest but may move to a column.
pub(super) struct Promotion {
    /// Per chosen column.
    candidates: Vec<Vec<Candidate>>,
    /// The candidates' messages, end to end.
    messages: Vec<u8>,
    /// Entries of all rests, counted over the sources, that moved.
    promoted: Bitmap,
}

#[derive(Clone, Copy)]
struct Candidate {
    position: u32,
    /// Which entry of all rests.
    entry: u32,
    start: u32,
    end: u32,
}

impl Promotion {
    pub fn find(merge: &Merge<'_>) -> Result<Promotion, Error> {
        let chosen: HashMap<&str, (usize, AttributeType)> = merge
            .chosen
            .iter()
            .enumerate()
            .map(|(index, (key, kind))| (&**key, (index, *kind)))
            .collect();
        let mut candidates = vec![Vec::new(); merge.chosen.len()];
        let mut messages = Vec::new();
        let mut entries = 0u32;
        each_in_rest(merge, &mut |position, message| {
            let entry = entries;
            entries += 1;
            let Ok(attribute) = wire::key_value(message) else {
                return Ok(());
            };
            if let Some(&(column, kind)) = chosen.get(attribute.key)
                && AttributeType::of(&attribute.value) == Some(kind)
            {
                let start = messages.len() as u32;
                extend(&mut messages, message)?;
                let end = messages.len() as u32;
                candidates[column].push(Candidate { position, entry, start, end });
            }
            Ok(())
        })?;
        Ok(Promotion { candidates, messages, promoted: Bitmap::new(entries as usize) })
    }

    /// Moves values into the free slots of the chosen column `index`.
    pub fn apply(&mut self, index: usize, into: &mut Slots) -> Result<(), Error> {
        for candidate in &self.candidates[index] {
            let position = candidate.position as usize;
            if into.valid.as_ref().is_some_and(|valid| valid.is_set(position)) {
                continue;
            }
            let message = &self.messages[candidate.start as usize..candidate.end as usize];
            let Ok(attribute) = wire::key_value(message) else {
                continue;
            };
            put(into, position, &attribute.value)?;
            into.mark(candidate.position);
            self.promoted.set(candidate.entry as usize);
        }
        Ok(())
    }
}

fn put(into: &mut Slots, position: usize, value: &Value<'_>) -> Result<(), Error> {
    match (value, &mut into.values) {
        (Value::Int(number), SlotValues::Int(slots)) => slots[position] = *number,
        (Value::Double(number), SlotValues::Double(slots)) => slots[position] = *number,
        (Value::Bool(flag), SlotValues::Bool(slots)) => slots.put(position, *flag),
        (Value::String(text), SlotValues::Coded { dictionary, codes }) => {
            codes[position] = intern(dictionary, text.as_bytes())?;
        }
        (Value::String(text), SlotValues::Views { buffers, views }) => {
            // Long strings need a buffer each: promotion is rare, and a piece of the messages cannot be shared.
            let block = buffers.len() as u32;
            views[position] = make_view(text.as_bytes(), block, 0);
            if text.len() > 12 {
                buffers.push(Buffer::from(text.as_bytes()));
            }
        }
        _ => unreachable!("candidates have the type of their column"),
    }
    Ok(())
}

/// The output's `attributes_rest`, and which keys each extent has in it.
pub(super) fn build_rest(
    merge: &Merge<'_>,
    promotion: &Promotion,
) -> Result<(Slots, Vec<RestKeys>), Error> {
    let mut pieces = Pieces {
        bytes: Vec::new(),
        at: Vec::new(),
        keys: merge.extents.iter().map(|_| RestKeys::default()).collect(),
        merge,
    };
    let mut first = 0;
    for source in merge.sources {
        let positions = &merge.positions[first..][..source.rows() as usize];
        first += positions.len();
        let mut demoted: Vec<(String, AttributeType)> = Vec::new();
        source.each_attribute_column(&mut |key, kind, _| {
            let is_chosen = merge.chosen.iter().any(|(of, chosen)| &**of == key && *chosen == kind);
            if !is_chosen {
                demoted.push((key.to_owned(), kind));
            }
        });
        for (key, kind) in demoted {
            source.each_value(&key, kind, &mut |row, value| match positions[row as usize] {
                DROPPED => Ok(()),
                position => pieces.demote(position, &key, value),
            })?;
        }
    }
    let mut entry = 0;
    each_in_rest(merge, &mut |position, message| {
        entry += 1;
        if promotion.promoted.is_set(entry - 1) {
            return Ok(());
        }
        pieces.keep(position, message)
    })?;
    pieces.finish()
}

/// Calls `visit(position, message)` for everything in the sources' rests whose row is kept.
fn each_in_rest(merge: &Merge<'_>, visit: &mut EachMessage<'_>) -> Result<(), Error> {
    let mut first = 0;
    for source in merge.sources {
        let positions = &merge.positions[first..][..source.rows() as usize];
        first += positions.len();
        source.each_in_rest(&mut |row, message| match positions[row as usize] {
            DROPPED => Ok(()),
            position => visit(position, message),
        })?;
    }
    Ok(())
}

/// Elements of the output's lists, in the order they were found.
struct Pieces<'a> {
    /// `KeyValue` elements as they are stored, tag and length included.
    bytes: Vec<u8>,
    /// Position, start and end of each.
    at: Vec<(u32, u32, u32)>,
    keys: Vec<RestKeys>,
    merge: &'a Merge<'a>,
}

impl Pieces<'_> {
    fn demote(&mut self, position: u32, key: &str, value: &Value<'_>) -> Result<(), Error> {
        let start = self.bytes.len() as u32;
        put_attribute(&mut self.bytes, key, value);
        self.piece(position, start, key)
    }

    fn keep(&mut self, position: u32, message: &[u8]) -> Result<(), Error> {
        let start = self.bytes.len() as u32;
        wire::put_element(&mut self.bytes, message);
        let key = wire::key_value(message).map_or("", |attribute| attribute.key);
        self.piece(position, start, key)
    }

    fn piece(&mut self, position: u32, start: u32, key: &str) -> Result<(), Error> {
        if self.bytes.len() > STRING_BYTES_MAX {
            return Err(too_large());
        }
        self.at.push((position, start, self.bytes.len() as u32));
        let extent = self.merge.extents.partition_point(|extent| extent.end <= position);
        self.keys[extent].add(key);
        Ok(())
    }

    /// Joins the pieces of each row.
    fn finish(mut self) -> Result<(Slots, Vec<RestKeys>), Error> {
        // Stable: a row's pieces stay in the order they were found.
        self.at.sort_by_key(|piece| piece.0);
        let mut joined = Vec::with_capacity(self.bytes.len());
        let mut views = vec![0u128; self.merge.rows];
        let mut valid = Bitmap::new(self.merge.rows);
        for row in self.at.chunk_by(|a, b| a.0 == b.0) {
            let start = joined.len();
            for &(_, from, to) in row {
                joined.extend_from_slice(&self.bytes[from as usize..to as usize]);
            }
            let position = row[0].0 as usize;
            views[position] = make_view(&joined[start..], 0, start as u32);
            valid.set(position);
        }
        let values = SlotValues::Views { buffers: vec![Buffer::from_vec(joined)], views };
        Ok((Slots { kind: ColumnKind::Bytes, valid: Some(valid), values }, self.keys))
    }
}

/// Appends a list element without building its parts elsewhere first.
fn put_attribute(out: &mut Vec<u8>, key: &str, value: &Value<'_>) {
    let value_bytes = match value {
        Value::String(text) => 1 + varint_bytes(text.len() as u64) + text.len(),
        Value::Int(number) => 1 + varint_bytes(*number as u64),
        Value::Double(_) => 9,
        Value::Bool(_) => 2,
        _ => unreachable!("only values with an attribute type have columns"),
    };
    let message_bytes = 1
        + varint_bytes(key.len() as u64)
        + key.len()
        + 1
        + varint_bytes(value_bytes as u64)
        + value_bytes;
    wire::put_varint(out, u64::from(wire::tag(1, wire::LENGTH)));
    wire::put_varint(out, message_bytes as u64);
    wire::put_message(out, 1, key.as_bytes());
    wire::put_varint(out, u64::from(wire::tag(2, wire::LENGTH)));
    wire::put_varint(out, value_bytes as u64);
    wire::put_any_value(out, value);
}

fn varint_bytes(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

fn extend(bytes: &mut Vec<u8>, more: &[u8]) -> Result<(), Error> {
    if bytes.len() + more.len() > STRING_BYTES_MAX {
        return Err(too_large());
    }
    bytes.extend_from_slice(more);
    Ok(())
}

fn too_large() -> Error {
    Error::Encode { detail: format!("the rest of attributes exceeds {STRING_BYTES_MAX} bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demoted_values_are_written_like_any_attribute() {
        let long = "x".repeat(300);
        let values = [
            Value::String(&long),
            Value::String(""),
            Value::Int(-1),
            Value::Int(0),
            Value::Int(127),
            Value::Int(128),
            Value::Double(1.5),
            Value::Bool(true),
        ];
        for value in values {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            put_attribute(&mut ours, "some.key", &value);
            wire::put_attribute(&mut theirs, "some.key", &value);
            assert_eq!(ours, theirs);
        }
    }
}
