//! The tokens of a query. Words are not told apart here: a keyword is one only where the grammar expects it.

use super::super::ast::Span;
use super::ParseError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// A name or keyword; metric names may hold colons.
    Word,
    /// A string with its quotes.
    Text,
    Number,
    Duration,
    /// An operator or bracket.
    Sign(&'static str),
    End,
}

/// Longest first, so that the first that fits is the right one.
const SIGNS: [&str; 27] = [
    "==", "!=", "=~", "!~", "<=", ">=", "</", ">/", "=", "<", ">", "+", "-", "*", "/", "%", "^",
    "(", ")", "{", "}", "[", "]", ",", ":", "@", "!",
];

/// Tokens with their places; the last one is [`Token::End`].
pub fn tokens(text: &str) -> Result<Vec<(Token, Span)>, ParseError> {
    let mut list = Vec::new();
    let mut in_brackets = false;
    let mut at = skip_blank(text, 0);
    while at < text.len() {
        let (token, end) = next(text, at, in_brackets)?;
        match token {
            Token::Sign("[") => in_brackets = true,
            Token::Sign("]") => in_brackets = false,
            _ => {}
        }
        list.push((token, Span { start: at, end }));
        at = skip_blank(text, end);
    }
    list.push((Token::End, Span { start: text.len(), end: text.len() }));
    Ok(list)
}

/// Past spaces and comments.
fn skip_blank(text: &str, mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        at += blank;
        match text[at..].strip_prefix('#') {
            Some(comment) => at += 1 + comment.find('\n').unwrap_or(comment.len()),
            None => return at,
        }
    }
}

fn next(text: &str, at: usize, in_brackets: bool) -> Result<(Token, usize), ParseError> {
    let rest = &text[at..];
    let first = rest.chars().next().unwrap_or(' ');
    let is_word = |c: char| c.is_ascii_alphabetic() || c == '_' || (c == ':' && !in_brackets);
    if is_word(first) {
        let length = rest.find(|c: char| !is_word(c) && !c.is_ascii_digit()).unwrap_or(rest.len());
        return Ok((Token::Word, at + length));
    }
    if first.is_ascii_digit()
        || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()))
    {
        return number(text, at);
    }
    if matches!(first, '"' | '\'' | '`') {
        return string(text, at, first);
    }
    match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        Some(sign) => Ok((Token::Sign(sign), at + sign.len())),
        None => Err(ParseError::at(
            Span { start: at, end: at + first.len_utf8() },
            format!("unexpected character: '{first}'"),
        )),
    }
}

fn string(text: &str, at: usize, quote: char) -> Result<(Token, usize), ParseError> {
    let mut escaped = false;
    for (offset, c) in text[at + 1..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            '\n' if quote != '`' => break,
            c if c == quote => return Ok((Token::Text, at + 1 + offset + 1)),
            _ => {}
        }
    }
    let span = Span { start: at, end: text.len() };
    Err(ParseError::at(span, "unterminated quoted string".to_owned()))
}

fn number(text: &str, at: usize) -> Result<(Token, usize), ParseError> {
    let bytes = &text.as_bytes()[at..];
    let run = |from: usize, keep: &dyn Fn(u8) -> bool| {
        from + bytes[from.min(bytes.len())..].iter().take_while(|byte| keep(**byte)).count()
    };
    let digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if bytes.len() > 1 && bytes[0] == b'0' && matches!(bytes[1], b'x' | b'X') {
        let end = run(2, &|byte| byte.is_ascii_hexdigit() || byte == b'_');
        return whole(text, at, end, run(end, &letter), Token::Number);
    }
    let mut end = run(0, &digit);
    let is_duration =
        end < bytes.len() && matches!(bytes[end], b's' | b'm' | b'h' | b'd' | b'w' | b'y');
    if is_duration {
        let end = run(0, &|byte| byte.is_ascii_digit() || b"smhdwy".contains(&byte));
        return whole(text, at, end, run(end, &letter), Token::Duration);
    }
    if bytes.get(end) == Some(&b'.') {
        end = run(end + 1, &digit);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        end = run(signed, &digit);
    }
    whole(text, at, end, run(end, &letter), Token::Number)
}

/// A number must end where its letters and digits end.
fn whole(
    text: &str,
    at: usize,
    end: usize,
    letters_end: usize,
    token: Token,
) -> Result<(Token, usize), ParseError> {
    if letters_end == end {
        return Ok((token, at + end));
    }
    let written = &text[at..at + letters_end];
    let span = Span { start: at, end: at + letters_end };
    Err(ParseError::at(span, format!("bad number or duration syntax: {written:?}")))
}
