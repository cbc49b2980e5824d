//! The telemetry model: OpenTelemetry's own, losslessly. No I/O, and nothing else of this crate is imported here.

mod attribute;
pub mod distribution;
mod ids;
mod signal;
mod table;
mod time;
pub mod wire;

pub use attribute::{Attribute, Value};
pub use ids::{InvalidId, SeriesId, SpanId, TenantId, TraceId};
pub use signal::{Compression, Encoding, Format, Signal};
pub use table::{ColumnKind, ColumnSpec, SortKey, Table, WEIGHT_COLUMN};
pub use time::{TimeRange, Timestamp};

/// The schema URL of resources that stand for streams pushed in Loki's protocol: all of their attributes are the stream's
/// labels, whatever they are called.
pub const PUSHED_STREAM: &str = "loki:stream";
