//! Rule files: groups of rules as Prometheus writes them, with four fields of our own.
//!
//! A group may say `tenant`, whose telemetry it is about. A rule may say `language` (`promql`, `logql`, `traceql` or `sql`), in
//! which its `expr` is written; `window`, the time that a question in TraceQL or SQL is about; and `has_data`: an expression
//! of that language which finds something exactly while there is anything to judge. While it finds nothing the rule is not
//! measured, and its alerts stay as they are.

use super::check::check_group;
use crate::yaml::{self, Fault, Fields, Node};
use binnacle_query::promql::text::parse_duration;
use binnacle_storage::model::TenantId;
use std::fmt;

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFault {
    pub file: String,
    pub fault: Fault,
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.fault)
    }
}

/// Rules that are evaluated one after the other, at the same times.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The path as it was given.
    pub file: String,
    pub line: usize,
    pub name: String,
    pub tenant: Option<TenantId>,
    /// Milliseconds.
    pub interval: Option<i64>,
    pub query_offset: Option<i64>,
    /// Most series or alerts a rule may make; 0 is any number.
    pub limit: usize,
    pub labels: Pairs,
    pub rules: Vec<Rule>,
}

/// Names and values in the order they are written.
pub type Pairs = Vec<(String, String)>;

#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub line: usize,
    pub kind: RuleKind,
    pub language: Language,
    pub expr: String,
    pub has_data: Option<String>,
    /// What TraceQL and SQL look at: so many milliseconds before the time of the evaluation.
    pub window: i64,
    /// Those of the group too; the rule's own win.
    pub labels: Pairs,
}

#[derive(Debug, Clone, PartialEq)]
pub enum RuleKind {
    /// Its results become a series of this name.
    Record(String),
    Alert(AlertRule),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertRule {
    pub name: String,
    /// `for`, in milliseconds.
    pub hold: i64,
    pub keep_firing_for: i64,
    pub annotations: Pairs,
}

/// The window of a rule that does not say one.
const WINDOW_DEFAULT: i64 = 5 * 60_000;

/// In which language a rule asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    Promql,
    Logql,
    Traceql,
    Sql,
}

impl Language {
    pub const ALL: [Language; 4] =
        [Language::Promql, Language::Logql, Language::Traceql, Language::Sql];

    pub fn name(self) -> &'static str {
        match self {
            Language::Promql => "promql",
            Language::Logql => "logql",
            Language::Traceql => "traceql",
            Language::Sql => "sql",
        }
    }
}

impl Rule {
    pub fn name(&self) -> &str {
        match &self.kind {
            RuleKind::Record(name) => name,
            RuleKind::Alert(alert) => &alert.name,
        }
    }

    pub fn alert(&self) -> Option<&AlertRule> {
        match &self.kind {
            RuleKind::Alert(alert) => Some(alert),
            RuleKind::Record(_) => None,
        }
    }
}

/// How strictly a file is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// Fields nobody knows are passed over.
    pub ignore_unknown_fields: bool,
}

/// Reads a file's text; or everything that is wrong with its groups, as far as its YAML can be read.
pub fn parse(file: &str, text: &str, reading: Reading) -> Result<Vec<Group>, Vec<RuleFault>> {
    let fault = |fault| RuleFault { file: file.to_owned(), fault };
    let groups = read(file, text, reading).map_err(|error| vec![fault(error)])?;
    let mut faults = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        if groups[..index].iter().any(|earlier| earlier.name == group.name) {
            let message = format!("groupname: \"{}\" is repeated in the same file", group.name);
            faults.push(Fault::new(group.line, message));
        }
        check_group(group, &mut faults);
    }
    match faults.is_empty() {
        true => Ok(groups),
        false => Err(faults.into_iter().map(fault).collect()),
    }
}

fn read(file: &str, text: &str, reading: Reading) -> Result<Vec<Group>, Fault> {
    let mut fields = yaml::document(text)?.fields("the file")?;
    let groups = fields.list("groups")?;
    finish(fields, reading)?;
    groups.into_iter().map(|node| group(file, node, reading)).collect()
}

fn finish(fields: Fields, reading: Reading) -> Result<(), Fault> {
    match reading.ignore_unknown_fields {
        true => Ok(()),
        false => fields.finish(),
    }
}

fn group(file: &str, node: Node, reading: Reading) -> Result<Group, Fault> {
    let line = node.line;
    let mut fields = node.fields("a group")?;
    let name = fields.text("name")?.unwrap_or_default();
    fields.what = format!("group \"{name}\"");
    let tenant = match fields.take("tenant") {
        Some(node) => {
            let text = node.text("tenant")?;
            Some(text.parse::<TenantId>().map_err(|error| node.fault(error.to_string()))?)
        }
        None => None,
    };
    let interval = duration(&mut fields, "interval")?;
    let query_offset = duration(&mut fields, "query_offset")?;
    let limit = match fields.take("limit") {
        Some(node) => usize::try_from(node.integer("limit")?).unwrap_or(0),
        None => 0,
    };
    let labels = fields.text_map("labels")?;
    let rules = fields.list("rules")?;
    finish(fields, reading)?;
    let rules =
        rules.into_iter().map(|node| rule(node, &labels, reading)).collect::<Result<_, _>>()?;
    Ok(Group {
        file: file.to_owned(),
        line,
        name,
        tenant,
        interval,
        query_offset,
        limit,
        labels,
        rules,
    })
}

fn rule(node: Node, group_labels: &Pairs, reading: Reading) -> Result<Rule, Fault> {
    let line = node.line;
    let mut fields = node.fields("a rule")?;
    let record = fields.text("record")?.filter(|name| !name.is_empty());
    let alert = fields.text("alert")?.filter(|name| !name.is_empty());
    let name = record.clone().or_else(|| alert.clone()).unwrap_or_default();
    fields.what = format!("rule \"{name}\"");
    let expr = fields.take("expr");
    let expr_line = expr.as_ref().map_or(line, |node| node.line);
    let expr = expr.map(|node| node.text("expr")).transpose()?.unwrap_or_default();
    if expr.trim().is_empty() {
        return Err(fields.fault(format!("field 'expr' must be set in {}", fields.what)));
    }
    let hold = duration(&mut fields, "for")?;
    let keep_firing_for = duration(&mut fields, "keep_firing_for")?;
    let annotations = fields.text_map("annotations")?;
    let language = match fields.take("language") {
        Some(node) => language(&node)?,
        None => Language::default(),
    };
    let window = duration(&mut fields, "window")?.filter(|window| *window > 0);
    if window.is_some() && matches!(language, Language::Promql | Language::Logql) {
        let name = language.name();
        return Err(fields.fault(format!(
            "field 'window' is for traceql and sql: a range of time is part of an expression in {name}"
        )));
    }
    let window = window.unwrap_or(WINDOW_DEFAULT);
    let has_data = fields.text("has_data")?.filter(|text| !text.trim().is_empty());
    let mut labels = group_labels.clone();
    for (name, value) in fields.text_map("labels")? {
        labels.retain(|(known, _)| *known != name);
        labels.push((name, value));
    }
    let kind = match (record, alert) {
        (Some(_), Some(_)) => {
            return Err(fields.fault("only one of 'record' and 'alert' must be set"));
        }
        (None, None) => return Err(fields.fault("one of 'record' or 'alert' must be set")),
        (Some(name), None) => {
            let unfit = [
                ("for", hold.is_some()),
                ("keep_firing_for", keep_firing_for.is_some()),
                ("annotations", !annotations.is_empty()),
            ];
            if let Some((field, _)) = unfit.into_iter().find(|(_, there)| *there) {
                return Err(fields.fault(format!("invalid field '{field}' in recording rule")));
            }
            RuleKind::Record(name)
        }
        (None, Some(name)) => RuleKind::Alert(AlertRule {
            name,
            hold: hold.unwrap_or(0),
            keep_firing_for: keep_firing_for.unwrap_or(0),
            annotations,
        }),
    };
    finish(fields, reading)?;
    Ok(Rule { line: expr_line, kind, language, expr, has_data, window, labels })
}

fn language(node: &Node) -> Result<Language, Fault> {
    let text = node.text("language")?;
    let found = Language::ALL.into_iter().find(|language| language.name() == text);
    found.ok_or_else(|| {
        let all = Language::ALL.map(Language::name).join(", ");
        node.fault(format!("language must be one of {all}, not '{text}'"))
    })
}

fn duration(fields: &mut Fields, key: &str) -> Result<Option<i64>, Fault> {
    let Some(node) = fields.take(key) else { return Ok(None) };
    let text = node.text(key)?;
    let parsed = parse_duration(&text).filter(|milliseconds| *milliseconds >= 0);
    let parsed = parsed
        .ok_or_else(|| node.fault(format!("{key}: not a valid duration string: \"{text}\"")))?;
    Ok(Some(parsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let faults = parse("r.yml", text, Reading::default()).unwrap_err();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_field_is_read() {
        let text = "groups:\n- name: g\n  tenant: shop\n  interval: 1m30s\n  query_offset: 2m\n  limit: 3\n  labels: {a: g, b: g}\n  rules:\n  - alert: A\n    expr: 'up == 0'\n    for: 5m\n    keep_firing_for: 1h\n    labels: {b: r}\n    annotations: {c: 1.0}\n  - record: x:y\n    expr: count_over_time({app=\"a\"}[5m])\n    language: logql\n    has_data: count_over_time({app=~\".+\"}[5m])\n";
        let groups = parse("r.yml", text, Reading::default()).unwrap();
        let group = &groups[0];
        assert_eq!(group.tenant.as_ref().map(TenantId::as_str), Some("shop"));
        assert_eq!(
            (group.interval, group.query_offset, group.limit),
            (Some(90_000), Some(120_000), 3)
        );
        let alert = group.rules[0].alert().unwrap();
        assert_eq!((alert.hold, alert.keep_firing_for), (300_000, 3_600_000));
        assert_eq!(alert.annotations, [("c".to_owned(), "1.0".to_owned())]);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(group.rules[0].labels, [pair("a", "g"), pair("b", "r")]);
        assert_eq!(group.rules[1].language, Language::Logql);
        assert!(group.rules[1].has_data.is_some());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let rule = |rule: &str| format!("groups:\n- name: g\n  rules:\n  - {rule}\n");
        let cases = [
            ("groups: 3".to_owned(), "line 1: groups must be a list"),
            ("group: []".to_owned(), "line 1: the field 'group' of the file is not supported"),
            (
                rule("{alert: A, expr: 'up ==='}"),
                "line 4: group \"g\", rule 1, \"A\": could not parse expression",
            ),
            (rule("{alert: A, record: b, expr: up}"), "only one of 'record' and 'alert'"),
            (rule("{expr: up}"), "one of 'record' or 'alert' must be set"),
            (rule("{alert: A}"), "field 'expr' must be set"),
            (rule("{record: a, expr: up, for: 1m}"), "invalid field 'for' in recording rule"),
            (rule("{alert: A, expr: up, for: 1 minute}"), "for: not a valid duration"),
            (rule("{alert: A, expr: up, frob: 1}"), "the field 'frob' of rule \"A\""),
            (rule("{alert: A, expr: up, labels: {__name__: x}}"), "invalid label name: __name__"),
            (
                rule("{alert: A, expr: up, annotations: {s: '{{ $label.x }}'}}"),
                "undefined variable \"$label\"",
            ),
            (rule("{alert: A, expr: up, language: english}"), "language must be one of"),
            (rule("{alert: A, expr: up, window: 5m}"), "'window' is for traceql and sql"),
            ("groups:\n- name: ''\n  rules: []".to_owned(), "Groupname must not be empty"),
            ("groups:\n- name: g\n- name: g\n".to_owned(), "line 3: groupname: \"g\" is repeated"),
        ];
        for (text, expected) in cases {
            let said = refused(&text);
            assert!(said.contains(expected), "{text}\n{said}");
        }
    }
}
