//! Spans of the tests: three small numbers say all of one, so that a request is a list of them.

use binnacle_storage::batch::{Batch, BatchBuilder, SpanRow};
use binnacle_storage::model::{Attribute, Signal, SpanId, Timestamp, TraceId, Value, wire};

/// A span by name. Equal names are the same span sent twice; another variant has the same ids and other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    pub trace: u8,
    pub span: u8,
    pub variant: u8,
}

/// What a span consists of.
#[derive(Debug, Clone)]
pub struct Content {
    pub trace: u8,
    pub span: u8,
    /// 0 for none.
    pub parent: u8,
    pub service: String,
    pub name: String,
    pub kind: i32,
    pub start: i64,
    pub duration: i64,
    pub status: i32,
    /// Who its attributes say is on the other side, and how connected.
    pub peer: Option<(&'static str, &'static str)>,
    attributes: Vec<(String, Owned)>,
}

#[derive(Debug, Clone)]
enum Owned {
    Text(&'static str),
    Int(i64),
}

pub const MINUTE: i64 = 60_000_000_000;
const START: i64 = 28_333_333 * MINUTE;

/// Span ids that can be parents.
pub const SPANS: u8 = 9;

impl Name {
    pub fn content(self) -> Content {
        let mut state =
            u64::from(self.trace) << 16 | u64::from(self.span) << 8 | u64::from(self.variant);
        let mut below = |limit: u64| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ mixed >> 31) % limit
        };
        let parent = match below(6) {
            0 => 0,
            1 => 200,
            _ => 1 + below(u64::from(SPANS)) as u8,
        };
        let duration = match below(4) {
            0 => -(below(500) as i64),
            1 => below(300) as i64,
            _ => below(5_000_000_000) as i64,
        };
        let (peer, mut attributes) = attributes(below(8));
        if below(3) == 0 {
            // So many other keys that those of the peer get no column.
            let others = (0..70).map(|key| (format!("a{key}"), Owned::Int(1)));
            attributes.extend(others);
        }
        Content {
            trace: self.trace,
            span: self.span,
            parent,
            service: format!("service-{}", below(3)),
            name: format!("operation-{}", below(2)),
            kind: below(6) as i32,
            start: START + (below(3) as i64) * MINUTE + below(MINUTE as u64) as i64,
            duration,
            status: below(3) as i32,
            peer,
            attributes,
        }
    }
}

type Attributes = Vec<(String, Owned)>;

fn attributes(choice: u64) -> (Option<(&'static str, &'static str)>, Attributes) {
    use Owned::{Int, Text};
    let (peer, list): (_, &[(&str, Owned)]) = match choice {
        0 => (
            Some(("redis:cache", "database")),
            &[("db.system", Text("redis")), ("server.address", Text("cache"))],
        ),
        1 => (
            Some(("postgresql:orders", "database")),
            &[("db.system.name", Text("postgresql")), ("db.namespace", Text("orders"))],
        ),
        2 => (
            Some(("kafka:paid", "messaging")),
            &[("messaging.system", Text("kafka")), ("messaging.destination.name", Text("paid"))],
        ),
        3 => (Some(("10.1.1.1", "rpc")), &[("net.peer.name", Text("10.1.1.1"))]),
        // Only texts name anybody.
        4 => (None, &[("server.address", Int(5)), ("db.name", Text("orders"))]),
        5 => (
            Some(("ledger", "rpc")),
            &[("peer.service", Text("ledger")), ("server.address", Text("ledger.internal"))],
        ),
        _ => (None, &[]),
    };
    (peer, list.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

/// A request's body: the names.
pub fn body(names: &[Name]) -> Vec<u8> {
    names.iter().flat_map(|name| [name.trace, name.span, name.variant]).collect()
}

pub fn decode(body: &[u8], ingested_at: Timestamp) -> Batch {
    let mut builder = BatchBuilder::new(Signal::Traces, ingested_at);
    for name in body.chunks_exact(3) {
        push(&mut builder, Name { trace: name[0], span: name[1], variant: name[2] });
    }
    builder.finish()
}

fn push(builder: &mut BatchBuilder, name: Name) {
    let content = name.content();
    let mut list = Vec::new();
    for (key, value) in &content.attributes {
        let value = match value {
            Owned::Text(text) => Value::String(text),
            Owned::Int(number) => Value::Int(*number),
        };
        wire::put_attribute(&mut list, key, &value);
    }
    let attributes: Vec<Attribute<'_>> = wire::attributes(&list).map(Result::unwrap).collect();
    builder.resource(b"", &content.service);
    builder.scope(b"");
    builder.push_span(&SpanRow {
        trace_id: TraceId([content.trace + 1; 16]),
        span_id: SpanId([content.span; 8]),
        parent_span_id: (content.parent > 0).then_some(SpanId([content.parent; 8])),
        trace_state: &name.variant.to_string(),
        flags: 0,
        name: &content.name,
        kind: content.kind,
        start_time: Timestamp(content.start),
        end_time: Timestamp(content.start + content.duration),
        status_code: content.status,
        status_message: "",
        dropped_attributes_count: 0,
        dropped_events_count: 0,
        dropped_links_count: 0,
        attributes: &attributes,
        events: &[],
        links: &[],
    });
}
