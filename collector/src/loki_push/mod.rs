//! Loki's push: how Promtail, Alloy, Fluent Bit and other senders of Loki's data model hand over their lines.
//!
//! [`http`] reads the request and answers; [`json`] and [`protobuf`] read the two bodies into the same streams, and [`convert`]
//! writes these as an OTLP request, which takes the way of any other: one decoder to trust, also for replay.
//!
//! Always true: a stream's labels are the attributes of a resource of its own kind, so that they come back as they were; a
//! bad stream or entry is rejected by name and its neighbours land.

mod convert;
pub(crate) mod http;
mod json;
mod labels;
mod protobuf;
#[cfg(test)]
mod tests;

/// One stream of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Stream {
    /// In the order they came.
    labels: Vec<(String, String)>,
    entries: Vec<Entry>,
}

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Entry {
    /// Unix nanoseconds.
    time: u64,
    line: String,
    structured: Vec<(String, String)>,
}

/// Streams that can be kept, and what was rejected of others.
type Pushed = (Vec<Stream>, crate::rejections::Rejections);
