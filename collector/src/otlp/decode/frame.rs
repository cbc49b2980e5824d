//! Framing: the levels of a request above its records.
//!
//! A fault here means the request itself is broken, so nothing of it is stored; below, each record stands for itself.

use super::field::{self, known, skip};
use super::{Broken, RECORDS_MAX};
use binnacle_storage::model::wire::{self, LENGTH, Reader, tag};
use std::borrow::Cow;

/// A `Resource…` or `Scope…` message: all six of them have the same three fields.
#[derive(Debug)]
pub struct Group<'a> {
    /// The `resource` or `scope` message, unchecked. `None` when not sent.
    pub head: Option<Cow<'a, [u8]>>,
    /// `None` when it is not UTF-8.
    pub schema_url: Option<&'a str>,
}

/// Reads the three fields in any order and appends what the group holds to `items`.
pub fn read_group<'a>(
    bytes: &'a [u8],
    depth: u32,
    items: &mut Vec<&'a [u8]>,
) -> Result<Group<'a>, Broken> {
    const HEAD: u32 = tag(1, LENGTH);
    const ITEM: u32 = tag(2, LENGTH);
    const SCHEMA_URL: u32 = tag(3, LENGTH);
    const KNOWN: u64 = known(&[1, 2, 3]);
    let mut reader = Reader::new(bytes);
    let mut group = Group { head: None, schema_url: Some("") };
    while !reader.is_done() {
        match reader.tag()? {
            ITEM => push(items, reader.length_delimited()?)?,
            HEAD => merge_head(&mut group.head, reader.length_delimited()?),
            SCHEMA_URL => {
                let url = reader.length_delimited()?;
                group.schema_url = group.schema_url.and_then(|_| wire::text(url).ok());
            }
            other => skip(&mut reader, other, KNOWN, depth)?,
        }
    }
    Ok(group)
}

/// Adds to a list, which is bounded before its memory is taken.
pub fn push<'a>(items: &mut Vec<&'a [u8]>, item: &'a [u8]) -> Result<(), Broken> {
    if items.len() == RECORDS_MAX {
        return Err(Broken::TooMany);
    }
    items.push(item);
    Ok(())
}

/// Two encodings of a message end to end are the encoding of their merger.
fn merge_head<'a>(head: &mut Option<Cow<'a, [u8]>>, part: &'a [u8]) {
    match head {
        None => *head = Some(Cow::Borrowed(part)),
        Some(whole) => whole.to_mut().extend_from_slice(part),
    }
}

/// Reads a request: a list of resource groups.
pub fn read_request<'a>(bytes: &'a [u8], items: &mut Vec<&'a [u8]>) -> Result<(), Broken> {
    const ITEM: u32 = tag(1, LENGTH);
    const KNOWN: u64 = known(&[1]);
    let mut reader = Reader::new(bytes);
    while !reader.is_done() {
        match reader.tag()? {
            ITEM => push(items, reader.length_delimited()?)?,
            other => skip(&mut reader, other, KNOWN, field::REQUEST_DEPTH)?,
        }
    }
    Ok(())
}

/// The message storage keeps: the group with its head and schema url only.
pub fn stored_head(out: &mut Vec<u8>, head: Option<&[u8]>, schema_url: &str) {
    out.clear();
    if let Some(head) = head {
        wire::put_message(out, 1, head);
    }
    if !schema_url.is_empty() {
        wire::put_message(out, 3, schema_url.as_bytes());
    }
}
