//! Queries: SQL, traces by id and by TraceQL, log search and metric series over storage snapshots.
//!
//! One read: [`QueryEngine::sql`] waits for its turn, opens one snapshot of one tenant, plans over exactly that snapshot,
//! and streams the answer from the query runtime's threads, so that a heavy query never holds up ingest.
//!
//! Always true: a query sees one snapshot from start to end; it ends at its memory, time or row limit with an error or
//! mark that says so; dropping its answer stops its work; a broken segment is left out and named in the warnings.

mod broken;
mod config;
mod cursor;
mod engine;
mod error;
pub mod explain;
mod kept;
pub mod logql;
pub mod logs;
mod metrics;
mod numbers;
mod pages;
pub mod promql;
pub mod red;
mod rows;
pub mod series;
pub mod sli;
pub mod sql;
mod stats;
pub mod tail;
pub mod template;
#[cfg(test)]
mod testing;
pub mod trace;
pub mod traceql;
mod turn;
pub mod value;

pub use config::QueryConfig;
pub use engine::{QueryEngine, SystemTableRows};
pub use error::{Error, Position};
pub use logs::{LogAnswer, LogPage, LogRecord, LogRequest};
pub use series::{SeriesPage, SeriesRequest};
pub use sql::{RecordBatches, SqlAnswer, SqlRequest};
pub use stats::{QueryStats, StatsSnapshot};
pub use trace::Trace;
pub use traceql::{TracePage, TraceRequest};
