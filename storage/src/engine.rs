//! Engine: what the public face and the background threads share.

use crate::borders::Borders;
use crate::buffer::Entry;
use crate::catalog::Catalog;
use crate::disk::{DirectoryLock, Disk};
use crate::live::{BufferKey, Live};
use crate::metrics::Metrics;
use crate::model::{Signal, TenantId};
use crate::objects::Objects;
use crate::retries::{Fate, RequestKey, Retries};
use crate::room::Room;
use crate::segment::{Segment, SegmentId, SegmentInfo};
use crate::subscription::Subscribers;
use crate::wal::{Outcome, RecordHead, Request, WalFiles};
use crate::{Clock, Error, StorageConfig};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use tracing::error;

/// Most problems kept to be told.
const PROBLEMS_MAX: usize = 100;

#[derive(Debug)]
pub(crate) struct Engine {
    pub config: StorageConfig,
    pub disk: Disk,
    pub clock: Arc<dyn Clock>,
    pub live: Live,
    pub borders: Borders,
    pub room: Room,
    pub retries: Retries,
    pub catalog: Mutex<Box<dyn Catalog>>,
    /// WAL position up to which each buffer's rows are in segments, as in the catalog.
    pub flushed: Mutex<HashMap<BufferKey, u64>>,
    pub objects: Objects,
    pub wal_files: Arc<WalFiles>,
    pub metrics: Arc<Metrics>,
    /// Retired segments that a snapshot may still name.
    pub retired: Mutex<HashMap<SegmentId, Weak<Segment>>>,
    /// Segments whose files are being written, or are not in the catalog yet.
    pub pending: Mutex<HashSet<SegmentId>>,
    /// Wakes the thread that flushes.
    pub flush_bell: Bell,
    pub problems: Problems,
    pub subscribers: Arc<Subscribers>,
    pub _lock: DirectoryLock,
}

/// What went wrong since the start, in words, each once.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Mutex<Vec<String>>,
}

impl Problems {
    pub fn add(&self, problem: String) {
        let mut list = self.list.lock();
        if list.len() < PROBLEMS_MAX && !list.contains(&problem) {
            list.push(problem);
        }
    }

    pub fn list(&self) -> Vec<String> {
        self.list.lock().clone()
    }
}

/// Something may have become due for a background thread.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    is_rung: AtomicBool,
    thread: Mutex<Option<std::thread::Thread>>,
}

impl Bell {
    /// Names the thread that listens.
    pub fn listen(&self) {
        *self.thread.lock() = Some(std::thread::current());
    }

    pub fn ring(&self) {
        if !self.is_rung.swap(true, Ordering::AcqRel)
            && let Some(thread) = &*self.thread.lock()
        {
            thread.unpark();
        }
    }

    /// Whether it rang since it was last asked.
    pub fn heard(&self) -> bool {
        self.is_rung.swap(false, Ordering::AcqRel)
    }
}

impl Engine {
    /// Makes a durable request visible.
    pub fn insert(&self, head: &RecordHead, entry: Arc<Entry>) {
        let size = self.live.insert(&head.tenant, head.signal, entry);
        if self.is_full(size.memory, size.rows_of_largest) || self.room.is_over_half() {
            self.flush_bell.ring();
        }
    }

    /// Whether a buffer with that much is due for a flush, however young.
    pub fn is_full(&self, memory: u64, rows: u64) -> bool {
        memory >= self.config.flush_bytes_max || rows >= self.config.flush_rows_max
    }

    pub fn flushed_position(&self, key: &BufferKey) -> u64 {
        self.flushed.lock().get(key).copied().unwrap_or(0)
    }

    /// Opens a segment; one that cannot be read is set aside.
    pub fn open_segment(&self, info: SegmentInfo) -> Arc<Segment> {
        match self.objects.open_segment(info.clone()) {
            Ok(segment) => Arc::new(segment),
            Err(error) => {
                let segment = Arc::new(self.objects.unreadable_segment(info));
                let reason = match error {
                    Error::Corrupt { detail, .. } => detail,
                    other => other.to_string(),
                };
                self.set_aside(segment.info(), &reason);
                segment
            }
        }
    }

    /// Takes an unreadable segment out of every later snapshot; its files stay.
    pub fn set_aside(&self, info: &SegmentInfo, reason: &str) {
        if self.live.set_aside(info.id, reason) {
            let (id, tenant, table) = (info.id.0, &info.tenant, info.table.name());
            error!(segment = %id, %tenant, table, reason, "set a segment aside");
            self.problems
                .add(format!("segment {id} ({table} of tenant {tenant}) is set aside: {reason}"));
        }
    }

    /// Deletes WAL files of which everything is in segments.
    pub fn cut_wal(&self) {
        let flushed = self.flushed.lock().clone();
        let is_flushed = |tenant: &TenantId, signal: Signal, position: u64| {
            flushed.get(&(tenant.clone(), signal)).is_some_and(|flushed| *flushed >= position)
        };
        if let Err(error) = self.wal_files.cut(&self.disk, is_flushed) {
            error!(error = %error, "failed to delete a WAL file");
            self.problems
                .add(format!("a WAL file that is no longer needed cannot be deleted: {error}"));
        }
        self.metrics.wal_disk_bytes.set(self.wal_files.bytes() as i64);
    }

    fn key(head: &RecordHead) -> RequestKey {
        RequestKey::new(&head.tenant, head.signal, head.content_hash)
    }
}

impl Outcome for Engine {
    fn stored(&self, position: u64, request: Request) {
        let Request { head, batch, memory, .. } = request;
        let (ingested_at, content_hash) = (head.ingested_at, head.content_hash);
        let entry = Arc::new(Entry { position, ingested_at, content_hash, batch, memory });
        let watched = (!self.subscribers.is_empty()).then(|| entry.clone());
        self.insert(&head, entry);
        self.retries.stored(Engine::key(&head), ingested_at);
        if let Some(entry) = watched {
            self.subscribers.offer(&head.tenant, &entry);
        }
    }

    fn refused(&self, request: Request, reason: &str) {
        self.room.release(request.memory);
        self.retries.refused(Engine::key(&request.head), &Fate::ReadOnly(reason.to_owned()));
    }
}
