//! Pages: what a page of a segment's file holds, read without Arrow.
//!
//! Arrow's reader decodes whole pages into batches and makes a decompressor for each column. Whoever wants the values of a few
//! rows takes them from here: a page is decompressed once, and of its values only those asked for are looked at.
//!
//! What cannot be read is [`Unreadable`], which says nothing of why: the caller then reads with Arrow, which does.

mod decode;
mod header;
mod kept;
mod page;

pub(crate) use decode::{deltas, each_code, hybrid_at, plain, split};
pub(crate) use kept::PageKey;
pub(crate) use page::{Codec, DataPage, NULL, data_page, dictionary_page};

/// A page this module does not understand, or a broken one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;
