//! `label_replace` and `label_join`: series under other labels.

use super::super::ast::Call;
use super::super::error::Failure;
use super::super::eval::{Evaluator, Grid};
use super::super::labels::{METRIC_NAME, whole_regex};
use super::super::series::Column;
use super::{arg, text};
use regex::Captures;

pub fn label_replace(
    evaluator: &mut Evaluator,
    node: &Call,
    grid: Grid,
) -> Result<Vec<Column>, Failure> {
    let (target, template, source) = (text(node, 1)?, text(node, 2)?, text(node, 3)?);
    let pattern = text(node, 4)?;
    let regex = whole_regex(pattern).map_err(|_| {
        Failure::Execution(format!("invalid regular expression in label_replace(): {pattern}"))
    })?;
    check_name(target, "destination label name in label_replace()")?;
    let mut columns = evaluator.vector(arg(node, 0)?, grid)?;
    for column in &mut columns {
        let value = column.labels.value(source).to_owned();
        if let Some(captures) = regex.captures(&value) {
            set(column, target, &expand(template, &captures));
        }
    }
    evaluator.merged(columns)
}

pub fn label_join(
    evaluator: &mut Evaluator,
    node: &Call,
    grid: Grid,
) -> Result<Vec<Column>, Failure> {
    let (target, separator) = (text(node, 1)?, text(node, 2)?);
    let sources =
        (3..node.args.len()).map(|index| text(node, index)).collect::<Result<Vec<_>, _>>()?;
    for source in &sources {
        check_name(source, "source label name in label_join()")?;
    }
    check_name(target, "destination label name in label_join()")?;
    let mut columns = evaluator.vector(arg(node, 0)?, grid)?;
    for column in &mut columns {
        let values: Vec<&str> = sources.iter().map(|source| column.labels.value(source)).collect();
        let joined = values.join(separator);
        set(column, target, &joined);
    }
    evaluator.merged(columns)
}

fn check_name(name: &str, what: &str) -> Result<(), Failure> {
    if name.is_empty() {
        return Err(Failure::Execution(format!("invalid {what}: {name}")));
    }
    Ok(())
}

/// A name given on purpose is not dropped any more.
fn set(column: &mut Column, target: &str, value: &str) {
    column.labels = column.labels.with(target, value);
    if target == METRIC_NAME {
        column.drop_name = false;
    }
}

/// Fills `$1`, `${1}`, `$name` and `${name}` as Go does: a name reaches as far as it can, and one that is not there is
/// empty.
fn expand(template: &str, captures: &Captures<'_>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (name, after) = match rest.strip_prefix('{') {
            Some(braced) => match braced.split_once('}') {
                Some((name, after)) => (name, after),
                None => ("", rest),
            },
            None => {
                let end =
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                rest.split_at(end)
            }
        };
        if name.is_empty() {
            // Not a reference: the dollar stands for itself.
            out.push('$');
            continue;
        }
        rest = after;
        let group = match name.parse::<usize>() {
            Ok(number) => captures.get(number),
            Err(_) => captures.name(name),
        };
        out.push_str(group.map_or("", |group| group.as_str()));
    }
    out.push_str(rest);
    out
}
