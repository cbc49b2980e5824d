//! The labels of one line while it goes through a pipeline.
//!
//! Three kinds: the stream's, the record's own (structured metadata), and those that stages made (parsed), which override the
//! others. A label of the record whose name the stream has already came with `_extracted` behind its name; a parser whose label
//! the stream or the record has already adds the same.

use super::parser::Found;
use super::wanted::Wanted;
use crate::promql::labels::Labels;
use std::borrow::Cow;

/// Says that something about a line went wrong.
pub const ERROR: &str = "__error__";
pub const ERROR_DETAILS: &str = "__error_details__";

/// Behind a name that was taken already.
pub const EXTRACTED: &str = "_extracted";

/// A name and its value.
pub type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// A line's labels.
#[derive(Debug, Clone)]
pub struct LineLabels<'a> {
    stream: &'a Labels,
    structured: Vec<Pair<'a>>,
    parsed: Vec<(String, String)>,
    /// Parsed labels that are shown even when they are empty.
    shown_empty: Vec<String>,
    /// Labels of the stream or the record that stages took away.
    dropped: Vec<String>,
    error: Option<(&'static str, String)>,
}

/// The labels of a line that went through, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ByKind {
    pub stream: Labels,
    pub structured: Labels,
    pub parsed: Labels,
}

impl<'a> LineLabels<'a> {
    pub fn new(stream: &'a Labels, structured: Vec<Pair<'a>>) -> LineLabels<'a> {
        LineLabels {
            stream,
            structured,
            parsed: Vec::new(),
            shown_empty: Vec::new(),
            dropped: Vec::new(),
            error: None,
        }
    }

    /// The value of a label.
    pub fn find(&self, name: &str) -> Option<&str> {
        match name {
            ERROR => return self.error.as_ref().map(|(kind, _)| *kind),
            ERROR_DETAILS => {
                return self
                    .error
                    .as_ref()
                    .map(|(_, details)| details.as_str())
                    .filter(|text| !text.is_empty());
            }
            _ => {}
        }
        if let Some((_, value)) = self.parsed.iter().rev().find(|(other, _)| other == name) {
            return Some(value);
        }
        if self.is_dropped(name) {
            return None;
        }
        if let Some((_, value)) = self.structured.iter().find(|(other, _)| other == name) {
            return Some(value);
        }
        self.stream.has(name).then(|| self.stream.value(name))
    }

    fn is_dropped(&self, name: &str) -> bool {
        self.dropped.iter().any(|other| other == name)
    }

    /// Whether the stream or the record itself has the label.
    fn is_given(&self, name: &str) -> bool {
        self.stream.has(name) || self.structured.iter().any(|(other, _)| other == name)
    }

    pub fn set(&mut self, name: &str, value: String) {
        match self.parsed.iter_mut().find(|(other, _)| other == name) {
            Some((_, known)) => *known = value,
            None => self.parsed.push((name.to_owned(), value)),
        }
    }

    /// As `set`, and shows the label even when it is empty.
    fn set_shown(&mut self, name: &str, value: String) {
        if value.is_empty() && !self.shown_empty.iter().any(|other| other == name) {
            self.shown_empty.push(name.to_owned());
        }
        self.set(name, value);
    }

    pub fn drop_label(&mut self, name: &str) {
        if matches!(name, ERROR | ERROR_DETAILS) {
            match (name, &mut self.error) {
                (ERROR, error) => *error = None,
                (_, Some((_, details))) => details.clear(),
                (_, None) => {}
            }
            return;
        }
        self.parsed.retain(|(other, _)| other != name);
        if self.is_given(name) && !self.is_dropped(name) {
            self.dropped.push(name.to_owned());
        }
    }

    pub fn has_error(&self) -> bool {
        self.error.is_some()
    }

    /// Notes what went wrong; the first is kept.
    pub fn set_error(&mut self, kind: &'static str, details: String) {
        if self.error.is_none() {
            self.error = Some((kind, details));
        }
    }

    /// Names of all labels, each once.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.iter().map(|(name, _)| name.to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Names and values of all labels; what overrides another comes later.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let given = self
            .stream
            .iter()
            .chain(self.structured.iter().map(|(name, value)| (&**name, &**value)));
        let parsed = self.parsed.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let error = self.error.iter().flat_map(|(kind, details)| {
            [(ERROR, *kind), (ERROR_DETAILS, details.as_str())]
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
        });
        given.filter(|(name, _)| !self.is_dropped(name)).chain(parsed).chain(error)
    }

    /// All labels as one set.
    pub fn merged(&self) -> Labels {
        if self.structured.is_empty()
            && self.parsed.is_empty()
            && self.dropped.is_empty()
            && self.error.is_none()
        {
            return self.stream.clone();
        }
        Labels::new(self.iter())
    }

    /// The labels of `names` as one set.
    pub fn picked(&self, names: &[String]) -> Labels {
        Labels::new(names.iter().filter_map(|name| Some((name.as_str(), self.find(name)?))))
    }

    /// All labels but those of `names` as one set.
    pub fn without(&self, names: &[String]) -> Labels {
        Labels::new(self.iter().filter(|(name, _)| !names.iter().any(|other| other == name)))
    }

    /// The labels, each in the last kind that has it.
    pub fn by_kind(&self) -> ByKind {
        let overridden = |name: &str| {
            self.parsed.iter().any(|(other, _)| other == name) || self.is_dropped(name)
        };
        let structured: Vec<(&str, &str)> = self
            .structured
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .filter(|(name, _)| !overridden(name))
            .collect();
        let stream = self.stream.iter().filter(|(name, _)| !overridden(name));
        let is_shown = |(name, value): &&(String, String)| {
            !value.is_empty() || self.shown_empty.iter().any(|other| other == name)
        };
        let parsed = self.parsed.iter().filter(is_shown);
        let parsed = parsed.map(|(name, value)| (name.as_str(), value.as_str()));
        let errors = self.iter().filter(|(name, _)| matches!(*name, ERROR | ERROR_DETAILS));
        ByKind {
            stream: Labels::new(stream),
            parsed: Labels::with_empty(parsed.chain(errors)),
            structured: Labels::new(structured.iter().copied()),
        }
    }
}

/// Takes what a parser finds, under names of its own.
pub struct Parsed<'l, 'a> {
    pub labels: &'l mut LineLabels<'a>,
    pub wanted: &'l Wanted,
    /// Whether empty values are shown in answers.
    pub shows_empty: bool,
}

impl Parsed<'_, '_> {
    fn set(&mut self, name: &str, value: &str) {
        match self.shows_empty {
            true => self.labels.set_shown(name, value.to_owned()),
            false => self.labels.set(name, value.to_owned()),
        }
    }
}

impl Found for Parsed<'_, '_> {
    fn wants(&self, name: &str) -> bool {
        self.wanted.has(name)
            || (self.labels.is_given(name) && self.wanted.has(&format!("{name}{EXTRACTED}")))
    }

    fn add(&mut self, name: &str, value: &str) {
        if self.labels.is_given(name) {
            self.set(&format!("{name}{EXTRACTED}"), value);
        } else if self.wanted.has(name) {
            self.set(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_kinds_override_earlier_ones() {
        let stream = Labels::new([("app", "a")]);
        let mut labels =
            LineLabels::new(&stream, vec![("env".into(), "x".into()), ("id".into(), "1".into())]);
        let mut parsed = Parsed { labels: &mut labels, wanted: &Wanted::All, shows_empty: false };
        parsed.add("app", "b");
        parsed.add("id", "2");
        parsed.add("new", "3");
        assert_eq!(
            labels.merged().to_string(),
            r#"{app="a", app_extracted="b", env="x", id="1", id_extracted="2", new="3"}"#
        );
        labels.set("app", "c".to_owned());
        labels.drop_label("id");
        labels.set_error("JSONParserErr", "why".to_owned());
        let kinds = labels.by_kind();
        assert_eq!(kinds.stream.to_string(), "{}");
        assert_eq!(kinds.structured.to_string(), r#"{env="x"}"#);
        assert_eq!(labels.find("id"), None);
        assert_eq!(labels.find("app"), Some("c"));
        assert_eq!(labels.find("__error__"), Some("JSONParserErr"));
        labels.drop_label("__error__");
        assert!(!labels.has_error());
    }

    #[test]
    fn empty_labels_are_shown_where_a_parser_says_so() {
        let stream = Labels::new([("app", "a")]);
        let mut labels = LineLabels::new(&stream, Vec::new());
        for (name, shows_empty) in [("hidden", false), ("shown", true)] {
            let mut parsed = Parsed { labels: &mut labels, wanted: &Wanted::All, shows_empty };
            parsed.add(name, "");
        }
        let shown = labels.by_kind().parsed;
        assert_eq!(shown.iter().collect::<Vec<_>>(), [("shown", "")]);
        assert_eq!(labels.merged().to_string(), r#"{app="a"}"#);
        labels.drop_label("shown");
        assert!(labels.by_kind().parsed.is_empty());
    }
}
