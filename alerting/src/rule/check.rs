//! What a group must keep to be evaluated: names, expressions and templates that can be read.

use super::file::{Group, Language, Rule, RuleKind};
use super::template;
use crate::yaml::Fault;
use binnacle_query::promql::ast::Kind;
use binnacle_query::promql::labels::METRIC_NAME;
use binnacle_query::promql::parse::{Features, parse};

/// Adds everything that is wrong with a group.
pub fn check_group(group: &Group, faults: &mut Vec<Fault>) {
    if group.name.is_empty() {
        faults.push(Fault::new(group.line, "Groupname must not be empty"));
    }
    for (name, _) in &group.labels {
        if !is_label_name(name) {
            let message = format!("group \"{}\": invalid label name: {name}", group.name);
            faults.push(Fault::new(group.line, message));
        }
    }
    for (index, rule) in group.rules.iter().enumerate() {
        let place = format!("group \"{}\", rule {}, \"{}\"", group.name, index + 1, rule.name());
        let problems = check_rule(rule).into_iter();
        faults.extend(problems.map(|problem| Fault::new(rule.line, format!("{place}: {problem}"))));
    }
}

fn check_rule(rule: &Rule) -> Vec<String> {
    let mut problems = Vec::new();
    for expr in std::iter::once(&rule.expr).chain(&rule.has_data) {
        if let Err(reason) = check_expr(rule.language, expr) {
            problems.push(format!("could not parse expression: {reason}"));
        }
    }
    for (name, _) in &rule.labels {
        if !is_label_name(name) {
            problems.push(format!("invalid label name: {name}"));
        }
    }
    match &rule.kind {
        RuleKind::Record(name) => {
            if name.contains(['{', '}']) {
                problems.push(format!("invalid recording rule name: {name}"));
            }
        }
        RuleKind::Alert(alert) => {
            let labels = rule.labels.iter().map(|(name, text)| ("label", name, text));
            let annotations =
                alert.annotations.iter().map(|(name, text)| ("annotation", name, text));
            for (what, name, text) in labels.chain(annotations) {
                if name.is_empty() {
                    problems.push(format!("invalid {what} name: {name}"));
                }
                if let Err(reason) = template::parse(text) {
                    problems.push(format!("{what} \"{name}\": error parsing template: {reason}"));
                }
            }
        }
    }
    problems
}

fn check_expr(language: Language, text: &str) -> Result<(), String> {
    match language {
        Language::Promql => {
            let expr =
                parse(text, Features { experimental: true }).map_err(|error| error.text(text))?;
            match expr.kind() {
                Kind::Scalar | Kind::Vector => Ok(()),
                kind => Err(format!("rule result is not a vector or scalar but {}", kind.name())),
            }
        }
        Language::Logql => binnacle_query::logql::check_metric(text).map_err(|e| e.to_string()),
        Language::Traceql => {
            binnacle_query::traceql::check_metrics(text).map_err(|error| error.to_string())
        }
        // Tables and their columns are known when it is asked.
        Language::Sql => Ok(()),
    }
}

/// Any name in UTF-8 is one; that of the metric is the rule's.
fn is_label_name(name: &str) -> bool {
    !name.is_empty() && name != METRIC_NAME
}
