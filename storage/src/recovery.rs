//! Recovery: what the WAL holds that no segment does goes back into the buffer.
//!
//! One thread reads and decodes while this one fills the buffer, and flushes when it gets full, so memory stays bounded
//! however long the WAL is.

use crate::buffer::Entry;
use crate::engine::Engine;
use crate::flush::flush_whole;
use crate::live::BufferKey;
use crate::retries::{REMEMBERED_FOR, RequestKey};
use crate::storage::{Decode, RecoveryReport};
use crate::wal::{LastPositions, RecordHead, Replayed, Scan, replay};
use crate::{Error, batch::Batch};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tracing::{info, warn};

/// Decoded requests on their way between the threads.
const AHEAD_MAX: usize = 4;

/// What the reading thread finds, in WAL order.
#[derive(Debug)]
enum Found {
    Request {
        head: RecordHead,
        position: u64,
        batch: Batch,
    },
    /// Its rows are in a segment.
    Flushed {
        head: RecordHead,
        position: u64,
    },
    Lost {
        position: u64,
        reason: String,
    },
    End {
        path: PathBuf,
        scan: Scan,
    },
}

/// Replays the WAL; returns the highest position it or the catalog knows.
pub(crate) fn recover(
    engine: &Engine,
    directory: &Path,
    decoder: &Arc<dyn Decode>,
) -> Result<(RecoveryReport, u64), Error> {
    let started = engine.clock.now();
    let paths = wal_files(engine, directory)?;
    let flushed = engine.flushed.lock().clone();
    let mut recovery = Recovery::new(engine, flushed.values().copied().max().unwrap_or(0));
    let (sender, receiver) = sync_channel(AHEAD_MAX);
    let read = || {
        let sender = sender;
        paths.iter().try_for_each(|path| read(engine, path, &flushed, decoder, &sender))
    };
    std::thread::scope(|scope| {
        let reader = scope.spawn(read);
        let taken = recovery.take_all(receiver);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        taken.and(read)
    })?;
    recovery.judge_files()?;
    let Recovery { report, highest, .. } = recovery;
    for problem in &report.problems {
        warn!(problem, "recovery found a problem");
        engine.problems.add(problem.clone());
    }
    engine.metrics.recovery_records.set(report.records_replayed as i64);
    engine.metrics.recovery_problems.set(report.problems.len() as i64);
    let seconds = (engine.clock.now().0 - started.0) as f64 / 1e9;
    let (records, rows, bytes) = (report.records_replayed, report.rows_replayed, report.wal_bytes);
    info!(
        files = report.wal_files,
        bytes,
        records,
        rows,
        skipped = report.records_skipped,
        seconds,
        "recovered"
    );
    Ok((report, highest))
}

fn wal_files(engine: &Engine, directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = engine.disk.list(directory)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wal"));
    Ok(paths)
}

/// Reads one file and decodes what is not yet in a segment.
fn read(
    engine: &Engine,
    path: &Path,
    flushed: &HashMap<BufferKey, u64>,
    decoder: &Arc<dyn Decode>,
    sender: &SyncSender<Found>,
) -> Result<(), Error> {
    let send = |found| sender.send(found).map_err(|_| Error::ShuttingDown);
    let scan = replay(&engine.disk, path, |record| {
        let Replayed { head, position, body } = record;
        let key = (head.tenant.clone(), head.signal);
        if flushed.get(&key).is_some_and(|flushed| *flushed >= position) {
            return send(Found::Flushed { head, position });
        }
        match decoder.decode(head.signal, head.encoding, body, head.ingested_at) {
            Ok(mut batch) => {
                decoder.settle(&head.tenant, head.encoding.format, &mut batch, head.ingested_at);
                send(Found::Request { head, position, batch })
            }
            Err(reason) => send(Found::Lost { position, reason }),
        }
    })?;
    send(Found::End { path: path.to_owned(), scan })
}

struct Recovery<'a> {
    engine: &'a Engine,
    report: RecoveryReport,
    highest: u64,
    /// Of the file being read.
    last: LastPositions,
    lost: Vec<String>,
    files: Vec<ReadFile>,
    /// Buffered bytes at which the next flush is tried.
    flush_at: u64,
}

/// A file that was read whole. None is deleted before all are judged.
#[derive(Debug)]
struct ReadFile {
    path: PathBuf,
    scan: Scan,
    last: LastPositions,
    lost: Vec<String>,
}

impl Recovery<'_> {
    fn new(engine: &Engine, highest: u64) -> Recovery<'_> {
        let (report, last) = (RecoveryReport::default(), LastPositions::new());
        Recovery {
            engine,
            report,
            highest,
            last,
            lost: Vec::new(),
            files: Vec::new(),
            flush_at: engine.config.flush_bytes_max.min(engine.config.buffer_bytes_max / 2),
        }
    }

    fn take_all(&mut self, receiver: Receiver<Found>) -> Result<(), Error> {
        receiver.into_iter().try_for_each(|found| self.take(found))
    }

    fn take(&mut self, found: Found) -> Result<(), Error> {
        match found {
            Found::Request { head, position, batch } => {
                self.highest = self.highest.max(position);
                self.restore(head, position, batch)
            }
            Found::Flushed { head, position } => {
                self.highest = self.highest.max(position);
                self.report.records_skipped += 1;
                self.remember(&head);
                Ok(())
            }
            Found::Lost { position, reason } => {
                self.highest = self.highest.max(position);
                self.lost.push(format!("record {position} cannot be decoded: {reason}"));
                Ok(())
            }
            Found::End { path, scan } => {
                self.report.wal_files += 1;
                self.report.wal_bytes += scan.end;
                let (last, lost) = (std::mem::take(&mut self.last), std::mem::take(&mut self.lost));
                self.files.push(ReadFile { path, scan, last, lost });
                Ok(())
            }
        }
    }

    fn restore(&mut self, head: RecordHead, position: u64, batch: Batch) -> Result<(), Error> {
        let key = RequestKey::new(&head.tenant, head.signal, head.content_hash);
        // A write that failed half way and was then sent again can leave a request twice.
        if batch.is_empty() || self.engine.retries.knows(key, head.ingested_at) {
            self.report.records_skipped += 1;
            return Ok(());
        }
        self.remember(&head);
        self.report.records_replayed += 1;
        self.report.rows_replayed += batch.rows();
        self.last.insert((head.tenant.clone(), head.signal), position);
        let memory = batch.memory() as u64;
        self.engine.room.take(memory);
        let (ingested_at, content_hash) = (head.ingested_at, head.content_hash);
        let entry = Entry { position, ingested_at, content_hash, batch, memory };
        self.engine.insert(&head, Arc::new(entry));
        if self.engine.room.used() > self.flush_at {
            self.make_room();
        }
        Ok(())
    }

    /// Flushes the largest buffer. Where that fails the rows stay in memory, and much later it is tried again.
    fn make_room(&mut self) {
        let candidates = self.engine.live.candidates();
        let largest = candidates.into_iter().max_by_key(|candidate| candidate.memory);
        let flushed = largest.map_or(Ok(()), |largest| flush_whole(self.engine, &largest.key));
        if let Err(error) = flushed {
            self.flush_at = self.engine.room.used() + self.engine.config.buffer_bytes_max / 2;
            self.report.problems.push(format!("failed to flush while recovering: {error}"));
        }
    }

    fn remember(&self, head: &RecordHead) {
        let forgotten = self.engine.clock.now().saturating_sub(REMEMBERED_FOR);
        if head.ingested_at > forgotten {
            let key = RequestKey::new(&head.tenant, head.signal, head.content_hash);
            self.engine.retries.remember(key, head.ingested_at);
        }
    }

    /// Keeps damaged files aside, and cuts off what the last write before a crash left unfinished.
    fn judge_files(&mut self) -> Result<(), Error> {
        let has_any = |file: &ReadFile| file.scan.records > 0 || file.scan.torn_at.is_some();
        let newest = self.files.iter().rposition(has_any);
        for (index, file) in std::mem::take(&mut self.files).into_iter().enumerate() {
            let ReadFile { path, scan, last, lost } = file;
            let is_newest = Some(index) == newest;
            let name = path.display();
            let mut damage = lost;
            for place in &scan.damage {
                let text = format!(
                    "bytes {} to {}, {} records lost",
                    place.from, place.to, place.records_lost
                );
                if is_newest && scan.is_unfinished(place) {
                    self.report
                        .problems
                        .push(format!("WAL file {name} ends in an unfinished group: {text}"));
                } else {
                    damage.push(text);
                }
            }
            match scan.torn_at {
                Some(at) if is_newest => {
                    self.report
                        .problems
                        .push(format!("WAL file {name} ends at a torn record at byte {at}"));
                    self.engine.disk.truncate(&path, at)?;
                }
                Some(at) => damage.push(format!("no intact record from byte {at} on")),
                None => {}
            }
            if !damage.is_empty() {
                self.keep_aside(&path, &damage);
            }
            self.engine.wal_files.add_closed(path, scan.bytes, last);
        }
        Ok(())
    }

    fn keep_aside(&mut self, path: &Path, damage: &[String]) {
        let mut kept = path.as_os_str().to_owned();
        kept.push(".damaged");
        let kept = PathBuf::from(kept);
        let fate = match self.engine.disk.keep_copy(path, &kept) {
            Ok(()) => format!("kept as {}", kept.display()),
            Err(error) => format!("not kept: {error}"),
        };
        let text =
            format!("WAL file {} is damaged ({fate}): {}", path.display(), damage.join("; "));
        self.report.problems.push(text);
    }
}
