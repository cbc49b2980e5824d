//! What storage tells about itself.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::fmt;

/// All metrics of the crate; counters are written `…_total`.
pub(crate) struct Metrics {
    pub wal_bytes: Counter,
    pub wal_groups: Counter,
    pub wal_fsync_seconds: Histogram,
    pub wal_disk_bytes: Gauge,
    pub duplicates: Counter,
    pub rejected_overload: Counter,
    pub read_only: Gauge,
    pub buffer_bytes: Gauge,
    pub buffer_rows: Gauge,
    pub buffer_oldest_seconds: Gauge,
    pub flushes: Counter,
    pub flush_failures: Counter,
    pub flush_seconds: Histogram,
    pub segments: Gauge,
    pub segments_bytes: Gauge,
    pub segments_set_aside: Gauge,
    pub compactions: Counter,
    pub compaction_failures: Counter,
    pub compaction_bytes: Counter,
    pub retention_segments: Counter,
    pub thinned_rows: Counter,
    pub recovery_records: Gauge,
    pub recovery_problems: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics {
            wal_bytes: Counter::default(),
            wal_groups: Counter::default(),
            // 0.1 ms to 1.6 s.
            wal_fsync_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 15)),
            wal_disk_bytes: Gauge::default(),
            duplicates: Counter::default(),
            rejected_overload: Counter::default(),
            read_only: Gauge::default(),
            buffer_bytes: Gauge::default(),
            buffer_rows: Gauge::default(),
            buffer_oldest_seconds: Gauge::default(),
            flushes: Counter::default(),
            flush_failures: Counter::default(),
            // 1 ms to 16 s.
            flush_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 15)),
            segments: Gauge::default(),
            segments_bytes: Gauge::default(),
            segments_set_aside: Gauge::default(),
            compactions: Counter::default(),
            compaction_failures: Counter::default(),
            compaction_bytes: Counter::default(),
            retention_segments: Counter::default(),
            thinned_rows: Counter::default(),
            recovery_records: Gauge::default(),
            recovery_problems: Gauge::default(),
        }
    }
}

impl Metrics {
    /// Names everything in `registry`.
    pub fn register(&self, registry: &mut Registry) {
        let storage = registry.sub_registry_with_prefix("storage");
        let mut counter = |name: &str, help: &str, counter: &Counter| {
            storage.register(name, help, counter.clone());
        };
        counter("wal_bytes", "Bytes written to the WAL", &self.wal_bytes);
        counter("wal_groups", "Groups of requests made durable by one fsync", &self.wal_groups);
        counter("duplicate_requests", "Requests recognised as sent twice", &self.duplicates);
        counter(
            "overload_rejections",
            "Requests refused because the buffer was full",
            &self.rejected_overload,
        );
        counter("flushes", "Buffers written to segments", &self.flushes);
        counter("flush_failures", "Flushes that failed and are tried again", &self.flush_failures);
        counter("compactions", "Compactions done", &self.compactions);
        counter("compaction_failures", "Compactions that failed", &self.compaction_failures);
        counter("compaction_written_bytes", "Bytes written by compactions", &self.compaction_bytes);
        counter("retention_segments", "Segments deleted by retention", &self.retention_segments);
        counter("thinned_rows", "Rows left out by thinning", &self.thinned_rows);
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| {
            storage.register(name, help, gauge.clone());
        };
        gauge("wal_disk_bytes", "Room taken by WAL files", &self.wal_disk_bytes);
        gauge("read_only", "1 while ingest is refused", &self.read_only);
        gauge("buffer_bytes", "Memory held by rows not yet in a segment", &self.buffer_bytes);
        gauge("buffer_rows", "Rows not yet in a segment", &self.buffer_rows);
        gauge(
            "buffer_oldest_seconds",
            "Age of the oldest row not yet in a segment",
            &self.buffer_oldest_seconds,
        );
        gauge("segments", "Live segments", &self.segments);
        gauge("segments_bytes", "Bytes of live segments with their indexes", &self.segments_bytes);
        gauge("segments_set_aside", "Segments that cannot be read", &self.segments_set_aside);
        gauge("recovery_records", "WAL records replayed at start", &self.recovery_records);
        gauge("recovery_problems", "Problems found by recovery at start", &self.recovery_problems);
        let fsync = "Time of the fsync that a group of requests waits for";
        storage.register("wal_fsync_seconds", fsync, self.wal_fsync_seconds.clone());
        storage.register(
            "flush_seconds",
            "Time to write a buffer to segments",
            self.flush_seconds.clone(),
        );
    }
}
