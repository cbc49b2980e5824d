//! Memory of queries: each has its own limit, all together have another.

use crate::turn::Turn;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What all queries hold together.
#[derive(Debug)]
pub(crate) struct MemoryTotal {
    used: AtomicUsize,
    limit: usize,
}

impl MemoryTotal {
    pub(crate) fn new(limit: u64) -> Arc<MemoryTotal> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Arc::new(MemoryTotal { used: AtomicUsize::new(0), limit })
    }

    #[cfg(test)]
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// What one query holds.
#[derive(Debug)]
pub(crate) struct QueryMemory {
    used: AtomicUsize,
    limit: usize,
    total: Arc<MemoryTotal>,
    /// All tasks of a plan hold their query's memory, and by it the turn.
    turn: Arc<Turn>,
}

impl QueryMemory {
    pub(crate) fn new(limit: u64, total: Arc<MemoryTotal>, turn: Arc<Turn>) -> QueryMemory {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        QueryMemory { used: AtomicUsize::new(0), limit, total, turn }
    }
}

fn try_add(used: &AtomicUsize, bytes: usize, limit: usize) -> bool {
    let add = |used: usize| used.checked_add(bytes).filter(|used| *used <= limit);
    used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
}

impl MemoryPool for QueryMemory {
    fn name(&self) -> &str {
        "query"
    }

    fn grow(&self, _reservation: &MemoryReservation, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        self.total.used.fetch_add(bytes, Ordering::Relaxed);
    }

    fn shrink(&self, _reservation: &MemoryReservation, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        self.total.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn try_grow(&self, _reservation: &MemoryReservation, bytes: usize) -> Result<()> {
        let refused = |limit: usize| DataFusionError::ResourcesExhausted(limit.to_string());
        if self.turn.is_stopped() {
            return exec_err!("the query was stopped");
        }
        if !try_add(&self.total.used, bytes, self.total.limit) {
            return Err(refused(self.total.limit));
        }
        if !try_add(&self.used, bytes, self.limit) {
            self.total.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(refused(self.limit));
        }
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.limit)
    }
}

impl fmt::Display for QueryMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query ({} of {} bytes)", self.reserved(), self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::execution::memory_pool::MemoryConsumer;

    #[test]
    fn a_query_is_bounded_by_its_own_limit_and_by_what_others_hold() {
        let total = MemoryTotal::new(150);
        let turn = Arc::new(Turn::new(Default::default(), None));
        let pool = || -> Arc<dyn MemoryPool> {
            Arc::new(QueryMemory::new(100, total.clone(), turn.clone()))
        };
        let (first, second) = (pool(), pool());
        let a = MemoryConsumer::new("a").register(&first);
        let b = MemoryConsumer::new("b").register(&second);
        assert!(a.try_grow(101).is_err());
        a.try_grow(100).unwrap();
        assert!(b.try_grow(51).is_err());
        b.try_grow(50).unwrap();
        drop(a);
        b.try_grow(50).unwrap();
        drop(b);
        assert_eq!(total.used(), 0);
    }
}
