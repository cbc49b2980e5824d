//! The syntax tree of TraceQL.

use super::value::Value;
use std::fmt;

/// A parsed query: which spans of a trace, and what is made of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub pipeline: Pipeline,
    /// Present when the query asks for time series instead of traces.
    pub metrics: Option<Metrics>,
    /// `with(key=value, …)`: advice that does not change the answer.
    pub hints: Vec<(String, Literal)>,
}

/// Stages, each taking the sets of spans that the one before it leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    pub stages: Vec<Stage>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// `{ … } && { … }`: keeps spans.
    Spans(SpansetExpr),
    /// `count() > 2`: keeps sets.
    Filter(ScalarFilter),
    /// `by(field)`: one set for every value.
    By(FieldExpr),
    /// `coalesce()`: one set again.
    Coalesce,
    /// `select(fields)`: what the answer shows of every span.
    Select(Vec<Field>),
}

/// An expression whose value is a set of spans of one trace.
#[derive(Debug, Clone, PartialEq)]
pub enum SpansetExpr {
    /// `{ condition }`; without one every span.
    Filter(Option<FieldExpr>),
    /// `( pipeline )`.
    Pipeline(Pipeline),
    Binary {
        op: SpansetOp,
        left: Box<SpansetExpr>,
        right: Box<SpansetExpr>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpansetOp {
    And,
    Or,
    /// A relation in the tree of spans.
    Structural {
        relation: Relation,
        keeps: Keeps,
    },
}

/// How the right span stands to the left one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `>`
    Child,
    /// `>>`
    Descendant,
    /// `<`
    Parent,
    /// `<<`
    Ancestor,
    /// `~`
    Sibling,
}

/// Which spans of a structural operation stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Right spans that stand so to a left one.
    Right,
    /// `!`: right spans that stand so to no left one.
    RightWithout,
    /// `&`: the left spans too.
    Both,
}

/// `left op right`, true or false of a set of spans.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalarFilter {
    pub op: Comparison,
    pub left: ScalarExpr,
    pub right: ScalarExpr,
}

/// An expression whose value is one number of a set of spans.
#[derive(Debug, Clone, PartialEq)]
pub enum ScalarExpr {
    Literal(Literal),
    Aggregate(Aggregate),
    Negative(Box<ScalarExpr>),
    Binary { op: Arithmetic, left: Box<ScalarExpr>, right: Box<ScalarExpr> },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Aggregate {
    Count,
    Avg(FieldExpr),
    Max(FieldExpr),
    Min(FieldExpr),
    Sum(FieldExpr),
}

/// An expression whose value belongs to one span.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldExpr {
    Literal(Literal),
    Field(Field),
    Not(Box<FieldExpr>),
    Negative(Box<FieldExpr>),
    Binary { op: FieldOp, left: Box<FieldExpr>, right: Box<FieldExpr> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldOp {
    And,
    Or,
    Compare(Comparison),
    Arithmetic(Arithmetic),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    NotMatches,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

/// A value written in a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Nil,
    Int(i64),
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
    String(String),
    Bool(bool),
    /// OTLP's `StatusCode` number.
    Status(i32),
    /// OTLP's `SpanKind` number.
    Kind(i32),
}

impl Literal {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Literal::Nil => Value::Nil,
            Literal::Int(number) => Value::Int(*number),
            Literal::Float(number) => Value::Float(*number),
            Literal::Duration(nanos) => Value::Duration(*nanos),
            Literal::String(text) => Value::String(text),
            Literal::Bool(flag) => Value::Bool(*flag),
            Literal::Status(code) => Value::Status(*code),
            Literal::Kind(kind) => Value::Kind(*kind),
        }
    }
}

/// Something that a span has a value of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    Intrinsic(Intrinsic),
    Attribute {
        scope: AttributeScope,
        /// The attribute of the parent span.
        of_parent: bool,
        name: String,
    },
}

/// Where an attribute is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttributeScope {
    /// `.name`: the span, else its resource, events, links and instrumentation scope, in this order.
    Any,
    Span,
    Resource,
    Event,
    Link,
    Instrumentation,
}

/// What a span has besides attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Intrinsic {
    Name,
    Duration,
    Status,
    StatusMessage,
    Kind,
    SpanId,
    ParentId,
    ChildCount,
    /// Stands for a parent span in comparisons with `nil`.
    Parent,
    NestedSetLeft,
    NestedSetRight,
    NestedSetParent,
    TraceId,
    TraceDuration,
    RootName,
    RootService,
    EventName,
    EventTimeSinceStart,
    LinkTraceId,
    LinkSpanId,
    InstrumentationName,
    InstrumentationVersion,
}

/// Time series of the spans that a pipeline leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    pub function: MetricsFunction,
    /// One series for every combination of their values.
    pub by: Vec<Field>,
    /// What is done with the series, in this order.
    pub second: Vec<SecondStage>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum MetricsFunction {
    Rate,
    CountOverTime,
    MinOverTime(Field),
    MaxOverTime(Field),
    AvgOverTime(Field),
    SumOverTime(Field),
    QuantileOverTime(Field, Vec<f64>),
    HistogramOverTime(Field),
    Compare {
        selection: Option<FieldExpr>,
        /// How many values of each attribute are given.
        top: usize,
        /// Unix nanoseconds between which a span can be of the selection.
        times: Option<(i64, i64)>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum SecondStage {
    TopK(usize),
    BottomK(usize),
    /// `> 10`: drops the points for which it is false.
    Compare(Comparison, f64),
}

impl Relation {
    /// How the left span stands to the right one.
    pub(super) fn inverse(self) -> Relation {
        match self {
            Relation::Child => Relation::Parent,
            Relation::Parent => Relation::Child,
            Relation::Descendant => Relation::Ancestor,
            Relation::Ancestor => Relation::Descendant,
            Relation::Sibling => Relation::Sibling,
        }
    }
}

impl SpansetOp {
    pub(super) fn text(self) -> &'static str {
        use Keeps::{Both, Right, RightWithout};
        use Relation::{Ancestor, Child, Descendant, Parent, Sibling};
        match self {
            SpansetOp::And => "&&",
            SpansetOp::Or => "||",
            SpansetOp::Structural { relation, keeps } => match (relation, keeps) {
                (Child, Right) => ">",
                (Child, RightWithout) => "!>",
                (Child, Both) => "&>",
                (Descendant, Right) => ">>",
                (Descendant, RightWithout) => "!>>",
                (Descendant, Both) => "&>>",
                (Parent, Right) => "<",
                (Parent, RightWithout) => "!<",
                (Parent, Both) => "&<",
                (Ancestor, Right) => "<<",
                (Ancestor, RightWithout) => "!<<",
                (Ancestor, Both) => "&<<",
                (Sibling, Right) => "~",
                (Sibling, RightWithout) => "!~",
                (Sibling, Both) => "&~",
            },
        }
    }
}

impl Comparison {
    pub(super) fn text(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Matches => "=~",
            Comparison::NotMatches => "!~",
        }
    }
}

impl Arithmetic {
    pub(super) fn text(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Modulo => "%",
            Arithmetic::Power => "^",
        }
    }
}

impl Intrinsic {
    /// Every intrinsic with the name it is shown by, and the other names it can be written by.
    pub(super) const NAMES: [(Intrinsic, &'static str, &'static [&'static str]); 22] = [
        (Intrinsic::Name, "name", &["span:name"]),
        (Intrinsic::Duration, "duration", &["span:duration"]),
        (Intrinsic::Status, "status", &["span:status"]),
        (Intrinsic::StatusMessage, "statusMessage", &["span:statusMessage"]),
        (Intrinsic::Kind, "kind", &["span:kind"]),
        (Intrinsic::SpanId, "span:id", &[]),
        (Intrinsic::ParentId, "span:parentID", &[]),
        (Intrinsic::ChildCount, "childCount", &["span:childCount"]),
        (Intrinsic::Parent, "parent", &[]),
        (Intrinsic::NestedSetLeft, "nestedSetLeft", &[]),
        (Intrinsic::NestedSetRight, "nestedSetRight", &[]),
        (Intrinsic::NestedSetParent, "nestedSetParent", &[]),
        (Intrinsic::TraceId, "trace:id", &[]),
        (Intrinsic::TraceDuration, "traceDuration", &["trace:duration"]),
        (Intrinsic::RootName, "rootName", &["trace:rootName"]),
        (Intrinsic::RootService, "rootServiceName", &["trace:rootService"]),
        (Intrinsic::EventName, "event:name", &[]),
        (Intrinsic::EventTimeSinceStart, "event:timeSinceStart", &[]),
        (Intrinsic::LinkTraceId, "link:traceID", &[]),
        (Intrinsic::LinkSpanId, "link:spanID", &[]),
        (Intrinsic::InstrumentationName, "instrumentation:name", &[]),
        (Intrinsic::InstrumentationVersion, "instrumentation:version", &[]),
    ];

    pub(super) fn from_name(name: &str) -> Option<Intrinsic> {
        let known = |(_, shown, others): &&(Intrinsic, &str, &[&str])| {
            *shown == name || others.contains(&name)
        };
        Intrinsic::NAMES.iter().find(known).map(|(intrinsic, _, _)| *intrinsic)
    }

    pub fn name(self) -> &'static str {
        let names = Intrinsic::NAMES.iter().find(|(intrinsic, _, _)| *intrinsic == self);
        names.map_or("", |(_, name, _)| name)
    }
}

impl AttributeScope {
    pub(super) fn prefix(self) -> &'static str {
        match self {
            AttributeScope::Any => ".",
            AttributeScope::Span => "span.",
            AttributeScope::Resource => "resource.",
            AttributeScope::Event => "event.",
            AttributeScope::Link => "link.",
            AttributeScope::Instrumentation => "instrumentation.",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Intrinsic(intrinsic) => f.write_str(intrinsic.name()),
            Field::Attribute { scope, of_parent, name } => {
                let scope = match (of_parent, scope) {
                    (true, AttributeScope::Any) => "",
                    (_, scope) => scope.prefix(),
                };
                let prefix = if *of_parent { "parent." } else { "" };
                write!(f, "{prefix}{scope}{}", super::token::attribute_name(name))
            }
        }
    }
}
