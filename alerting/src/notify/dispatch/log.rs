//! The notification log: what an integration was last told of a group, and whether that is still all there is to say.

use crate::Fingerprint;
use binnacle_storage::model::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    pub firing: BTreeSet<Fingerprint>,
    pub resolved: BTreeSet<Fingerprint>,
    pub at: Timestamp,
    pub expires_at: Timestamp,
}

/// Why something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    First,
    NewAlerts,
    SomeResolved,
    AllResolved,
    Repeat,
}

impl Reason {
    /// As receivers read it.
    pub fn text(self) -> &'static str {
        match self {
            Reason::First => "first notification",
            Reason::NewAlerts => "new alerts added",
            Reason::SomeResolved => "some alerts resolved",
            Reason::AllResolved => "all alerts resolved",
            Reason::Repeat => "repeat interval elapsed",
        }
    }
}

/// Why to say what is firing and resolved now; `None` when it was said.
pub fn reason(
    last: Option<&LogEntry>,
    firing: &BTreeSet<Fingerprint>,
    resolved: &BTreeSet<Fingerprint>,
    send_resolved: bool,
    repeat: Duration,
    now: Timestamp,
) -> Option<Reason> {
    let Some(last) = last else {
        // Nobody is told of the end of what they never heard of.
        return (!firing.is_empty()).then_some(Reason::First);
    };
    if !firing.is_subset(&last.firing) {
        let is_first = last.firing.is_empty();
        return Some(if is_first { Reason::First } else { Reason::NewAlerts });
    }
    if firing.is_empty() {
        // Also for those who do not hear of it: the log must know that nothing is firing.
        return (!last.firing.is_empty()).then_some(Reason::AllResolved);
    }
    if send_resolved && !resolved.is_subset(&last.resolved) {
        return Some(Reason::SomeResolved);
    }
    (last.at < now.saturating_sub(repeat)).then_some(Reason::Repeat)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = (&'static [u64], &'static [u64], i64);

    /// Fingerprints last told as firing and resolved, and when, → now; with repeats after 10.
    fn check(
        last: Option<Told>,
        firing: &[u64],
        resolved: &[u64],
        now: i64,
        expected: Option<Reason>,
    ) {
        let set = |ids: &[u64]| ids.iter().map(|id| Fingerprint(*id)).collect::<BTreeSet<_>>();
        let last = last.map(|(firing, resolved, at)| LogEntry {
            firing: set(firing),
            resolved: set(resolved),
            at: Timestamp(at),
            expires_at: Timestamp(i64::MAX),
        });
        let (firing, resolved) = (set(firing), set(resolved));
        let repeat = Duration::from_nanos(10);
        let found = reason(last.as_ref(), &firing, &resolved, true, repeat, Timestamp(now));
        assert_eq!(found, expected, "{last:?} {firing:?} {resolved:?} {now}");
    }

    #[test]
    fn changes_are_said_and_nothing_twice() {
        check(None, &[1], &[], 0, Some(Reason::First));
        check(None, &[], &[1], 0, None);
        check(Some((&[1], &[], 0)), &[1], &[], 10, None);
        check(Some((&[1], &[], 0)), &[1], &[], 11, Some(Reason::Repeat));
        check(Some((&[1], &[], 0)), &[1, 2], &[], 1, Some(Reason::NewAlerts));
        check(Some((&[1, 2], &[], 0)), &[1], &[2], 1, Some(Reason::SomeResolved));
        check(Some((&[1], &[2], 0)), &[1], &[2], 1, None);
        check(Some((&[1, 2], &[], 0)), &[1], &[], 1, None);
        check(Some((&[1], &[], 0)), &[], &[1], 1, Some(Reason::AllResolved));
        check(Some((&[], &[1], 0)), &[], &[1, 2], 99, None);
        check(Some((&[], &[1], 0)), &[1], &[], 1, Some(Reason::First));
    }
}
