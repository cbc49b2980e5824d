//! Interner: byte strings to small numbers and back.

use arrow::buffer::Buffer;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use std::hash::BuildHasher;
use std::ops::Deref;

/// Distinct byte strings in order of first appearance. Codes are dense from 0.
#[derive(Debug, Clone)]
pub struct Interner {
    table: HashTable<u32>,
    bytes: Text,
    /// String `i` is `bytes[offsets[i]..offsets[i + 1]]`.
    offsets: Vec<u32>,
    hasher: RandomState,
}

impl Default for Interner {
    fn default() -> Self {
        Interner {
            table: HashTable::new(),
            bytes: Text::default(),
            offsets: vec![0],
            hasher: RandomState::default(),
        }
    }
}

impl Interner {
    /// Number of strings held.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub fn value(&self, code: u32) -> &[u8] {
        let code = code as usize;
        &self.bytes[self.offsets[code] as usize..self.offsets[code + 1] as usize]
    }

    /// The code of `value`, new if it was not seen before.
    #[inline]
    pub fn intern(&mut self, value: &[u8]) -> u32 {
        let Interner { table, bytes, offsets, hasher } = self;
        let bytes = bytes.growing();
        let at = |code: u32| {
            &bytes[offsets[code as usize] as usize..offsets[code as usize + 1] as usize]
        };
        let hash = hasher.hash_one(value);
        match table.entry(
            hash,
            |&code| is_equal(at(code), value),
            |&code| hasher.hash_one(at(code)),
        ) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let code = (offsets.len() - 1) as u32;
                entry.insert(code);
                bytes.extend_from_slice(value);
                offsets.push(end_offset(bytes));
                code
            }
        }
    }

    /// Adds `value` without looking whether it is there already.
    #[inline]
    pub fn append(&mut self, value: &[u8]) -> u32 {
        let code = (self.offsets.len() - 1) as u32;
        let bytes = self.bytes.growing();
        bytes.extend_from_slice(value);
        self.offsets.push(end_offset(bytes));
        code
    }

    /// Empties it, but keeps its memory for the next strings.
    pub fn clear(&mut self) {
        self.table.clear();
        self.bytes.growing().clear();
        self.offsets.truncate(1);
    }

    /// A copy that takes no more memory than it needs and cannot look strings up: only [`Interner::append`] may add to it.
    pub fn compact(&self) -> Interner {
        Interner {
            table: HashTable::new(),
            bytes: Text::Finished(Buffer::from_vec(self.bytes.to_vec())),
            offsets: self.offsets.as_slice().to_vec(),
            hasher: self.hasher.clone(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len() as u32).map(|code| self.value(code))
    }

    /// All strings end to end.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, to keep; of a compact interner without a copy.
    pub fn buffer(&self) -> Buffer {
        match &self.bytes {
            Text::Growing(bytes) => Buffer::from(bytes.as_slice()),
            Text::Finished(buffer) => buffer.clone(),
        }
    }

    /// `len() + 1` offsets into [`Interner::bytes`].
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// Bytes of memory held.
    pub fn memory(&self) -> usize {
        self.table.allocation_size() + self.bytes.memory() + self.offsets.capacity() * 4
    }
}

/// Strings end to end.
#[derive(Debug, Clone)]
enum Text {
    Growing(Vec<u8>),
    /// Shared with whoever reads the strings in place.
    Finished(Buffer),
}

impl Default for Text {
    fn default() -> Self {
        Text::Growing(Vec::new())
    }
}

impl Deref for Text {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Text::Growing(bytes) => bytes,
            Text::Finished(buffer) => buffer,
        }
    }
}

impl Text {
    /// To add to; what is shared is copied.
    #[inline]
    fn growing(&mut self) -> &mut Vec<u8> {
        if let Text::Finished(buffer) = self {
            *self = Text::Growing(buffer.to_vec());
        }
        match self {
            Text::Growing(bytes) => bytes,
            Text::Finished(_) => unreachable!("it was made to grow"),
        }
    }

    fn memory(&self) -> usize {
        match self {
            Text::Growing(bytes) => bytes.capacity(),
            Text::Finished(buffer) => buffer.capacity(),
        }
    }
}

/// Whether two strings are equal; most are short, where a call costs more than comparing.
#[inline]
pub(super) fn is_equal(a: &[u8], b: &[u8]) -> bool {
    let length = a.len();
    if length != b.len() {
        return false;
    }
    if let (Some(a_start), Some(b_start)) = (a.first_chunk::<8>(), b.first_chunk::<8>()) {
        if length > 16 {
            return a_start == b_start && a[8..] == b[8..];
        }
        return a_start == b_start && a.last_chunk::<8>() == b.last_chunk::<8>();
    }
    if let (Some(a_start), Some(b_start)) = (a.first_chunk::<4>(), b.first_chunk::<4>()) {
        return a_start == b_start && a.last_chunk::<4>() == b.last_chunk::<4>();
    }
    a.iter().eq(b)
}

fn end_offset(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("requests are at most 64 MiB and merges are cut before 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_that_of_slices() {
        for length in 0..40 {
            let a: Vec<u8> = (0..length).collect();
            assert!(is_equal(&a, &a.clone()));
            assert!(!is_equal(&a, &[a.as_slice(), b"x"].concat()));
            for at in 0..length {
                let mut b = a.clone();
                b[usize::from(at)] ^= 0x80;
                assert!(!is_equal(&a, &b), "{at} of {length}");
            }
        }
    }

    #[test]
    fn equal_strings_share_a_code() {
        let mut interner = Interner::default();
        let codes: Vec<u32> = ["a", "b", "", "a", ""].map(|s| interner.intern(s.as_bytes())).into();
        assert_eq!(codes, [0, 1, 2, 0, 2]);
        assert_eq!(interner.iter().collect::<Vec<_>>(), [b"a".as_slice(), b"b", b""]);
    }
}
