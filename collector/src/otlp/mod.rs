//! OTLP: the only place that names its messages.

pub mod decode;
