//! Writing expressions as text: on one line, or broken over lines where that would be too long.

use super::ast::*;
use super::labels::{METRIC_NAME, MatchOp, Matcher};
use super::text::{float_short, format_duration, is_legacy_name, quote};

/// Longest line before an expression is broken.
const LINE_CHARACTERS_MAX: usize = 100;

/// The canonical form.
pub fn one_line(expr: &Expr) -> String {
    match expr {
        Expr::Number(node) => number(node),
        Expr::Text(node) => quote(&node.value),
        Expr::Vector(node) => vector(node, "") + &shift(&node.shift),
        Expr::Matrix(node) => {
            let range = format!("[{}]", length(&node.range));
            vector(&node.selector, &range) + &shift(&node.selector.shift)
        }
        Expr::Subquery(node) => one_line(&node.expr) + &subquery_suffix(node),
        Expr::Paren(inner, _) => format!("({})", one_line(inner)),
        Expr::Unary(node) => format!("{}{}", sign(node), one_line(&node.expr)),
        Expr::Binary(node) => {
            format!("{} {} {}", one_line(&node.left), operator(node), one_line(&node.right))
        }
        Expr::Call(node) => {
            let args: Vec<String> = node.args.iter().map(one_line).collect();
            format!("{}({})", node.function.name, args.join(", "))
        }
        Expr::Aggregate(node) => {
            let parameter = node.parameter.as_ref().map(|p| one_line(p) + ", ").unwrap_or_default();
            format!("{}({parameter}{})", aggregation(node), one_line(&node.expr))
        }
    }
}

/// The form for people: long expressions over several lines, indented.
pub fn pretty(expr: &Expr) -> String {
    lines(expr, 0)
}

fn lines(expr: &Expr, level: usize) -> String {
    let indent = "  ".repeat(level);
    let short = one_line(expr);
    if short.chars().count() <= LINE_CHARACTERS_MAX {
        return indent + &short;
    }
    match expr {
        Expr::Aggregate(node) => {
            let parameter = node.parameter.as_ref();
            let parameter = parameter.map(|p| lines(p, level + 1) + ",\n").unwrap_or_default();
            let inner = lines(&node.expr, level + 1);
            format!("{indent}{}(\n{parameter}{inner}\n{indent})", aggregation(node))
        }
        Expr::Binary(node) => {
            let (left, right) = (lines(&node.left, level + 1), lines(&node.right, level + 1));
            format!("{left}\n{indent}{}\n{right}", operator(node))
        }
        Expr::Call(node) => {
            let args: Vec<String> = node.args.iter().map(|arg| lines(arg, level + 1)).collect();
            format!("{indent}{}(\n{}\n{indent})", node.function.name, args.join(",\n"))
        }
        Expr::Paren(inner, _) => format!("{indent}(\n{}\n{indent})", lines(inner, level + 1)),
        Expr::Subquery(node) => lines(&node.expr, level) + &subquery_suffix(node),
        Expr::Unary(node) => {
            format!("{indent}{}{}", sign(node), lines(&node.expr, level).trim())
        }
        _ => indent + &short,
    }
}

fn number(node: &Number) -> String {
    if node.is_duration {
        return format_duration((node.value * 1000.0).round() as i64);
    }
    float_short(node.value)
}

fn sign(node: &Unary) -> &'static str {
    if node.is_negative { "-" } else { "+" }
}

fn names(labels: &[String]) -> String {
    let written = labels
        .iter()
        .map(|label| if is_legacy_name(label, false) { label.clone() } else { quote(label) });
    written.collect::<Vec<_>>().join(", ")
}

pub(crate) fn aggregation(node: &Aggregate) -> String {
    let name = node.op.name();
    match (node.without, node.labels.is_empty()) {
        (true, _) => format!("{name} without ({}) ", names(&node.labels)),
        (false, false) => format!("{name} by ({}) ", names(&node.labels)),
        (false, true) => name.to_owned(),
    }
}

fn operator(node: &Binary) -> String {
    let mut out = node.op.text().to_owned();
    if node.return_bool {
        out.push_str(" bool");
    }
    let matching = &node.matching;
    let is_grouped =
        matches!(matching.cardinality, Cardinality::ManyToOne | Cardinality::OneToMany);
    if matching.on || !matching.labels.is_empty() || is_grouped {
        let word = if matching.on { "on" } else { "ignoring" };
        out.push_str(&format!(" {word} ({})", names(&matching.labels)));
    }
    let group = match matching.cardinality {
        Cardinality::ManyToOne => Some("group_left"),
        Cardinality::OneToMany => Some("group_right"),
        _ => None,
    };
    if let Some(word) = group {
        out.push_str(&format!(" {word} ({})", names(&matching.include)));
    }
    match (matching.fill_left, matching.fill_right) {
        (Some(left), Some(right)) if left.to_bits() == right.to_bits() => {
            out.push_str(&format!(" fill ({})", float_short(left)));
        }
        (left, right) => {
            for (word, value) in [("fill_left", left), ("fill_right", right)] {
                if let Some(value) = value {
                    out.push_str(&format!(" {word} ({})", float_short(value)));
                }
            }
        }
    }
    out
}

fn vector(node: &VectorSelector, range: &str) -> String {
    let name = node.name.as_deref().unwrap_or("");
    let is_name =
        |matcher: &&Matcher| &*matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal;
    let is_written = |matcher: &&Matcher| is_name(matcher) && &*matcher.value == name;
    let mut conditions: Vec<String> = node
        .matchers
        .iter()
        .filter(|matcher| !is_written(matcher))
        .filter(|matcher| !is_name(matcher) || is_legacy_name(&matcher.value, true))
        .map(|matcher| matcher.to_string())
        .collect();
    conditions.sort();
    // A name that needs quotes comes first.
    let quoted = node.matchers.iter().filter(|matcher| !is_written(matcher)).find(is_name);
    if let Some(name) = quoted.filter(|name| !is_legacy_name(&name.value, true)) {
        conditions.insert(0, quote(&name.value));
    }
    let edges = match node.edges {
        Edges::Plain => "",
        Edges::Anchored => " anchored",
        Edges::Smoothed => " smoothed",
    };
    if conditions.is_empty() {
        return format!("{name}{range}{edges}");
    }
    format!("{name}{{{}}}{range}{edges}", conditions.join(","))
}

fn subquery_suffix(node: &Subquery) -> String {
    let step = if node.step.is_zero() { String::new() } else { length(&node.step) };
    format!("[{}:{step}]{}", length(&node.range), shift(&node.shift))
}

fn shift(shift: &Shift) -> String {
    let mut out = match shift.at {
        None => String::new(),
        Some(At::Start) => " @ start()".to_owned(),
        Some(At::End) => " @ end()".to_owned(),
        Some(At::Time(time)) => format!(" @ {:.3}", time as f64 / 1000.0),
    };
    if !shift.offset.is_zero() {
        out.push_str(&format!(" offset {}", length(&shift.offset)));
    }
    out
}

pub(crate) fn length(node: &Length) -> String {
    match node {
        Length::Seconds(seconds) => format_duration((seconds * 1000.0).round() as i64),
        Length::Step => "step()".to_owned(),
        Length::Range => "range()".to_owned(),
        Length::Negative(inner) => format!("-{}", length(inner)),
        Length::Paren(inner) => format!("({})", length(inner)),
        Length::Least(a, b) => format!("min_of({}, {})", length(a), length(b)),
        Length::Greatest(a, b) => format!("max_of({}, {})", length(a), length(b)),
        Length::Binary(op, a, b) => format!("{} {} {}", factor(a), op.text(), factor(b)),
    }
}

/// A factor is a plain number where it was written as one, but a length reads the same either way.
fn factor(node: &Length) -> String {
    match node {
        Length::Seconds(seconds) if seconds.fract() == 0.0 && seconds.abs() < 60.0 => {
            format!("{seconds}s")
        }
        other => length(other),
    }
}
