//! WAL: what a request must pass before it is acknowledged.
//!
//! One thread writes. It takes all waiting requests as a group, writes their bodies as received, makes them durable with
//! one fsync, and only then hands them on in the order written. Positions count requests and never repeat. A file is
//! deleted when the rows of all its records are in segments.

mod files;
mod queue;
mod record;
mod replay;
mod writer;

pub(crate) use files::{LastPositions, WalFiles};
pub use record::BODY_BYTES_MAX;
pub(crate) use record::RecordHead;
pub(crate) use replay::{Replayed, Scan, replay};

use crate::Error;
use crate::batch::Batch;
use crate::disk::Disk;
use crate::metrics::Metrics;
use bytes::Bytes;
use parking_lot::RwLock;
use queue::Queue;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

/// One request on its way to disk.
#[derive(Debug)]
pub(crate) struct Request {
    pub head: RecordHead,
    pub body: Bytes,
    pub batch: Batch,
    /// Bytes of memory reserved for it in the buffer.
    pub memory: u64,
}

/// Told, on the writer's thread, what became of each request, in the order written.
pub(crate) trait Outcome: Send + Sync {
    /// The request is durable at `position`.
    fn stored(&self, position: u64, request: Request);
    /// The request is not acknowledged; it may or may not be on disk.
    fn refused(&self, request: Request, reason: &str);
}

/// Where the WAL lives and how big its files are.
#[derive(Debug, Clone)]
pub(crate) struct WalConfig {
    pub directory: PathBuf,
    /// Room taken for a file when it is created.
    pub file_bytes: u64,
    /// Position of the first record to come.
    pub next_position: u64,
}

/// Why nothing can be written at the moment, if so.
#[derive(Debug, Default)]
pub(crate) struct Health {
    reason: RwLock<Option<String>>,
}

impl Health {
    pub fn reason(&self) -> Option<String> {
        self.reason.read().clone()
    }

    fn set(&self, reason: Option<String>) {
        *self.reason.write() = reason;
    }
}

/// The running WAL.
#[derive(Debug)]
pub(crate) struct Wal {
    queue: Arc<Queue>,
    health: Arc<Health>,
    files: Arc<WalFiles>,
    thread: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

impl Wal {
    /// Starts the writer.
    pub fn start(
        config: WalConfig,
        disk: Disk,
        files: Arc<WalFiles>,
        outcome: Arc<dyn Outcome>,
        metrics: Arc<Metrics>,
    ) -> Result<Wal, Error> {
        let (queue, health) = (Arc::new(Queue::default()), Arc::new(Health::default()));
        let writer = writer::Writer::new(
            config.clone(),
            disk,
            files.clone(),
            queue.clone(),
            health.clone(),
            outcome,
            metrics,
        );
        let thread = std::thread::Builder::new()
            .name(String::from("wal"))
            .spawn(move || writer.run())
            .map_err(|source| Error::Disk {
                action: "start the thread that writes",
                path: config.directory,
                source,
            })?;
        Ok(Wal { queue, health, files, thread: parking_lot::Mutex::new(Some(thread)) })
    }

    /// Hands a request to the writer; gives it back when too many bytes are waiting or the WAL is closed.
    pub fn push(&self, request: Request) -> Result<(), Box<Request>> {
        self.queue.push(request)
    }

    pub fn read_only_reason(&self) -> Option<String> {
        self.health.reason()
    }

    /// Writes what is waiting, then stops the writer.
    pub fn close(&self) {
        self.queue.close();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the WAL panicked");
        }
        self.files.close();
    }
}
