//! Reading mappings so that nothing is passed over in silence: a field is read, or refused by name and line.

use crate::yaml::{Entry, Fault, Kind, Node};
use std::fmt;

/// Why a document is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// As `spec.objectives[0].target`; empty for the document.
    pub field: String,
    pub message: String,
}

impl Problem {
    pub fn new(line: usize, field: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { line, field: field.into(), message: message.into() }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        Problem::new(fault.line, "", fault.message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(f, "line {}: {}", self.line, self.message),
            field => write!(f, "line {}: {field}: {}", self.line, self.message),
        }
    }
}

/// All that is wrong with a text.
pub(super) type Problems = Vec<Problem>;

/// The text of a scalar, as it is written.
pub(super) fn text_of(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Plain(text) | Kind::Text(text) => Some(text),
        Kind::List(_) | Kind::Map(_) => None,
    }
}

/// A mapping whose fields are known.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    path: String,
    pub line: usize,
    entries: &'a [Entry],
}

/// A value and the way to it.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    pub path: String,
    pub node: &'a Node,
}

impl<'a> Field<'a> {
    pub fn root(node: &'a Node) -> Field<'a> {
        Field { path: String::new(), node }
    }

    pub fn refuse(&self, message: impl Into<String>, problems: &mut Problems) {
        problems.push(Problem::new(self.node.line, self.path.clone(), message));
    }

    /// As a mapping that has no other fields than `known`; of those `refused`, each says why.
    pub fn fields(
        &self,
        known: &[&str],
        refused: &[(&str, &str)],
        problems: &mut Problems,
    ) -> Option<Fields<'a>> {
        let Kind::Map(entries) = &self.node.kind else {
            self.refuse("is to be a mapping", problems);
            return None;
        };
        let fields = Fields { path: self.path.clone(), line: self.node.line, entries };
        for Entry { key, line, value: node } in entries {
            let reason = refused.iter().find(|(name, _)| name == key).map(|(_, reason)| *reason);
            let problem = match reason {
                _ if node.is_null() => continue,
                _ if known.contains(&key.as_str()) => continue,
                Some(reason) => format!("is not supported: {reason}"),
                None => "is not a field that is known here".to_owned(),
            };
            problems.push(Problem::new(*line, fields.path_of(key), problem));
        }
        Some(fields)
    }

    pub fn items(&self, problems: &mut Problems) -> Vec<Field<'a>> {
        match &self.node.kind {
            Kind::List(list) => {
                let item = |(index, node)| Field { path: format!("{}[{index}]", self.path), node };
                list.iter().enumerate().map(item).collect()
            }
            _ => {
                self.refuse("is to be a list", problems);
                Vec::new()
            }
        }
    }

    pub fn text(&self, problems: &mut Problems) -> Option<&'a str> {
        let text = text_of(self.node);
        if text.is_none() {
            self.refuse("is to be text", problems);
        }
        text
    }
}

impl<'a> Fields<'a> {
    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value of a field; an empty one is none.
    pub fn find(&self, key: &str) -> Option<Field<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key && !entry.value.is_null());
        entry.map(|entry| Field { path: self.path_of(key), node: &entry.value })
    }

    pub fn need(&self, key: &str, problems: &mut Problems) -> Option<Field<'a>> {
        let found = self.find(key);
        if found.is_none() {
            problems.push(Problem::new(self.line, self.path_of(key), "is missing"));
        }
        found
    }

    pub fn text(&self, key: &str, problems: &mut Problems) -> Option<&'a str> {
        self.find(key)?.text(problems)
    }

    pub fn need_text(&self, key: &str, problems: &mut Problems) -> Option<&'a str> {
        let field = self.need(key, problems)?;
        let text = field.text(problems)?;
        if text.trim().is_empty() {
            field.refuse("is empty", problems);
            return None;
        }
        Some(text)
    }

    pub fn items(&self, key: &str, problems: &mut Problems) -> Vec<Field<'a>> {
        self.find(key).map(|field| field.items(problems)).unwrap_or_default()
    }

    pub fn flag(&self, key: &str, problems: &mut Problems) -> Option<bool> {
        let field = self.find(key)?;
        match field.text(problems)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                field.refuse("is to be true or false", problems);
                None
            }
        }
    }

    /// Names and texts of a mapping, as labels and annotations are.
    pub fn texts(&self, key: &str, problems: &mut Problems) -> Vec<(String, Field<'a>)> {
        let Some(field) = self.find(key) else { return Vec::new() };
        let Kind::Map(entries) = &field.node.kind else {
            field.refuse("is to be a mapping", problems);
            return Vec::new();
        };
        let text = |entry: &'a Entry| {
            let path = format!("{}.{}", field.path, entry.key);
            (entry.key.clone(), Field { path, node: &entry.value })
        };
        entries.iter().map(text).collect()
    }
}

/// `30d`, `6h`, `5m`: a number and a unit, in seconds.
pub(in crate::slo) fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    number.checked_mul(seconds).filter(|seconds| *seconds > 0)
}
