//! Blocks: slices of time joined until both arms have enough events in each.
//!
//! Where a block ends hangs on how many events there were, never on how many of them were bad, so that looking at blocks
//! as they close is looking at nothing in advance. What is not closed is not looked at.

use crate::slo::Count;
use std::collections::BTreeMap;

/// A block closes with so many events of either arm: enough for its difference to have a variance worth the name.
const EVENTS_MIN: u64 = 20;

/// Events of both arms in one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Block {
    pub candidate: Count,
    pub baseline: Count,
}

/// Joins slices, by number.
pub fn blocks(candidate: &BTreeMap<i64, Count>, baseline: &BTreeMap<i64, Count>) -> Vec<Block> {
    let mut numbers: Vec<i64> = candidate.keys().chain(baseline.keys()).copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    let (mut blocks, mut open) = (Vec::new(), Block::default());
    for number in numbers {
        let at = |arm: &BTreeMap<i64, Count>| arm.get(&number).copied().unwrap_or_default();
        open.candidate = open.candidate.plus(at(candidate));
        open.baseline = open.baseline.plus(at(baseline));
        if open.candidate.total >= EVENTS_MIN && open.baseline.total >= EVENTS_MIN {
            blocks.push(std::mem::take(&mut open));
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_close_when_both_arms_have_enough() {
        let arm = |counts: &[(i64, u64, u64)]| {
            counts.iter().map(|(at, good, total)| (*at, Count::new(*good, *total))).collect()
        };
        let candidate = arm(&[(1, 9, 10), (2, 9, 10), (4, 30, 30), (9, 5, 5)]);
        let baseline = arm(&[(0, 500, 500), (2, 1, 2), (3, 9, 10), (4, 9, 10)]);
        let found = blocks(&candidate, &baseline);
        let block = |candidate: (u64, u64), baseline: (u64, u64)| Block {
            candidate: Count::new(candidate.0, candidate.1),
            baseline: Count::new(baseline.0, baseline.1),
        };
        assert_eq!(found, [block((18, 20), (501, 502)), block((30, 30), (18, 20))]);
    }
}
