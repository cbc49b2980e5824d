//! Log index: which parts of a segment can hold a word or phrase.
//!
//! It answers with row ranges to be checked exactly, so it never changes a result. It keeps no positions: a phrase is
//! looked for where all its words are.

mod query;
mod tokens;
mod word_index;

pub use query::IndexQuery;
pub use tokens::{TOKEN_BYTES_MAX, tokens};

pub(crate) use word_index::{Builder as WordIndexBuilder, WordIndex};

/// Sidecar section of the word index.
pub(crate) const WORD_SECTION: &str = "words";
