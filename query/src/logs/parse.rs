//! From a query's text to [`Query`]. The language is described in `query/LANGUAGE.md`.
//!
//! Recursive descent, one function per rule. Length, nesting and number of terms are bounded, so no text can exhaust the
//! stack or make a search absurdly slow.

use super::ast::{Bound, Literal, Query, Test};
use super::field::{Key, field_query, key_of};
use super::pipe::{Pipe, parse_pipe};
use super::text::TextMatch;
use crate::{Error, Position};

/// Longest query, in bytes. Far more than a person types; a program that needs more has SQL.
const QUERY_BYTES_MAX: usize = 16 << 10;

/// Deepest nesting of parentheses.
const DEPTH_MAX: usize = 50;

/// Most words and field tests in one query: each is checked against every candidate row.
const TERMS_MAX: usize = 500;

/// Parses a query without pipes; blank text matches every record.
pub(crate) fn parse(text: &str) -> Result<Query, Error> {
    match parse_piped(text)? {
        (query, None) => Ok(query),
        (_, Some(_)) => Err(Error::InvalidRequest {
            message: "the query has a pipe, where only a search can stand".to_owned(),
            hint: Some("leave out everything from '|' on; quoted, '|' is searched for".to_owned()),
        }),
    }
}

/// Parses a query and what is made of the records it matches.
pub(crate) fn parse_piped(text: &str) -> Result<(Query, Option<Pipe>), Error> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(Error::Parse {
            message: format!("the query has {} bytes; the limit is {QUERY_BYTES_MAX}", text.len()),
            position: None,
            hint: Some("shorten the query, or use SQL".to_owned()),
        });
    }
    let mut parser = Parser { text, at: 0, depth: 0, terms: 0 };
    parser.skip_space();
    let query = match parser.peek() {
        None | Some('|') => Query::And(Vec::new()),
        Some(_) => parser.either(None)?,
    };
    match parser.peek() {
        None => Ok((query, None)),
        Some('|') => Ok((query, Some(parse_pipe(text, parser.at)?))),
        Some(_) => Err(parser.error("')' without '('", "remove it, or quote it to search for it")),
    }
}

/// What is wrong at a byte of a query's text.
pub(super) fn error_at(text: &str, at: usize, message: &str, hint: &str) -> Error {
    let before = &text[..at];
    let line = before.matches('\n').count() as u64 + 1;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[line_start..].chars().count() as u64 + 1;
    Error::Parse {
        message: message.to_owned(),
        position: Some(Position { line, column }),
        hint: Some(hint.to_owned()),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    terms: usize,
}

impl<'a> Parser<'a> {
    /// `a OR b OR …`; inside `key:( … )` words are values of `key`.
    fn either(&mut self, key: Option<&Key>) -> Result<Query, Error> {
        let mut parts = vec![self.all(key)?];
        while self.keyword("OR") {
            parts.push(self.all(key)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Query::Or(parts) })
    }

    /// `a b AND c …`: words side by side must all match.
    fn all(&mut self, key: Option<&Key>) -> Result<Query, Error> {
        let mut parts = vec![self.negated(key)?];
        loop {
            self.skip_space();
            let ends = matches!(self.peek(), None | Some(')' | '|')) || self.at_keyword("OR");
            if !self.keyword("AND") && ends {
                break;
            }
            parts.push(self.negated(key)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Query::And(parts) })
    }

    /// `NOT a`, `-a`, or `a`.
    fn negated(&mut self, key: Option<&Key>) -> Result<Query, Error> {
        let mut negated = false;
        loop {
            self.skip_space();
            let next = self.rest().chars().nth(1);
            let is_minus = self.peek() == Some('-')
                && next.is_some_and(|c| !c.is_whitespace() && c != ')')
                && !(key.is_some() && next.is_some_and(|c| c.is_ascii_digit()));
            if is_minus {
                self.at += 1;
            } else if !self.keyword("NOT") {
                break;
            }
            negated = !negated;
        }
        let query = self.single(key)?;
        Ok(if negated { Query::Not(Box::new(query)) } else { query })
    }

    /// `( … )`, a word, a phrase, or a field test.
    fn single(&mut self, key: Option<&Key>) -> Result<Query, Error> {
        self.skip_space();
        let missing = "expected a word, a \"phrase\" or key:value here";
        let quote_keyword = "to search for the word AND, OR or NOT itself, quote it";
        match self.peek() {
            None | Some(')') => Err(self.error(missing, quote_keyword)),
            Some('|') => Err(self.error(missing, "to search for the character | itself, quote it")),
            Some('(') => self.group(key),
            Some(_) if self.at_keyword("AND") || self.at_keyword("OR") => {
                Err(self.error(missing, quote_keyword))
            }
            Some(_) => {
                self.terms += 1;
                if self.terms > TERMS_MAX {
                    let message = format!("the query has more than {TERMS_MAX} terms");
                    return Err(self.error(&message, "use fewer terms, or SQL"));
                }
                match key {
                    Some(key) => self.value(key),
                    None => self.term(),
                }
            }
        }
    }

    fn group(&mut self, key: Option<&Key>) -> Result<Query, Error> {
        let open = self.at;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("parentheses are nested more than {DEPTH_MAX} deep");
            return Err(self.error(&message, "remove the parentheses that are not needed"));
        }
        self.at += 1;
        let query = self.either(key)?;
        self.skip_space();
        if self.peek() != Some(')') {
            return Err(self.error_at(open, "'(' is never closed", "add the missing ')'"));
        }
        self.at += 1;
        self.depth -= 1;
        Ok(query)
    }

    /// A word, a phrase, or `key:` with its value.
    fn term(&mut self) -> Result<Query, Error> {
        if self.peek() == Some('"') {
            let text = self.quoted()?;
            if self.peek() == Some(':') {
                self.at += 1;
                return self.value(&key_of(&text));
            }
            return Ok(Query::Text(TextMatch::of(&text, false)));
        }
        let start = self.at;
        let word = self.word();
        if let Some((key, value)) = word.split_once(':')
            && is_key(key)
            && !value.starts_with("//")
        {
            self.at = start + key.len() + 1;
            return self.value(&key_of(key));
        }
        match word.strip_suffix('*') {
            _ if word == "*" => Ok(Query::And(Vec::new())),
            Some(prefix) if !prefix.contains('*') => {
                let text = TextMatch::of(prefix, true);
                Ok(Query::Text(text))
            }
            None if !word.contains('*') => Ok(Query::Text(TextMatch::of(word, false))),
            _ => Err(self.error_at(
                start,
                "a word can have '*' only at its end",
                "to find a piece of text anywhere in the body, write body:*text*",
            )),
        }
    }

    /// What follows `key:`.
    fn value(&mut self, key: &Key) -> Result<Query, Error> {
        let start = self.at;
        let test = match self.peek() {
            None | Some(')') => None,
            Some(c) if c.is_whitespace() => None,
            Some('(') => return self.group(Some(key)),
            Some('[' | '{') => Some(self.range()?),
            Some('>' | '<' | '=') => Some(self.comparison()?),
            Some('"') => Some(Test::Equals(Literal::quoted(self.quoted()?))),
            Some(_) => Some(bare_test(self.word(), key)),
        };
        let Some(test) = test else {
            return Err(self.error_at(
                start,
                "expected a value after ':'",
                "write key:value without a space, key:* for any value, or quote a word that holds ':'",
            ));
        };
        field_query(key, test).map_err(|(message, hint)| self.error_at(start, &message, &hint))
    }

    /// `>x`, `>=x`, `<x`, `<=x` or `=x`.
    fn comparison(&mut self) -> Result<Test, Error> {
        let operator = [">=", "<=", ">", "<", "="].into_iter().find(|o| self.rest().starts_with(o));
        let operator = operator.unwrap_or("=");
        self.at += operator.len();
        self.skip_space();
        let literal = self.literal(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'))?;
        Ok(match operator {
            ">=" => Test::Between(Bound::Included(literal), Bound::Open),
            ">" => Test::Between(Bound::Excluded(literal), Bound::Open),
            "<=" => Test::Between(Bound::Open, Bound::Included(literal)),
            "<" => Test::Between(Bound::Open, Bound::Excluded(literal)),
            _ => Test::Equals(literal),
        })
    }

    /// `[a TO b]`; a brace instead of a bracket leaves that end out, `*` leaves it open.
    fn range(&mut self) -> Result<Test, Error> {
        let open = self.at;
        let low_included = self.peek() == Some('[');
        self.at += 1;
        let end = |c: char| c.is_whitespace() || matches!(c, ']' | '}' | '"');
        self.skip_space();
        let low = self.literal(end)?;
        if !self.keyword("TO") {
            return Err(
                self.error("expected TO", "write a range as key:[200 TO 299] or key:200..299")
            );
        }
        self.skip_space();
        let high = self.literal(end)?;
        self.skip_space();
        let high_included = match self.peek() {
            Some(']') => true,
            Some('}') => false,
            _ => {
                return Err(self.error_at(
                    open,
                    "the range is never closed",
                    "add the missing ']'",
                ));
            }
        };
        self.at += 1;
        Ok(Test::Between(bound(low, low_included), bound(high, high_included)))
    }

    fn literal(&mut self, ends: impl Fn(char) -> bool) -> Result<Literal, Error> {
        if self.peek() == Some('"') {
            return Ok(Literal::quoted(self.quoted()?));
        }
        let length = self.rest().find(ends).unwrap_or(self.rest().len());
        if length == 0 {
            return Err(self.error("expected a value", "write a number, a word or a \"text\""));
        }
        let text = &self.rest()[..length];
        self.at += length;
        Ok(Literal::bare(text))
    }

    /// A quoted text; `\"` and `\\` stand for a quote and a backslash.
    fn quoted(&mut self) -> Result<String, Error> {
        let open = self.at;
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, character)) = characters.next() {
            match character {
                '"' => {
                    self.at = open + offset + 1;
                    return Ok(text);
                }
                '\\' if matches!(characters.peek(), Some((_, '"' | '\\'))) => {
                    text.extend(characters.next().map(|(_, escaped)| escaped));
                }
                other => text.push(other),
            }
        }
        Err(self.error_at(open, "the quote is never closed", "add the missing '\"'"))
    }

    /// Everything up to a space, parenthesis or quote.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"');
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    /// Takes `keyword` if it stands here as a word of its own.
    fn keyword(&mut self, keyword: &str) -> bool {
        self.skip_space();
        let here = self.at_keyword(keyword);
        if here {
            self.at += keyword.len();
        }
        here
    }

    fn at_keyword(&self, keyword: &str) -> bool {
        let after = self.rest().strip_prefix(keyword).map(|rest| rest.chars().next());
        after.is_some_and(|next| {
            next.is_none_or(|c| c.is_whitespace() || matches!(c, '(' | ')' | '"'))
        })
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error(&self, message: &str, hint: &str) -> Error {
        self.error_at(self.at, message, hint)
    }

    fn error_at(&self, at: usize, message: &str, hint: &str) -> Error {
        error_at(self.text, at, message, hint)
    }
}

/// Keys start with a letter, so that `12:30` is a word.
fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '@' | '$'))
}

fn bound(literal: Literal, included: bool) -> Bound {
    match included {
        _ if literal.number.is_none() && literal.text == "*" => Bound::Open,
        true => Bound::Included(literal),
        false => Bound::Excluded(literal),
    }
}

/// The test that an unquoted value stands for: `*`, `a*b`, `1..5`, or the value itself.
fn bare_test(word: &str, key: &Key) -> Test {
    if word == "*" {
        return Test::Exists;
    }
    if let Some((low, high)) = word.split_once("..") {
        let (low, high) = (Literal::bare(low), Literal::bare(high));
        let is_end = |literal: &Literal| {
            literal.text.is_empty() || literal.number.is_some() || *key == Key::Severity
        };
        if is_end(&low) && is_end(&high) && (low.text.len() + high.text.len() > 0) {
            let end = |literal: Literal| match literal.text.is_empty() {
                true => Bound::Open,
                false => Bound::Included(literal),
            };
            return Test::Between(end(low), end(high));
        }
    }
    match word.contains('*') {
        true => Test::Glob(word.split('*').map(str::to_owned).collect()),
        false => Test::Equals(Literal::bare(word)),
    }
}

#[cfg(test)]
mod tests;
