//! One event taken apart: where its time went, what failed below it, and which attributes its spans have.

use super::names::{Component, Names};
use crate::sli::NamedEvent;
use crate::trace::tree::Tree;
use crate::trace::{Span, critical_steps, goes_on};
use crate::value::{AnyValue, Attributes};
use binnacle_storage::model::SpanId;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

/// OTLP's numbers.
const KIND_UNSPECIFIED: i32 = 0;
const KIND_CLIENT: i32 = 3;
const STATUS_ERROR: i32 = 2;

/// Spans below one event whose attributes are looked at.
const SPANS_MAX: usize = 2_000;

/// Longer values name no group of events.
const VALUE_BYTES_MAX: usize = 200;

/// Attributes that say nothing of a cause: ids of threads, and what is the same wherever the service is.
const PASSED_OVER: [&str; 6] =
    ["service.name", "thread.id", "thread.name", "process.pid", "telemetry.", "process.command"];

/// An event and what it is made of. Numbers are those of [`Names`].
#[derive(Debug)]
pub(super) struct Anatomy {
    pub event: NamedEvent,
    pub name: String,
    /// What the event waited for, without those that took no time.
    pub parts: Vec<Part>,
    /// The deepest span that failed, if the event did.
    pub failure: Option<Part>,
    /// What failed anywhere below, and nothing below that; services.
    pub failing: BTreeSet<usize>,
    pub values: BTreeSet<usize>,
}

/// A span's own part in an event.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub component: usize,
    pub span_id: SpanId,
    /// Nanoseconds that passed in it and in nothing that it waited for.
    pub nanos: i64,
    pub message: String,
}

/// Takes an event of a trace apart. `None` when its span is not there any more. A log record is an event of its span, or of
/// the whole trace.
pub(super) fn take_apart(event: &NamedEvent, spans: &[Span], names: &mut Names) -> Option<Anatomy> {
    let mut tree = Tree::of(spans);
    let tops = tops(event, spans, &tree)?;
    tree.roots = tops;
    let first = *tree.roots.first()?;
    let order = tree.downwards();
    let mut nanos: BTreeMap<usize, i64> = BTreeMap::new();
    for step in critical_steps(spans, &tree) {
        *nanos.entry(step.span).or_default() += step.end - step.start;
    }
    let parts = nanos.iter().map(|(index, nanos)| part(spans, &tree, *index, *nanos, names));
    let parts: Vec<Part> = parts.collect();
    let failure = deepest_failure(spans, &tree).map(|deepest| {
        let took = nanos.get(&deepest).copied().unwrap_or(spans[deepest].duration);
        part(spans, &tree, deepest, took, names)
    });
    let leaves = order.iter().filter(|index| is_last_failing(spans, &tree, **index));
    let failing = leaves.map(|index| names.service(&spans[*index].service)).collect();
    let values = values(spans, order.iter().take(SPANS_MAX).copied(), names);
    let name = spans[first].name.clone();
    Some(Anatomy { event: event.clone(), name, parts, failure, failing, values })
}

impl Anatomy {
    /// A log record that no stored trace has: all that is known is who wrote it.
    pub(super) fn without_trace(event: &NamedEvent, names: &mut Names) -> Anatomy {
        let component = names.component(Component {
            service: event.service.clone(),
            operation: "log records".to_owned(),
            callee: None,
            is_callee_seen: false,
        });
        let span_id = event.span_id.unwrap_or(SpanId([0; 8]));
        let part = Part { component, span_id, nanos: 0, message: String::new() };
        let is_bad = !event.is_good;
        let service = names.service(&event.service);
        Anatomy {
            event: event.clone(),
            name: String::new(),
            parts: Vec::new(),
            failure: is_bad.then_some(part),
            failing: is_bad.then_some(service).into_iter().collect(),
            values: BTreeSet::new(),
        }
    }
}

/// The spans that the event is: its own, or for a log record without one the trace's roots.
fn tops(event: &NamedEvent, spans: &[Span], tree: &Tree) -> Option<Vec<usize>> {
    let Some(id) = event.span_id else { return Some(tree.roots.clone()) };
    let same = |index: &usize| spans[*index].span_id == id;
    let exactly = |index: &usize| {
        let span = &spans[*index];
        same(index) && span.start_time.0 == event.start && span.service == event.service
    };
    let found = (0..spans.len()).find(exactly).or_else(|| (0..spans.len()).find(same))?;
    Some(vec![found])
}

fn part(spans: &[Span], tree: &Tree, index: usize, nanos: i64, names: &mut Names) -> Part {
    let span = &spans[index];
    let (callee, is_seen) = match callee(spans, tree, index) {
        Some(callee) => (Some(callee.to_owned()), true),
        None => (peer(span).filter(|_| tree.children[index].is_empty()), false),
    };
    let component = Component {
        service: span.service.clone(),
        operation: span.name.clone(),
        callee,
        is_callee_seen: is_seen,
    };
    Part {
        component: names.component(component),
        span_id: span.span_id,
        nanos,
        message: span.status_message.clone(),
    }
}

/// Whom a span calls: all that is below it is another service's, so that its own time is the way there and back.
fn callee<'a>(spans: &'a [Span], tree: &Tree, index: usize) -> Option<&'a str> {
    let span = &spans[index];
    let below = &tree.children[index];
    let is_call = matches!(span.kind, KIND_CLIENT | KIND_UNSPECIFIED)
        && below.iter().all(|&child| spans[child].service != span.service);
    below.first().filter(|_| is_call).map(|&child| spans[child].service.as_str())
}

/// Whom a client says it calls.
fn peer(span: &Span) -> Option<String> {
    if span.kind != KIND_CLIENT {
        return None;
    }
    let keys = ["peer.service", "server.address", "net.peer.name"];
    let name = keys.iter().find_map(|key| match find(&span.attributes, key) {
        Some(AnyValue::String(name)) => Some(name.as_str()),
        _ => None,
    })?;
    if name.parse::<IpAddr>().is_ok() {
        return None;
    }
    // `cart.shop.svc.cluster.local:8080` is the service `cart`.
    let host = name.split(['.', ':']).next().unwrap_or(name);
    (!host.is_empty()).then(|| host.to_owned())
}

fn find<'a>(attributes: &'a Attributes, key: &str) -> Option<&'a AnyValue> {
    attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// An error by its status, or a server's by HTTP.
fn is_failing(span: &Span) -> bool {
    let code = ["http.response.status_code", "http.status_code"].iter();
    let code = code.filter_map(|key| find(&span.attributes, key)).next();
    span.status_code == STATUS_ERROR || matches!(code, Some(AnyValue::Int(500..=599)))
}

fn is_last_failing(spans: &[Span], tree: &Tree, index: usize) -> bool {
    is_failing(&spans[index])
        && !tree.children[index].iter().any(|&child| is_failing(&spans[child]))
}

/// The lowest of the spans that failed with all above them; of several the first to end. What went on after its parent had ended is
/// asked only where nothing else below that failed.
fn deepest_failure(spans: &[Span], tree: &Tree) -> Option<usize> {
    let mut open: Vec<(usize, usize)> = tree.roots.iter().map(|&root| (0, root)).collect();
    let mut deepest: Option<(usize, usize)> = None;
    while let Some((depth, index)) = open.pop() {
        if !is_failing(&spans[index]) {
            continue;
        }
        let key = |(depth, index): (usize, usize)| {
            (std::cmp::Reverse(depth), spans[index].end_time(), spans[index].span_id)
        };
        if deepest.is_none_or(|found| key((depth, index)) < key(found)) {
            deepest = Some((depth, index));
        }
        let failing = || tree.children[index].iter().filter(|&&child| is_failing(&spans[child]));
        let is_in_time = |child: &&usize| !goes_on(&spans[**child], &spans[index]);
        let some = failing().any(|child| is_in_time(&child));
        let below = failing().filter(|child| !some || is_in_time(child));
        open.extend(below.map(|&child| (depth + 1, child)));
    }
    deepest.map(|(_, index)| index)
}

fn values(
    spans: &[Span],
    order: impl Iterator<Item = usize>,
    names: &mut Names,
) -> BTreeSet<usize> {
    let mut values = BTreeSet::new();
    let mut resources = HashSet::new();
    for span in order.map(|index| &spans[index]) {
        let mut add = |scope: &str, attributes: &Attributes| {
            for (key, value) in attributes {
                let is_told = !PASSED_OVER.iter().any(|passed| key.starts_with(passed));
                if let Some(text) = text_of(value).filter(|_| is_told) {
                    values.extend(names.value(&span.service, scope, key, &text));
                }
            }
        };
        add("span", &span.attributes);
        if resources.insert(Arc::as_ptr(&span.resource)) {
            add("resource", &span.resource.attributes);
        }
    }
    values
}

fn text_of(value: &AnyValue) -> Option<String> {
    let text = match value {
        AnyValue::String(text) => text.clone(),
        AnyValue::Int(number) => number.to_string(),
        AnyValue::Bool(flag) => flag.to_string(),
        AnyValue::Double(number) => number.to_string(),
        AnyValue::Empty | AnyValue::Bytes(_) | AnyValue::Array(_) | AnyValue::KeyValues(_) => {
            return None;
        }
    };
    (text.len() <= VALUE_BYTES_MAX && !text.is_empty()).then_some(text)
}
