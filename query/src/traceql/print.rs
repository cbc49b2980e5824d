//! From syntax tree to text: what [`super::parse`] reads again as the same query.

use super::ast::{
    Aggregate, FieldExpr, FieldOp, Literal, Metrics, MetricsFunction, Pipeline, Query, ScalarExpr,
    SecondStage, SpansetExpr, Stage,
};
use super::token::quoted;
use std::fmt::{self, Display, Formatter};

/// An expression for a message.
pub(super) fn shown(expr: &FieldExpr) -> String {
    expr.to_string()
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.pipeline)?;
        if let Some(metrics) = &self.metrics {
            write!(f, " | {metrics}")?;
        }
        if !self.hints.is_empty() {
            let hints = self.hints.iter().map(|(key, value)| format!("{key}={value}"));
            write!(f, " with({})", joined(hints))?;
        }
        Ok(())
    }
}

impl Display for Pipeline {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, stage) in self.stages.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            match stage {
                Stage::Spans(spans) => write!(f, "{spans}")?,
                Stage::Filter(filter) => {
                    write!(f, "{} {} {}", filter.left, filter.op.text(), filter.right)?;
                }
                Stage::By(expr) => write!(f, "by({expr})")?,
                Stage::Coalesce => f.write_str("coalesce()")?,
                Stage::Select(fields) => write!(f, "select({})", joined(fields))?,
            }
        }
        Ok(())
    }
}

impl Display for SpansetExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            SpansetExpr::Filter(None) => f.write_str("{ }"),
            SpansetExpr::Filter(Some(condition)) => write!(f, "{{ {condition} }}"),
            SpansetExpr::Pipeline(pipeline) => write!(f, "({pipeline})"),
            SpansetExpr::Binary { op, left, right } => {
                for (side, separator) in [(left, ""), (right, op.text())] {
                    if !separator.is_empty() {
                        write!(f, " {separator} ")?;
                    }
                    match side.as_ref() {
                        SpansetExpr::Binary { .. } => write!(f, "({side})")?,
                        _ => write!(f, "{side}")?,
                    }
                }
                Ok(())
            }
        }
    }
}

impl Display for ScalarExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ScalarExpr::Literal(literal) => write!(f, "{literal}"),
            ScalarExpr::Aggregate(aggregate) => match aggregate {
                Aggregate::Count => f.write_str("count()"),
                Aggregate::Avg(of) => write!(f, "avg({of})"),
                Aggregate::Max(of) => write!(f, "max({of})"),
                Aggregate::Min(of) => write!(f, "min({of})"),
                Aggregate::Sum(of) => write!(f, "sum({of})"),
            },
            ScalarExpr::Negative(inner) => write!(f, "-({inner})"),
            ScalarExpr::Binary { op, left, right } => {
                write!(f, "({left} {} {right})", op.text())
            }
        }
    }
}

impl Display for FieldExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            FieldExpr::Literal(literal) => write!(f, "{literal}"),
            FieldExpr::Field(field) => write!(f, "{field}"),
            FieldExpr::Not(inner) => write!(f, "!({inner})"),
            FieldExpr::Negative(inner) => write!(f, "-({inner})"),
            FieldExpr::Binary { op, left, right } => {
                let op = match op {
                    FieldOp::And => "&&",
                    FieldOp::Or => "||",
                    FieldOp::Compare(comparison) => comparison.text(),
                    FieldOp::Arithmetic(arithmetic) => arithmetic.text(),
                };
                operand(f, left)?;
                write!(f, " {op} ")?;
                operand(f, right)
            }
        }
    }
}

fn operand(f: &mut Formatter<'_>, expr: &FieldExpr) -> fmt::Result {
    match expr {
        FieldExpr::Binary { .. } => write!(f, "({expr})"),
        _ => write!(f, "{expr}"),
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Nil => f.write_str("nil"),
            Literal::Int(i64::MIN) => f.write_str("minInt"),
            Literal::Int(number) => write!(f, "{number}"),
            Literal::Float(number) => write!(f, "{number:?}"),
            Literal::Duration(nanos) => write!(f, "{nanos}ns"),
            Literal::String(text) => f.write_str(&quoted(text)),
            Literal::Bool(flag) => write!(f, "{flag}"),
            Literal::Status(code) => f.write_str(status_name(*code)),
            Literal::Kind(kind) => f.write_str(kind_name(*kind)),
        }
    }
}

impl Display for Metrics {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.function)?;
        if !self.by.is_empty() {
            write!(f, " by({})", joined(&self.by))?;
        }
        for stage in &self.second {
            match stage {
                SecondStage::TopK(count) => write!(f, " | topk({count})")?,
                SecondStage::BottomK(count) => write!(f, " | bottomk({count})")?,
                SecondStage::Compare(op, number) => write!(f, " {} {number:?}", op.text())?,
            }
        }
        Ok(())
    }
}

impl Display for MetricsFunction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            MetricsFunction::Rate => f.write_str("rate()"),
            MetricsFunction::CountOverTime => f.write_str("count_over_time()"),
            MetricsFunction::MinOverTime(field) => write!(f, "min_over_time({field})"),
            MetricsFunction::MaxOverTime(field) => write!(f, "max_over_time({field})"),
            MetricsFunction::AvgOverTime(field) => write!(f, "avg_over_time({field})"),
            MetricsFunction::SumOverTime(field) => write!(f, "sum_over_time({field})"),
            MetricsFunction::HistogramOverTime(field) => {
                write!(f, "histogram_over_time({field})")
            }
            MetricsFunction::QuantileOverTime(field, quantiles) => {
                let quantiles = quantiles.iter().map(|quantile| format!("{quantile:?}"));
                write!(f, "quantile_over_time({field}, {})", joined(quantiles))
            }
            MetricsFunction::Compare { selection, top, times } => {
                let selection = SpansetExpr::Filter(selection.clone());
                write!(f, "compare({selection}, {top}")?;
                if let Some((start, end)) = times {
                    write!(f, ", {start}, {end}")?;
                }
                f.write_str(")")
            }
        }
    }
}

/// As TraceQL writes OTLP's `StatusCode`.
pub(super) fn status_name(code: i32) -> &'static str {
    match code {
        1 => "ok",
        2 => "error",
        _ => "unset",
    }
}

/// As TraceQL writes OTLP's `SpanKind`.
pub(super) fn kind_name(kind: i32) -> &'static str {
    match kind {
        1 => "internal",
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        _ => "unspecified",
    }
}

fn joined(parts: impl IntoIterator<Item = impl Display>) -> String {
    let parts: Vec<String> = parts.into_iter().map(|part| part.to_string()).collect();
    parts.join(", ")
}
