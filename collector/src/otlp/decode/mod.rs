//! Decode: walks the protobuf wire bytes of an export request straight into batch builders.
//!
//! The levels of a request above its records are its framing: a fault there refuses the request, and nothing of it is
//! stored. A record (span, log record or data point) stands for itself: a bad one is rejected with its reason, its
//! neighbours land. A bad resource, scope or metric takes the records below it along.
//!
//! Always true: what is accepted is what opentelemetry-proto's own decoder accepts, and says the same (see `tests`).

mod attribute;
mod body_text;
mod distribution;
pub(crate) mod field;
mod frame;
mod head;
mod ids;
mod log;
mod metric;
mod point;
mod span;

use crate::decode::{Decoded, Written};
use crate::rejections::Rejections;
use binnacle_storage::batch::BatchBuilder;
use binnacle_storage::model::wire::Malformed;
use binnacle_storage::model::{Signal, Timestamp};
use field::{Fault, REQUEST_DEPTH};
use head::Head;
use std::collections::HashSet;

/// Most records in one request, and most entries of each list above them: a record may be two bytes long, and its row takes
/// thirty times that. Senders batch by the thousand.
pub const RECORDS_MAX: usize = 1 << 20;

/// Why a whole request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("malformed protobuf: {0}")]
    Framing(#[from] Malformed),
    #[error("more than {RECORDS_MAX} records in one request")]
    TooMany,
}

/// Decodes a protobuf request. An error refuses the whole request.
pub fn decode(signal: Signal, body: &[u8], ingested_at: Timestamp) -> Result<Decoded, Broken> {
    let mut decoder = Decoder {
        signal,
        ingested_at,
        builder: BatchBuilder::new(signal, ingested_at),
        entries: 0,
        accepted: 0,
        rejected: Rejections::default(),
        stored: Vec::new(),
        seen: HashSet::new(),
    };
    decoder.request(body)?;
    let Decoder { builder, accepted, rejected, .. } = decoder;
    let written = Written::default();
    Ok(Decoded { batch: builder.finish(), accepted, rejected, written, fresh: Vec::new() })
}

struct Decoder {
    signal: Signal,
    ingested_at: Timestamp,
    builder: BatchBuilder,
    /// Entries of lists entered so far.
    entries: usize,
    accepted: u64,
    rejected: Rejections,
    /// Scratch for the bytes of a resource or scope as they are stored.
    stored: Vec<u8>,
    /// Series that have their row already.
    seen: HashSet<u128>,
}

/// Lists and scratch that borrow from the body, reused from group to group.
#[derive(Default)]
struct Room<'a> {
    scopes: Vec<&'a [u8]>,
    records: Vec<&'a [u8]>,
    points: Vec<&'a [u8]>,
    span: span::Scratch<'a>,
    log: log::Scratch<'a>,
    point: point::Scratch<'a>,
}

/// The resource and scope that records lie under; `Err` says why they are rejected.
struct Above<'h> {
    resource: &'h Result<Head<'h>, Fault>,
    scope: Result<u128, Fault>,
}

impl Above<'_> {
    fn fault(&self) -> Option<Fault> {
        self.resource.as_ref().err().copied().or(self.scope.err())
    }

    fn service(&self) -> &str {
        self.resource.as_ref().map_or("", |resource| &resource.service)
    }
}

impl Decoder {
    fn request(&mut self, body: &[u8]) -> Result<(), Broken> {
        let mut resources = Vec::new();
        frame::read_request(body, &mut resources)?;
        let mut room = Room::default();
        for group in resources {
            self.resource_group(group, &mut room)?;
        }
        Ok(())
    }

    fn resource_group<'a>(&mut self, bytes: &'a [u8], room: &mut Room<'a>) -> Result<(), Broken> {
        let depth = REQUEST_DEPTH - 1;
        let mut scopes = std::mem::take(&mut room.scopes);
        scopes.clear();
        let group = frame::read_group(bytes, depth, &mut scopes)?;
        let schema_url = group.schema_url;
        let resource = head::resource(group.head, schema_url, depth);
        if let Ok(resource) = &resource {
            let message = resource.message.as_deref();
            frame::stored_head(&mut self.stored, message, schema_url.unwrap_or_default());
            self.builder.resource(&self.stored, &resource.service);
        }
        for scope in &scopes {
            self.scope_group(scope, &resource, room)?;
        }
        room.scopes = scopes;
        Ok(())
    }

    fn scope_group<'a>(
        &mut self,
        bytes: &'a [u8],
        resource: &Result<Head<'_>, Fault>,
        room: &mut Room<'a>,
    ) -> Result<(), Broken> {
        let depth = REQUEST_DEPTH - 2;
        let mut records = std::mem::take(&mut room.records);
        records.clear();
        let group = frame::read_group(bytes, depth, &mut records)?;
        self.enter(records.len())?;
        let schema_url = group.schema_url;
        let scope = head::scope(group.head, schema_url, depth);
        if let Ok(scope) = &scope {
            let message = scope.message.as_deref();
            frame::stored_head(&mut self.stored, message, schema_url.unwrap_or_default());
            self.builder.scope(&self.stored);
        }
        let above = Above { resource, scope: scope.map(|scope| scope.identity) };
        match self.signal {
            Signal::Traces => self.spans(&records, &above, room),
            Signal::Logs => self.logs(&records, &above, room),
            Signal::Metrics => self.metrics(&records, &above, room)?,
        }
        room.records = records;
        Ok(())
    }

    fn spans<'a>(&mut self, spans: &[&'a [u8]], above: &Above<'_>, room: &mut Room<'a>) {
        if let Some(fault) = above.fault() {
            return self.rejected.add(fault.reason(), above.service(), spans.len() as u64);
        }
        for bytes in spans {
            let pushed = span::push(bytes, REQUEST_DEPTH - 3, &mut room.span, &mut self.builder);
            self.count(pushed, above);
        }
    }

    fn logs<'a>(&mut self, logs: &[&'a [u8]], above: &Above<'_>, room: &mut Room<'a>) {
        if let Some(fault) = above.fault() {
            return self.rejected.add(fault.reason(), above.service(), logs.len() as u64);
        }
        for bytes in logs {
            let depth = REQUEST_DEPTH - 3;
            let pushed =
                log::push(bytes, depth, self.ingested_at, &mut room.log, &mut self.builder);
            self.count(pushed, above);
        }
    }

    fn metrics<'a>(
        &mut self,
        metrics: &[&'a [u8]],
        above: &Above<'_>,
        room: &mut Room<'a>,
    ) -> Result<(), Broken> {
        let Room { points, point: scratch, .. } = room;
        for bytes in metrics {
            let depth = REQUEST_DEPTH - 3;
            let framed = metric::read_framing(bytes, depth, points)?;
            self.enter(points.len())?;
            let checked = match (above.resource, &above.scope) {
                (Ok(resource), Ok(scope)) => {
                    metric::check(&framed, depth, resource.identity, *scope)
                }
                (Err(fault), _) | (_, Err(fault)) => Err(*fault),
            };
            match checked {
                Err(fault) => {
                    self.rejected.add(fault.reason(), above.service(), points.len() as u64);
                }
                Ok(None) => {}
                Ok(Some(metric)) => {
                    for bytes in points.iter() {
                        let depth = depth - 2;
                        let Decoder { seen, builder, .. } = self;
                        let pushed = point::push(bytes, depth, &metric, seen, scratch, builder);
                        self.count(pushed, above);
                    }
                }
            }
        }
        Ok(())
    }

    /// Counts entries of lists before anything is made of them.
    fn enter(&mut self, entries: usize) -> Result<(), Broken> {
        self.entries += entries;
        if self.entries > RECORDS_MAX { Err(Broken::TooMany) } else { Ok(()) }
    }

    #[inline]
    fn count(&mut self, pushed: Result<(), Fault>, above: &Above<'_>) {
        match pushed {
            Ok(()) => self.accepted += 1,
            Err(fault) => self.rejected.add(fault.reason(), above.service(), 1),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
