//! Objectives, shares and thresholds as exact numbers: at 99.999 % a float's error is a good part of the budget.

use std::fmt;

/// Parts of one whole in which objectives are held.
pub const BILLION: u64 = 1_000_000_000;

/// Share of good events that is wanted, in parts per 10⁹: more than 0, less than all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Objective(u64);

impl Objective {
    /// `None` for nothing, and for 100 % and more, which leaves no budget.
    pub fn new(parts_per_billion: u64) -> Option<Objective> {
        (1..BILLION).contains(&parts_per_billion).then_some(Objective(parts_per_billion))
    }

    pub fn parts(self) -> u64 {
        self.0
    }

    /// The share that may be bad, in parts per 10⁹; never 0.
    pub fn budget_parts(self) -> u64 {
        BILLION - self.0
    }

    pub fn as_f64(self) -> f64 {
        self.0 as f64 / BILLION as f64
    }
}

/// As people write it: `99.9%`.
impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", decimal(self.0, BILLION / 100))
    }
}

/// `parts / unit` in the fewest digits.
fn decimal(parts: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let text = format!("{}.{:0digits$}", parts / unit, parts % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Reads a decimal number of 0 or more as a whole number of units of 10^-`digits`; `None` also for finer numbers.
pub fn parse_decimal(text: &str, digits: u32) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_empty = whole.is_empty() && fraction.is_empty();
    let fraction = fraction.trim_end_matches('0');
    if is_empty || !is_number(whole) || !is_number(fraction) || fraction.len() > digits as usize {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let missing = digits - fraction.len() as u32;
    let fraction: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let fraction = fraction.checked_mul(10u64.checked_pow(missing)?)?;
    whole.checked_mul(10u64.checked_pow(digits)?)?.checked_add(fraction)
}

/// An exact number: a burn rate that a tier waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fraction {
    numerator: u128,
    /// Never 0.
    denominator: u128,
}

impl Fraction {
    /// In lowest terms; `None` when the denominator is 0.
    pub fn new(numerator: u128, denominator: u128) -> Option<Fraction> {
        let divisor = greatest_common_divisor(numerator, denominator);
        (denominator > 0).then(|| Fraction {
            numerator: numerator / divisor,
            denominator: denominator / divisor,
        })
    }

    pub fn numerator(self) -> u128 {
        self.numerator
    }

    pub fn denominator(self) -> u128 {
        self.denominator
    }

    pub fn as_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

/// Whether the product of `a` is at least that of `b`; exact unless both are beyond 128 bits.
pub fn at_least(a: [u128; 3], b: [u128; 3]) -> bool {
    let product =
        |of: [u128; 3]| of.iter().try_fold(1u128, |product, factor| product.checked_mul(*factor));
    match (product(a), product(b)) {
        (Some(a), Some(b)) => a >= b,
        _ => {
            let float = |of: [u128; 3]| of.iter().map(|factor| *factor as f64).product::<f64>();
            float(a) >= float(b)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_or_not_at_all() {
        let cases = [
            ("0.999", Some(999_000_000)),
            ("0.99999", Some(999_990_000)),
            (".5", Some(500_000_000)),
            ("1", Some(1_000_000_000)),
            ("0.9990000000000", Some(999_000_000)),
            ("0.9999999999", None),
            ("1e-3", None),
            ("-0.5", None),
            (".", None),
            ("", None),
            ("99999999999999999999", None),
        ];
        for (text, parts) in cases {
            assert_eq!(parse_decimal(text, 9), parts, "{text}");
        }
    }

    #[test]
    fn all_or_nothing_is_no_objective() {
        assert_eq!(Objective::new(0), None);
        assert_eq!(Objective::new(BILLION), None);
        let objective = Objective::new(999_990_000).unwrap();
        assert_eq!((objective.budget_parts(), objective.to_string()), (10_000, "99.999%".into()));
        assert_eq!(Objective::new(990_000_000).unwrap().to_string(), "99%");
    }

    #[test]
    fn large_products_are_compared() {
        assert!(at_least([1, 2, 3], [1, 2, 3]));
        assert!(!at_least([1, 2, 3], [1, 2, 4]));
        assert!(at_least([u128::MAX, 2, 1], [u128::MAX, 1, 1]));
        assert_eq!(Fraction::new(144, 10), Fraction::new(72, 5));
        assert_eq!(Fraction::new(1, 0), None);
    }
}
