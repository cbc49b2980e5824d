//! The verdict: promote, hold or roll back.

use super::{Block, Difference, Differences, Evidence};
use crate::slo::Count;

/// What counts as worse, and how sure is sure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How often a candidate that is not worse is rolled back, at most; and how often one that is worse by the margin is promoted.
    pub alpha: f64,
    /// A share of bad events by which the candidate may be worse and still be promoted.
    pub margin: f64,
    /// A share of bad events that is usual.
    pub expected: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictKind {
    /// The candidate is worse by less than the margin, or not at all.
    Promote,
    /// Neither is certain yet.
    Hold,
    /// The candidate is worse.
    RollBack,
}

impl VerdictKind {
    pub fn name(self) -> &'static str {
        match self {
            VerdictKind::Promote => "promote",
            VerdictKind::Hold => "hold",
            VerdictKind::RollBack => "roll_back",
        }
    }
}

/// A verdict with what it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub kind: VerdictKind,
    pub reason: String,
    /// Of closed blocks: what is decided by.
    pub candidate: Count,
    pub baseline: Count,
    pub blocks: usize,
    pub difference: Option<Difference>,
    /// That the candidate is not worse; always valid.
    pub p_value: f64,
    pub dispersion: f64,
    pub settings: Settings,
}

/// Takes blocks as they close, and decides by those it has.
#[derive(Debug)]
pub struct Judge {
    settings: Settings,
    against: Evidence,
    differences: Differences,
    candidate: Count,
    baseline: Count,
    blocks: usize,
}

/// Decides by the blocks that are closed.
pub fn decide(blocks: &[Block], settings: Settings) -> Verdict {
    let mut judge = Judge::new(settings);
    blocks.iter().for_each(|block| judge.add(block));
    judge.verdict()
}

impl Judge {
    pub fn new(settings: Settings) -> Judge {
        Judge {
            settings,
            against: Evidence::new(settings.expected, settings.alpha),
            differences: Differences::default(),
            candidate: Count::default(),
            baseline: Count::default(),
            blocks: 0,
        }
    }

    pub fn add(&mut self, block: &Block) {
        self.against.add(block);
        self.differences.add(block);
        self.candidate = self.candidate.plus(block.candidate);
        self.baseline = self.baseline.plus(block.baseline);
        self.blocks += 1;
    }

    fn difference(&self) -> Option<Difference> {
        let Settings { alpha, margin, .. } = self.settings;
        self.differences.difference(alpha, margin, self.against.dispersion())
    }

    /// What is certain by now.
    pub fn kind(&self) -> VerdictKind {
        match self.difference() {
            None => VerdictKind::Hold,
            Some(found) if found.high < self.settings.margin => VerdictKind::Promote,
            Some(_) if self.against.p_value() <= self.settings.alpha => VerdictKind::RollBack,
            Some(_) => VerdictKind::Hold,
        }
    }

    pub fn verdict(&self) -> Verdict {
        let (kind, difference) = (self.kind(), self.difference());
        let p_value = self.against.p_value();
        Verdict {
            kind,
            reason: reason(kind, difference, p_value, self.settings.margin),
            candidate: self.candidate,
            baseline: self.baseline,
            blocks: self.blocks,
            difference,
            p_value,
            dispersion: self.against.dispersion(),
            settings: self.settings,
        }
    }
}

fn reason(kind: VerdictKind, difference: Option<Difference>, p_value: f64, margin: f64) -> String {
    let Some(found) = difference else {
        return "there are not yet enough events of both".to_owned();
    };
    let percent = |share: f64| format!("{:.4} %", share.max(0.0) * 100.0);
    let (most, margin) = (percent(found.high), percent(margin));
    match kind {
        VerdictKind::Promote => format!(
            "at most {most} more of the candidate's events are bad, less than the margin of {margin}"
        ),
        VerdictKind::RollBack => format!(
            "{} more of the candidate's events are bad; were it not worse, so much against it would be seen with probability {p_value:.2e} at most",
            percent(found.estimate)
        ),
        VerdictKind::Hold => format!(
            "between {} fewer and {most} more of the candidate's events are bad, and the margin is {margin}",
            percent(-found.low)
        ),
    }
}
