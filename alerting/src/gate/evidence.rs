//! Evidence that the candidate is worse: a test martingale over blocks.
//!
//! In a block with `m` events of the candidate and `n` of the baseline, bet that they are bad with probabilities `p > q`. The
//! stake is multiplied by the likelihood of what came under (p, q), divided by that under (r, r) with r = (m·p + n·q) / (m + n).
//! Whatever the true rate of both, the expected factor is at most 1: it is a product of `m + n` factors linear in the rate,
//! whose weighted mean is 1, and a product is at most the mean to that power (Turner, Ly and Grünwald, "Generic e-variables for
//! exact sequential k-sample tests that allow for optional stopping", 2021). It is smaller still where the candidate is
//! better. The rate may differ from block to block: an outage that meets both arms is evidence of nothing.
//!
//! So the stake is a martingale at best, and by Ville's inequality reaches 1/α with probability at most α, however
//! often one looks. Stakes are spread over odds ratios, since how much worse is not known; the baseline's rate is that of
//! the blocks before.
//!
//! What the martingale takes for granted is that events of a block are independent. Where bad events come in bunches, the
//! differences of blocks vary more than counts would: by a factor that is estimated from the blocks before, and by which the
//! bets are made smaller (a stake to a power below 1 still has an expected factor of at most 1). And no single block may bring
//! more than a quarter of the way to 1/α, so that one bunch is not mistaken for a trend; cutting a gain off keeps the
//! expected factor at most 1, too.

use super::Block;

/// Odds ratios that are bet on.
const RATIOS: [f64; 9] = [1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0];

/// Blocks without bunches that are assumed before the first.
const PRIOR_BLOCKS: f64 = 5.0;

/// Blocks that it takes at least to be certain.
const BLOCKS_MIN: f64 = 4.0;

/// What the blocks say against the candidate.
#[derive(Debug)]
pub struct Evidence {
    seen: Seen,
    bunches: Dispersion,
    /// Logarithms of what the stakes have become.
    stakes: [f64; RATIOS.len()],
    /// Natural logarithm of the most that a stake of 1 ever was.
    most: f64,
    dispersion: f64,
    /// Logarithm of the most that a block may multiply a stake with.
    gain_max: f64,
}

impl Evidence {
    /// `expected` is a share of bad events that is usual, before any was seen; `alpha` a probability that is certain enough.
    pub fn new(expected: f64, alpha: f64) -> Evidence {
        Evidence {
            seen: Seen { bad: expected, total: 1.0 },
            bunches: Dispersion::default(),
            stakes: [0.0; RATIOS.len()],
            most: 0.0,
            dispersion: 1.0,
            gain_max: -alpha.ln() / BLOCKS_MIN,
        }
    }

    /// Takes the next block. What is bet on it is settled by those before.
    pub fn add(&mut self, block: &Block) {
        let rate = self.seen.rate();
        for (stake, ratio) in self.stakes.iter_mut().zip(RATIOS) {
            *stake += (factor(block, rate, ratio) / self.dispersion).min(self.gain_max);
        }
        self.most = self.most.max(mean(&self.stakes));
        self.seen.add(block);
        self.bunches.add(block);
        self.dispersion = self.bunches.estimate();
    }

    /// Always valid: at most α with probability α, at any number of looks.
    pub fn p_value(&self) -> f64 {
        (-self.most).exp().min(1.0)
    }

    /// How much more the differences of blocks vary than independent events would; at least 1.
    pub fn dispersion(&self) -> f64 {
        self.dispersion
    }
}

/// Logarithm of what a block multiplies a stake with that the baseline's rate is `q` and the candidate's odds are `ratio` times as high.
fn factor(block: &Block, q: f64, ratio: f64) -> f64 {
    let odds = ratio * q / (1.0 - q);
    let p = odds / (1.0 + odds);
    let (m, n) = (block.candidate.total as f64, block.baseline.total as f64);
    let r = (m * p + n * q) / (m + n);
    let of = |bad: u64, total: u64, rate: f64| {
        let good = total.saturating_sub(bad);
        bad as f64 * (rate / r).ln() + good as f64 * ((1.0 - rate) / (1.0 - r)).ln()
    };
    of(block.candidate.bad(), block.candidate.total, p)
        + of(block.baseline.bad(), block.baseline.total, q)
}

/// Logarithm of the mean of numbers given by their logarithms.
fn mean(logarithms: &[f64]) -> f64 {
    let most = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logarithms.iter().map(|one| (one - most).exp()).sum();
    most + (sum / logarithms.len() as f64).ln()
}

#[derive(Debug)]
struct Seen {
    bad: f64,
    total: f64,
}

impl Seen {
    fn rate(&self) -> f64 {
        (self.bad / self.total).clamp(1e-9, 0.5)
    }

    /// Of the baseline alone: what the candidate does is not usual.
    fn add(&mut self, block: &Block) {
        self.bad += block.baseline.bad() as f64;
        self.total += block.baseline.total as f64;
    }
}

/// How much the differences of blocks vary around their mean, in units of what independent events would.
#[derive(Debug, Default)]
struct Dispersion {
    blocks: f64,
    squares: f64,
    /// Differences and their variances, as sums for a weighted mean.
    weighted: f64,
    weights: f64,
    weighted_squares: f64,
}

impl Dispersion {
    fn add(&mut self, block: &Block) {
        let (c, b) = (block.candidate, block.baseline);
        let (m, n) = (c.total as f64, b.total as f64);
        let rate = (c.bad() + b.bad()) as f64 / (m + n);
        let variance = rate * (1.0 - rate) * (1.0 / m + 1.0 / n);
        // All good or all bad says nothing of bunches.
        if variance > 0.0 {
            let difference = c.bad() as f64 / m - b.bad() as f64 / n;
            self.blocks += 1.0;
            self.weights += 1.0 / variance;
            self.weighted += difference / variance;
            self.weighted_squares += difference * difference / variance;
            self.squares = self.weighted_squares - self.weighted * self.weighted / self.weights;
        }
    }

    fn estimate(&self) -> f64 {
        let freedom = (self.blocks - 1.0).max(0.0);
        let estimate = (PRIOR_BLOCKS + self.squares.max(0.0)) / (PRIOR_BLOCKS + freedom);
        estimate.max(1.0)
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

    fn evidence(blocks: &[Block], expected: f64) -> Evidence {
        let mut evidence = Evidence::new(expected, 0.05);
        blocks.iter().for_each(|block| evidence.add(block));
        evidence
    }

    fn choose(n: u64, k: u64) -> f64 {
        (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product()
    }

    /// Whatever the rate of both arms, and however much better the candidate is, a bet is expected to bring at most its stake: summed up
    /// over everything that can happen in a block.
    #[test]
    fn no_bet_gains_where_the_candidate_is_not_worse() {
        for (m, n) in [(1, 1), (3, 9), (20, 4)] {
            for ratio in RATIOS {
                for q in [0.001, 0.05, 0.4] {
                    for rate in [0.0005, 0.02, 0.3, 0.9] {
                        for better in [1.0, 0.5, 0.0] {
                            let (mut expected, of_candidate) = (0.0, rate * better);
                            for bad_m in 0..=m {
                                for bad_n in 0..=n {
                                    let chance = |k: u64, n: u64, rate: f64| {
                                        choose(n, k)
                                            * rate.powi(k as i32)
                                            * (1.0 - rate).powi((n - k) as i32)
                                    };
                                    let both =
                                        chance(bad_m, m, of_candidate) * chance(bad_n, n, rate);
                                    expected += both
                                        * factor(&block((bad_m, m), (bad_n, n)), q, ratio).exp();
                                }
                            }
                            assert!(
                                expected <= 1.0 + 1e-9,
                                "{m} {n} {ratio} {q} {rate} {better}: {expected}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_factor_is_the_ratio_of_two_likelihoods() {
        // p = 3/11 at odds 3 × 1/8... of q = 1/9: odds 3/8, p = 3/11; r with one event each is their mean.
        let (q, p): (f64, f64) = (1.0 / 9.0, 3.0 / 11.0);
        let r = (p + q) / 2.0;
        let expected = (p / r * (1.0 - q) / (1.0 - r)).ln();
        assert!((factor(&block((1, 1), (0, 1)), q, 3.0) - expected).abs() < 1e-12);
    }

    #[test]
    fn what_hits_both_alike_is_no_evidence_and_what_hits_one_is() {
        let calm = [block((1, 1000), (1, 1000)); 20];
        let outage = [block((500, 1000), (500, 1000)); 20];
        let both: Vec<Block> = calm.into_iter().chain(outage).collect();
        assert!(evidence(&both, 0.001).p_value() > 0.3);
        let bad: Vec<Block> = calm.into_iter().chain([block((20, 1000), (1, 1000)); 12]).collect();
        assert!(evidence(&bad, 0.001).p_value() < 0.05);
        let better: Vec<Block> =
            calm.into_iter().chain([block((1, 1000), (20, 1000)); 30]).collect();
        assert!(evidence(&better, 0.001).p_value() > 0.3);
        assert_eq!(evidence(&[], 0.001).p_value(), 1.0);
    }

    #[test]
    fn bunches_are_measured() {
        let even: Vec<Block> = (0..60)
            .map(|at| {
                if at % 2 == 0 {
                    block((11, 1000), (9, 1000))
                } else {
                    block((9, 1000), (11, 1000))
                }
            })
            .collect();
        assert_eq!(evidence(&even, 0.01).dispersion(), 1.0);
        let bunched: Vec<Block> = (0..60)
            .map(|at| {
                if at % 2 == 0 {
                    block((40, 1000), (0, 1000))
                } else {
                    block((0, 1000), (40, 1000))
                }
            })
            .collect();
        assert!(evidence(&bunched, 0.01).dispersion() > 10.0);
    }
}
