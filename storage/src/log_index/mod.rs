//! Log index: which parts of a segment can hold a word or phrase.
//!
//! It answers with row ranges to be checked exactly, so it never changes a result. Earlier versions wrote other indexes,
//! which are still read: a token filter per page of rows at a flush, and at compaction a tantivy index of blocks of rows.
//! None keeps positions: a phrase is looked for where all its words are.

mod block_index;
mod directory;
mod query;
mod token_filter;
mod tokens;
mod word_index;

pub use query::IndexQuery;
pub use tokens::{TOKEN_BYTES_MAX, tokens};

pub(crate) use block_index::BlockIndex;
pub(crate) use token_filter::TokenFilter;
pub(crate) use word_index::{Builder as WordIndexBuilder, WordIndex};

/// Sidecar section of the word index.
pub(crate) const WORD_SECTION: &str = "words";

/// Sidecar section of the token filter.
pub(crate) const FILTER_SECTION: &str = "tokens";

/// Sidecar sections of the tantivy index start with this; its file name follows.
pub(crate) const BLOCK_SECTION_PREFIX: &str = "blocks/";
