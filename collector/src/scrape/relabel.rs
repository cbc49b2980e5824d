//! Relabelling: rules that rewrite labels, or drop what carries them. The actions are Prometheus's, with their defaults.

use super::labels::Labels;
use md5::{Digest, Md5};
use regex::Regex;
use serde::{Deserialize, Serialize};

/// One rule as it is configured.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RelabelConfig {
    pub source_labels: Vec<String>,
    pub separator: String,
    pub target_label: String,
    /// Matches from start to end.
    pub regex: String,
    pub modulus: u64,
    pub replacement: String,
    pub action: Action,
}

impl Default for RelabelConfig {
    fn default() -> Self {
        RelabelConfig {
            source_labels: Vec::new(),
            separator: ";".to_owned(),
            target_label: String::new(),
            regex: DEFAULT_REGEX.to_owned(),
            modulus: 0,
            replacement: DEFAULT_REPLACEMENT.to_owned(),
            action: Action::Replace,
        }
    }
}

const DEFAULT_REGEX: &str = "(.*)";
const DEFAULT_REPLACEMENT: &str = "$1";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    #[default]
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

/// A rule, ready to use.
#[derive(Debug, Clone)]
pub struct Rule {
    config: RelabelConfig,
    regex: Regex,
}

impl RelabelConfig {
    /// Checks the rule; the error says what is wrong with it.
    pub fn compile(&self) -> Result<Rule, String> {
        use Action::{DropEqual, HashMod, KeepEqual, Lowercase, Replace, Uppercase};
        let regex = Regex::new(&format!("^(?s:{})$", self.regex))
            .map_err(|error| format!("regex '{}': {error}", self.regex))?;
        let needs_target = [Replace, HashMod, Lowercase, Uppercase, KeepEqual, DropEqual];
        if needs_target.contains(&self.action) && self.target_label.is_empty() {
            return Err(format!("relabel action {:?} needs target_label", self.action));
        }
        if self.action == HashMod && self.modulus == 0 {
            return Err("relabel action hashmod needs modulus".to_owned());
        }
        Ok(Rule { config: self.clone(), regex })
    }
}

/// All rules of a list, in order.
pub fn compile(rules: &[RelabelConfig]) -> Result<Vec<Rule>, String> {
    rules.iter().map(RelabelConfig::compile).collect()
}

/// Applies `rules` in order. `false`: what carries the labels is dropped.
pub fn apply(rules: &[Rule], labels: &mut Labels) -> bool {
    rules.iter().all(|rule| rule.apply(labels))
}

impl Rule {
    fn apply(&self, labels: &mut Labels) -> bool {
        let RelabelConfig { target_label: target, modulus, replacement, action, .. } = &self.config;
        match action {
            Action::Keep => return self.regex.is_match(&self.source(labels)),
            Action::Drop => return !self.regex.is_match(&self.source(labels)),
            Action::KeepEqual => return self.source(labels) == labels.value(target),
            Action::DropEqual => return self.source(labels) != labels.value(target),
            Action::Replace => self.replace(labels),
            Action::HashMod => {
                let hash = md5_low(self.source(labels).as_bytes()) % modulus;
                labels.set(target, hash.to_string());
            }
            Action::Lowercase => labels.set(target, self.source(labels).to_lowercase()),
            Action::Uppercase => labels.set(target, self.source(labels).to_uppercase()),
            Action::LabelMap => {
                let mapped: Vec<(String, String)> = labels
                    .iter()
                    .filter(|(name, _)| self.regex.is_match(name))
                    .map(|(name, value)| {
                        let to = self.regex.replace_all(name, replacement.as_str());
                        (to.into_owned(), value.to_owned())
                    })
                    .collect();
                mapped.into_iter().for_each(|(name, value)| labels.set(&name, value));
            }
            Action::LabelDrop => labels.retain(|name| !self.regex.is_match(name)),
            Action::LabelKeep => labels.retain(|name| self.regex.is_match(name)),
        }
        true
    }

    fn source(&self, labels: &Labels) -> String {
        let values = self.config.source_labels.iter().map(|name| labels.value(name));
        values.collect::<Vec<_>>().join(&self.config.separator)
    }

    fn replace(&self, labels: &mut Labels) {
        let source = self.source(labels);
        let Some(captures) = self.regex.captures(&source) else { return };
        let expand = |template: &str| {
            let mut text = String::new();
            captures.expand(template, &mut text);
            text
        };
        let target = expand(&self.config.target_label);
        if !target.is_empty() {
            labels.set(&target, expand(&self.config.replacement));
        }
    }
}

/// The low half of the MD5 sum, by which shards of Prometheus share targets.
fn md5_low(bytes: &[u8]) -> u64 {
    let sum = Md5::digest(bytes);
    sum[8..16].iter().fold(0, |low, byte| low << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relabel(rule: &str, labels: &[(&str, &str)]) -> Option<String> {
        let rule: RelabelConfig = serde_json::from_str(rule).unwrap();
        let mut labels: Labels = labels.iter().copied().collect();
        apply(&[rule.compile().unwrap()], &mut labels).then(|| {
            labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(" ")
        })
    }

    #[test]
    fn every_action_does_what_prometheus_does() {
        let labels = [("a", "foo"), ("b", "bar"), ("c", "baz")];
        let cases = [
            (
                r#"{"source_labels": ["a"], "regex": "f(.*)", "target_label": "d", "replacement": "ch${1}-ch${1}"}"#,
                Some("a=foo b=bar c=baz d=choo-choo"),
            ),
            (
                r#"{"source_labels": ["a", "b"], "regex": "f(.*);(.*)r", "target_label": "a", "replacement": "b${1}${2}m"}"#,
                Some("a=boobam b=bar c=baz"),
            ),
            (
                r#"{"source_labels": ["a"], "regex": "o", "target_label": "d"}"#,
                Some("a=foo b=bar c=baz"),
            ),
            (
                r#"{"source_labels": ["a"], "regex": "foo", "target_label": "b", "replacement": ""}"#,
                Some("a=foo c=baz"),
            ),
            (
                r#"{"source_labels": ["a"], "regex": "(foo)", "target_label": "x_$1"}"#,
                Some("a=foo b=bar c=baz x_foo=foo"),
            ),
            (r#"{"source_labels": ["a"], "regex": ".*o.*", "action": "drop"}"#, None),
            (
                r#"{"source_labels": ["a"], "regex": "f", "action": "drop"}"#,
                Some("a=foo b=bar c=baz"),
            ),
            (
                r#"{"source_labels": ["a"], "regex": "foo", "action": "keep"}"#,
                Some("a=foo b=bar c=baz"),
            ),
            (r#"{"source_labels": ["a"], "regex": "fo", "action": "keep"}"#, None),
            (r#"{"source_labels": ["a"], "target_label": "b", "action": "keepequal"}"#, None),
            (
                r#"{"source_labels": ["a"], "target_label": "b", "action": "dropequal"}"#,
                Some("a=foo b=bar c=baz"),
            ),
            (
                r#"{"source_labels": ["c"], "target_label": "d", "action": "hashmod", "modulus": 1000}"#,
                Some("a=foo b=bar c=baz d=976"),
            ),
            (
                r#"{"regex": "(a|b)", "replacement": "x_$1", "action": "labelmap"}"#,
                Some("a=foo b=bar c=baz x_a=foo x_b=bar"),
            ),
            (r#"{"regex": "(a|b)", "action": "labeldrop"}"#, Some("c=baz")),
            (r#"{"regex": "(a|b)", "action": "labelkeep"}"#, Some("a=foo b=bar")),
            (
                r#"{"source_labels": ["a"], "target_label": "a", "action": "uppercase"}"#,
                Some("a=FOO b=bar c=baz"),
            ),
            (
                r#"{"source_labels": ["a"], "target_label": "d", "action": "lowercase"}"#,
                Some("a=foo b=bar c=baz d=foo"),
            ),
        ];
        for (rule, expected) in cases {
            assert_eq!(relabel(rule, &labels).as_deref(), expected, "{rule}");
        }
    }

    #[test]
    fn rules_that_cannot_work_are_refused() {
        for rule in [
            r#"{"regex": "("}"#,
            r#"{"action": "replace"}"#,
            r#"{"action": "hashmod", "target_label": "a"}"#,
        ] {
            let rule: RelabelConfig = serde_json::from_str(rule).unwrap();
            assert!(rule.compile().is_err(), "{rule:?}");
        }
    }
}
