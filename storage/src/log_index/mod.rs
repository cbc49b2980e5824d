//! Log index: which parts of a segment can hold a word or phrase.
//!
//! Two tiers. A flush writes a token filter per page of rows; compaction writes a tantivy index whose documents are
//! blocks of rows. Both answer with row ranges to be checked exactly, so neither ever changes a result.

/// What the index is asked. Words and phrases are split by [`tokens`] before they are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexQuery {
    /// Can be anywhere: the index cannot help.
    Anything,
    /// The body holds these tokens next to each other in this order; one token is a word.
    Phrase(Vec<String>),
    And(Vec<IndexQuery>),
    Or(Vec<IndexQuery>),
}

/// Longest token that is indexed, in bytes; longer runs are cut into pieces of this length.
pub const TOKEN_BYTES_MAX: usize = 64;

/// The tokens of a text: maximal runs of letters and digits (Unicode), lower-cased, cut at [`TOKEN_BYTES_MAX`].
/// A body matches a word when one of its tokens equals the word's token, and a phrase when its tokens hold the phrase's
/// in sequence.
pub fn tokens(_text: &str) -> impl Iterator<Item = String> + '_ {
    std::iter::empty()
}
