//! Batches: decoded rows on their way from a request to a segment.
//!
//! The decoder pushes borrowed rows ([`SpanRow`], [`LogRow`], …) into a [`BatchBuilder`]; each value goes straight into
//! the column it will be written from, strings through an interner, so that nothing is held twice. A finished [`Batch`]
//! is immutable and as small as its values allow: the buffer shares it with queries until a flush merges it into a segment.

mod builder;
mod column;
mod interner;
mod numbers;
mod overflow;
mod row_writer;
mod rows;

pub use builder::{Batch, BatchBuilder, TableBatch};
pub use column::{AttributeColumn, AttributeType, Column, Rows, Strings, Values};
pub use interner::Interner;
pub use numbers::{Integers, Numbers};
pub use rows::{ExemplarRow, LogRow, MetricPointRow, NumberValue, SeriesRow, SpanRow, TimeOrigin};
