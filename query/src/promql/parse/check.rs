//! Types: whether every operator and function gets what it takes.

use super::super::ast::*;
use super::super::labels::METRIC_NAME;
use super::ParseError;

type Checked = Result<(), ParseError>;

fn wrong(span: Span, message: String) -> Checked {
    Err(ParseError::at(span, message))
}

fn expect(expr: &Expr, wanted: Kind, context: &str) -> Checked {
    let found = expr.kind();
    if found == wanted {
        return Ok(());
    }
    let message = format!("expected type {} in {context}, got {}", wanted.name(), found.name());
    wrong(expr.span(), message)
}

pub(super) fn check(expr: &Expr, text: &str) -> Checked {
    match expr {
        Expr::Number(_) | Expr::Text(_) => Ok(()),
        Expr::Vector(node) => check_selector(node),
        Expr::Matrix(node) => check_selector(&node.selector),
        Expr::Subquery(node) => {
            check(&node.expr, text)?;
            if node.expr.kind() == Kind::Vector {
                return Ok(());
            }
            let message = format!(
                "subquery is only allowed on instant vector, got {} instead",
                node.expr.kind().name()
            );
            wrong(node.span, message)
        }
        Expr::Paren(inner, _) => check(inner, text),
        Expr::Unary(node) => {
            check(&node.expr, text)?;
            match node.expr.kind() {
                Kind::Scalar | Kind::Vector => Ok(()),
                other => wrong(
                    node.span,
                    format!(
                        "unary expression only allowed on expressions of type scalar or instant vector, got {:?}",
                        other.name()
                    ),
                ),
            }
        }
        Expr::Binary(node) => check_binary(node, text),
        Expr::Call(node) => check_call(node, text),
        Expr::Aggregate(node) => check_aggregate(node, text),
    }
}

/// A selector has to name something: one that matches every series would read everything.
fn check_selector(selector: &VectorSelector) -> Checked {
    if selector.matchers.iter().any(|matcher| !matcher.matches("")) {
        return Ok(());
    }
    let message = "vector selector must contain at least one non-empty matcher".to_owned();
    wrong(selector.span, message)
}

fn check_binary(node: &Binary, text: &str) -> Checked {
    check(&node.left, text)?;
    check(&node.right, text)?;
    let (left, right) = (node.left.kind(), node.right.kind());
    for side in [&node.left, &node.right] {
        if !matches!(side.kind(), Kind::Scalar | Kind::Vector) {
            let message =
                "binary expression must contain only scalar and instant vector types".to_owned();
            return wrong(side.span(), message);
        }
    }
    let span = node.left.span().to(node.right.span());
    let both_vectors = left == Kind::Vector && right == Kind::Vector;
    let fills = node.matching.fill_left.is_some() || node.matching.fill_right.is_some();
    if !both_vectors && !node.matching.labels.is_empty() {
        return wrong(span, "vector matching only allowed between instant vectors".to_owned());
    }
    if !both_vectors && fills {
        let message = "filling in missing series only allowed between instant vectors".to_owned();
        return wrong(span, message);
    }
    if !both_vectors && node.op.is_set() {
        let message =
            format!("set operator {:?} not allowed in binary scalar expression", node.op.text());
        return wrong(span, message);
    }
    if node.op.is_set() && node.matching.cardinality != Cardinality::ManyToMany {
        return wrong(span, format!("no grouping allowed for {:?} operation", node.op.text()));
    }
    if node.op.is_set() && fills {
        return wrong(span, "filling in missing series not allowed for set operators".to_owned());
    }
    if left == Kind::Scalar
        && right == Kind::Scalar
        && matches!(node.op, BinaryOp::TrimLower | BinaryOp::TrimUpper)
    {
        let message = format!("operator {:?} not allowed for Scalar operations", node.op.text());
        return wrong(span, message);
    }
    Ok(())
}

fn check_call(node: &Call, text: &str) -> Checked {
    let function = node.function;
    let found = node.args.len();
    let (least, most) = (function.count_min(), function.count_max());
    let count = |relation: &str, wanted: usize| {
        let name = function.name;
        let message =
            format!("expected {relation}{wanted} argument(s) in call to {name:?}, got {found}");
        wrong(node.span, message)
    };
    if least == most && found != least {
        return count("", least);
    }
    if found < least {
        return count("at least ", least);
    }
    if found > most {
        return count("at most ", most);
    }
    for (index, arg) in node.args.iter().enumerate() {
        if function.name == "info" && index == 1 {
            check_info_labels(arg)?;
            continue;
        }
        check(arg, text)?;
        expect(arg, function.arg(index), &format!("call to function {:?}", function.name))?;
        // Strings are read from the text, not computed.
        if function.arg(index) == Kind::Text && !matches!(arg.bare(), Expr::Text(_)) {
            return wrong(arg.span(), "expected a string literal".to_owned());
        }
    }
    Ok(())
}

/// The second argument of `info` is a set of label conditions without a name in front.
fn check_info_labels(arg: &Expr) -> Checked {
    match arg {
        Expr::Vector(selector) if selector.name.is_none() => Ok(()),
        Expr::Vector(selector) => {
            let found = selector.matchers.iter().find(|matcher| &*matcher.name == METRIC_NAME);
            let name = found.map_or("", |matcher| &*matcher.value);
            wrong(
                selector.span,
                format!("expected label selectors only, got vector selector instead: {name:?}"),
            )
        }
        other => wrong(other.span(), "expected label selectors only".to_owned()),
    }
}

fn check_aggregate(node: &Aggregate, text: &str) -> Checked {
    check(&node.expr, text)?;
    expect(&node.expr, Kind::Vector, "aggregation expression")?;
    let Some(parameter) = &node.parameter else { return Ok(()) };
    check(parameter, text)?;
    if node.op == AggregateOp::CountValues {
        expect(parameter, Kind::Text, "aggregation parameter")?;
        if !matches!(parameter.bare(), Expr::Text(_)) {
            return wrong(parameter.span(), "expected a string literal".to_owned());
        }
        return Ok(());
    }
    expect(parameter, Kind::Scalar, "aggregation parameter")
}
