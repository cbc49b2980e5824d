//! What the index is asked, and how blocks of rows answer it.

use crate::Error;
use std::ops::Range;

/// What the index is asked. Words and phrases are split by [`super::tokens`] before they are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexQuery {
    /// Can be anywhere: the index cannot help.
    Anything,
    /// The body holds these tokens next to each other in this order; one token is a word.
    Phrase(Vec<String>),
    And(Vec<IndexQuery>),
    Or(Vec<IndexQuery>),
}

/// Looks up one token: the blocks that may hold it, ascending.
type Lookup<'a> = &'a dyn Fn(&str) -> Result<Vec<u32>, Error>;

/// Row ranges that may match, given blocks of `block_rows` rows of a segment of `rows`; `None` when all may.
pub(super) fn candidates(
    query: &IndexQuery,
    lookup: Lookup<'_>,
    block_rows: u32,
    rows: u32,
) -> Result<Option<Vec<Range<u32>>>, Error> {
    let blocks = blocks(query, lookup)?;
    Ok(blocks.map(|blocks| to_rows(&blocks, block_rows, rows)))
}

/// Blocks that may match, ascending; `None` when all may.
fn blocks(query: &IndexQuery, lookup: Lookup<'_>) -> Result<Option<Vec<u32>>, Error> {
    match query {
        IndexQuery::Anything => Ok(None),
        IndexQuery::Phrase(tokens) => {
            let mut all: Option<Vec<u32>> = None;
            for token in tokens {
                all = Some(both(all, lookup(token)?));
                if all.as_ref().is_some_and(Vec::is_empty) {
                    break;
                }
            }
            Ok(all)
        }
        IndexQuery::And(parts) => {
            let mut all: Option<Vec<u32>> = None;
            for part in parts {
                if let Some(found) = blocks(part, lookup)? {
                    all = Some(both(all, found));
                }
                if all.as_ref().is_some_and(Vec::is_empty) {
                    break;
                }
            }
            Ok(all)
        }
        IndexQuery::Or(parts) => {
            let mut any = Vec::new();
            for part in parts {
                let Some(found) = blocks(part, lookup)? else {
                    return Ok(None);
                };
                any.extend(found);
            }
            any.sort_unstable();
            any.dedup();
            Ok(Some(any))
        }
    }
}

fn both(first: Option<Vec<u32>>, second: Vec<u32>) -> Vec<u32> {
    match first {
        None => second,
        Some(mut first) => {
            first.retain(|block| second.binary_search(block).is_ok());
            first
        }
    }
}

/// Rows of ascending blocks, neighbours joined.
fn to_rows(blocks: &[u32], block_rows: u32, rows: u32) -> Vec<Range<u32>> {
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for &block in blocks {
        let start = block.saturating_mul(block_rows).min(rows);
        let end = start.saturating_add(block_rows).min(rows);
        match ranges.last_mut() {
            _ if start == end => {}
            Some(last) if last.end == start => last.end = end,
            _ => ranges.push(start..end),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_combined_and_neighbours_joined() {
        let lookup = |token: &str| {
            Ok(match token {
                "a" => vec![0, 1, 3],
                "b" => vec![1, 2, 3],
                _ => vec![],
            })
        };
        let word = |word: &str| IndexQuery::Phrase(vec![word.into()]);
        let check = |query: IndexQuery, expected: Option<Vec<Range<u32>>>| {
            assert_eq!(candidates(&query, &lookup, 10, 35).unwrap(), expected, "{query:?}");
        };
        check(IndexQuery::Anything, None);
        check(word("a"), Some(vec![0..20, 30..35]));
        check(word("absent"), Some(vec![]));
        check(IndexQuery::Phrase(vec!["a".into(), "b".into()]), Some(vec![10..20, 30..35]));
        check(IndexQuery::Phrase(vec![]), None);
        check(IndexQuery::And(vec![word("a"), IndexQuery::Anything]), Some(vec![0..20, 30..35]));
        check(IndexQuery::Or(vec![word("a"), word("b")]), Some(std::iter::once(0..35).collect()));
        check(IndexQuery::Or(vec![word("a"), IndexQuery::Anything]), None);
        check(IndexQuery::Or(vec![]), Some(vec![]));
        check(IndexQuery::And(vec![]), None);
    }
}
