//! Remote write: how Prometheus, agents and other senders of Prometheus's data model hand over what they have scraped.
//!
//! [`http`] reads the request and answers; [`v1`] and [`v2`] walk the two messages into the same [`entry::Entry`], and
//! [`writer`] turns each into rows. Scrapes take the same way: they are written as a 2.0 message first, so there is one
//! reading of the data model to trust.
//!
//! Always true: a series is its labels and nothing else, so that it stays one series however its metadata changes;
//! `__name__` is the metric's name, the other labels are attributes, resource and scope are empty. A bad series or sample
//! is rejected by name and its neighbours land; only a message that cannot be read is refused whole.

mod entry;
mod histogram;
pub(crate) mod http;
mod labels;
#[cfg(test)]
pub(crate) mod tests;
mod v1;
mod v2;
mod writer;

pub use entry::MetricType;
pub use v1::decode as decode_v1;
pub use v2::decode as decode_v2;

use crate::otlp::decode::RECORDS_MAX;
use binnacle_storage::model::wire::Malformed;

/// The value that says "this series has ended": one of the many bit patterns of NaN.
pub const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The NaN that a target can say; other bit patterns have no meaning.
pub const NAN_BITS: u64 = 0x7ff8_0000_0000_0001;

/// OpenTelemetry's data point flag for "no recorded value", by which a stale marker is stored.
const NO_RECORDED_VALUE: u32 = 1;

/// Most bytes of labels and metadata in one request once its symbols are looked up: two bytes may stand for a long symbol,
/// any number of times. Far beyond what a request of the largest size says plainly.
const TEXT_BYTES_MAX: usize = 256 << 20;

/// Why a whole request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("malformed protobuf: {0}")]
    Framing(#[from] Malformed),
    #[error("more than {RECORDS_MAX} samples, exemplars and descriptions in one request")]
    TooMany,
    #[error("labels take more than {TEXT_BYTES_MAX} bytes once their symbols are looked up")]
    TooMuchText,
    #[error("the first symbol must be the empty string")]
    FirstSymbol,
}
