//! Sidecar: one file of named sections beside a segment's Parquet file, each with a checksum.
//!
//! Sections come first, then a directory of them, then a trailer of fixed size. A reader takes the sections it knows and
//! passes over the others; a sidecar of an unknown version is as good as none, since every index is only a short cut.

use crate::Error;
use crate::model::wire::{Malformed, Reader, put_varint};
use bytes::Bytes;
use std::collections::BTreeMap;

const MAGIC: &[u8; 8] = b"BNCLIDX\n";

const VERSION: u32 = 1;

/// Directory length, directory checksum, version (each `u32`, little-endian), magic.
pub(super) const TRAILER_BYTES: usize = 4 + 4 + 4 + MAGIC.len();

/// The trace index (see [`super::trace_index`]).
pub(super) const TRACE_SECTION: &str = "traces";

/// Builds a sidecar.
#[derive(Default)]
pub(super) struct SidecarBuilder {
    bytes: Vec<u8>,
    directory: Vec<u8>,
}

impl SidecarBuilder {
    pub fn add(&mut self, name: &str, section: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(section);
        put_varint(&mut self.directory, name.len() as u64);
        self.directory.extend_from_slice(name.as_bytes());
        put_varint(&mut self.directory, start as u64);
        put_varint(&mut self.directory, section.len() as u64);
        self.directory.extend_from_slice(&crc32c::crc32c(section).to_le_bytes());
    }

    /// The file; `None` without sections.
    pub fn finish(mut self) -> Option<Bytes> {
        if self.directory.is_empty() {
            return None;
        }
        self.bytes.extend_from_slice(&self.directory);
        self.bytes.extend_from_slice(&(self.directory.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(&crc32c::crc32c(&self.directory).to_le_bytes());
        self.bytes.extend_from_slice(&VERSION.to_le_bytes());
        self.bytes.extend_from_slice(MAGIC);
        Some(self.bytes.into())
    }
}

/// Where a section is, and what it must hash to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    pub start: u64,
    pub length: u64,
    pub crc32c: u32,
}

impl Section {
    /// `bytes`, if they are the section that was written.
    pub fn check(self, name: &str, bytes: Bytes) -> Result<Bytes, Error> {
        if crc32c::crc32c(&bytes) == self.crc32c {
            Ok(bytes)
        } else {
            Err(corrupt(format!("section '{name}' of the index does not match its checksum")))
        }
    }
}

/// The sections of a sidecar by name.
pub(super) type Directory = BTreeMap<String, Section>;

/// What the trailer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trailer {
    /// Where the directory is, from the end of the file, and its checksum.
    Known { directory_bytes: u32, crc32c: u32 },
    /// Written by a later version; to be ignored.
    UnknownVersion,
}

/// Reads the last [`TRAILER_BYTES`] of a sidecar.
pub(super) fn read_trailer(bytes: &[u8]) -> Result<Trailer, Error> {
    let (fields, magic) = bytes
        .split_at_checked(TRAILER_BYTES - MAGIC.len())
        .ok_or_else(|| corrupt("the index is shorter than its trailer".into()))?;
    if magic != MAGIC {
        return Err(corrupt("the index does not end in its magic bytes".into()));
    }
    let mut fields = Reader::new(fields);
    let mut field = || fields.fixed32().map_err(malformed);
    let (directory_bytes, crc32c, version) = (field()?, field()?, field()?);
    Ok(if version == VERSION {
        Trailer::Known { directory_bytes, crc32c }
    } else {
        Trailer::UnknownVersion
    })
}

/// Reads a directory whose checksum should be `crc32c`. `end`: where the sections end.
pub(super) fn read_directory(bytes: &[u8], crc32c: u32, end: u64) -> Result<Directory, Error> {
    if crc32c::crc32c(bytes) != crc32c {
        return Err(corrupt("the directory of the index does not match its checksum".into()));
    }
    let mut reader = Reader::new(bytes);
    let mut directory = Directory::new();
    while !reader.is_done() {
        let (name, section) = read_entry(&mut reader).map_err(malformed)?;
        if section.start.checked_add(section.length).is_none_or(|last| last > end) {
            return Err(corrupt(format!("section '{name}' of the index lies outside of it")));
        }
        directory.insert(name, section);
    }
    Ok(directory)
}

fn read_entry(reader: &mut Reader<'_>) -> Result<(String, Section), Malformed> {
    let name = crate::model::wire::text(reader.length_delimited()?)?.to_owned();
    let (start, length) = (reader.varint()?, reader.varint()?);
    Ok((name, Section { start, length, crc32c: reader.fixed32()? }))
}

fn malformed(error: Malformed) -> Error {
    corrupt(format!("the directory of the index: {error}"))
}

/// The id is filled in by the segment that knows it.
pub(super) fn corrupt(detail: String) -> Error {
    Error::Corrupt { id: String::new(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(file: &Bytes) -> Result<Directory, Error> {
        let trailer = file.len().checked_sub(TRAILER_BYTES).map_or(&[][..], |at| &file[at..]);
        let Trailer::Known { directory_bytes, crc32c } = read_trailer(trailer)? else {
            return Ok(Directory::new());
        };
        let end = file.len() - TRAILER_BYTES;
        let start =
            end.checked_sub(directory_bytes as usize).ok_or_else(|| corrupt("too short".into()))?;
        read_directory(&file[start..end], crc32c, start as u64)
    }

    #[test]
    fn sections_come_back_and_any_flipped_byte_is_noticed() {
        let mut builder = SidecarBuilder::default();
        builder.add("one", b"first");
        builder.add("two", b"");
        builder.add("three", &[7; 300]);
        let file = builder.finish().unwrap();
        let directory = open(&file).unwrap();
        let read = |file: &Bytes, name: &str| {
            let section = directory[name];
            let range = section.start as usize..(section.start + section.length) as usize;
            section.check(name, file.slice(range))
        };
        assert_eq!(read(&file, "one").unwrap().as_ref(), b"first");
        assert_eq!(read(&file, "three").unwrap().as_ref(), &[7; 300]);
        for at in 0..file.len() {
            let mut broken = file.to_vec();
            broken[at] ^= 0x10;
            let broken = Bytes::from(broken);
            let Ok(directory) = open(&broken) else { continue };
            let same = directory.len() == 3
                && read(&broken, "one").is_ok()
                && read(&broken, "three").is_ok();
            assert!(!same, "byte {at} is not noticed");
        }
    }

    #[test]
    fn a_sidecar_without_sections_is_none() {
        assert!(SidecarBuilder::default().finish().is_none());
    }
}
