//! From text to tokens.

use super::value::Value;
use crate::promql::text::unquote;

type Parsed<T> = Result<T, String>;

/// A text, or the tokens between `{{` and `}}`.
pub(super) enum Piece {
    Text(String),
    Action(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Word(String),
    /// `.a.b`; `.` alone is empty. The flag says whether it follows without a space.
    Field(Vec<String>, bool),
    Variable(String),
    Literal(Value),
    Sign(&'static str),
}

/// Cuts a template at its actions. `{{-` and `-}}` take the blanks beside them along.
pub(super) fn pieces(text: &str) -> Parsed<Vec<Piece>> {
    let mut list = Vec::new();
    let mut rest = text;
    let mut trims = false;
    loop {
        let Some(start) = rest.find("{{") else {
            let last = if trims { rest.trim_start() } else { rest };
            list.push(Piece::Text(last.to_owned()));
            return Ok(list);
        };
        let mut before = &rest[..start];
        let mut inner = &rest[start + 2..];
        if trims {
            before = before.trim_start();
        }
        if let Some(after) =
            inner.strip_prefix('-').filter(|after| after.starts_with(char::is_whitespace))
        {
            before = before.trim_end();
            inner = after;
        }
        list.push(Piece::Text(before.to_owned()));
        let end = action_end(inner).ok_or("an action does not end")?;
        let mut action = &inner[..end];
        rest = &inner[end + 2..];
        trims = action.ends_with('-') && action[..action.len() - 1].ends_with(char::is_whitespace);
        if trims {
            action = &action[..action.len() - 1];
        }
        let comment = action.trim().strip_prefix("/*").and_then(|text| text.strip_suffix("*/"));
        if comment.is_none() {
            list.push(Piece::Action(tokens(action)?));
        }
    }
}

/// Where `}}` stands outside of strings.
fn action_end(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`' | '\'') => quote = Some(c),
            (None, '}') if text[at..].starts_with("}}") => return Some(at),
            (None, _) => {}
        }
    }
    None
}

fn tokens(text: &str) -> Parsed<Vec<Token>> {
    let mut list = Vec::new();
    let mut rest = text;
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    loop {
        let trimmed = rest.trim_start();
        let follows = trimmed.len() == rest.len() && !list.is_empty();
        rest = trimmed;
        let Some(first) = rest.chars().next() else { return Ok(list) };
        let end = rest[first.len_utf8()..]
            .find(|c| !is_name(c))
            .map_or(rest.len(), |end| end + first.len_utf8());
        let (token, length) = match first {
            '(' | ')' | '|' | ',' | '=' => {
                let sign =
                    ["(", ")", "|", ",", "="].into_iter().find(|sign| rest.starts_with(sign));
                (Token::Sign(sign.unwrap_or("(")), 1)
            }
            ':' if rest.starts_with(":=") => (Token::Sign(":="), 2),
            '"' | '`' => {
                let end = string_end(rest, first).ok_or("a string does not end")?;
                (Token::Literal(Value::Text(unquote(&rest[..end])?)), end)
            }
            '\'' => {
                let end = string_end(rest, first).ok_or("a character does not end")?;
                let c =
                    unquote(&rest[..end])?.chars().next().map_or(0, |c| i64::from(u32::from(c)));
                (Token::Literal(Value::Int(c)), end)
            }
            '$' => (Token::Variable(rest[..end].to_owned()), end),
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                let (path, length) = path(rest);
                (Token::Field(path, follows), length)
            }
            c if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => number(rest)?,
            c if is_name(c) => (Token::Word(rest[..end].to_owned()), end),
            c => return Err(format!("unexpected {c:?} in an action")),
        };
        list.push(token);
        rest = &rest[length..];
    }
}

/// `.a.b` as its names, and its length.
fn path(text: &str) -> (Vec<String>, usize) {
    let mut names = Vec::new();
    let mut at = 0;
    while text[at..].starts_with('.') {
        let name = &text[at + 1..];
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        if end == 0 {
            break;
        }
        names.push(name[..end].to_owned());
        at += 1 + end;
    }
    (names, at.max(1))
}

fn string_end(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped && quote != '`';
        ends.then_some(at + 1)
    })
}

fn number(text: &str) -> Parsed<(Token, usize)> {
    let end = text[1..]
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
        .map_or(text.len(), |end| end + 1);
    let written = &text[..end];
    let value = match (written.parse::<i64>(), written.parse::<f64>()) {
        (Ok(number), _) => Value::Int(number),
        (_, Ok(number)) => Value::Float(number),
        _ => return Err(format!("bad number syntax: {written:?}")),
    };
    Ok((Token::Literal(value), end))
}
