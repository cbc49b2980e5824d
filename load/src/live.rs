//! What is printed while the test runs, a line each second, and its sum at the end.

use crate::run::{Run, State};
use crate::tally::Slot;
use crate::threshold::milliseconds;
use std::fmt::Write as _;
use std::time::Duration;

/// How far the generator may fall behind, at the 99th percentile, before its figures are said to be its own.
const BEHIND_NS: u64 = 10_000_000;

/// Where a test stands.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot {
    pub elapsed: Duration,
    pub duration: Duration,
    /// Requests per second that are due now.
    pub intended: f64,
    /// What ended in the last second.
    pub last: Slot,
    pub under_way: u64,
    pub requests: u64,
    pub errors: u64,
}

/// One line.
pub fn line(now: &Snapshot) -> String {
    let Snapshot { elapsed, duration, intended, last, under_way, requests, errors } = now;
    let failed = if *errors > 0 { format!(", {errors} failed") } else { String::new() };
    format!(
        "{:>5} of {} s   due {:>7.1}/s   answered {:>6}/s   p50 {:>7}   p99 {:>7}   under way {under_way}   in all {requests}{failed}",
        elapsed.as_secs(),
        duration.as_secs_f64(),
        intended,
        last.requests,
        milliseconds(last.p50),
        milliseconds(last.p99),
    )
}

/// What came of the test, as text.
pub fn summary(run: &Run) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_summary(&mut text, run);
    text
}

fn write_summary(text: &mut String, run: &Run) -> std::fmt::Result {
    let total = &run.total;
    let state = if run.state == State::Aborted { " (stopped early)" } else { "" };
    writeln!(text, "\n{}{state}", run.name)?;
    writeln!(
        text,
        "  requests {}, failed {}; {:.1}/s answered, {:.1}/s intended",
        total.requests, total.errors, total.achieved_rate, total.intended_rate
    )?;
    let columns = ["p50", "p90", "p99", "p99.9", "max"];
    let width = run.operations.iter().map(|one| one.name.chars().count()).max().unwrap_or(0).max(5);
    write!(text, "  {:<width$} {:>9} {:>8}", "latency", "requests", "failed")?;
    for column in columns {
        write!(text, " {column:>8}")?;
    }
    writeln!(text)?;
    let all = ("all", total.requests, total.errors, &total.latency);
    let each = run
        .operations
        .iter()
        .map(|one| (one.name.as_str(), one.requests, one.errors, &one.latency));
    for (name, requests, errors, latency) in each.chain([all]) {
        write!(text, "  {name:<width$} {requests:>9} {errors:>8}")?;
        for percent in [50.0, 90.0, 99.0, 99.9, 100.0] {
            write!(text, " {:>8}", milliseconds(latency.percentile(percent)))?;
        }
        writeln!(text)?;
    }
    for (why, count) in &run.failures {
        writeln!(text, "  failed: {why}, {count} times")?;
    }
    if let Some(spans) = run.spans {
        writeln!(text, "  spans: {} sent, {} lost", spans.exported, spans.lost)?;
    }
    if let Some(warning) = behind(run) {
        writeln!(text, "  {warning}")?;
    }
    for checked in &run.thresholds {
        let verdict = if checked.passed { "holds" } else { "FAILS" };
        writeln!(text, "  {verdict}: {} is {}", checked.expression, checked.actual)?;
    }
    Ok(())
}

/// Says so when the generator itself was late.
pub fn behind(run: &Run) -> Option<String> {
    let p99 = (run.behind_seconds_p99 * 1e9) as u64;
    (p99 > BEHIND_NS).then(|| {
        format!(
            "the generator fell behind: 1 of 100 requests began {} late or more, {} at worst; latencies include it",
            milliseconds(p99),
            milliseconds((run.behind_seconds_max * 1e9) as u64)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_due_and_what_came() {
        let last = Slot { requests: 198, errors: 0, p50: 1_200_000, p99: 31_000_000 };
        let now = Snapshot {
            elapsed: Duration::from_millis(4020),
            duration: Duration::from_secs(30),
            intended: 200.0,
            last,
            under_way: 2,
            requests: 790,
            errors: 0,
        };
        let text = line(&now);
        for word in
            ["4 of 30 s", "200.0/s", "198/s", "1.20ms", "31.0ms", "under way 2", "in all 790"]
        {
            assert!(text.contains(word), "{text}");
        }
        assert!(!text.contains("failed"));
        assert!(line(&Snapshot { errors: 3, ..now }).contains("3 failed"));
    }
}
