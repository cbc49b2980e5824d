//! Bad events to look at: which show the first culprits best, and what was logged in their traces.

use super::anatomy::Anatomy;
use super::blame::Blame;
use super::names::Names;
use super::record::{Culprit, CulpritSpan, Example, ExampleLog, How};
use crate::logs::{LogRecord, severity_class};
use crate::trace::{TRACE_LOGS_MAX, logs_of_trace};
use crate::value::AnyValue;
use crate::{Error, QueryStats};
use binnacle_storage::model::SpanId;
use binnacle_storage::{Snapshot, Storage};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Examples of the first culprit, the second and the third.
const EXAMPLES: [usize; 3] = [3, 1, 1];

/// One of so many events is a way of being bad that an example is worth.
const RARE: usize = 10;

/// Log records of one example.
const LOGS_MAX: usize = 20;

/// Bytes of a log record's body.
const BODY_BYTES_MAX: usize = 2_000;

/// OpenTelemetry's severity number of ERROR.
const SEVERITY_ERROR: i32 = 17;

/// Those of the bad events that the first culprits are to blame for the most, the longest first; of one that failed in some and was
/// slow in others, both.
pub(super) fn choose<'a>(
    names: &Names,
    blame: &Blame,
    bad: &'a [Anatomy],
    services: &[Culprit],
) -> Vec<&'a Anatomy> {
    let mut chosen: Vec<&Anatomy> = Vec::new();
    let mut traces = HashSet::new();
    for (service, count) in services.iter().zip(EXAMPLES) {
        let Some(culprit) = names.find_service(&service.service) else { continue };
        let mut of: BTreeMap<(usize, How), Vec<(bool, f64, &Anatomy)>> = BTreeMap::new();
        for event in bad.iter().filter(|event| event.event.trace_id.is_some()) {
            let shares = blame.shares(event);
            let of_culprit =
                || shares.iter().filter(|share| blame.culprit(share.component) == culprit);
            let share: f64 = of_culprit().map(|share| share.share).sum();
            let most = of_culprit().max_by(|a, b| a.share.total_cmp(&b.share));
            if let Some(most) = most.filter(|_| share > 0.0) {
                let duration = (event.event.end - event.event.start).max(1) as f64;
                let of = of.entry((most.component, most.how)).or_default();
                of.push((share < 0.5, -share * duration, event));
            }
        }
        let mut ways: Vec<Vec<(bool, f64, &Anatomy)>> = of.into_values().collect();
        for way in &mut ways {
            way.sort_by(|a, b| {
                a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.event.cmp(&b.2.event))
            });
        }
        // What it did most often first; what it hardly did is not shown.
        let all: usize = ways.iter().map(Vec::len).sum();
        ways.retain(|way| way.len() * RARE >= all);
        ways.sort_by_key(|way| std::cmp::Reverse(way.len()));
        let mut left = count;
        let longest = ways.iter().map(Vec::len).max().unwrap_or(0);
        let in_turn =
            (0..longest).flat_map(|place| ways.iter().filter_map(move |way| way.get(place)));
        for (_, _, event) in in_turn {
            if left > 0 && traces.insert(event.event.trace_id) {
                chosen.push(event);
                left -= 1;
            }
        }
    }
    chosen
}

pub(super) async fn example(
    storage: &Storage,
    snapshot: &Snapshot,
    names: &Names,
    blame: &Blame,
    event: &Anatomy,
    stats: &Arc<QueryStats>,
) -> Result<Example, Error> {
    let worst = blame.worst(event);
    let culprit = worst.map(|(part, how)| CulpritSpan {
        span_id: part.span_id.to_string(),
        service: names.services[blame.culprit(part.component)].clone(),
        operation: names.components[part.component].operation.clone(),
        how,
        took: part.nanos,
        status_message: part.message.clone(),
    });
    let logs = match event.event.trace_id {
        Some(id) => logs_of_trace(storage, snapshot, id, TRACE_LOGS_MAX, stats).await?,
        None => Vec::new(),
    };
    let of = worst.map(|(part, _)| part.span_id);
    Ok(Example {
        trace_id: event.event.trace_id.map(|id| id.to_string()).unwrap_or_default(),
        span_id: event.event.span_id.map(|id| id.to_string()),
        service: event.event.service.clone(),
        name: event.name.clone(),
        start: event.event.start,
        duration: event.event.end - event.event.start,
        culprit,
        logs: chosen_logs(logs, of),
    })
}

/// Errors first, then what the culprit logged, then the rest, as far as they fit; in order of time.
fn chosen_logs(mut logs: Vec<LogRecord>, culprit: Option<SpanId>) -> Vec<ExampleLog> {
    logs.sort_by_key(|log| {
        let is_error = log.severity_number >= SEVERITY_ERROR;
        let is_culprits = log.span_id.is_some() && log.span_id == culprit;
        (!is_error, !is_culprits, log.time)
    });
    logs.truncate(LOGS_MAX);
    logs.sort_by_key(|log| log.time);
    logs.into_iter().map(told).collect()
}

fn told(log: LogRecord) -> ExampleLog {
    let mut body = match log.body {
        Some(AnyValue::String(text)) => text,
        Some(value) => format!("{value:?}"),
        None => log.event_name,
    };
    if body.len() > BODY_BYTES_MAX {
        let end = (0..=BODY_BYTES_MAX).rev().find(|&end| body.is_char_boundary(end));
        body.truncate(end.unwrap_or(0));
        body.push('…');
    }
    let severity = severity_class(log.severity_number, Some(&log.severity_text));
    ExampleLog {
        time: log.time.0,
        span_id: log.span_id.map(|id| id.to_string()),
        service: log.service,
        severity: severity.unwrap_or_default(),
        body,
    }
}
