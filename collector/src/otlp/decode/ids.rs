//! Ids and times as OTLP sends them.

use super::field::Fault;
use binnacle_storage::model::{SpanId, Timestamp, TraceId};

/// The trace id of a span: 16 bytes, not all zero.
#[inline]
pub fn trace_id(bytes: &[u8]) -> Result<TraceId, Fault> {
    optional_trace_id(bytes)?.ok_or(Fault::Invalid("trace id is empty or all zero"))
}

/// The id of a span: 8 bytes, not all zero.
#[inline]
pub fn span_id(bytes: &[u8]) -> Result<SpanId, Fault> {
    optional_span_id(bytes)?.ok_or(Fault::Invalid("span id is empty or all zero"))
}

/// A trace id that may be missing: empty and all zero both mean so.
#[inline]
pub fn optional_trace_id(bytes: &[u8]) -> Result<Option<TraceId>, Fault> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let id: [u8; 16] =
        bytes.try_into().map_err(|_| Fault::Invalid("trace id is not 16 bytes long"))?;
    let id = TraceId(id);
    Ok((!id.is_zero()).then_some(id))
}

/// A span id that may be missing: empty and all zero both mean so.
#[inline]
pub fn optional_span_id(bytes: &[u8]) -> Result<Option<SpanId>, Fault> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let id: [u8; 8] =
        bytes.try_into().map_err(|_| Fault::Invalid("span id is not 8 bytes long"))?;
    let id = SpanId(id);
    Ok((!id.is_zero()).then_some(id))
}

/// A time; nanoseconds past `i64::MAX` (the year 2262) cannot be stored.
#[inline]
pub fn time(nanos: u64) -> Result<Timestamp, Fault> {
    i64::try_from(nanos)
        .map(Timestamp)
        .map_err(|_| Fault::Invalid("time is later than the year 2262"))
}

/// A time where 0 means that it was not set.
#[inline]
pub fn optional_time(nanos: u64) -> Result<Option<Timestamp>, Fault> {
    Ok((nanos != 0).then_some(time(nanos)?))
}
