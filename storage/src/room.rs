//! Room: how much memory the rows that are not yet in a segment may hold.

use crate::Error;
use crate::metrics::Metrics;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// How long an append waits for room before its sender is told to come back.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a sender that found no room is told to wait.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Appends that wait for room may together hold one part in this many of the bound.
const WAITING_DIVISOR: u64 = 4;

#[derive(Debug)]
pub(crate) struct Room {
    bytes_max: u64,
    patience: Duration,
    used: AtomicU64,
    waiting: AtomicU64,
    freed: Notify,
}

impl Room {
    pub fn new(bytes_max: u64) -> Room {
        let (used, waiting) = (AtomicU64::new(0), AtomicU64::new(0));
        Room { bytes_max, patience: PATIENCE, used, waiting, freed: Notify::new() }
    }

    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub fn is_over_half(&self) -> bool {
        self.used() > self.bytes_max / 2
    }

    /// Takes room without asking, for rows that are durable already.
    pub fn take(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn release(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.freed.notify_waiters();
    }

    /// Takes room if there is any; an empty buffer has room for one request of any size.
    fn try_take(&self, bytes: u64) -> bool {
        let fits =
            |used: u64| (used == 0 || used + bytes <= self.bytes_max).then_some(used + bytes);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    /// Takes room, waiting for it a little.
    pub async fn reserve(&self, bytes: u64, metrics: &Metrics) -> Result<(), Error> {
        if self.try_take(bytes) {
            return Ok(());
        }
        let overloaded = || {
            metrics.rejected_overload.inc();
            Error::Overloaded { bytes: self.used(), retry_after: RETRY_AFTER }
        };
        let waiting = Waiting::new(self, bytes);
        if waiting.total > self.bytes_max / WAITING_DIVISOR {
            return Err(overloaded());
        }
        let taken = tokio::time::timeout(self.patience, async {
            loop {
                let freed = self.freed.notified();
                if self.try_take(bytes) {
                    return;
                }
                freed.await;
            }
        });
        taken.await.map_err(|_| overloaded())
    }
}

/// Counts an append that waits, until it is dropped.
struct Waiting<'a> {
    room: &'a Room,
    bytes: u64,
    /// Bytes of all that wait, this one included.
    total: u64,
}

impl Waiting<'_> {
    fn new(room: &Room, bytes: u64) -> Waiting<'_> {
        let total = room.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes;
        Waiting { room, bytes, total }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.room.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_that_does_not_come_is_refused_in_time_and_room_that_comes_is_taken() {
        let (mut room, metrics) = (Room::new(100), Metrics::default());
        room.patience = Duration::from_millis(20);
        room.reserve(90, &metrics).await.unwrap();
        let room = room;
        let refused = room.reserve(20, &metrics).await;
        assert!(matches!(refused, Err(Error::Overloaded { bytes: 90, .. })));
        assert!(matches!(room.reserve(26, &metrics).await, Err(Error::Overloaded { .. })));
        let (taken, ()) = tokio::join!(room.reserve(20, &metrics), async {
            tokio::task::yield_now().await;
            room.release(90);
        });
        taken.unwrap();
        assert_eq!((room.used(), room.waiting.load(Ordering::Relaxed)), (20, 0));
    }
}
