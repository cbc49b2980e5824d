//! Values: what stored bytes say, as owned types.
//!
//! Segments keep attributes, resources, scopes, events, links and parts of distributions as protobuf bytes (see
//! `storage/FORMAT.md`). Here they become plain Rust values for answers. Bytes are checked as they are read: damaged ones
//! are an error, never a panic, and nesting is bounded by [`wire::DEPTH_MAX`].

mod any_value;
mod distribution;
mod native_histogram;
mod resource;
mod span_parts;

#[cfg(test)]
pub(crate) use any_value::tests as encode;
pub use any_value::{AnyValue, Attributes, attributes};
pub use distribution::{
    Buckets, Distribution, ExponentialHistogram, Histogram, Quantile, StoredDistribution, Summary,
};
pub use native_histogram::{BucketSpan, NativeBuckets, NativeHistogram, ResetHint};
pub(crate) use resource::resource_attributes;
pub use resource::{EntityRef, Resource, Scope};
pub use span_parts::{SpanEvent, SpanLink, span_events, span_links};

#[cfg(doc)]
use binnacle_storage::model::wire;
