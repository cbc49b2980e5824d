//! What rollups should say, counted anew from the spans one by one.

use super::span::{Content, MINUTE};
use std::collections::BTreeMap;

/// Minute, service, name, kind, status.
pub type RedKey = (i64, String, String, i64, i64);

/// Minute, caller, callee, connection type, which sides sent spans.
pub type EdgeKey = (i64, String, String, String, String);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Red {
    pub durations: Durations,
    pub errors: i64,
    pub min: i64,
    pub max: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edge {
    pub count: i64,
    pub errors: i64,
    pub client: Durations,
    pub server: Durations,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    pub count: i64,
    pub sum: i128,
    /// Bucket → count.
    pub buckets: BTreeMap<u16, i64>,
}

impl Durations {
    fn add(&mut self, duration: i64) {
        self.count += 1;
        self.sum += i128::from(duration);
        *self.buckets.entry(bucket(duration)).or_default() += 1;
    }
}

/// The bucket of a duration, found by trying: below 128 one each, then 64 per power of two.
fn bucket(duration: i64) -> u16 {
    let mut value = duration.max(0);
    let mut bucket = 0;
    while value >= 128 {
        value /= 2;
        bucket += 64;
    }
    bucket + value as u16
}

fn minute(time: i64) -> i64 {
    time / MINUTE * MINUTE
}

pub fn red(spans: &[Content]) -> BTreeMap<RedKey, Red> {
    let mut red: BTreeMap<RedKey, Red> = BTreeMap::new();
    for span in spans {
        let (kind, status) = (i64::from(span.kind), i64::from(span.status));
        let key = (minute(span.start), span.service.clone(), span.name.clone(), kind, status);
        let empty =
            Red { durations: Durations::default(), errors: 0, min: i64::MAX, max: i64::MIN };
        let entry = red.entry(key).or_insert(empty);
        entry.durations.add(span.duration);
        entry.errors += i64::from(span.status == 2);
        entry.min = entry.min.min(span.duration);
        entry.max = entry.max.max(span.duration);
    }
    red
}

fn calls(span: &Content) -> bool {
    matches!(span.kind, 3 | 4)
}

fn receives(span: &Content) -> bool {
    matches!(span.kind, 2 | 5)
}

pub fn edges(spans: &[Content]) -> BTreeMap<EdgeKey, Edge> {
    let mut edges: BTreeMap<EdgeKey, Edge> = BTreeMap::new();
    let mut add =
        |time: i64, names: [&str; 4], error: bool, client: Option<i64>, server: Option<i64>| {
            let [caller, callee, connection, sides] = names.map(str::to_owned);
            let edge = edges.entry((minute(time), caller, callee, connection, sides)).or_default();
            edge.count += 1;
            edge.errors += i64::from(error);
            client.into_iter().for_each(|duration| edge.client.add(duration));
            server.into_iter().for_each(|duration| edge.server.add(duration));
        };
    let mut answered: Vec<(u8, u8)> = Vec::new();
    for span in spans {
        let Some(parent) = parent(spans, span) else {
            if receives(span) {
                let queue = span.peer.filter(|peer| span.kind == 5 && peer.1 == "messaging");
                let caller = queue.map_or("user", |queue| queue.0);
                let connection = if span.kind == 5 { "messaging" } else { "rpc" };
                let names = [caller, &span.service, connection, "callee"];
                add(span.start, names, span.status == 2, None, Some(span.duration));
            }
            continue;
        };
        if parent.service != span.service || calls(parent) && receives(span) {
            let connection = if parent.kind == 4 || span.kind == 5 { "messaging" } else { "rpc" };
            let error = parent.status == 2 || span.status == 2;
            let client = calls(parent).then_some(parent.duration);
            let names = [&parent.service, &span.service, connection, "both"];
            add(span.start, names, error, client, Some(span.duration));
            answered.push((parent.trace, parent.span));
        } else if calls(parent) && calls(span) {
            answered.push((parent.trace, parent.span));
        }
    }
    for span in spans.iter().filter(|span| calls(span)) {
        if let Some((peer, connection)) = span.peer
            && !answered.contains(&(span.trace, span.span))
        {
            let names = [&span.service, peer, connection, "caller"];
            add(span.start, names, span.status == 2, Some(span.duration), None);
        }
    }
    edges
}

/// A client span with the same id, else the span with the parent's id; of several first those of the same service, then in
/// the order of what they say.
fn parent<'a>(spans: &'a [Content], span: &Content) -> Option<&'a Content> {
    let first = |wanted: &dyn Fn(&Content) -> bool| {
        let of_trace = spans.iter().filter(|other| other.trace == span.trace && wanted(other));
        of_trace.min_by_key(|other| {
            (
                other.service != span.service,
                &other.service,
                other.kind,
                other.duration,
                other.status,
            )
        })
    };
    if span.kind == 2 {
        let shared = first(&|other| other.span == span.span && other.kind == 3);
        if shared.is_some() {
            return shared;
        }
    }
    if span.parent == 0 {
        return None;
    }
    first(&|other| other.span == span.parent)
}
