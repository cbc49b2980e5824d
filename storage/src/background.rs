//! Background work: one thread flushes, one compacts and retains. Neither is ever waited for by an append.

use crate::Error;
use crate::compaction::{self, Thoroughness};
use crate::engine::Engine;
use crate::flush::{flush, flush_whole};
use crate::live::Candidate;
use crate::model::{Table, TenantId};
use crate::retention;
use crate::thinning;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::warn;

/// How often the threads look for work that nobody announced.
const TICK: Duration = Duration::from_millis(200);

const RETENTION_INTERVAL: Duration = Duration::from_secs(60);
const GARBAGE_INTERVAL: Duration = Duration::from_secs(600);

/// Small segments of a day to which nothing was added for this long are joined after all.
const QUIET_FOR: Duration = Duration::from_secs(3600);

/// Wait after the first failure in a row; doubles up to the maximum.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);

type Reply = oneshot::Sender<Result<(), Error>>;

/// Work somebody waits for.
#[derive(Debug)]
enum Order {
    Flush(Reply),
    Compact(Reply),
    Retain(Reply),
    Stop,
}

/// The running threads.
#[derive(Debug)]
pub(crate) struct Background {
    flusher: Sender<Order>,
    compactor: Sender<Order>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Background {
    pub fn start(engine: &Arc<Engine>) -> Result<Background, Error> {
        let (flusher, flush_orders) = channel();
        let (compactor, compact_orders) = channel();
        let background = Background { flusher, compactor, threads: Mutex::new(Vec::new()) };
        let shared = engine.clone();
        background.spawn(engine, "flush", move || run_flusher(&shared, &flush_orders))?;
        let shared = engine.clone();
        background.spawn(engine, "compact", move || run_compactor(&shared, &compact_orders))?;
        Ok(background)
    }

    fn spawn(
        &self,
        engine: &Engine,
        name: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), Error> {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        let path = engine.config.path.clone();
        let thread = thread.map_err(|source| Error::Disk {
            action: "start background threads for",
            path,
            source,
        })?;
        self.threads.lock().push(thread);
        Ok(())
    }

    pub async fn flush(&self) -> Result<(), Error> {
        order(&self.flusher, Order::Flush).await
    }

    pub async fn compact(&self) -> Result<(), Error> {
        order(&self.compactor, Order::Compact).await
    }

    pub async fn retain(&self) -> Result<(), Error> {
        order(&self.compactor, Order::Retain).await
    }

    /// Lets each thread finish what it is doing, and waits for it.
    pub fn stop(&self) {
        for thread in [&self.flusher, &self.compactor] {
            // A thread that is gone needs no telling.
            let _ = thread.send(Order::Stop);
        }
        for thread in std::mem::take(&mut *self.threads.lock()) {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a background thread panicked");
            }
        }
    }
}

async fn order(thread: &Sender<Order>, order: impl FnOnce(Reply) -> Order) -> Result<(), Error> {
    let (reply, done) = oneshot::channel();
    thread.send(order(reply)).map_err(|_| Error::ShuttingDown)?;
    done.await.map_err(|_| Error::ShuttingDown)?
}

fn answer(reply: Reply, result: Result<(), Error>) {
    // Who asked may have stopped waiting.
    let _ = reply.send(result);
}

/// When something that failed is tried again.
#[derive(Debug, Default)]
struct Backoff {
    wait: Duration,
    until: Option<Instant>,
}

impl Backoff {
    fn is_over(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() >= until)
    }

    fn failed(&mut self) {
        self.wait = (self.wait * 2).clamp(BACKOFF_MIN, BACKOFF_MAX);
        self.until = Some(Instant::now() + self.wait);
    }

    fn succeeded(&mut self) {
        *self = Backoff::default();
    }
}

fn run_flusher(engine: &Engine, orders: &Receiver<Order>) {
    engine.flush_bell.listen();
    let mut backoff = Backoff::default();
    let mut ticked = Instant::now();
    loop {
        match orders.try_recv() {
            Ok(Order::Flush(reply)) => answer(reply, flush_all(engine)),
            Ok(Order::Stop) | Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
            Ok(Order::Compact(reply) | Order::Retain(reply)) => answer(reply, Ok(())),
            Err(std::sync::mpsc::TryRecvError::Empty) => {
                let is_time = engine.flush_bell.heard() | (ticked.elapsed() >= TICK);
                if is_time && backoff.is_over() {
                    ticked = Instant::now();
                    match flush_due(engine) {
                        Ok(is_any) => {
                            backoff.succeeded();
                            // There may be more where that came from.
                            if is_any {
                                engine.flush_bell.ring();
                            }
                        }
                        Err(error) => {
                            report_failure(engine, &error);
                            backoff.failed();
                        }
                    }
                } else {
                    std::thread::park_timeout(TICK);
                }
            }
        }
        observe(engine);
    }
}

fn report_failure(engine: &Engine, error: &Error) {
    engine.metrics.flush_failures.inc();
    let text = chain(error);
    warn!(error = text, "failed to flush; the rows stay in the buffer and the WAL");
    engine.problems.add(format!(
        "failed to flush (rows stay in the buffer and the WAL, and it is tried again): {text}"
    ));
}

/// An error with its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Flushes what the buffers hold now, on the calling thread; a failure of one keeps none of the others back.
pub(crate) fn flush_all(engine: &Engine) -> Result<(), Error> {
    let buffers = engine.live.buffers().into_iter();
    let flushed: Vec<_> = buffers.map(|(key, _)| flush_whole(engine, &key)).collect();
    flushed.into_iter().collect()
}

/// Flushes a part of what is large or old; when all buffers together are large, of the largest. Whether there was any.
fn flush_due(engine: &Engine) -> Result<bool, Error> {
    let now = engine.clock.now();
    let is_due = |candidate: &Candidate| {
        candidate.is_sealed
            || engine.is_full(candidate.memory, candidate.rows)
            || candidate.oldest.saturating_add(engine.config.flush_interval) <= now
    };
    let mut candidates = engine.live.candidates();
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.memory));
    let is_crowded = engine.room.is_over_half();
    let due = candidates
        .iter()
        .enumerate()
        .filter(|(index, candidate)| is_due(candidate) || *index == 0 && is_crowded);
    let flushed: Vec<_> = due.map(|(_, candidate)| flush(engine, &candidate.key)).collect();
    let is_any = !flushed.is_empty();
    flushed.into_iter().try_for_each(|flushed| flushed.map(drop))?;
    Ok(is_any)
}

fn observe(engine: &Engine) {
    let buffered = engine.live.buffered();
    engine.metrics.buffer_bytes.set(engine.room.used() as i64);
    engine.metrics.buffer_rows.set(buffered.rows as i64);
    engine.metrics.wal_disk_bytes.set(engine.wal_files.bytes() as i64);
    let age =
        buffered.oldest.map_or(0, |oldest| engine.clock.now().0.saturating_sub(oldest.0).max(0));
    engine.metrics.buffer_oldest_seconds.set(age / 1_000_000_000);
}

fn run_compactor(engine: &Engine, orders: &Receiver<Order>) {
    let mut backoff = Backoff::default();
    let (mut retained, mut collected) = (None, None);
    let mut seen = None;
    let mut settled = HashSet::new();
    loop {
        match orders.recv_timeout(TICK) {
            Ok(Order::Compact(reply)) => answer(reply, compact_everything(engine)),
            Ok(Order::Retain(reply)) => {
                let result = retention::retain(engine)
                    .and_then(|()| thinning::thin(engine, &mut settled))
                    .and_then(|()| retention::collect_garbage(engine));
                answer(reply, result);
            }
            Ok(Order::Flush(reply)) => answer(reply, Ok(())),
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                if backoff.is_over() {
                    match compact_due(engine, &mut seen) {
                        Ok(()) => backoff.succeeded(),
                        Err(error) => {
                            engine.metrics.compaction_failures.inc();
                            warn!(error = chain(&error), "failed to compact");
                            engine.problems.add(format!("failed to compact: {}", chain(&error)));
                            backoff.failed();
                        }
                    }
                }
                every(RETENTION_INTERVAL, &mut retained, || {
                    retention::retain(engine)?;
                    thinning::thin(engine, &mut settled)
                });
                every(GARBAGE_INTERVAL, &mut collected, || retention::collect_garbage(engine));
            }
        }
    }
}

/// Runs `work` when its last run is an interval ago.
fn every(interval: Duration, last: &mut Option<Instant>, work: impl FnOnce() -> Result<(), Error>) {
    if last.is_some_and(|last: Instant| last.elapsed() < interval) {
        return;
    }
    *last = Some(Instant::now());
    if let Err(error) = work() {
        warn!(error = chain(&error), "failed to delete old data");
    }
}

/// Does one job that is due, if the segments changed since the last look.
fn compact_due(engine: &Engine, seen: &mut Option<(u64, Instant)>) -> Result<(), Error> {
    let version = engine.live.version();
    if seen.is_some_and(|(at, when)| at == version && when.elapsed() < RETENTION_INTERVAL) {
        return Ok(());
    }
    let borders = engine.borders.positions.lock();
    let segments = engine.live.segments();
    engine.metrics.segments.set(segments.len() as i64);
    let bytes = segments.iter().map(|s| s.info().bytes + s.info().index_bytes).sum::<u64>();
    engine.metrics.segments_bytes.set(bytes as i64);
    engine.metrics.segments_set_aside.set(engine.live.list_set_aside().len() as i64);
    let infos = || segments.iter().map(|segment| segment.info());
    let mut jobs = compaction::plan(infos(), &borders, Thoroughness::Due);
    if jobs.is_empty() {
        let quiet = quiet_days(engine);
        let is_quiet = |key: (TenantId, Table, i32)| quiet.contains(&key);
        let left = infos().filter(|info| is_quiet((info.tenant.clone(), info.table, info.day)));
        jobs = compaction::plan(left, &borders, Thoroughness::Everything);
    }
    drop(borders);
    match jobs.first() {
        Some(job) => compaction::compact(engine, job),
        None => {
            *seen = Some((version, Instant::now()));
            Ok(())
        }
    }
}

/// Days to which nothing was added for a while.
fn quiet_days(engine: &Engine) -> HashSet<(TenantId, Table, i32)> {
    let mut latest = HashMap::new();
    for segment in engine.live.segments() {
        let info = segment.info();
        let at =
            latest.entry((info.tenant.clone(), info.table, info.day)).or_insert(info.ingested_max);
        *at = info.ingested_max.max(*at);
    }
    let until = engine.clock.now().saturating_sub(QUIET_FOR);
    latest.into_iter().filter(|(_, at)| *at < until).map(|(key, _)| key).collect()
}

fn compact_everything(engine: &Engine) -> Result<(), Error> {
    loop {
        let borders = engine.borders.positions.lock();
        let segments = engine.live.segments();
        let infos = segments.iter().map(|segment| segment.info());
        let jobs = compaction::plan(infos, &borders, Thoroughness::Everything);
        drop((segments, borders));
        let before = engine.live.version();
        jobs.iter().try_for_each(|job| compaction::compact(engine, job))?;
        if engine.live.version() == before {
            return Ok(());
        }
    }
}
