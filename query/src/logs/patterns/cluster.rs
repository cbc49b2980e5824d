//! Clusters of masked lines, with the words that differ within each as `<_>`.
//!
//! A line belongs to the most similar cluster among those that have as many words and the same first word. Similarity is the share
//! of a cluster's fixed words that the line has too: masked words and those that differ already say nothing.

use super::ANYTHING;
use std::collections::HashMap;

/// Least similarity: of four fixed words one may differ, of three none.
const SIMILARITY_MIN: f64 = 0.7;

/// Most clusters that a line is compared with.
const NEIGHBOURS_MAX: usize = 200;

#[derive(Debug)]
pub(super) struct Clusters {
    max: usize,
    words: Vec<Vec<String>>,
    /// Clusters by number of words and first word.
    by_shape: HashMap<(usize, String), Vec<usize>>,
}

impl Clusters {
    pub(super) fn new(max: usize) -> Clusters {
        Clusters { max, words: Vec::new(), by_shape: HashMap::new() }
    }

    /// The number of the line's cluster; a new one is the number of clusters so far. `None` when it is like none, and there are
    /// too many.
    pub(super) fn assign(&mut self, line: &str) -> Option<usize> {
        let words: Vec<&str> = line.split(' ').collect();
        let first = if words[0].contains(ANYTHING) { ANYTHING } else { words[0] };
        let neighbours = self.by_shape.entry((words.len(), first.to_owned())).or_default();
        let similar = neighbours
            .iter()
            .map(|&cluster| (cluster, similarity(&self.words[cluster], &words)))
            .filter(|(_, similarity)| *similarity >= SIMILARITY_MIN)
            // Of equally similar ones the first, which is the more frequent.
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
        if let Some((cluster, _)) = similar {
            generalise(&mut self.words[cluster], &words);
            return Some(cluster);
        }
        if self.words.len() >= self.max || neighbours.len() >= NEIGHBOURS_MAX {
            return None;
        }
        let cluster = self.words.len();
        neighbours.push(cluster);
        self.words.push(words.into_iter().map(str::to_owned).collect());
        Some(cluster)
    }

    pub(super) fn into_patterns(self) -> impl Iterator<Item = String> {
        self.words.into_iter().map(|words| words.join(" "))
    }
}

/// Between 0 and 1; equal lines have 1.
fn similarity(cluster: &[String], line: &[&str]) -> f64 {
    let (mut fixed, mut same, mut is_equal) = (0u32, 0u32, true);
    for (ours, theirs) in cluster.iter().zip(line) {
        is_equal &= ours == theirs;
        if ours != ANYTHING {
            fixed += 1;
            same += u32::from(ours == theirs);
        }
    }
    match fixed {
        _ if is_equal => 1.0,
        0 => 0.0,
        fixed => f64::from(same) / f64::from(fixed),
    }
}

fn generalise(cluster: &mut [String], line: &[&str]) {
    for (ours, theirs) in cluster.iter_mut().zip(line) {
        if ours != theirs && ours != ANYTHING {
            ANYTHING.clone_into(ours);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clustered(lines: &[&str]) -> Vec<String> {
        let mut clusters = Clusters::new(3);
        for line in lines {
            let _cluster = clusters.assign(line);
        }
        clusters.into_patterns().collect()
    }

    #[test]
    fn words_that_differ_are_anything() {
        let lines = ["user ann logged in", "user bob logged in", "user ann logged out of all"];
        assert_eq!(clustered(&lines), ["user <_> logged in", "user ann logged out of all"]);
        let lines = ["order <_> completed", "order <_> failed"];
        assert_eq!(clustered(&lines), lines);
        let lines = ["cache hit for <_>", "cache miss for <_>"];
        assert_eq!(clustered(&lines), lines);
    }

    #[test]
    fn clusters_are_bounded() {
        assert_eq!(clustered(&["a", "b", "c", "d", "a"]), ["a", "b", "c"]);
        let mut clusters = Clusters::new(1);
        assert_eq!(
            [clusters.assign("a"), clusters.assign("b"), clusters.assign("a")],
            [Some(0), None, Some(0)]
        );
    }
}
