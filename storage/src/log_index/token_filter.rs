//! Token filter: per page of rows, a bloom filter of its tokens, as earlier versions wrote it at a flush.
//!
//! Layout, little-endian: rows per page (u32), pages (u32), rows (u32), then per page the number of its 64-bit words
//! (u32), then all words. A token sets [`PROBES`] bits of its page, at `(h1 + i · h2) mod bits` with the two halves of its
//! 128-bit XXH3 hash; no words means no tokens.

use super::query::{IndexQuery, candidates};
use crate::Error;
use crate::model::wire::Reader;
use bytes::Bytes;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_128;

/// Bits that a token sets.
const PROBES: u64 = 6;

fn probes(hash: u128, bits: u64) -> impl Iterator<Item = u64> {
    let (first, step) = (hash as u64, (hash >> 64) as u64);
    (0..PROBES).map(move |probe| first.wrapping_add(step.wrapping_mul(probe)) % bits)
}

/// A token filter opened for reading.
#[derive(Debug)]
pub(crate) struct TokenFilter {
    bytes: Bytes,
    page_rows: u32,
    rows: u32,
    /// Where the words of each page are in `bytes`.
    pages: Vec<Range<usize>>,
}

impl TokenFilter {
    /// `None` when `bytes` are not a filter of `rows` rows.
    pub fn open(bytes: Bytes, rows: u32) -> Option<TokenFilter> {
        let mut reader = Reader::new(&bytes);
        let mut number = || reader.fixed32().ok();
        let (page_rows, pages, own_rows) = (number()?, number()?, number()?);
        if own_rows != rows || page_rows == 0 || pages != rows.div_ceil(page_rows) {
            return None;
        }
        let mut start = 12usize.checked_add((pages as usize).checked_mul(4)?)?;
        let mut ranges = Vec::new();
        for _ in 0..pages {
            let end = start.checked_add((number()? as usize).checked_mul(8)?)?;
            ranges.push(start..end);
            start = end;
        }
        (start == bytes.len()).then_some(TokenFilter { bytes, page_rows, rows, pages: ranges })
    }

    /// Row ranges (ascending, apart) outside of which no body matches; `None` when all may.
    pub fn candidates(&self, query: &IndexQuery) -> Result<Option<Vec<Range<u32>>>, Error> {
        candidates(query, &|token| Ok(self.pages_with(token)), self.page_rows, self.rows)
    }

    /// Pages that may hold `token`, ascending.
    fn pages_with(&self, token: &str) -> Vec<u32> {
        let hash = xxh3_128(token.as_bytes());
        let may_hold = |words: &Range<usize>| {
            let words = &self.bytes[words.clone()];
            let bits = words.len() as u64 * 8;
            // Bit order of little-endian words is byte order.
            bits > 0
                && probes(hash, bits).all(|bit| words[(bit / 8) as usize] >> (bit % 8) & 1 == 1)
        };
        let pages = self.pages.iter().enumerate().filter(|(_, words)| may_hold(words));
        pages.map(|(page, _)| page as u32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens;
    use super::super::tokens::Scanner;
    use super::*;
    use proptest::prelude::*;

    /// Rows per page: the same as the pages of the Parquet file, which is what a search can skip.
    const PAGE_ROWS: u32 = 8_192;

    /// With 6 probes, 10 bits per token err once in 120; measured to cost 2 bytes per log record.
    const BITS_PER_TOKEN: usize = 10;

    /// The filter of `bodies`, one per row.
    fn build<'a>(bodies: impl ExactSizeIterator<Item = Option<&'a str>>) -> Vec<u8> {
        let rows = bodies.len();
        let pages = rows.div_ceil(PAGE_ROWS as usize);
        let mut header = Vec::with_capacity(12 + pages * 4);
        for number in [PAGE_ROWS, pages as u32, rows as u32] {
            header.extend_from_slice(&number.to_le_bytes());
        }
        let mut filters = Vec::new();
        let mut hashes = Vec::new();
        let mut bodies = bodies.peekable();
        while bodies.peek().is_some() {
            hashes.clear();
            for body in bodies.by_ref().take(PAGE_ROWS as usize).flatten() {
                let mut scanner = Scanner::new(body);
                while let Some(token) = scanner.next_token() {
                    hashes.push(xxh3_128(token.as_bytes()));
                }
            }
            hashes.sort_unstable();
            hashes.dedup();
            let words = page_filter(&hashes);
            header.extend_from_slice(&(words.len() as u32).to_le_bytes());
            words.iter().for_each(|word| filters.extend_from_slice(&word.to_le_bytes()));
        }
        header.extend_from_slice(&filters);
        header
    }

    fn page_filter(hashes: &[u128]) -> Vec<u64> {
        let mut words = vec![0u64; (hashes.len() * BITS_PER_TOKEN).div_ceil(64)];
        let bits = words.len() as u64 * 64;
        for &hash in hashes {
            probes(hash, bits).for_each(|bit| words[(bit / 64) as usize] |= 1 << (bit % 64));
        }
        words
    }

    #[test]
    fn present_tokens_are_found_in_their_page_and_absent_ones_rarely() {
        let bodies: Vec<String> =
            (0..20_000).map(|row| format!("request {row} of user{}", row % 100)).collect();
        let filter = build(bodies.iter().map(|body| Some(body.as_str())));
        let filter = TokenFilter::open(filter.into(), 20_000).unwrap();
        let find = |word: &str| {
            filter.candidates(&IndexQuery::Phrase(vec![word.to_owned()])).unwrap().unwrap()
        };
        assert_eq!(find("request"), vec![0..20_000]);
        assert!(find("12345").iter().any(|rows| rows.contains(&12_345)));
        let wrong = (0..1_000).filter(|i| !find(&format!("absent{i}")).is_empty()).count();
        assert!(wrong < 60, "{wrong} of 1000 absent tokens seem to be there");
    }

    proptest! {
        #[test]
        fn no_token_is_missed(bodies in proptest::collection::vec(proptest::option::of("\\PC{0,30}"), 0..60)) {
            let rows = bodies.len() as u32;
            let filter = build(bodies.iter().map(Option::as_deref));
            let filter = TokenFilter::open(filter.into(), rows).unwrap();
            for (row, body) in bodies.iter().enumerate() {
                let phrase: Vec<String> = tokens(body.as_deref().unwrap_or_default()).collect();
                if let Some(found) = filter.candidates(&IndexQuery::Phrase(phrase)).unwrap() {
                    prop_assert!(found.iter().any(|rows| rows.contains(&(row as u32))));
                }
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), rows in 0u32..20_000) {
            if let Some(filter) = TokenFilter::open(bytes.into(), rows) {
                let _ = filter.candidates(&IndexQuery::Phrase(vec!["word".into()]));
            }
        }
    }
}
