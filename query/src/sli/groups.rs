//! Groups: events told apart by some of their attributes, so that each group has slices of its own.
//!
//! Groups are admitted in the order in which they are first seen, up to a number; the events of all others are counted
//! together, as [`SliGroup::overflow`]. What an SLI comes to as a whole is counted apart from its groups, so it is exact
//! however many there are, and equals the sum of the groups and the overflow in each slice.

use crate::Error;
use crate::logs::LogKeys;
use crate::rows::Shared;
use crate::traceql::SpanFields;
use crate::value::AnyValue;
use arrow::record_batch::RecordBatch;
use binnacle_storage::model::Table;
use binnacle_storage::segment::AttributeKeys;
use parking_lot::Mutex;
use parquet::file::metadata::ParquetMetaData;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// Most attributes to group by.
pub const GROUP_ATTRIBUTES_MAX: usize = 4;

/// Bytes of a value that tell groups apart. Longer ones are texts of people, or data by mistake.
const VALUE_BYTES_MAX: usize = 256;

/// The values that the events of a group share, in the order of the attributes; empty where an event has none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SliGroup(pub Vec<String>);

impl SliGroup {
    /// All groups that were not admitted.
    pub fn overflow() -> SliGroup {
        SliGroup(Vec::new())
    }

    pub fn is_overflow(&self) -> bool {
        self.0.is_empty()
    }

    fn of(values: &[AnyValue]) -> SliGroup {
        SliGroup(values.iter().map(text).collect())
    }
}

fn text(value: &AnyValue) -> String {
    let mut text = match value {
        AnyValue::Empty => String::new(),
        AnyValue::String(text) => text.clone(),
        AnyValue::Bool(flag) => flag.to_string(),
        AnyValue::Int(number) => number.to_string(),
        AnyValue::Double(number) => number.to_string(),
        // Nobody groups by what is several values; it must not look as if there were none.
        AnyValue::Array(_) | AnyValue::KeyValues(_) | AnyValue::Bytes(_) => "(several)".to_owned(),
    };
    text.truncate(text.floor_char_boundary(VALUE_BYTES_MAX));
    text
}

/// How many groups there may be together.
#[derive(Debug)]
pub struct GroupBudget {
    most: usize,
    taken: AtomicUsize,
}

impl GroupBudget {
    pub fn new(most: usize) -> GroupBudget {
        GroupBudget { most, taken: AtomicUsize::new(0) }
    }

    fn take(&self) -> bool {
        let more = |taken: usize| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn take_anyway(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    fn give_back(&self, count: usize) {
        self.taken.fetch_sub(count, Ordering::Relaxed);
    }
}

/// What events are grouped by, and which groups there are.
#[derive(Debug)]
pub struct SliGroups {
    by: By,
    most: usize,
    budget: Arc<GroupBudget>,
    admitted: Mutex<BTreeSet<SliGroup>>,
    /// Events of slices before it make no group.
    oldest: AtomicI64,
}

#[derive(Debug)]
enum By {
    Spans(SpanFields),
    Logs(LogKeys),
}

/// Whether events of a table can be grouped by these attributes.
pub fn check_groups(table: Table, attributes: &[String]) -> Result<(), Error> {
    By::of(table, attributes).map(drop)
}

impl By {
    fn of(table: Table, attributes: &[String]) -> Result<By, Error> {
        let refused = |message: String, hint: &str| {
            Err(Error::InvalidRequest { message, hint: Some(hint.to_owned()) })
        };
        if attributes.is_empty() || attributes.len() > GROUP_ATTRIBUTES_MAX {
            let message = format!("events are grouped by 1 to {GROUP_ATTRIBUTES_MAX} attributes");
            return refused(message, "name those that alerts are to be told apart by");
        }
        let (by, hint) = match table {
            Table::Spans => (
                SpanFields::of(attributes).map(By::Spans),
                "spans: service, name, span.KEY, resource.KEY",
            ),
            Table::Logs => (
                LogKeys::of(attributes).map(By::Logs),
                "records: service, severity, attributes.KEY, resource.KEY",
            ),
            _ => (None, "group what counts spans or logs"),
        };
        match by {
            Some(by) => Ok(by),
            None => refused("events cannot be grouped by that".to_owned(), hint),
        }
    }
}

impl SliGroups {
    /// Groups of events of a table: at most so many, and as many as the budget has left.
    pub fn new(
        table: Table,
        attributes: &[String],
        most: usize,
        budget: Arc<GroupBudget>,
    ) -> Result<SliGroups, Error> {
        let by = By::of(table, attributes)?;
        let (admitted, oldest) = (Mutex::default(), AtomicI64::new(i64::MIN));
        Ok(SliGroups { by, most, budget, admitted, oldest })
    }

    /// From now on events of slices before `oldest` admit no group: nobody looks at these any more.
    pub fn set_oldest(&self, oldest: i64) {
        self.oldest.store(oldest, Ordering::Relaxed);
    }

    pub(super) fn is_past(&self, slice: i64) -> bool {
        slice < self.oldest.load(Ordering::Relaxed)
    }

    /// Admits what was admitted before, whatever the limits are by now.
    pub fn restore(&self, groups: impl IntoIterator<Item = SliGroup>) {
        let mut admitted = self.admitted.lock();
        for group in groups.into_iter().filter(|group| !group.is_overflow()) {
            if admitted.insert(group) {
                self.budget.take_anyway();
            }
        }
    }

    /// Makes room: of these groups nothing is left.
    pub fn forget(&self, groups: &[SliGroup]) {
        let mut admitted = self.admitted.lock();
        let gone = groups.iter().filter(|group| admitted.remove(group)).count();
        self.budget.give_back(gone);
    }

    /// The group itself; the overflow when there are too many, or when it is new and its event of long ago.
    pub(super) fn admit(&self, group: &SliGroup, is_past: bool) -> SliGroup {
        let mut admitted = self.admitted.lock();
        if admitted.contains(group) {
            return group.clone();
        }
        let is_full = || admitted.len() >= self.most || !self.budget.take();
        if group.is_overflow() || is_past || is_full() {
            return SliGroup::overflow();
        }
        admitted.insert(group.clone());
        group.clone()
    }

    /// Of the rows of a batch those whose group is not admitted: the events of the overflow, as it is now.
    pub(super) fn beyond(
        &self,
        batch: &RecordBatch,
        shared: &mut Shared,
        rows: Vec<usize>,
    ) -> Result<Vec<usize>, Error> {
        let groups = self.of_rows(batch, shared, &rows)?;
        let admitted = self.admitted.lock();
        let rows = rows.into_iter().zip(groups);
        Ok(rows.filter(|(_, group)| !admitted.contains(group)).map(|(row, _)| row).collect())
    }

    pub(super) fn columns(
        &self,
        keys: &AttributeKeys,
        metadata: &ParquetMetaData,
    ) -> BTreeSet<String> {
        match &self.by {
            By::Spans(fields) => fields.columns(keys, metadata),
            By::Logs(fields) => fields.columns(keys),
        }
    }

    /// The group of each of some rows of a batch.
    pub(super) fn of_rows(
        &self,
        batch: &RecordBatch,
        shared: &mut Shared,
        rows: &[usize],
    ) -> Result<Vec<SliGroup>, Error> {
        let values = match &self.by {
            By::Spans(fields) => fields.values(batch, shared, rows)?,
            By::Logs(keys) => keys.values(batch, rows)?,
        };
        Ok(values.iter().map(|values| SliGroup::of(values)).collect())
    }
}

impl Drop for SliGroups {
    fn drop(&mut self) {
        self.budget.give_back(self.admitted.get_mut().len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> SliGroup {
        SliGroup(vec![name.to_owned()])
    }

    fn groups(most: usize, budget: &Arc<GroupBudget>) -> SliGroups {
        SliGroups::new(Table::Spans, &["service".to_owned()], most, budget.clone()).unwrap()
    }

    #[test]
    fn groups_are_admitted_as_they_come_and_all_others_are_the_overflow() {
        let budget = Arc::new(GroupBudget::new(10));
        let groups = groups(2, &budget);
        assert_eq!(groups.admit(&group("a"), false), group("a"));
        assert_eq!(groups.admit(&group("b"), false), group("b"));
        assert!(groups.admit(&group("c"), false).is_overflow());
        assert_eq!(groups.admit(&group("a"), false), group("a"), "it stays");
        groups.forget(&[group("a"), group("x")]);
        assert!(
            groups.admit(&group("c"), true).is_overflow(),
            "nothing of it is of a time that counts"
        );
        assert_eq!(groups.admit(&group("c"), false), group("c"), "there is room again");
        assert_eq!(groups.admit(&group("c"), true), group("c"));
        assert!(groups.admit(&group("a"), false).is_overflow());
    }

    #[test]
    fn all_groups_together_are_limited_and_give_back_what_they_took() {
        let budget = Arc::new(GroupBudget::new(2));
        let first = groups(5, &budget);
        let second = groups(5, &budget);
        assert!(!first.admit(&group("a"), false).is_overflow());
        assert!(!second.admit(&group("a"), false).is_overflow());
        assert!(second.admit(&group("b"), false).is_overflow());
        drop(first);
        assert!(!second.admit(&group("b"), false).is_overflow());
        second.restore([group("c"), group("d")]);
        assert!(!second.admit(&group("d"), false).is_overflow(), "what was there before stays");
        assert!(second.admit(&group("e"), false).is_overflow());
    }

    #[test]
    fn values_are_short_texts() {
        let long = "ä".repeat(200);
        let values = [AnyValue::Int(5), AnyValue::Empty, AnyValue::String(long)];
        let group = SliGroup::of(&values);
        assert_eq!(group.0[..2], ["5".to_owned(), String::new()]);
        assert_eq!(group.0[2].len(), VALUE_BYTES_MAX);
        assert!(!group.is_overflow());
        assert!(!SliGroup::of(&[AnyValue::Empty]).is_overflow());
    }

    #[test]
    fn only_attributes_of_events_make_groups() {
        let check = |table, names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            check_groups(table, &names).is_ok()
        };
        assert!(check(Table::Spans, &["service", "span.http.route"]));
        assert!(check(Table::Logs, &["resource.host.name"]));
        assert!(!check(Table::Logs, &["span.http.route"]));
        assert!(!check(Table::Spans, &[]));
        assert!(!check(Table::Spans, &["service"; 5]));
        assert!(!check(Table::MetricPoints, &["service"]));
    }
}
