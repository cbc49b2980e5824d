//! Bytes in flight: all requests being read and decoded share one bound.

use prometheus_client::metrics::gauge::Gauge;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The shared bound. Clones count together.
#[derive(Debug, Clone)]
pub struct InFlight {
    bytes: Arc<AtomicU64>,
    bytes_max: u64,
    /// The same number for the metrics.
    gauge: Gauge,
}

/// Bytes held by one request, given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    owner: InFlight,
    bytes: u64,
}

impl InFlight {
    pub fn new(bytes_max: u64) -> InFlight {
        InFlight { bytes: Arc::default(), bytes_max, gauge: Gauge::default() }
    }

    #[cfg(test)]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    /// A reservation of nothing yet.
    pub fn reservation(&self) -> Reservation {
        Reservation { owner: self.clone(), bytes: 0 }
    }
}

impl Reservation {
    /// Takes `bytes` more, or nothing when the bound would be passed.
    #[must_use]
    pub fn try_grow(&mut self, bytes: u64) -> bool {
        let InFlight { bytes: held, bytes_max, gauge } = &self.owner;
        let grown = |held: u64| held.checked_add(bytes).filter(|held| held <= bytes_max);
        let taken = held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok();
        if taken {
            self.bytes += bytes;
            gauge.inc_by(bytes as i64);
        }
        taken
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.owner.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.owner.gauge.dec_by(self.bytes as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_share_the_bound_and_give_back() {
        let in_flight = InFlight::new(100);
        let mut first = in_flight.reservation();
        let mut second = in_flight.reservation();
        assert!(first.try_grow(60) && second.try_grow(40));
        assert!(!second.try_grow(1));
        drop(first);
        assert!(second.try_grow(60));
        assert_eq!(in_flight.bytes(), 100);
    }
}
