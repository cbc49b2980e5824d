//! Clock skew: by how much the clocks of services seem to differ, judged by calls between them.
//!
//! A server's span should lie inside the client's span that called it. Where one does not, its service's clock is taken to be
//! wrong by what puts the server's spans in the middle of their clients', as if requests and answers took the same time on their
//! way; this is Jaeger's rule, applied to services instead of single spans. Stored times are never changed: the offsets are given
//! beside them, for whoever draws the trace.

use super::Span;
use super::tree::Tree;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// OTLP's `SpanKind` numbers.
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

/// A service whose clock seems to differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockSkew {
    pub service: String,
    /// The service that called it, whose clock it is compared with.
    pub caller: String,
    /// Nanoseconds to add to the service's times so that they fit those of the trace's root.
    pub offset: i64,
    /// Calls from the caller.
    pub calls: u64,
    /// Of those, where the server's span sticks out of the client's as sent.
    pub outside: u64,
}

/// Start and end of a client's span and of its server's.
struct Call {
    client: (i64, i64),
    server: (i64, i64),
}

impl Call {
    /// The offsets of the server's clock that put its span inside the client's: from, to.
    fn allowed(&self) -> (i64, i64) {
        (self.client.0.saturating_sub(self.server.0), self.client.1.saturating_sub(self.server.1))
    }

    fn is_outside(&self) -> bool {
        let (low, high) = self.allowed();
        low > 0 || high < 0
    }

    /// The offset that puts the server's span in the middle.
    fn middle(&self) -> i64 {
        let (low, high) = self.allowed();
        (i128::midpoint(i128::from(low), i128::from(high))) as i64
    }
}

/// Services whose clocks seem to differ from that of the trace's root, sorted by name.
pub fn clock_skew(spans: &[Span]) -> Vec<ClockSkew> {
    let tree = Tree::of(spans);
    let calls = calls(spans, &tree);
    let called: BTreeSet<&str> = calls.keys().map(|(_, service)| *service).collect();
    let mut offsets: BTreeMap<&str, i64> = BTreeMap::new();
    let mut skews = Vec::new();
    // From the services that nobody called to those they call; cycles of calls are entered at their first span.
    let roots = tree.roots.iter().map(|&root| spans[root].service.as_str());
    let first = roots.clone().filter(|service| !called.contains(service)).chain(roots);
    let mut open: VecDeque<&str> = VecDeque::new();
    for root in first {
        if !offsets.contains_key(root) {
            offsets.insert(root, 0);
            open.push_back(root);
        }
        while let Some(caller) = open.pop_front() {
            let base = offsets.get(caller).copied().unwrap_or(0);
            for ((_, service), calls) in calls.iter().filter(|((from, _), _)| *from == caller) {
                if offsets.contains_key(service) {
                    continue;
                }
                let offset = base.saturating_add(relative(calls));
                offsets.insert(service, offset);
                open.push_back(service);
                if offset != 0 {
                    skews.push(ClockSkew {
                        service: (*service).to_owned(),
                        caller: caller.to_owned(),
                        offset,
                        calls: calls.len() as u64,
                        outside: calls.iter().filter(|call| call.is_outside()).count() as u64,
                    });
                }
            }
        }
    }
    skews.sort_by(|a, b| a.service.cmp(&b.service));
    skews
}

/// The calls from service to another service.
fn calls<'a>(spans: &'a [Span], tree: &Tree) -> BTreeMap<(&'a str, &'a str), Vec<Call>> {
    let mut calls: BTreeMap<(&str, &str), Vec<Call>> = BTreeMap::new();
    for (index, server) in spans.iter().enumerate() {
        let Some(client) = tree.parents[index].map(|parent| &spans[parent]) else { continue };
        let is_call = client.kind == CLIENT && server.kind == SERVER;
        if is_call && client.service != server.service {
            let times = |span: &Span| (span.start_time.0, span.end_time().0);
            let call = Call { client: times(client), server: times(server) };
            calls.entry((&client.service, &server.service)).or_default().push(call);
        }
    }
    calls
}

/// Offset of the server's clock against the client's: none where every call fits as sent.
fn relative(calls: &[Call]) -> i64 {
    if !calls.iter().any(Call::is_outside) {
        return 0;
    }
    let low = calls.iter().map(|call| call.allowed().0).max().unwrap_or(0);
    let high = calls.iter().map(|call| call.allowed().1).min().unwrap_or(0);
    if low <= high {
        return i128::midpoint(i128::from(low), i128::from(high)) as i64;
    }
    // No one offset fits all calls: the clock moves, or servers go on after their clients have gone.
    let mut middles: Vec<i64> = calls.iter().map(Call::middle).collect();
    middles.sort_unstable();
    middles[middles.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::super::span::tests::span;
    use super::*;

    fn kind(mut span: Span, kind: i32, service: &str) -> Span {
        span.kind = kind;
        span.service = service.to_owned();
        span
    }

    fn check(spans: &[Span], expected: &[(&str, i64, u64, u64)]) {
        let found = clock_skew(spans);
        let found: Vec<_> = found
            .iter()
            .map(|skew| (skew.service.as_str(), skew.offset, skew.calls, skew.outside))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_server_outside_of_its_client_is_put_in_the_middle() {
        let call = |start, end| {
            vec![kind(span(1, 0, 100, 200), CLIENT, "a"), kind(span(2, 1, start, end), SERVER, "b")]
        };
        check(&call(110, 190), &[]);
        check(&call(1110, 1190), &[("b", -1000, 1, 1)]);
        check(&call(0, 60), &[("b", 120, 1, 1)]);
        // Longer than its client: centred all the same.
        check(&call(0, 200), &[("b", 50, 1, 1)]);
    }

    #[test]
    fn what_a_skewed_service_calls_shares_its_offset_while_it_fits() {
        let spans = [
            kind(span(1, 0, 100, 200), CLIENT, "a"),
            kind(span(2, 1, 1110, 1190), SERVER, "b"),
            kind(span(3, 2, 1120, 1180), CLIENT, "b"),
            kind(span(4, 3, 1130, 1170), SERVER, "c"),
        ];
        check(&spans, &[("b", -1000, 1, 1), ("c", -1000, 1, 0)]);
    }

    #[test]
    fn all_calls_of_a_service_decide_together() {
        let spans = [
            kind(span(1, 0, 0, 1000), 1, "a"),
            kind(span(2, 1, 100, 200), CLIENT, "a"),
            kind(span(3, 2, 150, 210), SERVER, "b"),
            kind(span(4, 1, 300, 400), CLIENT, "a"),
            kind(span(5, 4, 330, 400), SERVER, "b"),
        ];
        // Allowed are −50…−10 and −30…0.
        check(&spans, &[("b", -20, 2, 1)]);
    }

    #[test]
    fn asynchronous_spans_tell_nothing_of_clocks() {
        let spans = [kind(span(1, 0, 100, 200), 4, "a"), kind(span(2, 1, 5000, 5100), 5, "b")];
        check(&spans, &[]);
    }
}
