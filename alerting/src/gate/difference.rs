//! By how much the candidate is worse: the difference of the shares of bad events, and an interval that holds at any number of looks.
//!
//! The difference is that of Mantel and Haenszel: the mean of the blocks' differences, weighted by m·n / (m + n), so that a
//! candidate that gets its traffic in bad times does not look bad for it. Its interval is that of a mixture sequential
//! ratio test (Robbins 1970; Johari, Koomen, Pekelis and Walsh, "Always valid inference", 2015): with standard error s and a mixture of
//! effects with standard deviation τ, ± s·√((1 + s²/τ²)·ln((1 + τ²/s²) / α²)). It takes sums of many events for normal. Few events are not, and look
//! best where by chance none was bad yet: so the upper end has the variance that there would be if the candidate were worse by τ
//! (Farrington and Manning 1990 do so for tests at one look).

use super::Block;

/// By how much the candidate is worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Share of bad events of the candidate less that of the baseline, block for block.
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
}

/// What blocks add up to.
#[derive(Debug, Default)]
pub struct Differences {
    weights: f64,
    weighted: f64,
    /// Of candidate and baseline.
    squares: [f64; 2],
    bad: [f64; 2],
    total: [f64; 2],
}

impl Differences {
    pub fn add(&mut self, block: &Block) {
        let arms = [block.candidate, block.baseline];
        let [m, n] = arms.map(|arm| arm.total as f64);
        let weight = m * n / (m + n);
        let [p, q] = arms.map(|arm| arm.bad() as f64 / arm.total as f64);
        self.weights += weight;
        self.weighted += weight * (p - q);
        for (side, arm) in arms.into_iter().enumerate() {
            self.squares[side] += weight * weight / arm.total as f64;
            self.bad[side] += arm.bad() as f64;
            self.total[side] += arm.total as f64;
        }
    }

    /// `None` without blocks. `scale` is τ: the size of differences that matter.
    pub fn difference(&self, alpha: f64, scale: f64, dispersion: f64) -> Option<Difference> {
        if self.weights <= 0.0 {
            return None;
        }
        // One good and one bad event more than were seen: no bad one yet does not mean that there never is.
        let rate = |side: usize| (self.bad[side] + 1.0) / (self.total[side] + 2.0);
        let radius = |candidate: f64| {
            let spread = candidate * (1.0 - candidate) * self.squares[0]
                + rate(1) * (1.0 - rate(1)) * self.squares[1];
            let variance = dispersion * spread / (self.weights * self.weights);
            let ratio = scale * scale / variance;
            let odds = ((1.0 + ratio) / (alpha * alpha)).ln();
            (variance * (1.0 + 1.0 / ratio) * odds).sqrt()
        };
        let estimate = self.weighted / self.weights;
        let worse = rate(0).max((rate(1) + scale).min(0.5));
        let (low, high) = (estimate - radius(rate(0)), estimate + radius(worse));
        Some(Difference { estimate, low, high })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::Count;

    fn block(candidate: (u64, u64), baseline: (u64, u64)) -> Block {
        let count = |(bad, total): (u64, u64)| Count::new(total - bad, total);
        Block { candidate: count(candidate), baseline: count(baseline) }
    }

    fn difference(blocks: &[Block], dispersion: f64, scale: f64) -> Option<Difference> {
        let mut differences = Differences::default();
        blocks.iter().for_each(|block| differences.add(block));
        differences.difference(0.05, scale, dispersion)
    }

    #[test]
    fn traffic_that_shifts_in_bad_times_makes_no_difference() {
        // Both have 1 % and then 50 %, but the candidate gets most of its traffic then.
        let blocks = [block((1, 100), (10, 1000)), block((500, 1000), (50, 100))];
        let found = difference(&blocks, 1.0, 0.01).unwrap();
        assert!(found.estimate.abs() < 1e-12);
        assert!(found.low < 0.0 && found.high > 0.0);
        assert_eq!(difference(&[], 1.0, 0.01), None);
    }

    #[test]
    fn the_interval_is_that_of_the_formula() {
        // 100 of 1,000 against 50 of 1,000, by hand: s² = (p(1−p) + q(1−q)) / 1000 with p = 101/1002, q = 51/1002.
        let found = difference(&[block((100, 1000), (50, 1000))], 1.0, 0.02).unwrap();
        let (p, q) = (101.0 / 1002.0, 51.0 / 1002.0);
        let s2: f64 = (p * (1.0 - p) + q * (1.0 - q)) / 1000.0;
        let t2 = 0.0004;
        let radius = (s2 * (1.0 + s2 / t2) * ((1.0 + t2 / s2) / 0.0025).ln()).sqrt();
        assert!((found.estimate - 0.05).abs() < 1e-12);
        assert!(
            (found.high - 0.05 - radius).abs() < 1e-12 && (0.05 - found.low - radius).abs() < 1e-12
        );
        assert!((0.03..0.06).contains(&radius), "{radius}");
        let wider = difference(&[block((100, 1000), (50, 1000))], 4.0, 0.02).unwrap();
        assert!(wider.high > found.high);
    }
}
