//! Types: what a query cannot mean is refused before it is run.

use super::ast::{
    Aggregate, Arithmetic, Comparison, Field, FieldExpr, FieldOp, Intrinsic, Literal,
    MetricsFunction, Pipeline, Query, ScalarExpr, SpansetExpr, Stage,
};
use super::error::{Place, SyntaxError};
use super::print::shown;

/// The type of an expression, as far as the text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    /// An attribute: known for every span only.
    Any,
    Nil,
    Number,
    String,
    Bool,
    Status,
    Kind,
}

pub(super) fn check(query: &Query) -> Result<(), SyntaxError> {
    check_pipeline(&query.pipeline)?;
    if let Some(metrics) = &query.metrics
        && let MetricsFunction::Compare { selection: Some(selection), .. } = &metrics.function
    {
        check_condition(selection)?;
    }
    Ok(())
}

fn check_pipeline(pipeline: &Pipeline) -> Result<(), SyntaxError> {
    pipeline.stages.iter().try_for_each(|stage| match stage {
        Stage::Spans(spans) => check_spans(spans),
        Stage::Filter(filter) => {
            if let Comparison::Matches | Comparison::NotMatches = filter.op {
                return Err(wrong("a number cannot match a regular expression".to_owned()));
            }
            check_scalar(&filter.left)?;
            check_scalar(&filter.right)
        }
        Stage::By(expr) => type_of(expr).map(drop),
        Stage::Coalesce | Stage::Select(_) => Ok(()),
    })
}

fn check_spans(spans: &SpansetExpr) -> Result<(), SyntaxError> {
    match spans {
        SpansetExpr::Filter(None) => Ok(()),
        SpansetExpr::Filter(Some(condition)) => check_condition(condition),
        SpansetExpr::Pipeline(pipeline) => check_pipeline(pipeline),
        SpansetExpr::Binary { left, right, .. } => {
            check_spans(left)?;
            check_spans(right)
        }
    }
}

fn check_condition(condition: &FieldExpr) -> Result<(), SyntaxError> {
    match type_of(condition)? {
        Type::Any | Type::Bool => Ok(()),
        _ => Err(wrong(format!("'{}' is not true or false of a span", shown(condition)))
            .with_hint("compare it with something: { .http.status_code = 500 }")),
    }
}

fn check_scalar(scalar: &ScalarExpr) -> Result<(), SyntaxError> {
    match scalar {
        ScalarExpr::Literal(Literal::Int(_) | Literal::Float(_) | Literal::Duration(_)) => Ok(()),
        ScalarExpr::Literal(_) => Err(wrong("sets of spans compare with numbers only".to_owned())),
        ScalarExpr::Negative(inner) => check_scalar(inner),
        ScalarExpr::Binary { left, right, .. } => {
            check_scalar(left)?;
            check_scalar(right)
        }
        ScalarExpr::Aggregate(aggregate) => match aggregate {
            Aggregate::Count => Ok(()),
            Aggregate::Avg(of) | Aggregate::Max(of) | Aggregate::Min(of) | Aggregate::Sum(of) => {
                number(of)
            }
        },
    }
}

fn number(expr: &FieldExpr) -> Result<(), SyntaxError> {
    match type_of(expr)? {
        Type::Any | Type::Number => Ok(()),
        _ => Err(wrong(format!("'{}' is not a number", shown(expr)))),
    }
}

fn type_of(expr: &FieldExpr) -> Result<Type, SyntaxError> {
    match expr {
        FieldExpr::Literal(literal) => Ok(type_of_literal(literal)),
        FieldExpr::Field(field) => Ok(type_of_field(field)),
        FieldExpr::Not(inner) => {
            check_condition(inner)?;
            Ok(Type::Bool)
        }
        FieldExpr::Negative(inner) => {
            number(inner)?;
            Ok(Type::Number)
        }
        FieldExpr::Binary { op: FieldOp::And | FieldOp::Or, left, right } => {
            check_condition(left)?;
            check_condition(right)?;
            Ok(Type::Bool)
        }
        FieldExpr::Binary { op: FieldOp::Arithmetic(op), left, right } => {
            type_of_arithmetic(*op, left, right)
        }
        FieldExpr::Binary { op: FieldOp::Compare(op), left, right } => {
            check_comparison(expr, *op, left, right)?;
            Ok(Type::Bool)
        }
    }
}

fn type_of_arithmetic(
    _op: Arithmetic,
    left: &FieldExpr,
    right: &FieldExpr,
) -> Result<Type, SyntaxError> {
    number(left)?;
    number(right)?;
    Ok(Type::Number)
}

fn check_comparison(
    whole: &FieldExpr,
    op: Comparison,
    left: &FieldExpr,
    right: &FieldExpr,
) -> Result<(), SyntaxError> {
    let (left_type, right_type) = (type_of(left)?, type_of(right)?);
    let unlike = left_type != right_type && ![left_type, right_type].contains(&Type::Any);
    let with_nil = left_type == Type::Nil || right_type == Type::Nil;
    let equality = matches!(op, Comparison::Equal | Comparison::NotEqual);
    if unlike && !with_nil {
        let hint = match (left_type, right) {
            (Type::Status, FieldExpr::Literal(Literal::String(text))) => {
                format!("a status is written without quotes: status = {text}")
            }
            (Type::Kind, FieldExpr::Literal(Literal::String(text))) => {
                format!("a kind is written without quotes: kind = {text}")
            }
            _ => "a text needs quotes, a number none".to_owned(),
        };
        return Err(wrong(format!("'{}' compares unlike types", shown(whole))).with_hint(&hint));
    }
    if with_nil && !equality {
        return Err(wrong(format!("'{}': nil compares with = and != only", shown(whole))));
    }
    if matches!(left_type, Type::Status | Type::Kind | Type::Bool) && !equality {
        return Err(wrong(format!("'{}': this type compares with = and != only", shown(whole))));
    }
    if let Comparison::Matches | Comparison::NotMatches = op {
        return check_regex(right);
    }
    Ok(())
}

fn check_regex(right: &FieldExpr) -> Result<(), SyntaxError> {
    let FieldExpr::Literal(Literal::String(pattern)) = right else {
        return Err(wrong(format!("'{}' is not a regular expression in quotes", shown(right))));
    };
    match super::condition::regex(pattern) {
        Ok(_) => Ok(()),
        Err(error) => Err(wrong(format!("the regular expression is not valid: {error}"))),
    }
}

fn type_of_literal(literal: &Literal) -> Type {
    match literal {
        Literal::Nil => Type::Nil,
        Literal::Int(_) | Literal::Float(_) | Literal::Duration(_) => Type::Number,
        Literal::String(_) => Type::String,
        Literal::Bool(_) => Type::Bool,
        Literal::Status(_) => Type::Status,
        Literal::Kind(_) => Type::Kind,
    }
}

fn type_of_field(field: &Field) -> Type {
    let Field::Intrinsic(intrinsic) = field else {
        return Type::Any;
    };
    match intrinsic {
        Intrinsic::Status => Type::Status,
        Intrinsic::Kind => Type::Kind,
        Intrinsic::Parent => Type::Nil,
        Intrinsic::Duration
        | Intrinsic::TraceDuration
        | Intrinsic::ChildCount
        | Intrinsic::NestedSetLeft
        | Intrinsic::NestedSetRight
        | Intrinsic::NestedSetParent
        | Intrinsic::EventTimeSinceStart => Type::Number,
        Intrinsic::Name
        | Intrinsic::StatusMessage
        | Intrinsic::SpanId
        | Intrinsic::ParentId
        | Intrinsic::TraceId
        | Intrinsic::RootName
        | Intrinsic::RootService
        | Intrinsic::EventName
        | Intrinsic::LinkTraceId
        | Intrinsic::LinkSpanId
        | Intrinsic::InstrumentationName
        | Intrinsic::InstrumentationVersion => Type::String,
    }
}

/// Types belong to the whole of an expression, which is named in the message; the place is the query's begin.
fn wrong(message: String) -> SyntaxError {
    SyntaxError::new(Place(0), message)
}
