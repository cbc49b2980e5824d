//! What sets selected spans apart: each attribute's values, how often they occur among selected spans and among a baseline, and
//! whether that is more than chance.
//!
//! Values are tested by share (Fisher's exact test where few are expected, else the G test), numbers also by rank
//! (Mann–Whitney); all tests of one answer are corrected together after Benjamini and Hochberg. Spans of one trace are not
//! independent of each other, so a small `q` says "look here", not "proven".

use super::statistics::{Counts, corrected, rank_test};
use crate::Error;
use crate::traceql::{Tree, each_attribute};
use crate::value::AnyValue;
use std::collections::{BTreeMap, HashMap};

/// Most distinct values of all attributes, and most numbers, that are held.
const VALUES_MAX: usize = 1 << 20;
const NUMBERS_MAX: usize = 16 << 20;

/// An attribute with at least so many distinct numbers is compared by rank and shown in bins.
const DISTINCT_NUMBERS_MIN: usize = 12;

/// Bins of an attribute with many numbers.
const BINS: usize = 10;

/// An attribute in both sets.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedAttribute {
    /// As TraceQL writes it.
    pub name: String,
    /// Spans that have it.
    pub selection: u64,
    pub baseline: u64,
    /// The smallest of its values' and of its rank test's.
    pub q_value: f64,
    /// The largest difference of share among its values, or the rank test's effect: −1 to 1, positive where the selection has more.
    pub effect: f64,
    /// The most telling first; bins in their order.
    pub values: Vec<ComparedValue>,
    /// For attributes with many distinct numbers.
    pub ranks: Option<ComparedRanks>,
}

/// A value, or a bin of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedValue {
    pub value: AttributeValue,
    pub selection: u64,
    pub baseline: u64,
    /// Share of the selection less share of the baseline.
    pub difference: f64,
    pub p_value: f64,
    /// Corrected for all tests of the answer.
    pub q_value: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    One(AnyValue),
    /// Numbers from the first up to, but without, the second; the last bin includes it.
    Bin(f64, f64),
}

/// How numbers of the selection rank among all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ComparedRanks {
    pub selection_median: f64,
    pub baseline_median: f64,
    /// Probability that a number of the selection is larger than one of the baseline, less that of the opposite.
    pub effect: f64,
    pub p_value: f64,
    pub q_value: f64,
}

/// Attributes of the spans added so far.
#[derive(Default)]
pub(crate) struct AttributeSets {
    selection: u64,
    baseline: u64,
    attributes: BTreeMap<String, Collected>,
    values: usize,
    numbers: usize,
}

#[derive(Default)]
struct Collected {
    selection: u64,
    baseline: u64,
    values: HashMap<String, (AnyValue, u64, u64)>,
    numbers: [Vec<f64>; 2],
}

impl AttributeSets {
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.selection, self.baseline)
    }

    pub(crate) fn add(&mut self, tree: &Tree, span: usize, selected: bool) -> Result<(), Error> {
        *(if selected { &mut self.selection } else { &mut self.baseline }) += 1;
        let duration = AnyValue::Int(tree.spans[span].duration);
        self.add_value("duration", duration, selected);
        each_attribute(tree, span, |name, value| self.add_value(name, value.to_any(), selected));
        if self.values <= VALUES_MAX && self.numbers <= NUMBERS_MAX {
            return Ok(());
        }
        Err(Error::InvalidRequest {
            message: format!("the spans have more than {VALUES_MAX} values of attributes"),
            hint: Some("lower the limit, or narrow the query or the time range".to_owned()),
        })
    }

    fn add_value(&mut self, name: &str, value: AnyValue, selected: bool) {
        if !self.attributes.contains_key(name) {
            self.attributes.insert(name.to_owned(), Collected::default());
        }
        let Some(collected) = self.attributes.get_mut(name) else { return };
        *(if selected { &mut collected.selection } else { &mut collected.baseline }) += 1;
        let number = match &value {
            AnyValue::Int(number) => Some(*number as f64),
            AnyValue::Double(number) if number.is_finite() => Some(*number),
            _ => None,
        };
        if let Some(number) = number {
            self.numbers += 1;
            collected.numbers[usize::from(!selected)].push(number);
            // Durations are hardly ever equal: they are shown in bins.
            if name == "duration" {
                return;
            }
        }
        let key = format!("{value:?}");
        let counted = collected.values.entry(key).or_insert_with(|| {
            self.values += 1;
            (value, 0, 0)
        });
        *(if selected { &mut counted.1 } else { &mut counted.2 }) += 1;
    }

    /// The attributes, the most telling first; at most `top` values of each.
    pub(crate) fn compare(self, top: usize) -> Vec<ComparedAttribute> {
        let (all_a, all_b) = (self.selection, self.baseline);
        let mut compared: Vec<ComparedAttribute> = self
            .attributes
            .into_iter()
            .map(|(name, collected)| collected.compare(name, all_a, all_b))
            .collect();
        correct(&mut compared);
        for attribute in &mut compared {
            attribute.finish(top);
        }
        compared.sort_by(|x, y| {
            let by_effect = y.effect.abs().total_cmp(&x.effect.abs());
            x.q_value.total_cmp(&y.q_value).then(by_effect).then_with(|| x.name.cmp(&y.name))
        });
        compared
    }
}

impl Collected {
    fn compare(self, name: String, all_a: u64, all_b: u64) -> ComparedAttribute {
        let Collected { selection, baseline, values, numbers: [mut in_a, mut in_b] } = self;
        let test = |value: AttributeValue, selection: u64, baseline: u64| {
            let counts = Counts { with_a: selection, all_a, with_b: baseline, all_b };
            let (p_value, difference) = (counts.p_value(), counts.difference());
            ComparedValue { value, selection, baseline, difference, p_value, q_value: 1.0 }
        };
        let distinct = distinct_numbers(&in_a, &in_b);
        let is_numeric = distinct >= DISTINCT_NUMBERS_MIN;
        let only_numbers = (in_a.len() + in_b.len()) as u64 == selection + baseline;
        let mut tested: Vec<ComparedValue> = Vec::new();
        if !(is_numeric && only_numbers) {
            let all = values.into_values();
            tested = all.map(|(value, a, b)| test(AttributeValue::One(value), a, b)).collect();
            tested.sort_by_key(|one| format!("{:?}", one.value));
        }
        let ranks = is_numeric.then(|| {
            in_a.sort_by(f64::total_cmp);
            in_b.sort_by(f64::total_cmp);
            if only_numbers {
                tested = bins(&in_a, &in_b)
                    .into_iter()
                    .map(|(from, to, a, b)| test(AttributeValue::Bin(from, to), a, b))
                    .collect();
            }
            let ranks = rank_test(&in_a, &in_b);
            let median = |numbers: &[f64]| numbers.get(numbers.len() / 2).copied().unwrap_or(0.0);
            ComparedRanks {
                selection_median: median(&in_a),
                baseline_median: median(&in_b),
                effect: ranks.effect,
                p_value: ranks.p_value,
                q_value: 1.0,
            }
        });
        ComparedAttribute {
            name,
            selection,
            baseline,
            q_value: 1.0,
            effect: 0.0,
            values: tested,
            ranks,
        }
    }
}

fn distinct_numbers(a: &[f64], b: &[f64]) -> usize {
    let mut seen = std::collections::BTreeSet::new();
    for number in a.iter().chain(b) {
        seen.insert(number.to_bits());
        if seen.len() >= DISTINCT_NUMBERS_MIN {
            break;
        }
    }
    seen.len()
}

/// From, to, and how many of either side; about equally many of both together in each. Both sides are sorted.
fn bins(a: &[f64], b: &[f64]) -> Vec<(f64, f64, u64, u64)> {
    let mut all: Vec<f64> = a.iter().chain(b).copied().collect();
    all.sort_by(f64::total_cmp);
    let mut edges: Vec<f64> = (0..BINS).map(|bin| all[bin * all.len() / BINS]).collect();
    edges.extend(all.last());
    edges.dedup();
    let below = |side: &[f64], edge: f64| side.partition_point(|&number| number < edge) as u64;
    let last = edges.len().saturating_sub(2);
    let bin = |(index, pair): (usize, &[f64])| {
        let count = |side: &[f64]| {
            let end = if index == last { side.len() as u64 } else { below(side, pair[1]) };
            end - below(side, pair[0])
        };
        (pair[0], pair[1], count(a), count(b))
    };
    edges.windows(2).enumerate().map(bin).collect()
}

/// Corrects all tests of the answer together.
fn correct(compared: &mut [ComparedAttribute]) {
    let mut p_values = Vec::new();
    for attribute in compared.iter() {
        p_values.extend(attribute.values.iter().map(|value| value.p_value));
        p_values.extend(attribute.ranks.map(|ranks| ranks.p_value));
    }
    let mut corrected = corrected(&p_values).into_iter();
    for attribute in compared {
        for value in &mut attribute.values {
            value.q_value = corrected.next().unwrap_or(1.0);
        }
        if let Some(ranks) = &mut attribute.ranks {
            ranks.q_value = corrected.next().unwrap_or(1.0);
        }
    }
}

impl ComparedAttribute {
    fn finish(&mut self, top: usize) {
        let of_values = self.values.iter().map(|value| (value.q_value, value.difference));
        let of_ranks = self.ranks.map(|ranks| (ranks.q_value, ranks.effect));
        let telling = |x: &(f64, f64), y: &(f64, f64)| {
            x.0.total_cmp(&y.0).then(y.1.abs().total_cmp(&x.1.abs()))
        };
        let best = of_values.chain(of_ranks).min_by(telling);
        (self.q_value, self.effect) = best.unwrap_or((1.0, 0.0));
        let is_binned = matches!(
            self.values.first(),
            Some(ComparedValue { value: AttributeValue::Bin(..), .. })
        );
        if !is_binned {
            self.values
                .sort_by(|x, y| telling(&(x.q_value, x.difference), &(y.q_value, y.difference)));
            self.values.truncate(top);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::span::tests::span;
    use super::*;

    /// Spans whose `zone` and duration differ between the sets, and whose `color` does not.
    fn sets() -> AttributeSets {
        let mut sets = AttributeSets::default();
        for index in 0..400i64 {
            let selected = index % 4 == 0;
            let zone = if selected && index % 8 == 0 { "west" } else { "east" };
            let mut one = span(1, 0, 0, index % 97 + if selected { 1000 } else { 0 });
            let text = |text: &str| AnyValue::String(text.to_owned());
            let color = if index % 3 == 0 { "red" } else { "blue" };
            one.attributes =
                vec![("zone".to_owned(), text(zone)), ("color".to_owned(), text(color))];
            let tree = Tree::of(vec![one]);
            sets.add(&tree, 0, selected).unwrap();
        }
        sets
    }

    #[test]
    fn what_differs_comes_first() {
        let sets = sets();
        assert_eq!(sets.counts(), (100, 300));
        let compared = sets.compare(10);
        let names: Vec<&str> = compared.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names[..2], ["duration", "span.zone"]);
        let duration = compared[0].ranks.unwrap();
        assert!(duration.effect > 0.99 && duration.q_value < 1e-20);
        let counted: u64 = compared[0].values.iter().map(|bin| bin.selection + bin.baseline).sum();
        assert_eq!(counted, 400, "every number is in one bin");
        let is_west = |one: &&ComparedValue| {
            one.value == AttributeValue::One(AnyValue::String("west".to_owned()))
        };
        let west = compared[1].values.iter().find(is_west).unwrap();
        assert_eq!((west.selection, west.baseline), (50, 0));
        assert!((west.difference.abs() - 0.5).abs() < 1e-9 && west.q_value < 1e-20);
        let color = compared.iter().find(|one| one.name == "span.color").unwrap();
        assert!(color.q_value > 0.5, "{color:?}");
        assert!(west.q_value >= west.p_value);
    }

    #[test]
    fn bins_hold_each_number_once() {
        let (a, b) = ([1.0, 1.0, 2.0, 9.0], [3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let bins = bins(&a, &b);
        assert_eq!(bins.iter().map(|bin| bin.2).sum::<u64>(), 4);
        assert_eq!(bins.iter().map(|bin| bin.3).sum::<u64>(), 6);
        assert_eq!((bins[0].0, bins.last().unwrap().1), (1.0, 9.0));
    }
}
