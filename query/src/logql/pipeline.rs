//! Pipelines: what becomes of one line.

use super::ast::*;
use super::labels::{LineLabels, Parsed};
use super::line::LineFilter;
use super::parser::{extract_json, extract_logfmt, extract_paths, unpack};
use super::template::{Line, Template};
use super::unit;
use super::wanted::Wanted;
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;

const JSON_ERROR: &str = "JSONParserErr";
const LOGFMT_ERROR: &str = "LogfmtParserErr";
const FILTER_ERROR: &str = "LabelFilterErr";
const TEMPLATE_ERROR: &str = "TemplateFormatErr";
const SAMPLE_ERROR: &str = "SampleExtractionErr";

/// The sequences that colour a terminal.
static COLOURS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("[\u{1b}\u{9b}][\\[\\]()#;?]*(?:(?:[a-zA-Z0-9]*(?:;[a-zA-Z0-9]*)*\u{7})|(?:(?:[0-9]{1,4}(?:;[0-9]{0,4})*)?[0-9A-PRZcf-ntqry=><~]))")
        .expect("the expression is a constant")
});

/// The stages of a query, ready to run.
#[derive(Debug)]
pub struct Pipeline {
    /// Line filters that come before anything that looks at labels.
    head: Vec<LineFilter>,
    tail: Vec<Stage>,
    unwrap: Option<Unwrap>,
    pub wanted: Wanted,
}

impl Pipeline {
    /// `shown` names the labels of the answer; `None` is all.
    pub fn new(stages: &[Stage], unwrap: Option<&Unwrap>, shown: Option<&[String]>) -> Pipeline {
        let is_line = |stage: &&Stage| matches!(stage, Stage::Line(_));
        let head: Vec<LineFilter> = stages
            .iter()
            .take_while(is_line)
            .filter_map(|stage| match stage {
                Stage::Line(filter) => Some(filter.clone()),
                _ => None,
            })
            .collect();
        Pipeline {
            tail: stages[head.len()..].to_vec(),
            head,
            unwrap: unwrap.cloned(),
            wanted: Wanted::of(stages, unwrap, shown),
        }
    }

    /// Whether a line gets past the filters that look at nothing else.
    pub fn starts(&self, line: &str) -> bool {
        self.head.iter().all(|filter| filter.passes(line))
    }

    /// Whether any stage looks at the line itself.
    pub fn reads_lines(&self) -> bool {
        let reads =
            |stage: &Stage| !matches!(stage, Stage::Labels(_) | Stage::Drop(_) | Stage::Keep(_));
        !self.head.is_empty() || self.tail.iter().any(reads)
    }

    /// The line as it comes out, if it does; its labels change on the way.
    pub fn run<'l>(
        &self,
        time: i64,
        line: Cow<'l, str>,
        labels: &mut LineLabels<'_>,
    ) -> Option<Cow<'l, str>> {
        let mut line = line;
        for stage in &self.tail {
            line = self.stage(stage, time, line, labels)?;
        }
        Some(line)
    }

    fn stage<'l>(
        &self,
        stage: &Stage,
        time: i64,
        line: Cow<'l, str>,
        labels: &mut LineLabels<'_>,
    ) -> Option<Cow<'l, str>> {
        match stage {
            Stage::Line(filter) => return filter.passes(&line).then_some(line),
            Stage::Labels(filter) => return passes(filter, labels).then_some(line),
            Stage::Json(_) | Stage::Logfmt(..) | Stage::Pattern(_) | Stage::Regexp(_)
                if self.wants_none() => {}
            Stage::Json(paths) => {
                let shows_empty = !paths.is_empty();
                let mut parsed = Parsed { labels, wanted: &self.wanted, shows_empty };
                let result = match paths.is_empty() {
                    true => extract_json(&line, &mut parsed),
                    false => extract_paths(&line, paths, &mut parsed),
                };
                note(labels, JSON_ERROR, result);
            }
            Stage::Logfmt(flags, keys) => {
                let shows_empty = flags.keep_empty;
                let mut parsed = Parsed { labels, wanted: &self.wanted, shows_empty };
                let result = extract_logfmt(&line, *flags, keys, &mut parsed);
                note(labels, LOGFMT_ERROR, result);
            }
            Stage::Pattern(pattern) => {
                pattern.extract(
                    &line,
                    &mut Parsed { labels, wanted: &self.wanted, shows_empty: false },
                );
            }
            Stage::Regexp(named) => regexp(named, &line, labels, &self.wanted),
            Stage::Unpack => {
                let unpacked =
                    unpack(&line, &mut Parsed { labels, wanted: &self.wanted, shows_empty: false });
                match unpacked {
                    Ok(Some(entry)) => return Some(Cow::Owned(entry)),
                    Ok(None) => {}
                    Err(reason) => labels.set_error(JSON_ERROR, reason),
                }
            }
            Stage::Decolorize => {
                if let Cow::Owned(plain) = COLOURS.replace_all(&line, "") {
                    return Some(Cow::Owned(plain));
                }
            }
            Stage::LineFormat(template) => match render(template, time, &line, labels) {
                Ok(text) => return Some(Cow::Owned(text)),
                Err(reason) => labels.set_error(TEMPLATE_ERROR, reason),
            },
            Stage::LabelFormat(formats) => label_format(formats, time, &line, labels),
            Stage::Drop(picked) => {
                for Picked { name, matcher } in picked {
                    let value = labels.find(name).unwrap_or("");
                    if matcher.as_ref().is_none_or(|matcher| matcher.matches(value)) {
                        labels.drop_label(name);
                    }
                }
            }
            Stage::Keep(picked) => keep(picked, labels),
        }
        Some(line)
    }

    /// Whether no label matters, so that parsers have nothing to do.
    fn wants_none(&self) -> bool {
        matches!(&self.wanted, Wanted::Named(names) if names.is_empty())
    }

    /// The number that the line stands for; `None` when it has none.
    pub fn unwrapped(&self, labels: &mut LineLabels<'_>) -> Option<f64> {
        let unwrap = self.unwrap.as_ref()?;
        let text = labels.find(&unwrap.label).filter(|text| !text.is_empty())?;
        let value = match unwrap.conversion {
            Conversion::None => {
                parse_float(text).ok_or_else(|| format!("{text:?} is not a number"))
            }
            Conversion::Duration { .. } => unit::parse_duration(text)
                .map(|nanoseconds| nanoseconds as f64 / 1e9)
                .ok_or_else(|| format!("invalid duration {text:?}")),
            Conversion::Bytes => unit::parse_bytes(text)
                .map(|bytes| bytes as f64)
                .ok_or_else(|| format!("{text:?} is not a size")),
        };
        let value = value.unwrap_or_else(|reason| {
            labels.set_error(SAMPLE_ERROR, reason);
            0.0
        });
        unwrap.filters.iter().all(|filter| passes(filter, labels)).then_some(value)
    }
}

/// Numbers as Go reads them, which knows neither spaces nor words but these.
fn parse_float(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn note(labels: &mut LineLabels<'_>, kind: &'static str, result: Result<(), String>) {
    if let Err(reason) = result {
        labels.set_error(kind, reason);
    }
}

fn regexp(named: &NamedRegex, line: &str, labels: &mut LineLabels<'_>, wanted: &Wanted) {
    use super::parser::Found;
    let Some(captures) = named.regex.captures(line) else { return };
    let mut parsed = Parsed { labels, wanted, shows_empty: false };
    for (group, name) in &named.names {
        if parsed.wants(name) {
            parsed.add(name, captures.get(*group).map_or("", |found| found.as_str()));
        }
    }
}

fn render(
    template: &Template,
    time: i64,
    text: &str,
    labels: &LineLabels<'_>,
) -> Result<String, String> {
    template.render(&Line { time, text, labels: labels.iter().collect() })
}

fn label_format(formats: &[LabelFormat], time: i64, line: &str, labels: &mut LineLabels<'_>) {
    // Templates see the labels as they were before.
    let before = labels.clone();
    for LabelFormat { name, value } in formats {
        match value {
            LabelValue::Rename(from) => {
                if let Some(value) = labels.find(from).map(str::to_owned) {
                    labels.set(name, value);
                    if from != name {
                        labels.drop_label(from);
                    }
                }
            }
            LabelValue::Template(template) => match render(template, time, line, &before) {
                Ok(text) => labels.set(name, text),
                Err(reason) => labels.set_error(TEMPLATE_ERROR, reason),
            },
        }
    }
}

fn keep(picked: &[Picked], labels: &mut LineLabels<'_>) {
    for name in labels.names() {
        let value = labels.find(&name).unwrap_or("");
        let kept = picked.iter().any(|picked| {
            picked.name == name
                && picked.matcher.as_ref().is_none_or(|matcher| matcher.matches(value))
        });
        // What went wrong is not a label that one keeps or not.
        if !kept && !matches!(name.as_str(), super::labels::ERROR | super::labels::ERROR_DETAILS) {
            labels.drop_label(&name);
        }
    }
}

/// Whether the labels meet a condition. Where a value cannot be read as what it is compared with, the line goes on with an
/// error; where there is no value, it does not.
fn passes(filter: &LabelFilter, labels: &mut LineLabels<'_>) -> bool {
    fn compared<T: PartialOrd>(
        labels: &mut LineLabels<'_>,
        (name, op, wanted): (&str, Comparison, T),
        read: impl Fn(&str) -> Option<T>,
        what: &str,
    ) -> bool {
        let Some(text) = labels.find(name) else { return false };
        match read(text) {
            Some(value) => op.holds(value, wanted),
            None => {
                let reason = format!("{text:?} is not {what}");
                labels.set_error(FILTER_ERROR, reason);
                true
            }
        }
    }
    match filter {
        LabelFilter::Text(matcher) => matcher.matches(labels.find(&matcher.name).unwrap_or("")),
        LabelFilter::Number { name, op, value } => {
            compared(labels, (name, *op, *value), parse_float, "a number")
        }
        LabelFilter::Duration { name, op, value } => {
            compared(labels, (name, *op, *value), unit::parse_duration, "a duration")
        }
        LabelFilter::Bytes { name, op, value } => {
            compared(labels, (name, *op, *value), unit::parse_bytes, "a size")
        }
        LabelFilter::Ip { name, negated, addresses } => {
            let found = labels.find(name);
            found.is_some_and(|text| addresses.any_in(text) != *negated)
        }
        LabelFilter::And(left, right) => {
            let left = passes(left, labels);
            passes(right, labels) && left
        }
        LabelFilter::Or(left, right) => passes(left, labels) || passes(right, labels),
    }
}

#[cfg(test)]
mod tests;
