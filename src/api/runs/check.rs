//! Whether a run can be one, and what is worked out of it: every refusal names the field.

use super::super::documents::rfc3339;
use super::super::error::ApiError;
use super::super::request::parse_time;
use super::run::{Latency, Measured, Run, State};
use binnacle_storage::model::Timestamp;

const TEXT_CHARS_MAX: usize = 200;
const LABELS_MAX: usize = 64;
const PARTS_MAX: usize = 1_000;
const POINTS_MAX: usize = 50_000;
const BUCKETS_MAX: usize = 20_000;

/// What is worked out of a histogram that comes without percentiles.
const PERCENTILES: [f64; 6] = [50.0, 90.0, 95.0, 99.0, 99.9, 100.0];

/// Brings times to UTC and percentiles out of buckets; says when the run started.
pub fn normalise(run: &mut Run, now: Timestamp) -> Result<Timestamp, ApiError> {
    check_texts(run)?;
    let started = utc("started_at", &mut run.started_at, now)?;
    if let Some(ended_at) = &mut run.ended_at {
        let ended = utc("ended_at", ended_at, now)?;
        if ended < started {
            return Err(ApiError::invalid("ended_at is before started_at"));
        }
    } else if run.state != State::Running {
        return Err(ApiError::invalid("a run that is not running needs ended_at")
            .hint("send \"state\": \"running\" while it lasts"));
    }
    for stage in &mut run.stages {
        utc("stages.started_at", &mut stage.started_at, now)?;
        utc("stages.ended_at", &mut stage.ended_at, now)?;
    }
    for point in &mut run.timeline {
        utc("timeline.at", &mut point.at, now)?;
    }
    let mut result = Ok(());
    run.each_measured(|measured| {
        if result.is_ok() {
            result = check_measured(measured);
        }
    });
    result?;
    Ok(started)
}

fn check_texts(run: &Run) -> Result<(), ApiError> {
    let names = run.stages.iter().map(|stage| ("stages.name", &stage.name));
    let names = names.chain(run.operations.iter().map(|one| ("operations.name", &one.name)));
    for (field, name) in names.chain([("name", &run.name)]) {
        if name.trim().is_empty() || name.chars().count() > TEXT_CHARS_MAX {
            let message = format!("{field} must be a text of up to {TEXT_CHARS_MAX} characters");
            return Err(ApiError::invalid(message));
        }
    }
    if let Some(id) = &run.id
        && (id.is_empty() || id.len() > TEXT_CHARS_MAX || !id.chars().all(is_of_id))
    {
        return Err(ApiError::invalid("id must be letters, digits, `-`, `_` or `.`"));
    }
    let counts = [
        ("labels", run.labels.len(), LABELS_MAX),
        ("services", run.services.len(), PARTS_MAX),
        ("stages", run.stages.len(), PARTS_MAX),
        ("operations", run.operations.len(), PARTS_MAX),
        ("thresholds", run.thresholds.len(), PARTS_MAX),
        ("timeline", run.timeline.len(), POINTS_MAX),
    ];
    match counts.iter().find(|(_, count, most)| count > most) {
        Some((field, count, most)) => {
            Err(ApiError::invalid(format!("{field} has {count} entries; {most} are the most")))
        }
        None => Ok(()),
    }
}

fn is_of_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn utc(field: &str, text: &mut String, now: Timestamp) -> Result<Timestamp, ApiError> {
    let time = parse_time(field, text, now)?;
    *text = rfc3339(time);
    Ok(time)
}

fn check_measured(measured: &mut Measured) -> Result<(), ApiError> {
    if measured.errors > measured.requests {
        return Err(ApiError::invalid("there are more errors than requests"));
    }
    let rates = [measured.intended_rate, measured.achieved_rate];
    if rates.iter().flatten().any(|rate| *rate < 0.0) {
        return Err(ApiError::invalid("a rate is negative"));
    }
    match &mut measured.latency {
        Some(latency) => check_latency(latency, measured.requests),
        None => Ok(()),
    }
}

fn check_latency(latency: &mut Latency, requests: u64) -> Result<(), ApiError> {
    if latency.buckets.len() > BUCKETS_MAX {
        let count = latency.buckets.len();
        return Err(ApiError::invalid(format!(
            "latency.buckets has {count} entries; {BUCKETS_MAX} are the most"
        )));
    }
    if !latency.buckets.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(ApiError::invalid("latency.buckets must ascend"));
    }
    let count = latency.buckets.iter().try_fold(0_u64, |sum, (_, n)| sum.checked_add(*n));
    if count.is_none_or(|count| count > requests) {
        return Err(ApiError::invalid("latency.buckets hold more than there were requests"));
    }
    if latency.percentiles.iter().any(|(percentile, _)| !(0.0..=100.0).contains(percentile)) {
        return Err(ApiError::invalid("latency.percentiles must be from 0 to 100"));
    }
    if latency.percentiles.is_empty() {
        let known = |percentile: f64| Some((percentile, latency.percentile(percentile)?));
        latency.percentiles = PERCENTILES.into_iter().filter_map(known).collect();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn run(change: impl FnOnce(&mut Value)) -> Result<Run, ApiError> {
        let mut value = json!({
            "name": "checkout", "started_at": "2026-01-31T13:00:00+01:00", "ended_at": "1769860860000000000",
            "total": {"requests": 1000, "errors": 3, "latency": {"max_ns": 950, "buckets": [[100, 500], [200, 400], [1000, 100]]}},
        });
        change(&mut value);
        let mut run: Run = serde_json::from_value(value).unwrap();
        normalise(&mut run, Timestamp(0)).map(|_| run)
    }

    #[test]
    fn times_are_utc_and_percentiles_come_out_of_buckets() {
        let run = run(|_| {}).unwrap();
        assert_eq!(run.started_at, "2026-01-31T12:00:00Z");
        assert_eq!(run.ended_at.as_deref(), Some("2026-01-31T12:01:00Z"));
        let latency = run.total.latency.clone().unwrap();
        let expected =
            [(50.0, 100), (90.0, 200), (95.0, 950), (99.0, 950), (99.9, 950), (100.0, 950)];
        assert_eq!(latency.percentiles, expected);
        let listed = run.without_details().total.latency.unwrap();
        assert_eq!((listed.buckets.len(), listed.percentiles.len()), (0, 6));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let cases: [(&str, Value, &str); 7] = [
            ("/name", json!(" "), "name"),
            ("/started_at", json!("soon"), "started_at"),
            ("/ended_at", json!("2026-01-01T00:00:00Z"), "ended_at"),
            ("/ended_at", json!(null), "ended_at"),
            ("/total/errors", json!(1001), "errors"),
            ("/total/latency/buckets", json!([[2, 1], [1, 1]]), "ascend"),
            ("/total/latency/buckets", json!([[2, 1001]]), "more than there were requests"),
        ];
        for (field, value, part) in cases {
            let refused = run(|run| *run.pointer_mut(field).unwrap() = value).unwrap_err();
            assert!(refused.message.contains(part), "{field}: {}", refused.message);
        }
    }
}
