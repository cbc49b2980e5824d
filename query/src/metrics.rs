//! The query engine's own metrics.

use crate::StatsSnapshot;
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// `language` is `sql`, `trace`, `logs` or `series`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Language {
    language: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    language: &'static str,
    code: &'static str,
}

/// Counters over all queries of the process.
#[derive(Debug, Default)]
pub(crate) struct QueryMetrics {
    queries: Family<Language, Counter>,
    errors: Family<Failure, Counter>,
    seconds: Mutex<Option<Family<Language, Histogram>>>,
    bytes_read: Counter,
    rows_returned: Counter,
    pub(crate) running: Gauge,
    pub(crate) waiting: Gauge,
    tail_rows: Counter,
    tail_untold: Counter,
}

/// From a millisecond to the longest timeout in common use.
const SECONDS_BUCKETS: [f64; 12] =
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

fn seconds() -> Histogram {
    Histogram::new(SECONDS_BUCKETS)
}

impl QueryMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let histogram = self.seconds.lock().get_or_insert_with(seconds_family).clone();
        registry.register("query_requests", "Queries started", self.queries.clone());
        registry.register("query_errors", "Queries that ended in an error", self.errors.clone());
        registry.register("query_seconds", "Time from start to end of a query", histogram);
        registry.register(
            "query_read_bytes",
            "Bytes of segment files read",
            self.bytes_read.clone(),
        );
        registry.register("query_rows_returned", "Rows answered", self.rows_returned.clone());
        registry.register("query_running", "Queries running now", self.running.clone());
        registry.register("tail_rows", "Rows given to live tails", self.tail_rows.clone());
        registry.register(
            "tail_untold_rows",
            "Rows that live tails missed or skipped",
            self.tail_untold.clone(),
        );
        registry.register("query_waiting", "Queries waiting for their turn", self.waiting.clone());
    }

    pub(crate) fn tailed(&self, rows: usize, untold: u64) {
        self.tail_rows.inc_by(rows as u64);
        self.tail_untold.inc_by(untold);
    }

    pub(crate) fn started(&self, language: &'static str) {
        self.queries.get_or_create(&Language { language }).inc();
    }

    pub(crate) fn failed(&self, language: &'static str, code: &'static str) {
        self.errors.get_or_create(&Failure { language, code }).inc();
    }

    pub(crate) fn ended(&self, language: &'static str, stats: &StatsSnapshot) {
        self.bytes_read.inc_by(stats.bytes_read);
        self.rows_returned.inc_by(stats.rows_returned);
        let family = self.seconds.lock().get_or_insert_with(seconds_family).clone();
        family.get_or_create(&Language { language }).observe(stats.elapsed.as_secs_f64());
    }
}

fn seconds_family() -> Family<Language, Histogram> {
    Family::new_with_constructor(seconds)
}
