//! Collector: OTLP in over gRPC and HTTP; decode, check limits, hand to storage.
//!
//! One request: [`otlp::http`] or [`otlp::grpc`] reads the body under the limits of [`admit`], the collector decompresses
//! and decodes it on a thread of its own ([`otlp::decode`]), appends it to storage, and answers ([`otlp::reply`]).
//!
//! Always true: what is answered "ok" is durable; what is rejected is counted and told to the sender; what may succeed
//! later is answered as retryable.

mod admit;
mod collector;
mod config;
mod error;
mod metrics;
pub mod otlp;
mod rejection_log;
mod server;

pub use collector::Collector;
pub use config::CollectorConfig;
pub use error::Error;
pub use otlp::OtlpDecoder;
pub use rejection_log::{RejectionEntry, RejectionLog, RejectionTotals};
