//! The functions of the language: names and types. Their work is in `function/`.

use super::ast::Kind;

/// What a function takes and gives.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    pub name: &'static str,
    pub args: &'static [Kind],
    /// How many of the last arguments may be left out, or how many more may follow.
    pub more: More,
    pub returns: Kind,
    pub is_experimental: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    None,
    /// This many of the last may be left out.
    Optional(usize),
    /// The last may be left out or repeated.
    Any,
    /// The last may be left out or repeated up to this many in all.
    UpTo(usize),
}

impl Signature {
    pub fn count_min(&self) -> usize {
        match self.more {
            More::None => self.args.len(),
            More::Optional(count) => self.args.len().saturating_sub(count),
            More::Any | More::UpTo(_) => self.args.len().saturating_sub(1),
        }
    }

    pub fn count_max(&self) -> usize {
        match self.more {
            More::None | More::Optional(_) => self.args.len(),
            More::Any => usize::MAX,
            More::UpTo(count) => self.count_min() + count,
        }
    }

    /// The kind of the argument at `index`; the last one repeats.
    pub fn arg(&self, index: usize) -> Kind {
        self.args.get(index).or(self.args.last()).copied().unwrap_or(Kind::Scalar)
    }
}

use Kind::{Matrix as M, Scalar as S, Text as T, Vector as V};

const fn plain(name: &'static str, args: &'static [Kind], returns: Kind) -> Signature {
    Signature { name, args, more: More::None, returns, is_experimental: false }
}

const fn with(name: &'static str, args: &'static [Kind], more: More) -> Signature {
    Signature { name, args, more, returns: V, is_experimental: false }
}

const fn trial(name: &'static str, args: &'static [Kind], more: More, returns: Kind) -> Signature {
    Signature { name, args, more, returns, is_experimental: true }
}

const NONE: More = More::None;
const ONE: More = More::Optional(1);

/// By name.
static FUNCTIONS: [Signature; 90] = [
    plain("abs", &[V], V),
    plain("absent", &[V], V),
    plain("absent_over_time", &[M], V),
    plain("acos", &[V], V),
    plain("acosh", &[V], V),
    plain("asin", &[V], V),
    plain("asinh", &[V], V),
    plain("atan", &[V], V),
    plain("atanh", &[V], V),
    plain("avg_over_time", &[M], V),
    plain("ceil", &[V], V),
    plain("changes", &[M], V),
    plain("clamp", &[V, S, S], V),
    plain("clamp_max", &[V, S], V),
    plain("clamp_min", &[V, S], V),
    plain("cos", &[V], V),
    plain("cosh", &[V], V),
    plain("count_over_time", &[M], V),
    with("day_of_month", &[V], ONE),
    with("day_of_week", &[V], ONE),
    with("day_of_year", &[V], ONE),
    with("days_in_month", &[V], ONE),
    plain("deg", &[V], V),
    plain("delta", &[M], V),
    plain("deriv", &[M], V),
    trial("double_exponential_smoothing", &[M, S, S], NONE, V),
    trial("end", &[], NONE, S),
    plain("exp", &[V], V),
    plain("first_over_time", &[M], V),
    plain("floor", &[V], V),
    plain("histogram_avg", &[V], V),
    plain("histogram_count", &[V], V),
    plain("histogram_fraction", &[S, S, V], V),
    plain("histogram_quantile", &[S, V], V),
    trial("histogram_quantiles", &[V, T, S, S], More::UpTo(9), V),
    plain("histogram_stddev", &[V], V),
    plain("histogram_stdvar", &[V], V),
    plain("histogram_sum", &[V], V),
    with("hour", &[V], ONE),
    plain("idelta", &[M], V),
    plain("increase", &[M], V),
    trial("info", &[V, V], ONE, V),
    plain("irate", &[M], V),
    with("label_join", &[V, T, T, T], More::Any),
    plain("label_replace", &[V, T, T, T, T], V),
    plain("last_over_time", &[M], V),
    plain("ln", &[V], V),
    plain("log10", &[V], V),
    plain("log2", &[V], V),
    trial("mad_over_time", &[M], NONE, V),
    trial("max_of", &[S, S], NONE, S),
    plain("max_over_time", &[M], V),
    trial("min_of", &[S, S], NONE, S),
    plain("min_over_time", &[M], V),
    with("minute", &[V], ONE),
    with("month", &[V], ONE),
    plain("pi", &[], S),
    plain("predict_linear", &[M, S], V),
    plain("present_over_time", &[M], V),
    plain("quantile_over_time", &[S, M], V),
    plain("rad", &[V], V),
    trial("range", &[], NONE, S),
    plain("rate", &[M], V),
    plain("resets", &[M], V),
    with("round", &[V, S], ONE),
    plain("scalar", &[V], S),
    plain("sgn", &[V], V),
    plain("sin", &[V], V),
    plain("sinh", &[V], V),
    plain("sort", &[V], V),
    trial("sort_by_label", &[V, T], More::Any, V),
    trial("sort_by_label_desc", &[V, T], More::Any, V),
    plain("sort_desc", &[V], V),
    plain("sqrt", &[V], V),
    trial("start", &[], NONE, S),
    trial("start_timestamp", &[V], NONE, V),
    plain("stddev_over_time", &[M], V),
    plain("stdvar_over_time", &[M], V),
    trial("step", &[], NONE, S),
    plain("sum_over_time", &[M], V),
    plain("tan", &[V], V),
    plain("tanh", &[V], V),
    plain("time", &[], S),
    plain("timestamp", &[V], V),
    trial("ts_of_first_over_time", &[M], NONE, V),
    trial("ts_of_last_over_time", &[M], NONE, V),
    trial("ts_of_max_over_time", &[M], NONE, V),
    trial("ts_of_min_over_time", &[M], NONE, V),
    plain("vector", &[S], V),
    with("year", &[V], ONE),
];

/// The function of this name.
pub fn find(name: &str) -> Option<&'static Signature> {
    let at = FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok()?;
    Some(&FUNCTIONS[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_sorted_by_name() {
        assert!(FUNCTIONS.is_sorted_by(|a, b| a.name < b.name));
        assert!(FUNCTIONS.iter().all(|function| find(function.name) == Some(function)));
    }
}
