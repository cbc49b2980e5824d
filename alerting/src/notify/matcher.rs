//! Matchers: what routes, silences, inhibition and filters ask of an alert's labels.
//!
//! Two grammars are read. The newer takes any text as a name, in quotes where it must be; the older takes names of letters,
//! digits, `_` and `:`, and values without quotes even when they hold spaces. A text both understand differently is read
//! the older way, as Alertmanager does.

use crate::LabelSet;
use regex::Regex;
use std::fmt;

/// Longest regular expression taken; its automaton may be a hundred times as large.
const REGEX_BYTES_MAX: usize = 10_000;

/// The order is that in which matchers of one name and value are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchOperator {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

impl MatchOperator {
    fn text(self) -> &'static str {
        match self {
            MatchOperator::Equal => "=",
            MatchOperator::NotEqual => "!=",
            MatchOperator::Regex => "=~",
            MatchOperator::NotRegex => "!~",
        }
    }

    pub fn is_regex(self) -> bool {
        matches!(self, MatchOperator::Regex | MatchOperator::NotRegex)
    }

    /// Whether it wants what the value says, rather than anything else.
    pub fn is_equal(self) -> bool {
        matches!(self, MatchOperator::Equal | MatchOperator::Regex)
    }

    pub fn of(is_equal: bool, is_regex: bool) -> MatchOperator {
        match (is_equal, is_regex) {
            (true, false) => MatchOperator::Equal,
            (false, false) => MatchOperator::NotEqual,
            (true, true) => MatchOperator::Regex,
            (false, true) => MatchOperator::NotRegex,
        }
    }
}

/// One condition on one label. A label that is not there has the empty value.
#[derive(Debug, Clone)]
pub struct Matcher {
    name: String,
    operator: MatchOperator,
    value: String,
    /// Of the two operators that want one; it matches whole values.
    regex: Option<Regex>,
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Matcher {}

impl Matcher {
    pub fn new(name: &str, operator: MatchOperator, value: &str) -> Result<Matcher, String> {
        if name.is_empty() {
            return Err("a matcher has no label name".to_owned());
        }
        let regex = operator.is_regex().then(|| whole_regex(value)).transpose()?;
        Ok(Matcher { name: name.to_owned(), operator, value: value.to_owned(), regex })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn operator(&self) -> MatchOperator {
        self.operator
    }

    pub fn value(&self) -> &str {
        &self.value
    }

    pub fn matches_value(&self, value: &str) -> bool {
        let found = match &self.regex {
            Some(regex) => regex.is_match(value),
            None => self.value == value,
        };
        found == self.operator.is_equal()
    }

    pub fn matches(&self, labels: &LabelSet) -> bool {
        self.matches_value(labels.get(&self.name).map_or("", String::as_str))
    }

    fn order(&self) -> (&str, &str, MatchOperator) {
        (&self.name, &self.value, self.operator)
    }
}

pub fn matches_all(matchers: &[Matcher], labels: &LabelSet) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

/// A regular expression that must match all of a value.
pub fn whole_regex(text: &str) -> Result<Regex, String> {
    if text.len() > REGEX_BYTES_MAX {
        return Err(format!("a regular expression is longer than {REGEX_BYTES_MAX} bytes"));
    }
    Regex::new(&format!("^(?:{text})$"))
        .map_err(|error| format!("invalid regular expression '{text}': {error}"))
}

/// In the order in which they are printed.
pub fn sort(matchers: &mut [Matcher]) {
    matchers.sort_by(|a, b| a.order().cmp(&b.order()));
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.chars().any(is_reserved) {
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            return write!(
                f,
                "{}{}{}",
                quoted(&self.name),
                self.operator.text(),
                quoted(&self.value)
            );
        }
        let value = self.value.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
        write!(f, "{}{}\"{value}\"", self.name, self.operator.text())
    }
}

/// `{a="b",c=~"d"}`
pub fn print(matchers: &[Matcher]) -> String {
    let printed: Vec<String> = matchers.iter().map(Matcher::to_string).collect();
    format!("{{{}}}", printed.join(","))
}

/// One matcher.
pub fn parse(text: &str) -> Result<Matcher, String> {
    let whole = || format!("bad matcher format: {text}");
    let newer = Newer::new(text).one();
    let older = parse_older(text);
    prefer_older(newer, older).map_err(|error| if error.is_empty() { whole() } else { error })
}

/// Several, with commas between them and braces around them or not.
pub fn parse_list(text: &str) -> Result<Vec<Matcher>, String> {
    prefer_older(
        Newer::new(text).list(),
        split_older(text).and_then(|parts| parts.iter().map(|part| parse_older(part)).collect()),
    )
}

fn prefer_older<T: PartialEq>(
    newer: Result<T, String>,
    older: Result<T, String>,
) -> Result<T, String> {
    match (newer, older) {
        (_, Ok(older)) => Ok(older),
        (Ok(newer), Err(_)) => Ok(newer),
        (Err(_), Err(error)) => Err(error),
    }
}

fn operator_at(text: &str) -> Option<(MatchOperator, &str)> {
    use MatchOperator::{Equal, NotEqual, NotRegex, Regex};
    let operators = [Regex, NotRegex, NotEqual, Equal];
    operators.into_iter().find_map(|operator| Some((operator, text.strip_prefix(operator.text())?)))
}

// ---- the older grammar ----

fn parse_older(text: &str) -> Result<Matcher, String> {
    let wrong = || format!("bad matcher format: {text}");
    let trimmed = text.trim_start();
    let is_name = |(place, c): (usize, char)| {
        c.is_ascii_alphabetic() || c == '_' || c == ':' || (place > 0 && c.is_ascii_digit())
    };
    let end = trimmed.char_indices().find(|at| !is_name(*at)).map_or(trimmed.len(), |(at, _)| at);
    let (name, rest) = trimmed.split_at(end);
    let (operator, value) = operator_at(rest.trim_start()).ok_or_else(wrong)?;
    if name.is_empty() {
        return Err(wrong());
    }
    Matcher::new(name, operator, &unescape_older(value.trim())?)
}

/// `\"`, `\n` and `\\` stand for what they say; another backslash is one.
fn unescape_older(raw: &str) -> Result<String, String> {
    let stray = || format!("matcher value contains unescaped double quote: {raw}");
    let (inner, mut is_open) = match raw.strip_prefix('"') {
        Some(inner) => (inner, true),
        None => (raw, false),
    };
    let mut value = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(c @ ('"' | '\\')) => value.push(c),
                Some(c) => value.extend(['\\', c]),
                None => value.push('\\'),
            },
            '"' if is_open && chars.peek().is_none() => is_open = false,
            '"' => return Err(stray()),
            c => value.push(c),
        }
    }
    if is_open { Err(stray()) } else { Ok(value) }
}

/// Parts between commas that stand outside of quotes.
fn split_older(text: &str) -> Result<Vec<String>, String> {
    let text = text.strip_prefix('{').unwrap_or(text);
    let text = text.strip_suffix('}').unwrap_or(text);
    let (mut parts, mut part) = (Vec::new(), String::new());
    let (mut is_quoted, mut is_escaped) = (false, false);
    for c in text.chars() {
        match c {
            ',' if !is_quoted => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            '"' if !is_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        is_escaped = c == '\\' && !is_escaped;
        part.push(c);
    }
    if !part.trim().is_empty() {
        parts.push(part);
    }
    Ok(parts)
}

// ---- the newer grammar ----

/// What only quotes can hold.
fn is_reserved(c: char) -> bool {
    c.is_whitespace() || "{}!=~,\\\"'`".contains(c)
}

struct Newer<'a> {
    rest: &'a str,
}

impl<'a> Newer<'a> {
    fn new(text: &'a str) -> Newer<'a> {
        Newer { rest: text.trim() }
    }

    fn one(mut self) -> Result<Matcher, String> {
        let matcher = self.matcher()?;
        if self.rest.is_empty() { Ok(matcher) } else { Err(self.unexpected()) }
    }

    fn list(mut self) -> Result<Vec<Matcher>, String> {
        let is_braced = self.skip('{');
        let mut matchers = Vec::new();
        while !self.rest.is_empty() && !self.rest.starts_with('}') {
            matchers.push(self.matcher()?);
            if !self.skip(',') {
                break;
            }
        }
        if self.skip('}') != is_braced {
            return Err("a brace is missing".to_owned());
        }
        if self.rest.is_empty() { Ok(matchers) } else { Err(self.unexpected()) }
    }

    fn matcher(&mut self) -> Result<Matcher, String> {
        let name = self.word()?;
        let (operator, rest) = operator_at(self.rest).ok_or_else(|| self.unexpected())?;
        self.rest = rest.trim_start();
        let value = self.word()?;
        Matcher::new(&name, operator, &value)
    }

    fn word(&mut self) -> Result<String, String> {
        if self.rest.starts_with('"') {
            // Go's and JSON's quoted texts differ only in escapes that nobody writes here.
            let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
            let word = values.next().and_then(Result::ok).ok_or("a quoted text does not end")?;
            let end = values.byte_offset();
            self.rest = self.rest[end..].trim_start();
            return Ok(word);
        }
        let end = self.rest.find(is_reserved).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.unexpected());
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        Ok(word.to_owned())
    }

    fn skip(&mut self, c: char) -> bool {
        let after = self.rest.strip_prefix(c);
        if let Some(after) = after {
            self.rest = after.trim_start();
        }
        after.is_some()
    }

    fn unexpected(&self) -> String {
        match self.rest.is_empty() {
            true => "a matcher ends too early".to_owned(),
            false => format!("'{}' was not expected in a matcher", self.rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let read = parse_list(text).map(|matchers| print(&matchers));
        assert_eq!(read.as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn both_grammars_are_read() {
        check("foo=bar", "{foo=\"bar\"}");
        check("{foo = \"bar\", dings != \"bums\", }", "{foo=\"bar\",dings!=\"bums\"}");
        check("foo=bar,dings!=bums", "{foo=\"bar\",dings!=\"bums\"}");
        check("statuscode=~\"5..\"", "{statuscode=~\"5..\"}");
        check(
            "quote=\"She said: \\\"Hi, ladies!\\\"\"",
            "{quote=\"She said: \\\"Hi, ladies!\\\"\"}",
        );
        check("path=~\"a\\d+\"", "{path=~\"a\\\\d+\"}");
        check("words=one two", "{words=\"one two\"}");
        check("empty=", "{empty=\"\"}");
        check("\"service.name\"=\"x\"", "{service.name=\"x\"}");
        check("service.name!~x", "{service.name!~\"x\"}");
        check("\"a b\"=c", "{\"a b\"=\"c\"}");
        check("größe=1", "{größe=\"1\"}");
        check("", "{}");
    }

    #[test]
    fn what_is_no_matcher_is_refused() {
        for text in ["foo", "=bar", "foo=\"bar", "foo=~\"(\"", "\"a", "{\"a.b\"=c", "foo==\"b\"\""]
        {
            assert!(parse_list(text).is_err(), "{text}");
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_missing_label_is_empty_and_expressions_match_whole_values() {
        let labels = LabelSet::from([("job".to_owned(), "api-v2".to_owned())]);
        let matches = |text: &str| matches_all(&parse_list(text).unwrap(), &labels);
        assert!(matches("job=~\"api.v2\""));
        assert!(!matches("job=~api"));
        assert!(matches("job!~api"));
        assert!(matches("gone=\"\""));
        assert!(matches("gone!=x"));
        assert!(!matches("gone=~.+"));
        assert!(matches("gone=~\"|x\""));
    }
}
