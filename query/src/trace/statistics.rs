//! Tests of whether two sets differ more than chance makes them, and how much.

use std::f64::consts::PI;

/// How often something is so in two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) with_a: u64,
    pub(crate) all_a: u64,
    pub(crate) with_b: u64,
    pub(crate) all_b: u64,
}

impl Counts {
    fn share(with: u64, all: u64) -> f64 {
        if all == 0 { 0.0 } else { with as f64 / all as f64 }
    }

    /// Share in the first set less share in the second: −1 to 1.
    pub(crate) fn difference(self) -> f64 {
        Counts::share(self.with_a, self.all_a) - Counts::share(self.with_b, self.all_b)
    }

    /// Probability of a difference at least this unlikely where there is none: Fisher's exact test where few are expected
    /// somewhere (fewer than five), else the likelihood-ratio (G) test.
    pub(crate) fn p_value(self) -> f64 {
        let Counts { with_a, all_a, with_b, all_b } = self;
        let (with, all) = (with_a + with_b, all_a + all_b);
        if all_a == 0 || all_b == 0 || with == 0 || with == all {
            return 1.0;
        }
        let expected = |row: u64, column: u64| row as f64 * column as f64 / all as f64;
        let rows = [all_a, all_b];
        let least = rows.iter().flat_map(|&row| [expected(row, with), expected(row, all - with)]);
        if least.fold(f64::INFINITY, f64::min) < 5.0 {
            return fisher(self);
        }
        let cells = [
            (with_a, expected(all_a, with)),
            (all_a - with_a, expected(all_a, all - with)),
            (with_b, expected(all_b, with)),
            (all_b - with_b, expected(all_b, all - with)),
        ];
        let part = |(seen, expected): (u64, f64)| match seen {
            0 => 0.0,
            seen => seen as f64 * (seen as f64 / expected).ln(),
        };
        let g = 2.0 * cells.into_iter().map(part).sum::<f64>();
        chi_square_tail(g.max(0.0))
    }
}

/// Fisher's exact test, two-sided: the tables with these margins that are at most as likely as the one seen.
fn fisher(counts: Counts) -> f64 {
    let Counts { with_a, all_a, with_b, all_b } = counts;
    let (with, all) = (with_a + with_b, all_a + all_b);
    let least = with.saturating_sub(all_b);
    let most = with.min(all_a);
    let whole = ln_choose(all, with);
    let chance = |in_a: u64| (ln_choose(all_a, in_a) + ln_choose(all_b, with - in_a) - whole).exp();
    // Tables exactly as likely must count, whatever the rounding.
    let seen = chance(with_a) * (1.0 + 1e-7);
    (least..=most).map(chance).filter(|&chance| chance <= seen).sum::<f64>().min(1.0)
}

fn ln_choose(from: u64, choose: u64) -> f64 {
    ln_factorial(from) - ln_factorial(choose) - ln_factorial(from - choose)
}

fn ln_factorial(number: u64) -> f64 {
    if number < 20 {
        return (2..=number).map(|factor| (factor as f64).ln()).sum();
    }
    // Stirling's series; the next term is below 1e-13 here.
    let x = number as f64 + 1.0;
    let correction = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5))
        - 1.0 / (1680.0 * x.powi(7));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln() + correction
}

/// Probability that a chi-square variable of one degree of freedom is larger.
fn chi_square_tail(value: f64) -> f64 {
    erfc((value / 2.0).sqrt())
}

/// The complementary error function for `x ≥ 0`: a series while it converges fast, else a continued fraction.
fn erfc(x: f64) -> f64 {
    if x < 2.0 {
        let mut term = x;
        let mut sum = x;
        for n in 1..100 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return (1.0 - 2.0 / PI.sqrt() * sum).clamp(0.0, 1.0);
    }
    let fraction = (1..=60).rev().fold(x, |below, n| x + f64::from(n) / 2.0 / below);
    (-x * x).exp() / (PI.sqrt() * fraction)
}

/// What a rank test says of two samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ranks {
    pub(crate) p_value: f64,
    /// Probability that a value of the first is larger than one of the second, less that of the opposite: −1 to 1.
    pub(crate) effect: f64,
}

/// The Mann–Whitney U test, by its normal approximation with corrections for ties and continuity.
pub(crate) fn rank_test(a: &[f64], b: &[f64]) -> Ranks {
    if a.is_empty() || b.is_empty() {
        return Ranks { p_value: 1.0, effect: 0.0 };
    }
    let mut all: Vec<(f64, bool)> =
        a.iter().map(|&value| (value, true)).chain(b.iter().map(|&value| (value, false))).collect();
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut ranks_a, mut ties) = (0.0, 0.0);
    let mut start = 0;
    while start < all.len() {
        let same = all[start..].iter().take_while(|(value, _)| *value == all[start].0).count();
        let rank = start as f64 + (same as f64 + 1.0) / 2.0;
        let of_a = all[start..start + same].iter().filter(|(_, is_a)| *is_a).count();
        ranks_a += rank * of_a as f64;
        ties += (same as f64).powi(3) - same as f64;
        start += same;
    }
    let (n, m) = (a.len() as f64, b.len() as f64);
    let u = ranks_a - n * (n + 1.0) / 2.0;
    let effect = 2.0 * u / (n * m) - 1.0;
    let whole = n + m;
    let variance = n * m / 12.0 * (whole + 1.0 - ties / (whole * (whole - 1.0)));
    if variance <= 0.0 {
        return Ranks { p_value: 1.0, effect };
    }
    let z = ((u - n * m / 2.0).abs() - 0.5).max(0.0) / variance.sqrt();
    Ranks { p_value: erfc(z / 2f64.sqrt()), effect }
}

/// Benjamini and Hochberg's correction: of the differences up to a corrected value `q`, a share of at most `q` is expected to be
/// due to chance.
pub(crate) fn corrected(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[b].total_cmp(&p_values[a]));
    let count = p_values.len() as f64;
    let mut corrected = vec![1.0; p_values.len()];
    let mut least: f64 = 1.0;
    for (place, &index) in order.iter().enumerate() {
        let rank = count - place as f64;
        least = least.min(p_values[index] * count / rank);
        corrected[index] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-9 + 1e-6 * expected, "{found}, not {expected}");
    }

    fn counts(with_a: u64, all_a: u64, with_b: u64, all_b: u64) -> Counts {
        Counts { with_a, all_a, with_b, all_b }
    }

    /// The expected values are worked out by the formulas in exact or double arithmetic.
    #[test]
    fn shares_are_compared_as_elsewhere() {
        near(counts(3, 4, 1, 4).p_value(), 0.485_714_285_714);
        near(counts(9, 9, 0, 9).p_value(), 4.113_533_525_298e-5);
        near(counts(0, 5, 1, 100_000).p_value(), 1.0);
        near(counts(30, 100, 10, 100).p_value(), 3.162_661_143_463e-4);
        assert!(counts(500, 1000, 0, 1_000_000).p_value() < 1e-300);
        assert_eq!(counts(5, 5, 5, 5).p_value(), 1.0);
        assert_eq!(counts(0, 0, 5, 5).p_value(), 1.0);
        near(counts(3, 4, 1, 4).difference(), 0.5);
    }

    #[test]
    fn the_error_functions_tail_is_known() {
        for (x, expected) in
            [(0.0, 1.0), (0.5, 0.479_500_122), (1.0, 0.157_299_207), (3.0, 2.209_049_7e-5)]
        {
            near(erfc(x), expected);
        }
    }

    #[test]
    fn ranks_tell_which_is_larger() {
        let low: Vec<f64> = (0..20).map(f64::from).collect();
        let high: Vec<f64> = (100..120).map(f64::from).collect();
        assert_eq!(rank_test(&high, &low).effect, 1.0);
        assert!(rank_test(&high, &low).p_value < 1e-6);
        let same = rank_test(&low, &low);
        assert_eq!((same.effect, same.p_value), (0.0, 1.0));
        assert_eq!(rank_test(&[1.0; 5], &[1.0; 7]).p_value, 1.0);
        assert_eq!(rank_test(&[], &low).p_value, 1.0);
    }

    #[test]
    fn many_tests_are_corrected_together() {
        let corrected = corrected(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in corrected.iter().zip([0.02, 0.04, 0.04, 0.02]) {
            near(*found, expected);
        }
    }
}
