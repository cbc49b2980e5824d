//! The tokens of a query.

use super::ast::Span;
use super::error::SyntaxError;
use super::unit;
use crate::promql::text::unquote;

#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A name or a keyword: only the grammar can tell.
    Word(String),
    Text(String),
    Number(f64),
    /// Nanoseconds.
    Duration(i64),
    Bytes(u64),
    /// `[5m]`, in nanoseconds.
    Range(i64),
    /// `--strict` and its like, with the dashes.
    Flag(&'static str),
    /// An operator or bracket.
    Sign(&'static str),
    End,
}

impl Token {
    /// As errors call it.
    pub fn described(&self) -> String {
        match self {
            Token::Word(word) => word.clone(),
            Token::Text(_) => "STRING".to_owned(),
            Token::Number(_) => "NUMBER".to_owned(),
            Token::Duration(_) => "DURATION".to_owned(),
            Token::Bytes(_) => "BYTES".to_owned(),
            Token::Range(_) => "RANGE".to_owned(),
            Token::Flag(flag) => (*flag).to_owned(),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::End => "$end".to_owned(),
        }
    }
}

/// Longest first, so that the first that fits is the right one.
const SIGNS: [&str; 31] = [
    "|=", "|~", "|>", "!=", "!~", "!>", "=~", "==", ">=", "<=", "=", ">", "<", "|", "{", "}", "(",
    ")", ",", "+", "-", "*", "/", "%", "^", ".", "[", "]", ":", "@", ";",
];

const FLAGS: [&str; 2] = ["--strict", "--keep-empty"];

/// The tokens with their places; the last is [`Token::End`].
pub fn tokens(text: &str) -> Result<Vec<(Token, Span)>, SyntaxError> {
    let mut list = Vec::new();
    let mut at = 0;
    loop {
        at += blank(&text[at..]);
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else {
            list.push((Token::End, Span { start: at, end: at }));
            return Ok(list);
        };
        let wrong = |message: String| SyntaxError::new(Span { start: at, end: at + 1 }, message);
        let (token, length) = match first {
            '"' | '`' => string(rest, first).map_err(wrong)?,
            '[' => range(rest).map_err(wrong)?,
            _ if starts_number(rest) => number(rest).map_err(wrong)?,
            c if c.is_alphabetic() || c == '_' => {
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), end)
            }
            _ => match FLAGS.iter().find(|flag| rest.starts_with(**flag)) {
                Some(flag) => (Token::Flag(flag), flag.len()),
                None => {
                    let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                    let sign =
                        sign.ok_or_else(|| wrong(format!("unexpected character: {first:?}")))?;
                    (Token::Sign(sign), sign.len())
                }
            },
        };
        list.push((token, Span { start: at, end: at + length }));
        at += length;
    }
}

/// Bytes of spaces and comments.
fn blank(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start().len();
        match text[at..].strip_prefix('#') {
            Some(comment) => at += 1 + comment.find('\n').unwrap_or(comment.len()),
            None => return at,
        }
    }
}

fn string(text: &str, quote: char) -> Result<(Token, usize), String> {
    let mut end = None;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            '\n' if quote == '"' => break,
            c if c == quote => {
                end = Some(at + 1);
                break;
            }
            _ => {}
        }
    }
    let end = end.ok_or("literal not terminated")?;
    let value = unquote(&text[..end]).map_err(|reason| format!("invalid string: {reason}"))?;
    Ok((Token::Text(value), end))
}

fn starts_number(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes[0].is_ascii_digit() || (bytes[0] == b'.' && bytes.get(1).is_some_and(u8::is_ascii_digit))
}

/// A number, or one with units: `5`, `1.5e3`, `1h30m`, `5MB`.
fn number(text: &str) -> Result<(Token, usize), String> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | 'µ' | 'μ');
    let mut end = text.find(|c: char| !is_part(c)).unwrap_or(text.len());
    let written = &text[..end];
    // The sign of an exponent.
    if written.ends_with(['e', 'E'])
        && written[..written.len() - 1].bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && text[end..].starts_with(['+', '-'])
    {
        end += 1 + text[end + 1..].bytes().take_while(u8::is_ascii_digit).count();
    }
    let written = &text[..end];
    let hexadecimal =
        written.strip_prefix("0x").and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let token = if let Some(value) = hexadecimal {
        Token::Number(value as f64)
    } else if let Ok(value) = written.parse::<f64>() {
        Token::Number(value)
    } else if let Some(nanoseconds) = unit::parse_duration(written) {
        Token::Duration(nanoseconds)
    } else if let Some(bytes) = unit::parse_bytes(written) {
        Token::Bytes(bytes)
    } else {
        return Err(format!("bad number or duration syntax: {written:?}"));
    };
    Ok((token, end))
}

fn range(text: &str) -> Result<(Token, usize), String> {
    let end = text.find(']').ok_or("missing closing ']' in duration")?;
    let written = text[1..end].trim();
    let nanoseconds = unit::parse_duration(written)
        .ok_or_else(|| format!("not a valid duration string: {written:?}"))?;
    if nanoseconds <= 0 {
        return Err("the range must be longer than nothing".to_owned());
    }
    Ok((Token::Range(nanoseconds), end + 1))
}
