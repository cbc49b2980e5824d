//! Reading whole traces, several at a time.

use super::ast::Field;
use super::row_fields::columns_of_trace;
use super::tree::Tree;
use crate::broken;
use crate::rows::{Columns, SegmentRows, Shared, Wanted, ranges_of};
use crate::trace::{Found, Span, decode_spans, order_spans};
use crate::{Error, QueryStats};
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::{Table, TimeRange, TraceId, WEIGHT_COLUMN};
use binnacle_storage::segment::Segment;
use binnacle_storage::{Snapshot, Storage};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// What is read of every span.
#[derive(Debug, Clone, Copy)]
pub(super) enum Needed<'a> {
    Everything,
    /// What a trace's shape and summary are made of, and these fields. All else of the spans is empty.
    Fields(&'a [&'a Field]),
}

/// What orders spans, joins them to a tree, and sums up a trace.
const SHAPE: [&str; 11] = [
    "trace_id",
    "span_id",
    "parent_span_id",
    "service",
    "name",
    "kind",
    "start_time",
    "duration",
    "status_code",
    "ingested_at",
    WEIGHT_COLUMN,
];

/// The traces with these ids, with everything that is stored of them.
pub(crate) async fn whole(
    storage: &Storage,
    snapshot: &Snapshot,
    ids: &[TraceId],
    shared: &mut Shared,
    stats: &Arc<QueryStats>,
) -> Result<HashMap<TraceId, Tree>, Error> {
    traces(storage, snapshot, ids, Needed::Everything, shared, stats).await
}

/// The traces with these ids. A segment that cannot be read is named in the warnings and left out.
pub(super) async fn traces(
    storage: &Storage,
    snapshot: &Snapshot,
    ids: &[TraceId],
    needed: Needed<'_>,
    shared: &mut Shared,
    stats: &Arc<QueryStats>,
) -> Result<HashMap<TraceId, Tree>, Error> {
    let mut spans: HashMap<TraceId, Vec<Span>> = HashMap::new();
    let known = Ids::of(ids);
    for chunk in snapshot.chunks(Table::Spans, TimeRange::all()) {
        add(&chunk.records, &known, shared, &mut spans)?;
    }
    for segment in snapshot.segments(Table::Spans, TimeRange::all()) {
        match rows(&segment, ids, needed, stats).await {
            Ok(batches) => {
                for batch in batches {
                    add(&batch, &known, shared, &mut spans)?;
                    tokio::task::yield_now().await;
                }
            }
            Err(error) => broken::leave_out(storage, &segment, &error, stats).await,
        }
    }
    let trees = spans.into_iter().map(|(id, mut spans)| {
        order_spans(&mut spans);
        (id, Tree::of(spans))
    });
    Ok(trees.collect())
}

/// Ids to look for among very many rows.
struct Ids {
    /// The last two bytes that any of them has.
    ends: Vec<u64>,
    all: HashSet<TraceId>,
}

impl Ids {
    fn of(ids: &[TraceId]) -> Ids {
        let mut ends = vec![0; (1 << 16) / 64];
        for id in ids {
            let (word, bit) = Ids::end(*id);
            ends[word] |= 1 << bit;
        }
        Ids { ends, all: ids.iter().copied().collect() }
    }

    fn end(id: TraceId) -> (usize, u32) {
        let end = u16::from_be_bytes([id.0[14], id.0[15]]);
        (usize::from(end) / 64, u32::from(end) % 64)
    }

    fn contain(&self, id: TraceId) -> bool {
        let (word, bit) = Ids::end(id);
        self.ends[word] & (1 << bit) != 0 && self.all.contains(&id)
    }
}

async fn rows(
    segment: &Arc<Segment>,
    ids: &[TraceId],
    needed: Needed<'_>,
    stats: &Arc<QueryStats>,
) -> Result<Vec<RecordBatch>, Error> {
    let mut rows = BTreeSet::new();
    for &id in ids {
        rows.extend(segment.trace_rows(id).await?);
    }
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    stats.add_rows_scanned(rows.len() as u64);
    let reader = SegmentRows::open(segment.clone(), stats.clone()).await?;
    let rows = ranges_of(rows);
    let Needed::Fields(fields) = needed else {
        return reader.read(Wanted::All, &rows).await;
    };
    // A span's resource says of which service it is, also where the column could.
    let mut names = columns_of_trace(fields, &*segment.attributes().await?);
    names.extend(SHAPE.map(str::to_owned));
    let names: Vec<String> = names.into_iter().collect();
    reader.read(Wanted::Named(&names), &rows).await
}

/// Adds the spans of a batch that belong to the traces.
fn add(
    batch: &RecordBatch,
    ids: &Ids,
    shared: &mut Shared,
    spans: &mut HashMap<TraceId, Vec<Span>>,
) -> Result<(), Error> {
    let column = Columns(batch).fixed("trace_id")?;
    let wanted = |row: &usize| column.id(*row).is_some_and(|id| ids.contain(TraceId(id)));
    let rows: Vec<usize> = (0..batch.num_rows()).filter(wanted).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let found = Found { batch: batch.clone(), rows };
    for span in decode_spans(&found, shared)? {
        spans.entry(span.trace_id).or_default().push(span);
    }
    Ok(())
}
