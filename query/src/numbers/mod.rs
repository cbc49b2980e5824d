//! Numbers: columns of a segment's file read straight from their pages, without Arrow.
//!
//! PromQL reads millions of points as plain slices, from runs of rows of which it knows little before. Arrow's reader would
//! first make whole batches of all columns. Here a page is decompressed when a row of it is asked for, and of its values
//! only the rows asked for are decoded.
//!
//! What cannot be read is [`Unreadable`], which says nothing of why: the caller then reads with Arrow, which does.

mod column;
mod page;

pub(crate) use crate::pages::Unreadable;
pub(crate) use column::{Ids, Numbers};
