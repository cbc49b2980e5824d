//! Labels: the sorted name–value pairs that identify a series, and matchers over them.

use super::text::{is_legacy_name, quote};
use regex::Regex;
use std::fmt;
use std::sync::Arc;
use xxhash_rust::xxh64::xxh64;

pub const METRIC_NAME: &str = "__name__";
pub const BUCKET_LABEL: &str = "le";
/// Labels that describe the metric rather than the series; an operation that changes the meaning drops them.
const METADATA_LABELS: [&str; 3] = [METRIC_NAME, "__type__", "__unit__"];

type Pair = (Arc<str>, Arc<str>);

/// Sorted by name; no name twice; no empty value but in labels of [`Labels::with_empty`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Arc<[Pair]>);

impl Labels {
    /// From pairs in any order. Of equal names the last counts; empty values are left out.
    pub fn new<N: Into<Arc<str>>, V: Into<Arc<str>>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Labels {
        let mut list = by_name(pairs);
        list.retain(|(_, value)| !value.is_empty());
        Labels(list.into())
    }

    /// As `new`, with the empty values: labels to show, which identify no series.
    pub fn with_empty<N: Into<Arc<str>>, V: Into<Arc<str>>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Labels {
        Labels(by_name(pairs).into())
    }

    /// The value of a label; empty when the series does not have it.
    pub fn value(&self, name: &str) -> &str {
        let found = self.0.binary_search_by(|(other, _)| (**other).cmp(name));
        found.map_or("", |at| &self.0[at].1)
    }

    pub fn metric_name(&self) -> &str {
        self.value(METRIC_NAME)
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.binary_search_by(|(other, _)| (**other).cmp(name)).is_ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Labels {
        if self.0.iter().all(|(name, _)| keep(name)) {
            return self.clone();
        }
        Labels(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }

    pub fn keep(&self, names: &[impl AsRef<str>]) -> Labels {
        self.filtered(|name| names.iter().any(|kept| kept.as_ref() == name))
    }

    pub fn without(&self, names: &[impl AsRef<str>]) -> Labels {
        self.filtered(|name| !names.iter().any(|dropped| dropped.as_ref() == name))
    }

    /// Without the metric's name, type and unit.
    pub fn without_metadata(&self) -> Labels {
        self.without(&METADATA_LABELS)
    }

    /// With one label set; an empty value removes it.
    pub fn with(&self, name: &str, value: &str) -> Labels {
        let pairs = self.0.iter().filter(|(other, _)| &**other != name).cloned();
        Labels::new(pairs.chain(std::iter::once((Arc::from(name), Arc::from(value)))))
    }

    /// What vector matching compares: `on` these labels, or all but these and the name.
    pub fn matching(&self, on: bool, names: &[String]) -> Labels {
        if on {
            self.keep(names)
        } else {
            self.filtered(|name| name != METRIC_NAME && !names.iter().any(|other| other == name))
        }
    }

    /// The 64-bit hash Prometheus gives these labels, so that `limit_ratio` samples the same series.
    pub fn hash64(&self) -> u64 {
        let mut bytes = Vec::with_capacity(64);
        for text in self.iter().flat_map(|(name, value)| [name, value]) {
            match text.len() {
                length @ 0..255 => bytes.push(length as u8),
                length => {
                    bytes.extend([255, length as u8, (length >> 8) as u8, (length >> 16) as u8])
                }
            }
            bytes.extend_from_slice(text.as_bytes());
        }
        xxh64(&bytes, 0)
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            if is_legacy_name(name, false) {
                write!(f, "{separator}{name}={}", quote(value))?;
            } else {
                write!(f, "{separator}{}={}", quote(name), quote(value))?;
            }
        }
        f.write_str("}")
    }
}

/// Pairs in the order of their names; of equal names the last counts.
fn by_name<N: Into<Arc<str>>, V: Into<Arc<str>>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> Vec<Pair> {
    let mut list: Vec<Pair> = Vec::new();
    for (name, value) in pairs {
        let (name, value): Pair = (name.into(), value.into());
        match list.binary_search_by(|(other, _)| other.cmp(&name)) {
            Ok(at) => list[at].1 = value,
            Err(at) => list.insert(at, (name, value)),
        }
    }
    list
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

impl MatchOp {
    pub fn text(self) -> &'static str {
        match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        }
    }
}

/// A condition on one label. Regular expressions match whole values.
#[derive(Debug, Clone)]
pub struct Matcher {
    pub name: Arc<str>,
    pub op: MatchOp,
    pub value: Arc<str>,
    regex: Option<Regex>,
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Matcher {
    pub fn new(op: MatchOp, name: &str, value: &str) -> Result<Matcher, String> {
        let regex = match op {
            MatchOp::Regex | MatchOp::NotRegex => Some(whole_regex(value)?),
            MatchOp::Equal | MatchOp::NotEqual => None,
        };
        Ok(Matcher { name: name.into(), op, value: value.into(), regex })
    }

    pub fn matches(&self, value: &str) -> bool {
        let by_regex = || self.regex.as_ref().is_some_and(|regex| regex.is_match(value));
        match self.op {
            MatchOp::Equal => *self.value == *value,
            MatchOp::NotEqual => *self.value != *value,
            MatchOp::Regex => by_regex(),
            MatchOp::NotRegex => !by_regex(),
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (op, value) = (self.op.text(), quote(&self.value));
        if is_legacy_name(&self.name, false) {
            write!(f, "{}{op}{value}", self.name)
        } else {
            write!(f, "{}{op}{value}", quote(&self.name))
        }
    }
}

/// Whether labels meet every matcher; a label that is missing counts as empty.
pub fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.value(&matcher.name)))
}

/// A regular expression that has to match a whole text, where `.` also matches line breaks.
pub fn whole_regex(pattern: &str) -> Result<Regex, String> {
    let build = |pattern: &str| {
        regex::RegexBuilder::new(&format!("^(?s:{pattern})$")).size_limit(16 << 20).build()
    };
    build(pattern)
        // A brace that begins no repetition is a plain brace in RE2's syntax.
        .or_else(|error| build(&escape_plain_braces(pattern)).map_err(|_| error))
        .map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or("").trim_start_matches("error: ");
            format!("error parsing regexp: {}", regex_reason(pattern, reason))
        })
}

/// Why a pattern cannot be read, in the words of RE2 for the common mistakes.
fn regex_reason(pattern: &str, reason: &str) -> String {
    match reason {
        "unclosed group" => format!("missing closing ): `{pattern}`"),
        "unopened group" => format!("unexpected ): `{pattern}`"),
        "unclosed character class" => {
            let class = pattern.rfind('[').map_or(pattern, |at| &pattern[at..]);
            format!("missing closing ]: `{class}`")
        }
        "repetition operator missing expression" => {
            let operator = pattern.chars().find(|c| matches!(c, '*' | '+' | '?')).unwrap_or('*');
            format!("missing argument to repetition operator: `{operator}`")
        }
        reason => format!("{reason}: `{pattern}`"),
    }
}

fn escape_plain_braces(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(at) = rest.find(['\\', '{']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('\\') {
            let next = rest.chars().nth(1).map_or(1, |c| 1 + c.len_utf8());
            // `\p{…}` and `\x{…}` keep their braces.
            let keeps = matches!(rest.as_bytes().get(1), Some(b'p' | b'P' | b'x'));
            let end = if keeps { rest.find('}').map_or(next, |end| end + 1) } else { next };
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let inside = rest[1..].find('}').map(|end| &rest[1..=end]);
        let repeats = inside.is_some_and(|text| {
            text.starts_with(|c: char| c.is_ascii_digit())
                && text.chars().all(|c| c.is_ascii_digit() || c == ',')
        });
        out.push_str(if repeats { "{" } else { "\\{" });
        rest = &rest[1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_and_free_of_empties() {
        let labels = Labels::new([("b", "2"), ("a", "1"), ("c", ""), ("b", "3")]);
        assert_eq!(labels.to_string(), r#"{a="1", b="3"}"#);
        assert_eq!(labels.with("a", "").to_string(), r#"{b="3"}"#);
        assert_eq!(labels.with("x.y", "\"").to_string(), r#"{a="1", b="3", "x.y"="\""}"#);
        assert_eq!(labels.value("nothing"), "");
    }

    #[test]
    fn regular_expressions_match_whole_values() {
        let matcher = Matcher::new(MatchOp::Regex, "a", "b.*|c").unwrap();
        assert!(matcher.matches("bx\ny") && matcher.matches("c") && !matcher.matches("xc"));
        assert!(Matcher::new(MatchOp::Regex, "a", "(").is_err());
        assert!(Matcher::new(MatchOp::Regex, "a", "a{x}").unwrap().matches("a{x}"));
    }
}
