//! Log index: which parts of a segment can hold a word or phrase.
//!
//! Two tiers. A flush writes a token filter per page of rows; compaction writes a tantivy index whose documents are
//! blocks of rows. Both answer with row ranges to be checked exactly, so neither ever changes a result. Neither keeps
//! positions: a phrase is looked for where all its words are.

mod block_index;
mod directory;
mod query;
mod token_filter;
mod tokens;

pub use query::IndexQuery;
pub use tokens::{TOKEN_BYTES_MAX, tokens};

pub(crate) use block_index::BlockIndex;
pub(crate) use block_index::build as build_block_index;
pub(crate) use token_filter::TokenFilter;
pub(crate) use token_filter::build as build_token_filter;

/// Sidecar section of the token filter.
pub(crate) const FILTER_SECTION: &str = "tokens";

/// Sidecar sections of the tantivy index start with this; its file name follows.
pub(crate) const BLOCK_SECTION_PREFIX: &str = "blocks/";
