//! A parsed query as JSON, in the form Prometheus's own interface draws it from.

use binnacle_query::promql::ast::*;
use binnacle_query::promql::labels::{METRIC_NAME, Matcher};
use binnacle_query::promql::signature::{More, Signature};
use binnacle_query::promql::text::float_plain;
use serde_json::{Value, json};

pub fn node(expr: &Expr) -> Value {
    match expr {
        Expr::Number(node) => json!({"type": "numberLiteral", "val": float_plain(node.value)}),
        Expr::Text(node) => json!({"type": "stringLiteral", "val": node.value}),
        Expr::Vector(selector) => selector_node(selector, "vectorSelector"),
        Expr::Matrix(matrix) => {
            let mut value = selector_node(&matrix.selector, "matrixSelector");
            value["range"] = milliseconds(&matrix.range);
            value
        }
        Expr::Subquery(subquery) => {
            let mut value = json!({
                "type": "subquery",
                "expr": node(&subquery.expr),
                "range": milliseconds(&subquery.range),
                "step": milliseconds(&subquery.step),
            });
            put_shift(&mut value, &subquery.shift);
            value
        }
        Expr::Paren(inner, _) => json!({"type": "parenExpr", "expr": node(inner)}),
        Expr::Unary(unary) => json!({
            "type": "unaryExpr",
            "op": if unary.is_negative { "-" } else { "+" },
            "expr": node(&unary.expr),
        }),
        Expr::Binary(binary) => binary_node(binary),
        Expr::Call(call) => json!({
            "type": "call",
            "func": function(call.function),
            "args": call.args.iter().map(node).collect::<Vec<_>>(),
        }),
        Expr::Aggregate(aggregate) => json!({
            "type": "aggregation",
            "op": aggregate.op.name(),
            "expr": node(&aggregate.expr),
            "param": aggregate.parameter.as_ref().map(node),
            "grouping": aggregate.labels,
            "without": aggregate.without,
        }),
    }
}

fn selector_node(selector: &VectorSelector, kind: &str) -> Value {
    let name = selector.name.as_deref().unwrap_or("");
    let shown = |matcher: &&Matcher| !(&*matcher.name == METRIC_NAME && &*matcher.value == name);
    let matchers = selector.matchers.iter().filter(shown).map(|matcher| {
        json!({"name": &*matcher.name, "type": matcher.op.text(), "value": &*matcher.value})
    });
    let mut value = json!({
        "type": kind,
        "name": name,
        "matchers": matchers.collect::<Vec<_>>(),
        "anchored": selector.edges == Edges::Anchored,
        "smoothed": selector.edges == Edges::Smoothed,
    });
    put_shift(&mut value, &selector.shift);
    value
}

fn put_shift(value: &mut Value, shift: &Shift) {
    value["offset"] = milliseconds(&shift.offset);
    value["timestamp"] = match shift.at {
        Some(At::Time(time)) => time.into(),
        _ => Value::Null,
    };
    value["startOrEnd"] = match shift.at {
        Some(At::Start) => "start".into(),
        Some(At::End) => "end".into(),
        _ => Value::Null,
    };
}

/// Lengths that depend on the request are not known yet.
fn milliseconds(length: &Length) -> Value {
    match length {
        Length::Seconds(seconds) => ((seconds * 1000.0).round() as i64).into(),
        _ => 0.into(),
    }
}

fn binary_node(binary: &Binary) -> Value {
    let matching = &binary.matching;
    let card = match matching.cardinality {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    let both_vectors = binary.left.kind() == Kind::Vector && binary.right.kind() == Kind::Vector;
    let matching = both_vectors.then(|| {
        json!({
            "card": card,
            "labels": matching.labels,
            "on": matching.on,
            "include": matching.include,
            "fillValues": {"lhs": matching.fill_left, "rhs": matching.fill_right},
        })
    });
    json!({
        "type": "binaryExpr",
        "op": binary.op.text(),
        "lhs": node(&binary.left),
        "rhs": node(&binary.right),
        "matching": matching,
        "bool": binary.return_bool,
    })
}

fn function(function: &Signature) -> Value {
    let variadic = match function.more {
        More::None => 0,
        More::Optional(count) | More::UpTo(count) => i64::try_from(count).unwrap_or(0),
        More::Any => -1,
    };
    json!({
        "name": function.name,
        "argTypes": function.args.iter().map(|kind| kind_name(*kind)).collect::<Vec<_>>(),
        "variadic": variadic,
        "returnType": kind_name(function.returns),
    })
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Scalar => "scalar",
        Kind::Vector => "vector",
        Kind::Matrix => "matrix",
        Kind::Text => "string",
    }
}
