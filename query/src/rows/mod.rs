//! Rows: reading chosen rows of segments and chunks, without a query planner.
//!
//! Traces by id and log search know exactly which rows they want. They read them here: [`SegmentRows`] decodes row
//! ranges of a segment's file into Arrow batches, [`pages`] tells what the page index says about them, and
//! [`Columns`], [`RowAttributes`] and [`Shared`] turn a batch's cells into values.

mod attributes;
mod columns;
mod distributions;
mod pages;
mod pick;
mod read;
mod shared;
mod sink;
#[cfg(test)]
mod tests;
mod texts;

pub(crate) use attributes::{RowAttributes, attribute_value};
pub(crate) use columns::{ByteColumn, Columns, FixedColumn, IntColumn, TextColumn, malformed};
pub(crate) use distributions::DistributionColumns;
pub(crate) use pages::{PageTest, TimePage, pages_that_may_hold, rows_with_ids, time_pages};
pub(crate) use read::{SegmentRows, Wanted, ranges_of};
pub(crate) use shared::Shared;
pub(crate) use texts::{distinct_values, rows_with_text};
