//! Groups of an SLI: which there are, and the tally of each.
//!
//! A group is there from its first event until nothing of it is left in the longest period that asks for it; then it makes
//! room. Its alerts end before: once nothing of it came for [`GROUP_GONE_SECONDS`], or what its SLO says, while others came.
//!
//! There may be many, so of hours into which no evaluation looks only the sums are kept; the database has their slices.

use super::edges::Edges;
use super::first::FirstSlices;
use super::method::Method;
use super::spec::Sli;
use super::tally::{StoredHour, Tally};
use binnacle_query::sli::{SliGroup, SliGroups, SliSlices};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most groups of one SLI.
pub const GROUPS_MAX: usize = 500;

/// Most groups of all SLIs together.
pub const GROUPS_ALL_MAX: usize = 10_000;

/// The alerts of a group of which nothing came for so long are over, if an SLO does not say.
pub const GROUP_GONE_SECONDS: u64 = 86_400;

/// What the overflow is called, where a group's values would stand.
pub const OVERFLOW: &str = "overflow";

/// What a label says where a group has no value.
const NO_VALUE: &str = "(none)";

/// The groups of one SLI; none when it is not grouped.
#[derive(Debug, Default)]
pub(super) struct Grouping {
    /// Shared with whoever counts.
    admitted: Option<Arc<SliGroups>>,
    tallies: BTreeMap<SliGroup, Tally>,
    methods: Vec<Method>,
    /// Groups that are not in the database yet.
    unsaved: BTreeSet<SliGroup>,
    /// Hours that are looked into; of all others, the sums are kept.
    edges: Option<Edges>,
}

/// Slices of groups.
pub(super) type GroupSlices = BTreeMap<SliGroup, SliSlices>;

/// Hours of groups.
pub(super) type GroupHours<T> = Vec<(SliGroup, T)>;

impl Grouping {
    /// Without any group; `methods` and `edges` are what evaluations ask for.
    pub fn of(admitted: Arc<SliGroups>, methods: Vec<Method>, edges: Edges) -> Grouping {
        Grouping { admitted: Some(admitted), methods, edges: Some(edges), ..Grouping::default() }
    }

    /// Adds a group as it was stored.
    pub fn restore(&mut self, group: SliGroup, mut tally: Tally) {
        if let Some(admitted) = &self.admitted {
            admitted.restore([group.clone()]);
        }
        self.methods.iter().for_each(|method| tally.prepare(*method));
        if let Some(edges) = &self.edges {
            tally.thin(|hour| edges.has(hour));
        }
        self.tallies.insert(group, tally);
    }

    /// Has the slices by a method, too, where none are stored yet.
    pub fn prepare(&mut self, method: Method) {
        if !self.methods.contains(&method) {
            self.methods.push(method);
            self.tallies.values_mut().for_each(|tally| tally.prepare(method));
        }
    }

    /// Whether slices by a method can be asked for.
    pub fn has(&self, method: Method) -> bool {
        self.admitted.is_none() || self.methods.contains(&method)
    }

    pub fn tallies(&self) -> &BTreeMap<SliGroup, Tally> {
        &self.tallies
    }

    pub fn take_stored(&mut self, groups: &GroupSlices, late: &GroupSlices) {
        // What lies over the others was of rows that are stored now, or is counted again.
        self.each(groups, late, Tally::take_stored);
        self.unsaved.retain(|group| !groups.contains_key(group));
    }

    pub fn take_first(&mut self, groups: BTreeMap<SliGroup, FirstSlices>) {
        for (group, stored) in groups {
            let mut tally = self.tallies.remove(&group).unwrap_or_default();
            self.methods.iter().for_each(|method| tally.prepare(*method));
            tally.take_first(&stored);
            if let Some(edges) = &self.edges {
                tally.thin(|hour| edges.has(hour));
            }
            self.unsaved.remove(&group);
            self.tallies.insert(group, tally);
        }
    }

    pub fn take_over(&mut self, groups: &GroupSlices, late: &GroupSlices) {
        let known: BTreeSet<SliGroup> = self.tallies.keys().cloned().collect();
        self.unsaved.extend(groups.keys().filter(|group| !known.contains(group)).cloned());
        self.each(groups, late, Tally::take_over);
    }

    /// Hours that are about to be looked into, or changed, and of which the sum alone is kept.
    pub fn missing(
        &self,
        groups: &GroupSlices,
        edges: Option<&Edges>,
    ) -> GroupHours<BTreeSet<i64>> {
        let nothing = SliSlices::new();
        let missing = self.tallies.iter().map(|(group, tally)| {
            let changing = groups.get(group).unwrap_or(&nothing);
            (group.clone(), tally.missing(changing, edges))
        });
        missing.filter(|(_, hours)| !hours.is_empty()).collect()
    }

    /// Brings back hours.
    pub fn fill(&mut self, filled: GroupHours<Vec<StoredHour>>) {
        for (group, hours) in filled {
            if let Some(tally) = self.tallies.get_mut(&group) {
                tally.fill(hours);
            }
        }
    }

    /// Whether other hours are looked into from now on.
    pub fn is_new(&self, edges: &Edges) -> bool {
        self.admitted.is_some() && self.edges.as_ref() != Some(edges)
    }

    /// Of hours that are not looked into keeps the sums alone.
    pub fn thin(&mut self, edges: Edges) {
        self.tallies.values_mut().for_each(|tally| tally.thin(|hour| edges.has(hour)));
        self.edges = Some(edges);
    }

    fn each(
        &mut self,
        groups: &GroupSlices,
        late: &GroupSlices,
        take: impl Fn(&mut Tally, &SliSlices, &SliSlices),
    ) {
        let nothing = SliSlices::new();
        let late = |group: &SliGroup| late.get(group).unwrap_or(&nothing);
        for (group, tally) in &mut self.tallies {
            take(tally, groups.get(group).unwrap_or(&nothing), late(group));
        }
        for (group, slices) in groups {
            if !self.tallies.contains_key(group) {
                let mut tally = Tally::default();
                self.methods.iter().for_each(|method| tally.prepare(*method));
                take(&mut tally, slices, late(group));
                self.tallies.insert(group.clone(), tally);
            }
        }
    }

    /// Events of slices before `oldest` make no new group.
    pub fn set_oldest(&self, oldest: i64) {
        if let Some(admitted) = &self.admitted {
            admitted.set_oldest(oldest);
        }
    }

    /// Groups to be written to the database.
    pub fn unsaved(&self) -> &BTreeSet<SliGroup> {
        &self.unsaved
    }

    pub fn saved(&mut self) {
        self.unsaved.clear();
    }

    /// Forgets the slices before `oldest`, and the groups of which nothing is left. Returns these.
    pub fn forget_before(&mut self, oldest: i64) -> Vec<SliGroup> {
        let mut gone = Vec::new();
        self.tallies.retain(|group, tally| {
            let is_left = tally.forget_before(oldest);
            if !is_left {
                gone.push(group.clone());
            }
            is_left
        });
        if let Some(admitted) = &self.admitted {
            admitted.forget(&gone);
        }
        self.unsaved.retain(|group| !gone.contains(group));
        gone
    }
}

/// A group as it is kept: a list of its values; the overflow's is empty.
pub(super) fn text_of(group: &SliGroup) -> String {
    serde_json::to_string(&group.0).unwrap_or_default()
}

/// `None` for a text that is none of these.
pub(super) fn group_of(text: &str) -> Option<SliGroup> {
    serde_json::from_str(text).ok().map(SliGroup)
}

/// The group that a text means: a JSON list of its values, `overflow`, or the value where there is one attribute. `None` when it is
/// none of an SLI's.
pub fn parse_group(text: &str, sli: &Sli) -> Option<SliGroup> {
    let group = match (text, sli.group_by.len()) {
        (_, 0) => return None,
        (OVERFLOW, _) => return Some(SliGroup::overflow()),
        (text, 1) if !text.starts_with('[') => SliGroup(vec![text.to_owned()]),
        (text, _) => group_of(text)?,
    };
    (group.0.len() == sli.group_by.len()).then_some(group)
}

/// A group in words, as `service=cart, http.route=/pay`.
pub(super) fn words_of(group: &SliGroup, sli: &Sli) -> String {
    if group.is_overflow() {
        return "all groups beyond the limit".to_owned();
    }
    let pair = |(name, value): (&String, &String)| format!("{name}={value}");
    sli.group_by.iter().zip(&group.0).map(pair).collect::<Vec<_>>().join(", ")
}

/// The labels by which a group's alerts are told from those of others. `taken` are names that mean something else.
pub(super) fn labels_of(group: &SliGroup, sli: &Sli, taken: &[&str]) -> Vec<(String, String)> {
    if group.is_overflow() {
        return vec![("group".to_owned(), OVERFLOW.to_owned())];
    }
    let names = label_names(&sli.group_by, taken);
    // Without a value an alert would lack the label, and be the same as that of the whole.
    let value = |value: &String| if value.is_empty() { NO_VALUE } else { value }.to_owned();
    names.into_iter().zip(group.0.iter().map(value)).collect()
}

/// `span.http.route` is `http_route`; a name that is taken, or taken twice, keeps its place in front.
fn label_names(attributes: &[String], taken: &[&str]) -> Vec<String> {
    let plain = |text: &str| -> String {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        text.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect()
    };
    let short = |attribute: &String| {
        let scopes = ["span.", "resource.", "attributes."];
        let key = scopes.iter().find_map(|scope| attribute.strip_prefix(scope));
        plain(key.unwrap_or(attribute))
    };
    let names: Vec<String> = attributes.iter().map(short).collect();
    let is_free = |name: &String| {
        let is_once = names.iter().filter(|other| *other == name).count() == 1;
        let starts_well =
            name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        is_once && starts_well && !taken.contains(&name.as_str())
    };
    let name = |(attribute, name): (&String, &String)| match is_free(name) {
        true => name.clone(),
        false => format!("group_{}", plain(attribute)),
    };
    attributes.iter().zip(&names).map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::Count;
    use crate::slo::spec::{Part, SliSource};
    use binnacle_query::sli::GroupBudget;
    use binnacle_storage::model::Table;

    fn group(name: &str) -> SliGroup {
        SliGroup(vec![name.to_owned()])
    }

    fn grouping() -> Grouping {
        let budget = Arc::new(GroupBudget::new(10));
        let by = ["service".to_owned()];
        let admitted = SliGroups::new(Table::Spans, &by, 5, budget).unwrap();
        let mut grouping = Grouping::of(Arc::new(admitted), vec![Method::Occurrences], Edges::All);
        let stored = [(1, Count::new(1, 2))].into_iter().collect();
        grouping.restore(group("a"), Tally::of(stored));
        grouping
    }

    fn counts(of: &[(&str, i64, u64)]) -> GroupSlices {
        let one = |(name, at, total): &(&str, i64, u64)| {
            (group(name), SliSlices::from([(*at, (*total, *total))]))
        };
        of.iter().map(one).collect()
    }

    #[test]
    fn a_group_of_which_nothing_lies_over_any_more_is_what_is_stored() {
        let mut grouping = grouping();
        grouping.take_over(&counts(&[("a", 1, 5), ("b", 2, 7)]), &counts(&[("b", 2, 3)]));
        assert_eq!(grouping.tallies()[&group("a")].events().at(1), Count::new(6, 7));
        assert_eq!(grouping.unsaved(), &BTreeSet::from([group("b")]));
        assert!(grouping.tallies()[&group("b")].counted(Method::Occurrences).is_some());
        grouping.take_stored(&counts(&[("b", 2, 7)]), &counts(&[("b", 2, 3)]));
        let prompt = |name| grouping.tallies()[&group(name)].prompt_events().cloned();
        assert_eq!(prompt("a"), None);
        assert_eq!(prompt("b").unwrap().at(2), Count::new(4, 4));
        assert!(grouping.unsaved().is_empty());
        assert_eq!(grouping.tallies()[&group("a")].events().at(1), Count::new(1, 2));
        assert_eq!(grouping.tallies()[&group("b")].events().at(2), Count::new(7, 7));
    }

    #[test]
    fn a_group_of_which_nothing_is_left_makes_room() {
        let mut grouping = grouping();
        grouping.take_stored(&counts(&[("b", 9, 1)]), &counts(&[]));
        assert_eq!(grouping.forget_before(5), [group("a")]);
        assert_eq!(grouping.tallies().keys().collect::<Vec<_>>(), [&group("b")]);
        assert_eq!(grouping.forget_before(5), []);
    }

    #[test]
    fn of_hours_that_are_not_looked_into_the_sums_are_kept() {
        let mut grouping = grouping();
        let slices = (0..1_800).map(|at| (at, Count::new(1, 2)));
        grouping.restore(group("b"), Tally::of(slices.collect()));
        let edges = |from, hour| Edges::Some { from, earlier: BTreeSet::from([hour]) };
        assert!(grouping.is_new(&edges(3, 1)));
        grouping.thin(edges(3, 1));
        assert!(!grouping.is_new(&edges(3, 1)));
        let nothing = BTreeMap::new();
        assert_eq!(grouping.missing(&nothing, Some(&edges(4, 1))), []);
        let next = grouping.missing(&nothing, Some(&edges(4, 2)));
        assert_eq!(next, [(group("b"), BTreeSet::from([2]))]);
        let late = counts(&[("b", 5, 7), ("c", 5, 7)]);
        assert_eq!(grouping.missing(&late, None), [(group("b"), BTreeSet::from([0]))]);
        let all = grouping.missing(&nothing, Some(&Edges::All));
        assert_eq!(all, [(group("b"), BTreeSet::from([0, 2]))]);
        grouping.fill(vec![(
            group("b"),
            vec![StoredHour {
                number: 0,
                all: (0..360).map(|at| (at, Count::new(1, 2))).collect(),
                prompt: None,
            }],
        )]);
        grouping.take_over(&late, &counts(&[]));
        assert_eq!(grouping.tallies()[&group("b")].events().at(5), Count::new(8, 9));
        assert_eq!(
            grouping.tallies()[&group("b")].events().sum(0..1_800),
            Count::new(1_807, 3_607)
        );
    }

    #[test]
    fn groups_are_kept_as_texts() {
        for of in [group("a,\"b"), group(""), SliGroup::overflow()] {
            assert_eq!(group_of(&text_of(&of)), Some(of));
        }
        assert_eq!(group_of(""), None);
        assert_eq!(group_of("{}"), None);
    }

    #[test]
    fn a_group_without_values_is_not_the_whole() {
        let sli = Sli {
            source: SliSource::Spans,
            total: String::new(),
            part: Part::Bad(String::new()),
            lookback_seconds: 0,
            group_by: vec!["span.user".to_owned()],
        };
        let labels = labels_of(&group(""), &sli, &[]);
        assert_eq!(labels, [("user".to_owned(), NO_VALUE.to_owned())]);
        assert_eq!(labels_of(&SliGroup::overflow(), &sli, &[])[0].1, OVERFLOW);
        assert_eq!(parse_group("ann", &sli), Some(group("ann")));
        assert_eq!(parse_group("[\"ann\"]", &sli), Some(group("ann")));
        assert_eq!(parse_group("overflow", &sli), Some(SliGroup::overflow()));
        assert_eq!(parse_group("[]", &sli), None);
        assert_eq!(parse_group("[\"a\", \"b\"]", &sli), None);
    }

    #[test]
    fn labels_are_names_that_routes_can_match() {
        let names = |attributes: &[&str]| {
            let attributes: Vec<String> =
                attributes.iter().map(|name| (*name).to_owned()).collect();
            label_names(&attributes, &["service", "slo"])
        };
        assert_eq!(names(&["span.http.route", "service"]), ["http_route", "group_service"]);
        assert_eq!(
            names(&["span.host", "resource.host"]),
            ["group_span_host", "group_resource_host"]
        );
        assert_eq!(names(&["span.5xx"]), ["group_span_5xx"]);
    }
}
