//! Subscriptions: rows handed on as they become visible, to whoever watches one tenant's table.
//!
//! The WAL writer offers each request after its rows are in the buffer and its sender has been answered. It takes a lock for as
//! long as it takes to push a pointer, and never waits: what does not fit into a subscriber's queue is counted as missed
//! instead. While nobody subscribes, an offer is one look at a number. Rows are put into the shape of a [`Chunk`] by the
//! subscriber, several requests at once.

use crate::batch::Batch;
use crate::buffer::{Entry, table_batches};
use crate::model::{Table, TenantId};
use crate::snapshot::Chunk;
use crate::{Error, segment};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Most requests that wait for one subscriber.
const REQUESTS_MAX: usize = 1024;

/// Most memory of rows that wait for one subscriber; one request may be larger.
const BYTES_MAX: u64 = 8 << 20;

/// Most rows of one chunk, unless one request has more.
const CHUNK_ROWS_MAX: u64 = 16_384;

/// Everybody who watches.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    /// Their number, to be looked at without the lock.
    count: AtomicUsize,
    list: Mutex<Vec<Arc<Subscriber>>>,
    is_closed: AtomicBool,
}

#[derive(Debug)]
struct Subscriber {
    tenant: TenantId,
    table: Table,
    queue: Mutex<Queue>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Arc<Entry>>,
    bytes: u64,
    missed: u64,
    is_closed: bool,
}

/// One subscriber's end: the rows of one table of one tenant that arrive while this lives.
#[derive(Debug)]
pub struct Subscription {
    all: Arc<Subscribers>,
    subscriber: Arc<Subscriber>,
}

/// Rows that became visible since the arrival before.
#[derive(Debug)]
pub struct Arrival {
    table: Table,
    entries: Vec<Arc<Entry>>,
    /// Rows that came after these and found the queue full: they are not going to be told of.
    pub missed: u64,
}

impl Subscribers {
    pub fn subscribe(self: &Arc<Self>, tenant: &TenantId, table: Table) -> Subscription {
        let mut list = self.list.lock();
        let is_closed = self.is_closed.load(Ordering::Acquire);
        let queue = Mutex::new(Queue { is_closed, ..Queue::default() });
        let subscriber =
            Arc::new(Subscriber { tenant: tenant.clone(), table, queue, bell: Notify::new() });
        list.push(subscriber.clone());
        self.count.store(list.len(), Ordering::Release);
        Subscription { all: self.clone(), subscriber }
    }

    /// Hands a stored request to those who watch its tenant.
    pub fn offer(&self, tenant: &TenantId, entry: &Arc<Entry>) {
        for subscriber in self.list.lock().iter().filter(|s| s.tenant == *tenant) {
            subscriber.offer(entry);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// No more rows will come.
    pub fn close(&self) {
        let list = self.list.lock();
        self.is_closed.store(true, Ordering::Release);
        for subscriber in list.iter() {
            subscriber.queue.lock().is_closed = true;
            subscriber.bell.notify_one();
        }
    }
}

impl Subscriber {
    fn offer(&self, entry: &Arc<Entry>) {
        let rows = rows_of(&entry.batch, self.table);
        if rows == 0 {
            return;
        }
        let mut queue = self.queue.lock();
        let is_full = queue.waiting.len() >= REQUESTS_MAX
            || (!queue.waiting.is_empty() && queue.bytes + entry.memory > BYTES_MAX);
        // Once rows are missed, so are all until the reader has come: what it is told of lies before what it is not.
        if is_full || queue.missed > 0 {
            queue.missed += rows;
            return;
        }
        queue.bytes += entry.memory;
        queue.waiting.push_back(entry.clone());
        drop(queue);
        self.bell.notify_one();
    }

    /// What waits, up to a chunk's worth; `None` when nothing does.
    fn take(&self) -> Option<Arrival> {
        let mut queue = self.queue.lock();
        let (mut entries, mut rows) = (Vec::new(), 0);
        while let Some(entry) = queue.waiting.front() {
            let more = rows_of(&entry.batch, self.table);
            if !entries.is_empty() && rows + more > CHUNK_ROWS_MAX {
                break;
            }
            rows += more;
            queue.bytes -= entry.memory;
            entries.extend(queue.waiting.pop_front());
        }
        let missed = if queue.waiting.is_empty() { std::mem::take(&mut queue.missed) } else { 0 };
        (!entries.is_empty()).then_some(Arrival { table: self.table, entries, missed })
    }
}

fn rows_of(batch: &Batch, table: Table) -> u64 {
    batch.table(table).map_or(0, |batch| u64::from(batch.rows))
}

impl Subscription {
    /// The next rows; waits for some. `None` when storage is shut down and nothing waits any more. Nothing is lost when the
    /// caller stops waiting.
    pub async fn next(&mut self) -> Option<Arrival> {
        loop {
            let arrival = self.subscriber.take();
            if arrival.is_some() || self.subscriber.queue.lock().is_closed {
                return arrival;
            }
            self.subscriber.bell.notified().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut list = self.all.list.lock();
        list.retain(|other| !Arc::ptr_eq(other, &self.subscriber));
        self.all.count.store(list.len(), Ordering::Release);
    }
}

impl Arrival {
    /// The rows, oldest request first. Takes time: not for threads that serve the network.
    pub fn chunk(&self) -> Result<Chunk, Error> {
        segment::chunk(self.table, &table_batches(&self.entries, self.table))
    }

    pub fn rows(&self) -> u64 {
        self.entries.iter().map(|entry| rows_of(&entry.batch, self.table)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{BatchBuilder, LogRow, TimeOrigin};
    use crate::model::{Signal, Timestamp};

    fn entry(rows: i64, memory: u64) -> Arc<Entry> {
        let mut builder = BatchBuilder::new(Signal::Logs, Timestamp(0));
        builder.resource(b"", "shop");
        builder.scope(b"");
        for row in 0..rows {
            builder.push_log(&LogRow {
                time: Timestamp(row),
                time_origin: TimeOrigin::Sent,
                observed_time: None,
                trace_id: None,
                span_id: None,
                flags: 0,
                severity_number: 9,
                severity_text: "",
                event_name: "",
                body: Some("line"),
                body_value: None,
                dropped_attributes_count: 0,
                attributes: &[],
            });
        }
        Arc::new(Entry {
            position: 1,
            ingested_at: Timestamp(0),
            content_hash: 0,
            batch: builder.finish(),
            memory,
        })
    }

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    #[tokio::test]
    async fn only_the_tenants_rows_of_the_table_arrive_while_somebody_watches() {
        let all = Arc::new(Subscribers::default());
        assert!(all.is_empty());
        let mut logs = all.subscribe(&tenant("a"), Table::Logs);
        let spans = all.subscribe(&tenant("a"), Table::Spans);
        let others = all.subscribe(&tenant("b"), Table::Logs);
        all.offer(&tenant("a"), &entry(3, 10));
        all.offer(&tenant("a"), &entry(2, 10));
        let arrival = logs.next().await.unwrap();
        assert_eq!((arrival.rows(), arrival.missed), (5, 0));
        assert_eq!(arrival.chunk().unwrap().records.num_rows(), 5);
        assert!(spans.subscriber.take().is_none() && others.subscriber.take().is_none());
        drop((logs, spans, others));
        assert!(all.is_empty());
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_of_every_row_it_missed() {
        let all = Arc::new(Subscribers::default());
        let mut slow = all.subscribe(&tenant("a"), Table::Logs);
        let (mut offered, mut seen, mut missed) = (0, 0, 0);
        for _ in 0..3 {
            for number in 0..40 {
                all.offer(&tenant("a"), &entry(number % 3, 1 << 20));
                offered += number as u64 % 3;
            }
            // Everything told of came before everything missed.
            let before = missed;
            while let Some(arrival) = slow.subscriber.take() {
                assert_eq!(missed, before);
                seen += arrival.rows();
                missed += arrival.missed;
            }
        }
        assert!(missed > 0);
        assert_eq!(seen + missed, offered);
        all.close();
        assert!(slow.next().await.is_none());
    }

    #[tokio::test]
    async fn a_large_request_arrives_when_nothing_else_waits() {
        let all = Arc::new(Subscribers::default());
        let mut subscription = all.subscribe(&tenant("a"), Table::Logs);
        all.offer(&tenant("a"), &entry(1, 2 * BYTES_MAX));
        all.offer(&tenant("a"), &entry(1, 1));
        let arrival = subscription.next().await.unwrap();
        assert_eq!((arrival.rows(), arrival.missed), (1, 1));
        all.offer(&tenant("a"), &entry(1, 1));
        assert_eq!(subscription.next().await.unwrap().rows(), 1);
    }

    #[tokio::test]
    async fn what_waited_at_the_end_is_still_told() {
        let all = Arc::new(Subscribers::default());
        let mut subscription = all.subscribe(&tenant("a"), Table::Logs);
        all.offer(&tenant("a"), &entry(1, 1));
        all.close();
        assert_eq!(subscription.next().await.unwrap().rows(), 1);
        assert!(subscription.next().await.is_none());
        assert!(all.subscribe(&tenant("a"), Table::Logs).next().await.is_none());
    }
}
