//! The parsed form of a query.
//!
//! What LogQL shares with PromQL — matchers, operators, vector matching — is PromQL's.

use super::line::LineFilter;
use super::parser::{JsonPath, LogfmtFlags, Pattern};
use super::template::Template;
use crate::promql::ast::{AggregateOp, BinaryOp, Matching};
use crate::promql::labels::Matcher;
use regex::Regex;

pub use crate::promql::ast::Span;

/// A query: lines, or numbers made of them.
#[derive(Debug, Clone)]
pub enum Query {
    Logs(LogQuery),
    Metric(Metric),
}

/// A stream selector and what is done with each line of its streams.
#[derive(Debug, Clone)]
pub struct LogQuery {
    pub matchers: Vec<Matcher>,
    pub stages: Vec<Stage>,
    pub span: Span,
}

/// One step of a pipeline.
#[derive(Debug, Clone)]
pub enum Stage {
    Line(LineFilter),
    /// `json`; without expressions every field becomes a label.
    Json(Vec<(String, JsonPath)>),
    /// `logfmt`; the expressions are a label and the key it is read from.
    Logfmt(LogfmtFlags, Vec<(String, String)>),
    Pattern(Pattern),
    Regexp(NamedRegex),
    Unpack,
    Decolorize,
    Labels(LabelFilter),
    LineFormat(Template),
    LabelFormat(Vec<LabelFormat>),
    Drop(Vec<Picked>),
    Keep(Vec<Picked>),
}

/// The expression of `regexp`: each named group is a label.
#[derive(Debug, Clone)]
pub struct NamedRegex {
    pub text: String,
    pub regex: Regex,
    /// The number and the name of each named group.
    pub names: Vec<(usize, String)>,
}

/// A label that `drop` or `keep` names, whatever its value or only with some.
#[derive(Debug, Clone)]
pub struct Picked {
    pub name: String,
    pub matcher: Option<Matcher>,
}

/// One assignment of `label_format`.
#[derive(Debug, Clone)]
pub struct LabelFormat {
    pub name: String,
    pub value: LabelValue,
}

#[derive(Debug, Clone)]
pub enum LabelValue {
    /// The value of another label, which goes.
    Rename(String),
    Template(Template),
}

/// A condition on labels.
#[derive(Debug, Clone)]
pub enum LabelFilter {
    Text(Matcher),
    Number {
        name: String,
        op: Comparison,
        value: f64,
    },
    /// Nanoseconds.
    Duration {
        name: String,
        op: Comparison,
        value: i64,
    },
    Bytes {
        name: String,
        op: Comparison,
        value: u64,
    },
    Ip {
        name: String,
        negated: bool,
        addresses: super::ip::Addresses,
    },
    And(Box<LabelFilter>, Box<LabelFilter>),
    Or(Box<LabelFilter>, Box<LabelFilter>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

impl Comparison {
    pub fn text(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Greater => ">",
            Comparison::GreaterEqual => ">=",
            Comparison::Less => "<",
            Comparison::LessEqual => "<=",
        }
    }

    pub fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Greater => left > right,
            Comparison::GreaterEqual => left >= right,
            Comparison::Less => left < right,
            Comparison::LessEqual => left <= right,
        }
    }
}

/// Numbers made of lines.
#[derive(Debug, Clone)]
pub enum Metric {
    Number(f64, Span),
    /// `vector(…)`
    Vector(f64, Span),
    Range(Box<RangeAggregate>),
    Aggregate(Box<VectorAggregate>),
    Binary(Box<Binary>),
    LabelReplace(Box<LabelReplace>),
    Paren(Box<Metric>, Span),
}

/// An aggregation over the lines of a range of time.
#[derive(Debug, Clone)]
pub struct RangeAggregate {
    pub op: RangeOp,
    /// Of `quantile_over_time`.
    pub parameter: Option<f64>,
    pub query: LogQuery,
    pub unwrap: Option<Unwrap>,
    /// Nanoseconds.
    pub range: i64,
    /// Nanoseconds.
    pub offset: i64,
    pub grouping: Option<Grouping>,
    pub span: Span,
}

/// The label whose value is the number of a line.
#[derive(Debug, Clone)]
pub struct Unwrap {
    pub label: String,
    pub conversion: Conversion,
    /// Conditions that a line must meet after it got its number.
    pub filters: Vec<LabelFilter>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    None,
    /// A duration, in seconds; `as_seconds` is how it was written.
    Duration {
        as_seconds: bool,
    },
    Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeOp {
    Rate,
    RateCounter,
    Count,
    Bytes,
    BytesRate,
    Absent,
    Sum,
    Avg,
    Min,
    Max,
    First,
    Last,
    Stddev,
    Stdvar,
    Quantile,
}

impl RangeOp {
    pub const ALL: [RangeOp; 15] = {
        use RangeOp::*;
        [
            Rate,
            RateCounter,
            Count,
            Bytes,
            BytesRate,
            Absent,
            Sum,
            Avg,
            Min,
            Max,
            First,
            Last,
            Stddev,
            Stdvar,
            Quantile,
        ]
    };

    pub fn name(self) -> &'static str {
        use RangeOp::*;
        match self {
            Rate => "rate",
            RateCounter => "rate_counter",
            Count => "count_over_time",
            Bytes => "bytes_over_time",
            BytesRate => "bytes_rate",
            Absent => "absent_over_time",
            Sum => "sum_over_time",
            Avg => "avg_over_time",
            Min => "min_over_time",
            Max => "max_over_time",
            First => "first_over_time",
            Last => "last_over_time",
            Stddev => "stddev_over_time",
            Stdvar => "stdvar_over_time",
            Quantile => "quantile_over_time",
        }
    }

    /// Whether the operation takes numbers from lines, always.
    pub fn needs_unwrap(self) -> bool {
        use RangeOp::*;
        !matches!(self, Rate | Count | Bytes | BytesRate | Absent)
    }

    /// Whether the operation can take numbers from lines.
    pub fn takes_unwrap(self) -> bool {
        use RangeOp::*;
        !matches!(self, Count | Bytes | BytesRate)
    }

    pub fn takes_grouping(self) -> bool {
        use RangeOp::*;
        matches!(self, Avg | Stddev | Stdvar | Quantile | Max | Min | First | Last)
    }

    /// Whether a sum of its answers for parts of the lines is its answer for all of them.
    pub fn adds_up(self) -> bool {
        use RangeOp::*;
        matches!(self, Rate | Count | Bytes | BytesRate | Sum)
    }
}

/// `by` or `without` labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    pub without: bool,
    pub labels: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct VectorAggregate {
    pub op: VectorOp,
    /// Of `topk` and its like.
    pub parameter: Option<f64>,
    pub expr: Metric,
    pub grouping: Option<Grouping>,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VectorOp {
    Plain(AggregateOp),
    /// As exact as `topk` here.
    ApproxTopk,
    Sort,
    SortDesc,
}

impl VectorOp {
    pub const ALL: [VectorOp; 12] = {
        use AggregateOp::*;
        use VectorOp::Plain;
        [
            Plain(Sum),
            Plain(Avg),
            Plain(Min),
            Plain(Max),
            Plain(Count),
            Plain(Stddev),
            Plain(Stdvar),
            Plain(Topk),
            Plain(Bottomk),
            VectorOp::ApproxTopk,
            VectorOp::Sort,
            VectorOp::SortDesc,
        ]
    };

    pub fn name(self) -> &'static str {
        match self {
            VectorOp::Plain(op) => op.name(),
            VectorOp::ApproxTopk => "approx_topk",
            VectorOp::Sort => "sort",
            VectorOp::SortDesc => "sort_desc",
        }
    }

    pub fn takes_parameter(self) -> bool {
        match self {
            VectorOp::Plain(op) => op.takes_parameter(),
            VectorOp::ApproxTopk => true,
            VectorOp::Sort | VectorOp::SortDesc => false,
        }
    }

    pub fn takes_grouping(self) -> bool {
        !matches!(self, VectorOp::Sort | VectorOp::SortDesc)
    }
}

#[derive(Debug, Clone)]
pub struct Binary {
    pub op: BinaryOp,
    pub left: Metric,
    pub right: Metric,
    pub matching: Matching,
    pub return_bool: bool,
}

#[derive(Debug, Clone)]
pub struct LabelReplace {
    pub expr: Metric,
    pub target: String,
    pub replacement: String,
    pub source: String,
    pub regex: String,
    pub span: Span,
}

impl Metric {
    /// Whether this is one number at each step rather than series.
    pub fn is_scalar(&self) -> bool {
        match self {
            Metric::Number(..) => true,
            Metric::Paren(inner, _) => inner.is_scalar(),
            Metric::Binary(node) => node.left.is_scalar() && node.right.is_scalar(),
            _ => false,
        }
    }
}
