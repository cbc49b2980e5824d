//! Storage: from a decoded batch to durable, queryable, compacted segments.
//!
//! One write: [`Storage::append`] recognises a retry, appends the body to the WAL, waits for the fsync it shares with its
//! neighbours, and has its rows in the buffer before it returns. One read: [`Storage::snapshot`] names the segments and
//! buffered rows that a query sees from start to end.
//!
//! Always true: a batch whose append returned `Ok` survives a crash and is in every later snapshot; a segment never
//! changes once the catalog names it; a broken file is reported and set aside while the rest keeps serving.

mod attributes;
mod background;
pub mod batch;
mod borders;
mod buffer;
mod catalog;
mod clock;
mod compaction;
mod config;
mod disk;
mod engine;
mod error;
mod flush;
mod live;
pub mod log_index;
mod metrics;
pub mod model;
mod objects;
mod open;
mod recovery;
mod retention;
mod retries;
pub mod rollup;
mod room;
pub mod segment;
mod settle;
mod snapshot;
mod stitch;
mod storage;
mod stored_series;
mod subscription;
mod thinning;
mod wal;

pub use catalog::AttributeKey;
pub use clock::{Clock, SystemClock};
pub use config::{RetentionRule, StorageConfig, Thinning};
pub use disk::Space;
pub use error::Error;
pub use snapshot::{Chunk, Snapshot};
pub use stitch::{Stitches, edges};
pub use storage::{Accepted, AppendRequest, Decode, Missing, RecoveryReport, Storage};
pub use subscription::{Arrival, Subscription};
