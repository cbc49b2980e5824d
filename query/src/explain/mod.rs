//! Explain: what spent an SLO's error budget in a window.
//!
//! The path: the events of the window and of the time before are counted and sampled ([`crate::sli`]), the traces of the samples
//! are read whole and each event is taken apart ([`anatomy`]); the bad ones are blamed on their deepest failing span, or on what
//! took longer than usual ([`blame`]); that is summed up by service and operation and ranked with the probability of
//! chance, as are the attributes that bad events have more often than others ([`rank`]). Some bad events that show the
//! first culprits become examples, with what was logged in their traces ([`examples`]).

mod anatomy;
mod blame;
mod examples;
mod names;
mod rank;
mod record;
#[cfg(test)]
mod tests;

pub use record::{
    AttributeShare, Culprit, CulpritSpan, Example, ExampleLog, Explanation, How, Operation,
    Stretch, VERSION,
};

use crate::rows::Shared;
use crate::sli::{NamedEvent, SampleRequest, SliQuery, WindowEvents, sample};
use crate::{Error, QueryEngine, QueryStats};
use anatomy::{Anatomy, take_apart};
use binnacle_storage::model::{TenantId, TraceId};
use binnacle_storage::{Snapshot, Storage};
use blame::Blame;
use names::Names;
use rank::{Events, rank};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// Events of each kind that are looked at one by one: with so many, a share is known to a few percent.
const EVENTS_LOOKED_AT: usize = 400;

/// Spans read; what comes after is left out, and the answer says so.
const SPANS_MAX: usize = 300_000;

/// Traces read at a time.
const TRACES_AT_ONCE: usize = 64;

/// Attributes that say which version of a service ran.
const VERSION_ATTRIBUTES: [&str; 5] = [
    "resource.service.version",
    "resource.container.image.tag",
    "resource.container.image.tags",
    "resource.deployment.id",
    "resource.vcs.ref.head.revision",
];

/// What to explain.
#[derive(Debug, Clone)]
pub struct ExplainRequest {
    pub query: Arc<SliQuery>,
    /// Unix nanoseconds, by the end of events.
    pub window: Range<i64>,
    /// With what it is compared; apart from the window.
    pub before: Range<i64>,
}

impl QueryEngine {
    /// What spent the budget in a window.
    pub async fn explain(
        &self,
        tenant: &TenantId,
        request: ExplainRequest,
    ) -> Result<Explanation, Error> {
        let (window, before) = (&request.window, &request.before);
        let overlap = window.start < before.end && before.start < window.end;
        if window.is_empty() || before.is_empty() || overlap {
            return Err(Error::InvalidRequest {
                message:
                    "the window and the time it is compared with must not be empty, and lie apart"
                        .to_owned(),
                hint: None,
            });
        }
        let stats = Arc::new(QueryStats::new());
        let (storage, tenant, counted) = (self.storage().clone(), tenant.clone(), stats.clone());
        let work = async move {
            let snapshot = storage.snapshot(&tenant).await?;
            counted.warn_all(snapshot.warnings());
            explain(&storage, &snapshot, &request, &counted).await
        };
        let explanation = self.run("explain", stats.clone(), |_| work).await?;
        Ok(Explanation { warnings: stats.snapshot().warnings, ..explanation })
    }
}

async fn explain(
    storage: &Storage,
    snapshot: &Snapshot,
    request: &ExplainRequest,
    stats: &Arc<QueryStats>,
) -> Result<Explanation, Error> {
    let sampled = SampleRequest {
        queries: vec![request.query.clone()],
        windows: vec![request.window.clone(), request.before.clone()],
        named: EVENTS_LOOKED_AT,
    };
    let mut sampled = sample(storage, snapshot, &sampled, stats).await?;
    let mut windows = sampled.found.pop().unwrap_or_default().into_iter();
    let (now, then) = (windows.next().unwrap_or_default(), windows.next().unwrap_or_default());
    if let Some(from) = sampled.whole_from {
        stats.warn(format!(
            "there are too many rows: those that began before {from} (Unix ns) are left out"
        ));
    }
    let mut reading = Reading { storage, snapshot, stats, spans: 0, names: Names::default() };
    let [bad, good, bad_then, even_then] = reading.take_apart(&now, &then).await?;
    let names = reading.names;
    tokio::task::yield_now().await;
    let blame = Blame::of(&names, &bad, &good, &even_then);
    let events = Events {
        names: &names,
        blame: &blame,
        bad: &bad,
        bad_weight: ratio(now.bad, bad.len() as u64),
        others: good.iter().chain(&even_then).collect(),
        bad_before: &bad_then,
        before_weight: ratio(then.bad, bad_then.len() as u64) * ratio(now.total(), then.total()),
    };
    let ranked = rank(&events);
    let is_version = |one: &&AttributeShare| VERSION_ATTRIBUTES.contains(&one.name.as_str());
    let looked_at = |some: &[&[Anatomy]]| some.iter().map(|some| some.len() as u64).sum();
    let mut explanation = Explanation {
        version: VERSION,
        window: stretch(&request.window, &now, looked_at(&[&bad, &good])),
        before: stretch(&request.before, &then, looked_at(&[&even_then])),
        versions: ranked.attributes.iter().filter(is_version).cloned().collect(),
        services: ranked.services,
        operations: ranked.operations,
        attributes: ranked.attributes,
        examples: Vec::new(),
        summary: String::new(),
        tests: ranked.tests,
        is_estimate: sampled.is_estimate,
        warnings: Vec::new(),
    };
    let chosen = examples::choose(&names, &blame, &bad, &explanation.services);
    for event in chosen {
        let example = examples::example(storage, snapshot, &names, &blame, event, stats).await?;
        explanation.examples.push(example);
    }
    explanation.summary = summary(&explanation);
    Ok(explanation)
}

fn ratio(of: u64, to: u64) -> f64 {
    if to == 0 { 0.0 } else { of as f64 / to as f64 }
}

fn stretch(range: &Range<i64>, events: &WindowEvents, looked_at: u64) -> Stretch {
    Stretch { start: range.start, end: range.end, good: events.good, bad: events.bad, looked_at }
}

struct Reading<'a> {
    storage: &'a Storage,
    snapshot: &'a Snapshot,
    stats: &'a Arc<QueryStats>,
    spans: usize,
    names: Names,
}

impl Reading<'_> {
    /// The bad and the good events of the window, the bad events of the time before, and those of it in true proportion.
    async fn take_apart(
        &mut self,
        now: &WindowEvents,
        then: &WindowEvents,
    ) -> Result<[Vec<Anatomy>; 4], Error> {
        let even: Vec<NamedEvent> = then.even().take(EVENTS_LOOKED_AT).cloned().collect();
        let bad = self.anatomies(&now.bad_events).await?;
        let even_then = self.anatomies(&even).await?;
        let good = self.anatomies(&now.good_events).await?;
        let bad_then = self.anatomies(&then.bad_events).await?;
        if self.spans >= SPANS_MAX {
            self.stats.warn(format!(
                "the traces have more than {SPANS_MAX} spans; some events are left out"
            ));
        }
        Ok([bad, good, bad_then, even_then])
    }

    async fn anatomies(&mut self, events: &[NamedEvent]) -> Result<Vec<Anatomy>, Error> {
        let mut by_trace: BTreeMap<TraceId, Vec<&NamedEvent>> = BTreeMap::new();
        let mut anatomies = Vec::new();
        for event in events {
            match event.trace_id {
                Some(id) => by_trace.entry(id).or_default().push(event),
                None => anatomies.push(Anatomy::without_trace(event, &mut self.names)),
            }
        }
        let ids: BTreeSet<TraceId> = by_trace.keys().copied().collect();
        let ids: Vec<TraceId> = ids.into_iter().collect();
        let mut shared = Shared::default();
        for some in ids.chunks(TRACES_AT_ONCE) {
            if self.spans >= SPANS_MAX {
                break;
            }
            let (storage, snapshot) = (self.storage, self.snapshot);
            let trees =
                crate::traceql::whole_traces(storage, snapshot, some, &mut shared, self.stats)
                    .await?;
            for (id, tree) in &trees {
                self.spans += tree.spans.len();
                for event in by_trace.get(id).into_iter().flatten() {
                    anatomies.extend(take_apart(event, &tree.spans, &mut self.names));
                }
            }
            for id in some.iter().filter(|id| !trees.contains_key(*id)) {
                // A log record whose trace is not stored.
                let alone = by_trace[id].iter().filter(|event| event.start == event.end);
                anatomies.extend(alone.map(|event| Anatomy::without_trace(event, &mut self.names)));
            }
            tokio::task::yield_now().await;
        }
        Ok(anatomies)
    }
}

/// Of what a service spent, failing and being slow are both told from this share on.
const SECOND_SHARE: f64 = 0.2;

fn summary(explanation: &Explanation) -> String {
    let window = &explanation.window;
    let all = window.good + window.bad;
    if window.bad == 0 {
        return format!("none of {all} events is bad");
    }
    let mut text = format!("{} of {all} events are bad", window.bad);
    let Some(first) = explanation.services.first() else { return text };
    let mut of_first =
        explanation.operations.iter().filter(|operation| operation.service == first.service);
    let percent = first.share * 100.0;
    text += &format!(": {} spent {percent:.0} % of it", first.service);
    if let Some(operation) = of_first.next() {
        text += &format!(", by {}", way(operation));
        // What it did otherwise, where that spent a good part of it, too.
        let differs = |other: &&Operation| {
            (other.how == How::Failing) != (operation.how == How::Failing)
                && other.spent >= SECOND_SHARE * first.spent
        };
        if let Some(other) = of_first.find(differs) {
            text += &format!(", and by {}", way(other));
        }
    }
    if !first.is_significant {
        text += "; that may be chance";
    }
    if let Some(version) =
        explanation.versions.iter().find(|one| one.is_significant && one.difference > 0.0)
    {
        text += &format!(
            "; {} of {} is {} in {} of {} bad events looked at and in {} others",
            version.name,
            version.service,
            version.value,
            version.bad,
            explanation.bad_looked_at(),
            version.other
        );
    }
    text
}

/// What an operation did, in words.
fn way(operation: &Operation) -> String {
    if operation.how == How::Failing {
        return format!("failing in '{}'", operation.operation);
    }
    let place = match (&operation.caller, &operation.callee) {
        (Some(caller), Some(callee)) => format!("calls from {caller} to {callee}"),
        _ => format!("'{}'", operation.operation),
    };
    let ms = |nanos: i64| nanos as f64 / 1e6;
    let took = match (operation.usual, operation.now) {
        (Some(usual), Some(now)) => format!(" ({:.1} ms instead of {:.1} ms)", ms(now), ms(usual)),
        _ => String::new(),
    };
    format!("{place} being slow{took}")
}

impl Explanation {
    /// How many of the bad events were looked at.
    fn bad_looked_at(&self) -> u64 {
        self.window.bad.min(EVENTS_LOOKED_AT as u64)
    }
}
