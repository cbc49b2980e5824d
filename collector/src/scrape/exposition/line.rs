//! What the lines of both formats are made of: names, labels, quoted strings, numbers.

use super::Label;
use crate::remote_write::NAN_BITS;
use std::borrow::Cow;

/// Walks one line.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    rest: &'a str,
}

pub type Parsed<T> = Result<T, &'static str>;

impl<'a> Line<'a> {
    pub fn new(line: &'a str) -> Line<'a> {
        Line { rest: line }
    }

    pub fn rest(&self) -> &'a str {
        self.rest
    }

    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// Passes over spaces and tabs; answers whether there were any.
    pub fn skip_blanks(&mut self) -> bool {
        let trimmed = self.rest.trim_start_matches([' ', '\t']);
        let skipped = trimmed.len() < self.rest.len();
        self.rest = trimmed;
        skipped
    }

    pub fn take(&mut self, expected: char) -> bool {
        let stripped = self.rest.strip_prefix(expected);
        self.rest = stripped.unwrap_or(self.rest);
        stripped.is_some()
    }

    /// Text up to the next blank or the end.
    pub fn word(&mut self) -> &'a str {
        let end = self.rest.find([' ', '\t']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// A metric's name, plain or quoted.
    pub fn metric_name(&mut self) -> Parsed<Cow<'a, str>> {
        if self.rest.starts_with('"') {
            return self.quoted();
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        self.plain_name(is_part).map(Cow::Borrowed).ok_or("expected the name of a metric")
    }

    fn plain_name(&mut self, is_part: impl Fn(char) -> bool) -> Option<&'a str> {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.rest = rest;
        Some(name)
    }

    /// A string in quotes with `\\`, `\"` and `\n` inside.
    pub fn quoted(&mut self) -> Parsed<Cow<'a, str>> {
        let inside = self.rest.strip_prefix('"').ok_or("expected a quote")?;
        let mut from = 0;
        let bytes = inside.as_bytes();
        let end = loop {
            match bytes.get(from) {
                None => return Err("a quoted string does not end"),
                Some(b'"') => break from,
                Some(b'\\') => from += 2,
                Some(_) => from += 1,
            }
        };
        self.rest = &inside[end + 1..];
        Ok(unescape(&inside[..end], true))
    }

    /// Labels from `{` to `}`. A quoted string without a value is the metric's name.
    pub fn labels(&mut self, name: &mut Option<Cow<'a, str>>) -> Parsed<Vec<Label<'a>>> {
        let mut labels = Vec::new();
        if !self.take('{') {
            return Ok(labels);
        }
        loop {
            self.skip_blanks();
            if self.take('}') {
                return Ok(labels);
            }
            let is_quoted = self.rest.starts_with('"');
            let key = self.label_name()?;
            self.skip_blanks();
            if self.take('=') {
                self.skip_blanks();
                let value = self.quoted()?;
                if labels.iter().any(|(known, _): &Label<'_>| *known == key) {
                    return Err("a label occurs twice");
                }
                labels.push((key, value));
            } else if is_quoted && name.is_none() && !key.is_empty() {
                *name = Some(key);
            } else {
                return Err("expected '=' after the name of a label");
            }
            self.skip_blanks();
            if !self.take(',') && !self.rest.starts_with('}') {
                return Err("expected ',' or '}' after a label");
            }
        }
    }

    fn label_name(&mut self) -> Parsed<Cow<'a, str>> {
        if self.rest.starts_with('"') {
            return self.quoted().and_then(|name| {
                if name.is_empty() { Err("a label has no name") } else { Ok(name) }
            });
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.plain_name(is_part).map(Cow::Borrowed).ok_or("expected the name of a label")
    }
}

/// Undoes the escapes of help texts (`\\`, `\n`) and quoted strings (also `\"`). Others stand for themselves.
pub fn unescape(text: &str, quotes: bool) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some('\\') | None => plain.push('\\'),
            Some('"') if quotes => plain.push('"'),
            Some(other) => plain.extend(['\\', other]),
        }
    }
    Cow::Owned(plain)
}

/// A value: a number in decimal, an infinity or NaN, in any case.
pub fn number(word: &str) -> Parsed<f64> {
    let is_number = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if !word.chars().all(is_number) {
        return Err("expected a number");
    }
    let value: f64 = word.parse().map_err(|_| "expected a number")?;
    // There is one NaN that targets can say; another would be taken for the stale marker or kept apart.
    Ok(if value.is_nan() { f64::from_bits(NAN_BITS) } else { value })
}
