//! Edges: who calls whom, per minute.
//!
//! A pure function of the spans of one trace. A span whose parent is of another service is a call from that service; so is
//! a server or consumer span below a client or producer span, also within a service. A client or producer span without
//! such a child (and without a client span below it that is the real call) is a call to its uninstrumented peer, if its
//! attributes name one. A server or consumer span whose parent was never sent is a call from outside: from the queue it
//! names, else from [`OUTSIDE`].
//!
//! A call counts in the minute in which the callee's span begins, without one the caller's.

use super::histogram::{bucket, each, encode_counts};
use super::peer::Connection;
use super::{
    KIND_CLIENT, KIND_CONSUMER, KIND_PRODUCER, KIND_SERVER, SUM_PRECISION, SpanSet, failed,
    minute_of, sum_field, time_field,
};
use crate::Error;
use arrow::array::{
    ArrayRef, AsArray, BinaryArray, Decimal128Array, Int64Array, StringArray,
    TimestampNanosecondArray,
};
use arrow::datatypes::{
    DataType, Decimal128Type, Field, Int64Type, Schema, SchemaRef, TimestampNanosecondType,
};
use arrow::record_batch::RecordBatch;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

/// The caller of what is called from outside of everything that sends spans.
pub const OUTSIDE: &str = "user";

/// Columns of `edges`.
pub fn edge_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let mut fields = vec![time_field("minute")];
        for text in ["caller", "callee", "connection_type", "instrumented"] {
            fields.push(Field::new(text, DataType::Utf8, false));
        }
        for number in ["count", "errors"] {
            fields.push(Field::new(number, DataType::Int64, false));
        }
        for side in ["client", "server"] {
            fields.push(Field::new(format!("{side}_count"), DataType::Int64, false));
            fields.push(sum_field(&format!("{side}_duration_sum")));
            fields.push(Field::new(format!("{side}_histogram"), DataType::Binary, false));
        }
        Arc::new(Schema::new(fields))
    });
    SCHEMA.clone()
}

/// Which sides of a call sent spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Instrumented {
    Both,
    Caller,
    Callee,
}

impl Instrumented {
    fn name(self) -> &'static str {
        match self {
            Instrumented::Both => "both",
            Instrumented::Caller => "caller",
            Instrumented::Callee => "callee",
        }
    }

    fn from_name(name: &str) -> Option<Instrumented> {
        [Instrumented::Both, Instrumented::Caller, Instrumented::Callee]
            .into_iter()
            .find(|instrumented| instrumented.name() == name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    caller: Box<[u8]>,
    callee: Box<[u8]>,
    connection: Connection,
    instrumented: Instrumented,
    minute: i64,
}

/// What one side measured.
#[derive(Debug, Clone, Default)]
struct Side {
    sum: i128,
    /// Counts by bucket of the histogram, none of them 0.
    buckets: BTreeMap<u16, i64>,
}

impl Side {
    fn add(&mut self, bucket: u16, count: i64) {
        let own = self.buckets.entry(bucket).or_default();
        *own = own.wrapping_add(count);
        if *own == 0 {
            self.buckets.remove(&bucket);
        }
    }

    fn count(&self) -> i64 {
        self.buckets.values().fold(0, |sum, count| sum.wrapping_add(*count))
    }
}

#[derive(Debug, Default)]
struct Totals {
    count: i64,
    errors: i64,
    client: Side,
    server: Side,
}

impl Totals {
    fn is_nothing(&self) -> bool {
        let is_nothing = |side: &Side| side.sum == 0 && side.buckets.is_empty();
        let sides = is_nothing(&self.client) && is_nothing(&self.server);
        self.count == 0 && self.errors == 0 && sides
    }
}

/// Sums of calls. Calls can be taken out again by adding them −1 times.
#[derive(Debug, Default)]
pub struct EdgeTotals {
    totals: BTreeMap<Key, Totals>,
}

/// One side of a call: a service, a peer, or the outside, as a number within its spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Party {
    Service(u32),
    Peer(u32),
    Outside,
}

/// What calls are told apart by while the spans they are of are at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Way {
    caller: Party,
    callee: Party,
    connection: Connection,
    instrumented: Instrumented,
    minute: i64,
}

/// One call.
struct Call {
    way: Way,
    is_error: bool,
    client: Option<i64>,
    server: Option<i64>,
}

/// The calls of one way: sums, and the buckets of all durations.
#[derive(Debug, Default)]
struct Calls {
    count: i64,
    errors: i64,
    client: (i128, Vec<u16>),
    server: (i128, Vec<u16>),
}

impl Calls {
    fn add(&mut self, call: &Call) {
        self.count += 1;
        self.errors += i64::from(call.is_error);
        for (side, duration) in [(&mut self.client, call.client), (&mut self.server, call.server)] {
            if let Some(duration) = duration {
                side.0 += i128::from(duration);
                side.1.push(bucket(duration));
            }
        }
    }
}

impl EdgeTotals {
    /// Adds the calls that the spans `rows` make by themselves, `times` times.
    pub fn add_spans(&mut self, spans: &SpanSet, rows: Range<u32>, times: i64) {
        let mut ways: HashMap<Way, Calls, foldhash::fast::RandomState> = HashMap::default();
        let mut scratch = Scratch::default();
        spans.each_trace(rows, |trace| {
            each_call(spans, trace, &mut scratch, &mut |call| {
                ways.entry(call.way).or_default().add(&call);
            });
        });
        for (way, calls) in ways {
            self.add(spans, way, calls, times);
        }
    }

    fn add(&mut self, spans: &SpanSet, way: Way, calls: Calls, times: i64) {
        let name = |party: Party| -> Box<[u8]> {
            match party {
                Party::Service(code) => spans.service_names.value(code).into(),
                Party::Peer(code) => spans.peer_list[code as usize].name.clone(),
                Party::Outside => OUTSIDE.as_bytes().into(),
            }
        };
        let key = Key {
            caller: name(way.caller),
            callee: name(way.callee),
            connection: way.connection,
            instrumented: way.instrumented,
            minute: way.minute,
        };
        let totals = self.totals.entry(key).or_default();
        totals.count += calls.count * times;
        totals.errors += calls.errors * times;
        for (side, (sum, mut buckets)) in
            [(&mut totals.client, calls.client), (&mut totals.server, calls.server)]
        {
            side.sum += sum * i128::from(times);
            buckets.sort_unstable();
            for run in buckets.chunk_by(|a, b| a == b) {
                side.add(run[0], run.len() as i64 * times);
            }
        }
    }

    /// Adds other sums.
    pub fn add_totals(&mut self, other: &EdgeTotals) {
        for (key, from) in &other.totals {
            let into = self.totals.entry(key.clone()).or_default();
            into.count += from.count;
            into.errors += from.errors;
            for (into, from) in [(&mut into.client, &from.client), (&mut into.server, &from.server)]
            {
                into.sum += from.sum;
                from.buckets.iter().for_each(|(&bucket, &count)| into.add(bucket, count));
            }
        }
    }

    /// Adds what another rollup counted.
    pub fn add_batch(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        if batch.schema().fields() != edge_schema().fields() {
            return Err(failed("its columns are not those of edges"));
        }
        let minutes = batch.column(0).as_primitive::<TimestampNanosecondType>();
        let text = |column: usize| batch.column(column).as_string::<i32>();
        let number = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let unknown = || failed("a connection type is unknown");
            let key = Key {
                caller: text(1).value(row).as_bytes().into(),
                callee: text(2).value(row).as_bytes().into(),
                connection: Connection::from_name(text(3).value(row)).ok_or_else(unknown)?,
                instrumented: Instrumented::from_name(text(4).value(row)).ok_or_else(unknown)?,
                minute: minutes.value(row),
            };
            let totals = self.totals.entry(key).or_default();
            totals.count = totals.count.wrapping_add(number(5).value(row));
            totals.errors = totals.errors.wrapping_add(number(6).value(row));
            for (side, at) in [(&mut totals.client, 7), (&mut totals.server, 10)] {
                let sums = batch.column(at + 1).as_primitive::<Decimal128Type>();
                side.sum = side.sum.wrapping_add(sums.value(row));
                let stored = batch.column(at + 2).as_binary::<i32>().value(row);
                each(stored, |bucket, count| side.add(bucket, count)).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// The sums as rows, by caller, callee, minute; what came to nothing is left out.
    pub fn into_batch(self) -> Result<RecordBatch, Error> {
        let rows: Vec<(Key, Totals)> =
            self.totals.into_iter().filter(|(_, totals)| !totals.is_nothing()).collect();
        let text = |of: &dyn Fn(&Key) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(rows.iter().map(|(key, _)| of(key))))
        };
        let number = |of: &dyn Fn(&Totals) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, totals)| of(totals))))
        };
        let minutes =
            TimestampNanosecondArray::from_iter_values(rows.iter().map(|(key, _)| key.minute));
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(minutes.with_timezone("UTC")),
            text(&|key| String::from_utf8_lossy(&key.caller).into_owned()),
            text(&|key| String::from_utf8_lossy(&key.callee).into_owned()),
            text(&|key| key.connection.name().to_owned()),
            text(&|key| key.instrumented.name().to_owned()),
            number(&|totals| totals.count),
            number(&|totals| totals.errors),
        ];
        let sides: [fn(&Totals) -> &Side; 2] = [|totals| &totals.client, |totals| &totals.server];
        for side in sides {
            let of = || rows.iter().map(|(_, totals)| side(totals));
            let sums = Decimal128Array::from_iter_values(of().map(|side| side.sum));
            let histograms = of().map(|side| {
                let mut stored = Vec::new();
                encode_counts(side.buckets.iter().map(|(&b, &count)| (b, count)), &mut stored);
                stored
            });
            columns.push(number(&|totals| side(totals).count()));
            let sums = sums.with_precision_and_scale(SUM_PRECISION, 0).map_err(failed)?;
            columns.push(Arc::new(sums));
            columns.push(Arc::new(BinaryArray::from_iter_values(histograms)));
        }
        RecordBatch::try_new(edge_schema(), columns).map_err(failed)
    }
}

/// Memory that is used again from trace to trace.
#[derive(Default)]
struct Scratch {
    /// Span ids and their rows, sorted.
    ids: Vec<(u64, u32)>,
    /// Spans (by id) below which the other side of their call, or the real call, was found.
    answered: Vec<u64>,
}

/// Calls `visit` with each call of one trace, whose spans are `rows`.
fn each_call(spans: &SpanSet, rows: &[u32], scratch: &mut Scratch, visit: &mut dyn FnMut(Call)) {
    let Scratch { ids, answered } = scratch;
    ids.clear();
    ids.extend(rows.iter().map(|&row| (spans.span_id(row), row)));
    ids.sort_unstable();
    answered.clear();
    for &row in rows {
        let kind = spans.kinds[row as usize];
        let is_reception = matches!(kind, KIND_SERVER | KIND_CONSUMER);
        match find_parent(spans, ids, row) {
            Some(parent) => {
                let is_below_call = is_call(spans.kinds[parent as usize]);
                let is_other = spans.services[parent as usize] != spans.services[row as usize];
                if is_other || is_below_call && is_reception {
                    visit(pair(spans, parent, row));
                    answered.push(spans.span_id(parent));
                } else if is_below_call && is_call(kind) {
                    answered.push(spans.span_id(parent));
                }
            }
            None if is_reception => visit(from_outside(spans, row)),
            None => {}
        }
    }
    answered.sort_unstable();
    for &row in rows.iter().filter(|&&row| is_call(spans.kinds[row as usize])) {
        if let Some((code, peer)) = spans.peer(row)
            && answered.binary_search(&spans.span_id(row)).is_err()
        {
            let way = Way {
                caller: Party::Service(spans.services[row as usize]),
                callee: Party::Peer(code),
                connection: peer.connection,
                instrumented: Instrumented::Caller,
                minute: minute_of(spans.starts[row as usize]),
            };
            let client = Some(spans.durations[row as usize]);
            visit(Call { way, is_error: spans.is_error(row), client, server: None });
        }
    }
}

fn is_call(kind: i32) -> bool {
    matches!(kind, KIND_CLIENT | KIND_PRODUCER)
}

/// The parent's row. A server span may share its id with the client span that called it (Zipkin's way), which then is its
/// parent. Of several spans with the parent's id the one of the same service counts, and of these always the same one,
/// whatever their order.
fn find_parent(spans: &SpanSet, ids: &[(u64, u32)], row: u32) -> Option<u32> {
    let service = spans.service(row);
    let preference = |&row: &u32| {
        let at = row as usize;
        let other = spans.service(row);
        (other != service, other, spans.kinds[at], spans.durations[at], spans.statuses[at])
    };
    if spans.kinds[row as usize] == KIND_SERVER {
        let shared = with_id(ids, spans.span_id(row))
            .filter(|&row| spans.kinds[row as usize] == KIND_CLIENT)
            .min_by_key(preference);
        if shared.is_some() {
            return shared;
        }
    }
    match spans.parent(row) {
        0 => None,
        parent => with_id(ids, parent).min_by_key(preference),
    }
}

fn with_id(ids: &[(u64, u32)], id: u64) -> impl Iterator<Item = u32> {
    let start = ids.partition_point(|(own, _)| *own < id);
    ids[start..].iter().take_while(move |(own, _)| *own == id).map(|(_, row)| *row)
}

fn pair(spans: &SpanSet, parent: u32, child: u32) -> Call {
    let (above, below) = (parent as usize, child as usize);
    let is_messaging = spans.kinds[above] == KIND_PRODUCER || spans.kinds[below] == KIND_CONSUMER;
    let way = Way {
        caller: Party::Service(spans.services[above]),
        callee: Party::Service(spans.services[below]),
        connection: if is_messaging { Connection::Messaging } else { Connection::Rpc },
        instrumented: Instrumented::Both,
        minute: minute_of(spans.starts[below]),
    };
    Call {
        way,
        is_error: spans.is_error(parent) || spans.is_error(child),
        client: is_call(spans.kinds[above]).then(|| spans.durations[above]),
        server: Some(spans.durations[below]),
    }
}

fn from_outside(spans: &SpanSet, row: u32) -> Call {
    let is_consumer = spans.kinds[row as usize] == KIND_CONSUMER;
    let queue = spans.peer(row).filter(|(_, peer)| peer.connection == Connection::Messaging);
    let way = Way {
        caller: match queue {
            Some((code, _)) if is_consumer => Party::Peer(code),
            _ => Party::Outside,
        },
        callee: Party::Service(spans.services[row as usize]),
        connection: if is_consumer { Connection::Messaging } else { Connection::Rpc },
        instrumented: Instrumented::Callee,
        minute: minute_of(spans.starts[row as usize]),
    };
    let server = Some(spans.durations[row as usize]);
    Call { way, is_error: spans.is_error(row), client: None, server }
}
