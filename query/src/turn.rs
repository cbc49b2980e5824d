//! A running query's turn.

use prometheus_client::metrics::gauge::Gauge;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::OwnedSemaphorePermit;

/// Lets one query run. All of the query's work shares it, and the next query's turn comes when the last piece of work has
/// let go of it: work that goes on for a moment after its caller has gone still counts.
#[derive(Debug)]
pub(crate) struct Turn {
    running: Gauge,
    stopped: AtomicBool,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turn {
    pub(crate) fn new(running: Gauge, permit: Option<OwnedSemaphorePermit>) -> Turn {
        running.inc();
        Turn { running, stopped: AtomicBool::new(false), _permit: permit }
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Stops the query when its caller drops this.
    pub(crate) fn stop_when_dropped(self: &Arc<Turn>) -> StopWhenDropped {
        StopWhenDropped(self.clone())
    }

    /// Work that cannot be interrupted from outside asks now and then.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
pub(crate) struct StopWhenDropped(Arc<Turn>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.running.dec();
    }
}
