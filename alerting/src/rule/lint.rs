//! What is allowed in rule files and yet hardly meant.

use super::file::{Group, Pairs};
use std::fmt;

/// Rules of one name with the same labels, which write the same series over each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    pub name: String,
    pub labels: Pairs,
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metric: {}\nLabel(s):", self.name)?;
        self.labels.iter().try_for_each(|(name, value)| write!(f, "\n\t{name}: {value}"))
    }
}

/// The rules that occur more than once in a file, each once.
pub fn duplicates(groups: &[Group]) -> Vec<Duplicate> {
    let mut found: Vec<Duplicate> = Vec::new();
    let mut seen: Vec<Duplicate> = Vec::new();
    for rule in groups.iter().flat_map(|group| &group.rules) {
        let mut labels = rule.labels.clone();
        labels.sort();
        let one = Duplicate { name: rule.name().to_owned(), labels };
        match seen.contains(&one) {
            true if !found.contains(&one) => found.push(one),
            true => {}
            false => seen.push(one),
        }
    }
    found
}
