//! Collector: OTLP in over gRPC and HTTP; decode, check limits, hand to storage.

pub mod otlp;
