//! Collector: OTLP in over gRPC and HTTP, Prometheus remote write and scrapes, Loki's push; decode, check limits, hand to
//! storage.
//!
//! One request: [`otlp::http`], [`otlp::grpc`] or [`remote_write`] reads the body under the limits of [`admit`], the collector decompresses
//! and decodes it on a thread of its own ([`decode`]), appends it to storage, and answers ([`otlp::reply`]).
//!
//! Always true: what is answered "ok" is durable; what is rejected is counted and told to the sender; what may succeed
//! later is answered as retryable.

mod admit;
mod cardinality;
mod collector;
mod config;
mod decode;
mod error;
mod identity;
mod loki_push;
mod metrics;
pub mod otlp;
mod recent;
mod recorded;
mod rejection_log;
mod rejections;
mod remote_write;
mod scrape;
mod server;

pub use cardinality::{CardinalityReport, LabelReport};
pub use collector::Collector;
pub use config::CollectorConfig;
pub use decode::{CappedDecoder, WalDecoder};
pub use error::Error;
pub use recorded::{RecordedHistogram, RecordedPoint, RecordedValue};
pub use rejection_log::{RejectionEntry, RejectionLog, RejectionTotals};
pub use scrape::{
    DroppedTarget, Health, JobConfig, ScrapeConfig, ScrapeTargets, Scraper, TargetGroup,
    TargetStatus, scrape,
};
