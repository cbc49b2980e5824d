//! The parsed form of a query. Every node knows where in the text it stands, for errors and annotations.

use super::labels::Matcher;

/// Bytes of the query text, half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn to(self, other: Span) -> Span {
        Span { start: self.start, end: other.end }
    }

    /// `line:column` of the start, both counted from 1, as annotations and errors show it.
    pub fn place(self, text: &str) -> String {
        let before = &text.as_bytes()[..self.start.min(text.len())];
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        format!("{}:{}", lines + 1, before.len() - line_start + 1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Scalar,
    Vector,
    Matrix,
    Text,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Scalar => "scalar",
            Kind::Vector => "instant vector",
            Kind::Matrix => "range vector",
            Kind::Text => "string",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Number(Number),
    Text(Text),
    Vector(VectorSelector),
    Matrix(MatrixSelector),
    Subquery(Subquery),
    Paren(Box<Expr>, Span),
    Unary(Unary),
    Binary(Box<Binary>),
    Call(Call),
    Aggregate(Box<Aggregate>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    pub value: f64,
    /// Written as a duration.
    pub is_duration: bool,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    pub value: String,
    pub span: Span,
}

/// A length of time in a selector: a literal or an expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Length {
    Seconds(f64),
    Step,
    Range,
    Negative(Box<Length>),
    Paren(Box<Length>),
    Least(Box<Length>, Box<Length>),
    Greatest(Box<Length>, Box<Length>),
    Binary(BinaryOp, Box<Length>, Box<Length>),
}

impl Length {
    pub const ZERO: Length = Length::Seconds(0.0);

    pub fn is_zero(&self) -> bool {
        *self == Length::ZERO
    }
}

/// The moment an `@` modifier names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum At {
    /// Unix milliseconds.
    Time(i64),
    Start,
    End,
}

/// How a selector treats the edges of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Edges {
    #[default]
    Plain,
    Anchored,
    Smoothed,
}

/// `@` and `offset` of a selector or subquery; the numbers are filled in before evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    pub at: Option<At>,
    pub offset: Length,
    pub offset_span: Span,
    pub at_time: Option<i64>,
    pub offset_ms: i64,
}

impl Default for Shift {
    fn default() -> Shift {
        Shift {
            at: None,
            offset: Length::ZERO,
            offset_span: Span::default(),
            at_time: None,
            offset_ms: 0,
        }
    }
}

impl Shift {
    /// The moment looked at when the evaluation is at `time`.
    pub fn apply(&self, time: i64) -> i64 {
        self.at_time.unwrap_or(time).saturating_sub(self.offset_ms)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct VectorSelector {
    /// The name in front of the braces.
    pub name: Option<String>,
    pub matchers: Vec<Matcher>,
    pub shift: Shift,
    pub edges: Edges,
    pub span: Span,
    /// Numbers the selectors of a query, so that each finds its series.
    pub id: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSelector {
    pub selector: VectorSelector,
    pub range: Length,
    pub range_span: Span,
    pub range_ms: i64,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    pub expr: Box<Expr>,
    pub range: Length,
    pub range_span: Span,
    pub range_ms: i64,
    /// Zero when left out.
    pub step: Length,
    pub step_span: Span,
    pub step_ms: i64,
    pub shift: Shift,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Unary {
    pub is_negative: bool,
    pub expr: Box<Expr>,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    /// LogQL's division and remainder: by zero they are not a number.
    LogDiv,
    LogMod,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    TrimLower,
    TrimUpper,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    pub fn text(self) -> &'static str {
        use BinaryOp::*;
        match self {
            Add => "+",
            Sub => "-",
            Mul => "*",
            Div => "/",
            Mod => "%",
            Pow => "^",
            Atan2 => "atan2",
            LogDiv => "/",
            LogMod => "%",
            Equal => "==",
            NotEqual => "!=",
            Greater => ">",
            Less => "<",
            GreaterEqual => ">=",
            LessEqual => "<=",
            TrimLower => ">/",
            TrimUpper => "</",
            And => "and",
            Or => "or",
            Unless => "unless",
        }
    }

    /// Binds more tightly the higher.
    pub fn precedence(self) -> u8 {
        use BinaryOp::*;
        match self {
            Or => 1,
            And | Unless => 2,
            Equal | NotEqual | Greater | Less | GreaterEqual | LessEqual | TrimLower
            | TrimUpper => 3,
            Add | Sub => 4,
            Mul | Div | Mod | Atan2 | LogDiv | LogMod => 5,
            Pow => 6,
        }
    }

    pub fn is_comparison(self) -> bool {
        use BinaryOp::*;
        matches!(self, Equal | NotEqual | Greater | Less | GreaterEqual | LessEqual)
    }

    pub fn is_set(self) -> bool {
        matches!(self, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
    }

    /// Whether the result means something else than the operands, so that it loses their name.
    pub fn changes_meaning(self) -> bool {
        use BinaryOp::*;
        matches!(self, Add | Sub | Mul | Div | Mod | Pow | Atan2 | LogDiv | LogMod)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    OneToOne,
    ManyToOne,
    OneToMany,
    ManyToMany,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    pub cardinality: Cardinality,
    /// `on` rather than `ignoring`.
    pub on: bool,
    pub labels: Vec<String>,
    /// Labels taken over from the "one" side.
    pub include: Vec<String>,
    pub fill_left: Option<f64>,
    pub fill_right: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    pub op: BinaryOp,
    pub left: Expr,
    pub right: Expr,
    pub matching: Matching,
    pub return_bool: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub function: &'static super::signature::Signature,
    pub args: Vec<Expr>,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Topk,
    Bottomk,
    Quantile,
    CountValues,
    Limitk,
    LimitRatio,
}

impl AggregateOp {
    pub const ALL: [AggregateOp; 14] = {
        use AggregateOp::*;
        [
            Sum,
            Avg,
            Min,
            Max,
            Count,
            Group,
            Stddev,
            Stdvar,
            Topk,
            Bottomk,
            Quantile,
            CountValues,
            Limitk,
            LimitRatio,
        ]
    };

    pub fn name(self) -> &'static str {
        use AggregateOp::*;
        match self {
            Sum => "sum",
            Avg => "avg",
            Min => "min",
            Max => "max",
            Count => "count",
            Group => "group",
            Stddev => "stddev",
            Stdvar => "stdvar",
            Topk => "topk",
            Bottomk => "bottomk",
            Quantile => "quantile",
            CountValues => "count_values",
            Limitk => "limitk",
            LimitRatio => "limit_ratio",
        }
    }

    pub fn takes_parameter(self) -> bool {
        use AggregateOp::*;
        matches!(self, Topk | Bottomk | Quantile | CountValues | Limitk | LimitRatio)
    }

    pub fn is_experimental(self) -> bool {
        matches!(self, AggregateOp::Limitk | AggregateOp::LimitRatio)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub op: AggregateOp,
    pub expr: Expr,
    pub parameter: Option<Expr>,
    pub labels: Vec<String>,
    pub without: bool,
    pub span: Span,
}

impl Expr {
    pub fn span(&self) -> Span {
        match self {
            Expr::Number(node) => node.span,
            Expr::Text(node) => node.span,
            Expr::Vector(node) => node.span,
            Expr::Matrix(node) => node.span,
            Expr::Subquery(node) => node.span,
            Expr::Paren(_, span) => *span,
            Expr::Unary(node) => node.span,
            Expr::Binary(node) => node.left.span().to(node.right.span()),
            Expr::Call(node) => node.span,
            Expr::Aggregate(node) => node.span,
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Expr::Number(_) => Kind::Scalar,
            Expr::Text(_) => Kind::Text,
            Expr::Vector(_) | Expr::Aggregate(_) => Kind::Vector,
            Expr::Matrix(_) | Expr::Subquery(_) => Kind::Matrix,
            Expr::Paren(inner, _) => inner.kind(),
            Expr::Unary(node) => node.expr.kind(),
            Expr::Binary(node) => match (node.left.kind(), node.right.kind()) {
                (Kind::Scalar, Kind::Scalar) => Kind::Scalar,
                _ => Kind::Vector,
            },
            Expr::Call(node) => node.function.returns,
        }
    }

    /// Without parentheses around it.
    pub fn bare(&self) -> &Expr {
        match self {
            Expr::Paren(inner, _) => inner.bare(),
            other => other,
        }
    }

    /// Calls `visit` for this node and every one below it.
    pub fn walk(&self, visit: &mut impl FnMut(&Expr)) {
        visit(self);
        match self {
            Expr::Number(_) | Expr::Text(_) | Expr::Vector(_) | Expr::Matrix(_) => {}
            Expr::Subquery(node) => node.expr.walk(visit),
            Expr::Paren(inner, _) => inner.walk(visit),
            Expr::Unary(node) => node.expr.walk(visit),
            Expr::Binary(node) => {
                node.left.walk(visit);
                node.right.walk(visit);
            }
            Expr::Call(node) => node.args.iter().for_each(|arg| arg.walk(visit)),
            Expr::Aggregate(node) => {
                if let Some(parameter) = &node.parameter {
                    parameter.walk(visit);
                }
                node.expr.walk(visit);
            }
        }
    }
}
