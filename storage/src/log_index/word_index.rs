//! Word index: which blocks of rows hold a word.
//!
//! Words are kept as hashes: the table of a segment's distinct words would otherwise be the largest part. A block is
//! small enough that checking it exactly is cheap, so two words that share a hash only cost time. A word in more than
//! half of the blocks is said to be everywhere. Positions are left out: a phrase is found by the blocks that hold all its
//! words.
//!
//! Layout, little-endian: rows per block (u32), rows (u32), `bits` (u32), 2^`bits` + 1 offsets (u32) into what follows,
//! then the words in order of their 64-bit XXH3 hash. The first `bits` bits of a hash say between which offsets its word
//! is; a word is the next 16 bits (u16), then its blocks: a variable-length integer whose lowest two bits are a kind.
//! 0: the rest is the one block. 1: the rest is the number of blocks; the first block and then the differences follow.
//! 2: a bit per block follows. 3: every block.

use super::query::{IndexQuery, candidates};
use super::tokens::{Scanner, TOKEN_BYTES_MAX};
use crate::Error;
use crate::model::wire::{Reader, put_varint};
use bytes::Bytes;
use hashbrown::HashTable;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// Rows per block.
const BLOCK_ROWS: u32 = 256;

/// Words per offset of the table, on average: a search walks half of them.
const BUCKET_WORDS: usize = 16;

const HEADER_BYTES: usize = 12;

/// Most pairs of word and block; past it there is no index. A million records make three million.
const PAIRS_MAX: usize = 16 << 20;

const SINGLE: u64 = 0;
const LIST: u64 = 1;
const BITMAP: u64 = 2;
const EVERYWHERE: u64 = 3;

/// Slots of the words seen in a block, by which most repetitions are passed over.
const SEEN: usize = 4_096;

/// Builds the index of one segment, a row at a time.
pub(crate) struct Builder {
    rows: u32,
    /// Hash → word, by the order of first appearance.
    table: HashTable<u32>,
    hashes: Vec<u64>,
    /// Per word, the last block that holds it.
    last: Vec<u32>,
    /// Word and block; blocks ascending.
    pairs: Vec<(u32, u32)>,
    seen: Vec<u64>,
    lower: Vec<u8>,
}

impl Builder {
    pub fn new() -> Builder {
        Builder {
            rows: 0,
            table: HashTable::new(),
            hashes: Vec::new(),
            last: Vec::new(),
            pairs: Vec::new(),
            seen: vec![0; SEEN],
            lower: Vec::new(),
        }
    }

    /// Adds the next row. `body` is UTF-8.
    pub fn push(&mut self, body: Option<&[u8]>) {
        if self.rows.is_multiple_of(BLOCK_ROWS) {
            self.seen.fill(0);
        }
        let block = self.rows / BLOCK_ROWS;
        self.rows += 1;
        match body {
            None => {}
            Some(body) if body.is_ascii() => self.push_ascii(body, block),
            Some(body) => {
                let mut scanner = Scanner::new(std::str::from_utf8(body).unwrap_or_default());
                while let Some(token) = scanner.next_token() {
                    let hash = hash(token.as_bytes());
                    self.add(hash, block);
                }
            }
        }
    }

    /// The same tokens as [`Scanner`] finds.
    fn push_ascii(&mut self, body: &[u8], block: u32) {
        let mut lower = std::mem::take(&mut self.lower);
        lower.clear();
        lower.extend_from_slice(body);
        lower.make_ascii_lowercase();
        for run in lower.split(|byte| !IS_WORD[usize::from(*byte)]) {
            for token in run.chunks(TOKEN_BYTES_MAX) {
                self.add(hash(token), block);
            }
        }
        self.lower = lower;
    }

    #[inline]
    fn add(&mut self, hash: u64, block: u32) {
        let seen = &mut self.seen[hash as usize % SEEN];
        if *seen == hash {
            return;
        }
        *seen = hash;
        let Builder { table, hashes, last, pairs, .. } = self;
        let entry =
            table.entry(hash, |&word| hashes[word as usize] == hash, |&word| hashes[word as usize]);
        let word = match entry {
            hashbrown::hash_table::Entry::Occupied(entry) => *entry.get(),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let word = hashes.len() as u32;
                hashes.push(hash);
                last.push(u32::MAX);
                entry.insert(word);
                word
            }
        };
        if last[word as usize] != block && pairs.len() < PAIRS_MAX {
            last[word as usize] = block;
            pairs.push((word, block));
        }
    }

    /// The index; `None` when there are too many words.
    pub fn finish(self) -> Option<Vec<u8>> {
        let Builder { rows, hashes, pairs, .. } = self;
        if pairs.len() == PAIRS_MAX {
            return None;
        }
        let (starts, blocks) = group(&pairs, hashes.len());
        drop(pairs);
        let mut order: Vec<u32> = (0..hashes.len() as u32).collect();
        order.sort_unstable_by_key(|&word| hashes[word as usize]);
        let bits = bucket_bits(hashes.len());
        let total = rows.div_ceil(BLOCK_ROWS);
        let mut entries = Vec::with_capacity(hashes.len() * 5);
        let mut offsets = Vec::with_capacity((1 << bits) + 1);
        for word in order {
            let hash = hashes[word as usize];
            offsets.resize(bucket(hash, bits) + 1, entries.len() as u32);
            entries.extend_from_slice(&fingerprint(hash, bits).to_le_bytes());
            let range = starts[word as usize] as usize..starts[word as usize + 1] as usize;
            put_blocks(&blocks[range], total, &mut entries);
        }
        u32::try_from(entries.len()).ok()?;
        offsets.resize((1 << bits) + 1, entries.len() as u32);
        let mut index = Vec::with_capacity(HEADER_BYTES + offsets.len() * 4 + entries.len());
        for number in [BLOCK_ROWS, rows, bits] {
            index.extend_from_slice(&number.to_le_bytes());
        }
        offsets.iter().for_each(|offset| index.extend_from_slice(&offset.to_le_bytes()));
        index.extend_from_slice(&entries);
        Some(index)
    }
}

/// Bytes that belong to a word.
const IS_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

fn hash(token: &[u8]) -> u64 {
    // Zero marks an empty slot of the words seen.
    xxh3_64(token).max(1)
}

fn bucket_bits(words: usize) -> u32 {
    (words / BUCKET_WORDS).max(1).ilog2()
}

fn bucket(hash: u64, bits: u32) -> usize {
    hash.checked_shr(64 - bits).unwrap_or(0) as usize
}

fn fingerprint(hash: u64, bits: u32) -> u16 {
    (hash << bits >> 48) as u16
}

/// The blocks of each word end to end, and where each word's start.
fn group(pairs: &[(u32, u32)], words: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; words + 1];
    for &(word, _) in pairs {
        starts[word as usize + 1] += 1;
    }
    for word in 0..words {
        starts[word + 1] += starts[word];
    }
    let mut next = starts.clone();
    let mut blocks = vec![0; pairs.len()];
    for &(word, block) in pairs {
        blocks[next[word as usize] as usize] = block;
        next[word as usize] += 1;
    }
    (starts, blocks)
}

fn put_blocks(blocks: &[u32], total: u32, out: &mut Vec<u8>) {
    if let [block] = blocks {
        return put_varint(out, u64::from(*block) << 2 | SINGLE);
    }
    if blocks.len() > total as usize / 2 {
        return put_varint(out, EVERYWHERE);
    }
    let start = out.len();
    put_varint(out, (blocks.len() as u64) << 2 | LIST);
    let mut last = 0;
    for &block in blocks {
        put_varint(out, u64::from(block - last));
        last = block;
    }
    let bitmap_bytes = total.div_ceil(8) as usize;
    if out.len() - start > 1 + bitmap_bytes {
        out.truncate(start);
        put_varint(out, BITMAP);
        let first = out.len();
        out.resize(first + bitmap_bytes, 0);
        for &block in blocks {
            out[first + block as usize / 8] |= 1 << (block % 8);
        }
    }
}

/// A word index opened for reading.
#[derive(Debug)]
pub(crate) struct WordIndex {
    bytes: Bytes,
    block_rows: u32,
    rows: u32,
    bits: u32,
}

impl WordIndex {
    /// `bytes` have passed their checksum; `None` when they are not an index of `rows` rows.
    pub fn open(bytes: Bytes, rows: u32) -> Option<WordIndex> {
        let mut reader = Reader::new(&bytes);
        let mut number = || reader.fixed32().ok();
        let (block_rows, own_rows, bits) = (number()?, number()?, number()?);
        let is_whole = bits < 32 && bytes.len() >= HEADER_BYTES + ((1usize << bits) + 1) * 4;
        (is_whole && own_rows == rows && block_rows > 0).then_some(WordIndex {
            bytes,
            block_rows,
            rows,
            bits,
        })
    }

    /// Row ranges (ascending, apart) outside of which no body matches; `None` when all may.
    pub fn candidates(&self, query: &IndexQuery) -> Result<Option<Vec<Range<u32>>>, Error> {
        candidates(query, &|token| self.blocks_with(token), self.block_rows, self.rows)
    }

    fn blocks_with(&self, token: &str) -> Result<Vec<u32>, Error> {
        let hash = hash(token.as_bytes());
        let wanted = fingerprint(hash, self.bits);
        let mut reader = Reader::new(self.bucket(bucket(hash, self.bits)).ok_or_else(broken)?);
        let mut found = Vec::new();
        while !reader.is_done() {
            let word = reader.fixed16().map_err(|_| broken())?;
            let blocks = self.read_blocks(&mut reader, word == wanted).ok_or_else(broken)?;
            found.extend(blocks);
        }
        // Two words may share a hash.
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    fn bucket(&self, bucket: usize) -> Option<&[u8]> {
        let entries = HEADER_BYTES + ((1usize << self.bits) + 1) * 4;
        let offset = |index: usize| {
            let bytes = self.bytes.get(HEADER_BYTES + index * 4..)?.first_chunk()?;
            Some(u32::from_le_bytes(*bytes) as usize)
        };
        self.bytes.get(entries..)?.get(offset(bucket)?..offset(bucket + 1)?)
    }

    /// Reads past the blocks of one word and returns them if they are wanted; `None` when they are not what they should
    /// be.
    fn read_blocks(&self, reader: &mut Reader<'_>, is_wanted: bool) -> Option<Vec<u32>> {
        let total = self.rows.div_ceil(self.block_rows);
        let mut blocks = Vec::new();
        let mut add = |block: u64| {
            let block = u32::try_from(block).ok().filter(|block| *block < total)?;
            if is_wanted {
                blocks.push(block);
            }
            Some(block)
        };
        let head = reader.varint().ok()?;
        match head & 3 {
            SINGLE => drop(add(head >> 2)?),
            LIST => {
                let mut last = 0;
                for _ in 0..(head >> 2) {
                    last = add(u64::from(last).checked_add(reader.varint().ok()?)?)?;
                }
            }
            BITMAP => {
                let bits = reader.bytes(total.div_ceil(8) as usize).ok()?;
                let is_set = |block: &u32| bits[*block as usize / 8] >> (block % 8) & 1 == 1;
                blocks.extend((0..total).filter(|block| is_wanted && is_set(block)));
            }
            _ if is_wanted => blocks.extend(0..total),
            _ => {}
        }
        Some(blocks)
    }
}

/// The id is filled in by the segment that knows it.
fn broken() -> Error {
    Error::Corrupt { id: String::new(), detail: "a part of the word index is broken".into() }
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::*;
    use proptest::prelude::*;

    fn open(bodies: &[Option<String>]) -> WordIndex {
        let mut builder = Builder::new();
        bodies.iter().for_each(|body| builder.push(body.as_deref().map(str::as_bytes)));
        WordIndex::open(builder.finish().unwrap().into(), bodies.len() as u32).unwrap()
    }

    #[test]
    fn words_lead_to_their_blocks() {
        let body = |row: u32| Some(format!("request {row} from Host-{}", row / 1_000));
        let bodies: Vec<_> = (0..5_000).map(body).collect();
        let index = open(&bodies);
        let find = |words: &[&str]| {
            let phrase = IndexQuery::Phrase(words.iter().map(|&w| w.to_owned()).collect());
            index.candidates(&phrase).unwrap().unwrap()
        };
        assert_eq!(find(&["request"]), vec![0..5_000]);
        assert_eq!(find(&["4321"]), vec![4_096..4_352]);
        assert_eq!(find(&["absent"]), Vec::<Range<u32>>::new());
        assert_eq!(find(&["request", "4999"]), vec![4_864..5_000]);
        // In blocks 3 to 7, by host, and in block 15, by row.
        assert_eq!(find(&["host", "1"]), vec![0..256, 768..2_048]);
    }

    #[test]
    fn a_list_of_blocks_may_be_long() {
        let body = |row: u32| (row % 1_024 < 256).then(|| format!("every fourth {}", row / 10_000));
        let index = open(&(0..100_000).map(body).collect::<Vec<_>>());
        let expected: Vec<u32> = (0..391).step_by(4).collect();
        assert_eq!(index.blocks_with("fourth").unwrap(), expected);
        assert_eq!(index.blocks_with("9").unwrap(), (352..391).step_by(4).collect::<Vec<_>>());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn no_token_is_missed(bodies in proptest::collection::vec(proptest::option::of("(\\PC{0,30}|[a-zA-Z0-9 ._-]{0,200})"), 1..600)) {
            let index = open(&bodies);
            for (row, body) in bodies.iter().enumerate() {
                let phrase: Vec<String> = tokens(body.as_deref().unwrap_or_default()).collect();
                if let Some(found) = index.candidates(&IndexQuery::Phrase(phrase)).unwrap() {
                    prop_assert!(found.iter().any(|rows| rows.contains(&(row as u32))));
                }
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), bits in 0u32..3, rows in 0u32..2_000) {
            let mut all = [256, rows, bits].map(u32::to_le_bytes).concat();
            all.extend_from_slice(&bytes);
            for bytes in [bytes, all] {
                if let Some(index) = WordIndex::open(bytes.into(), rows) {
                    for word in ["word", "a", "b", "42"] {
                        let _ = index.candidates(&IndexQuery::Phrase(vec![word.into()]));
                    }
                }
            }
        }
    }
}
