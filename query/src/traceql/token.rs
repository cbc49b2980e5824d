//! TraceQL's words: from text to tokens with their places.

use super::ast::{AttributeScope, Literal};
use super::error::{Place, SyntaxError};

/// A word of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// `count`, `name`, `span:duration`, `true`, …
    Word(String),
    Attribute {
        scope: AttributeScope,
        of_parent: bool,
        name: String,
    },
    /// A number, a duration or a string.
    Literal(Literal),
    /// `{`, `&&`, `!>>`, …
    Symbol(&'static str),
    End,
}

/// A token and the byte of the text it begins at.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) place: Place,
}

/// Longest first, so that `>>` is not read as two `>`.
const SYMBOLS: [&str; 35] = [
    "!>>", "!<<", "&>>", "&<<", "&&", "||", ">>", "<<", ">=", "<=", "!=", "=~", "!~", "!>", "!<",
    "&>", "&<", "&~", "{", "}", "(", ")", "=", "<", ">", "!", "~", "+", "-", "*", "/", "%", "^",
    "|", ",",
];

/// Words before a `.` that begin an attribute, longest first.
const SCOPES: [(&str, AttributeScope, bool); 9] = [
    ("parent.resource.", AttributeScope::Resource, true),
    ("parent.span.", AttributeScope::Span, true),
    ("instrumentation.", AttributeScope::Instrumentation, false),
    ("resource.", AttributeScope::Resource, false),
    ("parent.", AttributeScope::Any, true),
    ("event.", AttributeScope::Event, false),
    ("span.", AttributeScope::Span, false),
    ("link.", AttributeScope::Link, false),
    (".", AttributeScope::Any, false),
];

/// The tokens of `text`; the last is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, SyntaxError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = skip_space(rest);
        let place = Place(text.len() - rest.len());
        let (token, after) = next(rest, place)?;
        let is_end = token == Token::End;
        tokens.push(Placed { token, place });
        if is_end {
            return Ok(tokens);
        }
        rest = after;
    }
}

/// Past spaces and comments: `// …` to the line's end, `/* … */`.
fn skip_space(mut text: &str) -> &str {
    loop {
        let trimmed = text.trim_start();
        text = if let Some(comment) = trimmed.strip_prefix("//") {
            comment.find('\n').map_or("", |end| &comment[end..])
        } else if let Some(comment) = trimmed.strip_prefix("/*") {
            comment.find("*/").map_or("", |end| &comment[end + 2..])
        } else {
            return trimmed;
        };
    }
}

fn next(text: &str, place: Place) -> Result<(Token, &str), SyntaxError> {
    let Some(first) = text.chars().next() else {
        return Ok((Token::End, text));
    };
    if let '"' | '`' = first {
        let (string, after) = string(text, place)?;
        return Ok((Token::Literal(Literal::String(string)), after));
    }
    let after_point = text[first.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
    if first.is_ascii_digit() || (first == '.' && after_point) {
        return number(text, place);
    }
    for (prefix, scope, of_parent) in SCOPES {
        if let Some(rest) = text.strip_prefix(prefix) {
            let (name, after) = attribute(rest, place)?;
            return Ok((Token::Attribute { scope, of_parent, name }, after));
        }
    }
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| text.starts_with(**symbol)) {
        return Ok((Token::Symbol(symbol), &text[symbol.len()..]));
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
    let (word, after) = text.split_at(end.unwrap_or(text.len()));
    if word.is_empty() {
        return Err(SyntaxError::new(place, format!("unexpected character '{first}'")));
    }
    Ok((Token::Word(word.to_owned()), after))
}

/// Whether an attribute's name can hold `c` without quotes.
fn is_attribute_char(c: char) -> bool {
    !c.is_whitespace() && !"{}()=~!<>&|^,\"`".contains(c)
}

/// An attribute's name, parts of which may be quoted: `http."status code"`.
fn attribute(text: &str, place: Place) -> Result<(String, &str), SyntaxError> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let end = rest.find(|c| !is_attribute_char(c)).unwrap_or(rest.len());
        name.push_str(&rest[..end]);
        rest = &rest[end..];
        if !rest.starts_with('"') {
            break;
        }
        let (quoted, after) = string(rest, place)?;
        name.push_str(&quoted);
        rest = after;
    }
    if name.is_empty() {
        return Err(SyntaxError::new(place, "an attribute needs a name after the '.'".to_owned()));
    }
    Ok((name, rest))
}

/// How an attribute's name is written in a query.
pub(super) fn attribute_name(name: &str) -> String {
    if name.chars().all(is_attribute_char) {
        return name.to_owned();
    }
    quoted(name)
}

/// A text in double quotes, as TraceQL reads it.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A string in double quotes with Go's escapes, or in back quotes without any.
fn string(text: &str, place: Place) -> Result<(String, &str), SyntaxError> {
    let open = || SyntaxError::new(place, "the string is not closed".to_owned());
    if let Some(raw) = text.strip_prefix('`') {
        let end = raw.find('`').ok_or_else(open)?;
        return Ok((raw[..end].to_owned(), &raw[end + 1..]));
    }
    let mut string = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((string, &text[at + 1..])),
            '\\' => {
                let (_, escaped) = chars.next().ok_or_else(open)?;
                string.push(unescape(escaped, &mut chars).ok_or_else(|| {
                    let message = format!("unknown escape '\\{escaped}' in a string");
                    let hint = "write strings with regular expressions in back quotes";
                    SyntaxError::new(Place(place.0 + at), message).with_hint(hint)
                })?);
            }
            c => string.push(c),
        }
    }
    Err(open())
}

fn unescape(escaped: char, chars: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    let digits = match escaped {
        'n' => return Some('\n'),
        't' => return Some('\t'),
        'r' => return Some('\r'),
        '"' | '\\' | '\'' => return Some(escaped),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let hex: String = chars.take(digits).map(|(_, c)| c).collect();
    (hex.len() == digits).then_some(())?;
    char::from_u32(u32::from_str_radix(&hex, 16).ok()?)
}

/// Nanoseconds of the units a duration can have.
const UNITS: [(&str, f64); 10] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
    ("d", 86_400e9),
    ("w", 604_800e9),
];

fn number(text: &str, place: Place) -> Result<(Token, &str), SyntaxError> {
    let wrong = |message: &str| SyntaxError::new(place, message.to_owned());
    let (digits, after) = digits(text);
    if unit(after).is_some() {
        let (nanos, after) = duration(text).ok_or_else(|| wrong("the duration is too long"))?;
        return Ok((Token::Literal(Literal::Duration(nanos)), after));
    }
    if after.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        let hint = "durations have the units ns, us, ms, s, m, h, d and w; strings need quotes";
        return Err(wrong("unknown unit after a number").with_hint(hint));
    }
    let literal = match digits.parse() {
        Ok(number) => Literal::Int(number),
        Err(_) => Literal::Float(digits.parse().map_err(|_| wrong("not a number"))?),
    };
    Ok((Token::Literal(literal), after))
}

/// The longest number `text` begins with.
fn digits(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let run = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = run(0);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + run(end + 1);
    }
    if let Some(b'e' | b'E') = bytes.get(end) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = run((end + 1 + sign).min(bytes.len()));
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    text.split_at(end)
}

fn unit(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    UNITS.iter().find(|(unit, _)| *unit == name).map(|(_, nanos)| (*nanos, after))
}

/// `1h30m`, `1.5s`.
fn duration(text: &str) -> Option<(i64, &str)> {
    let mut nanos = 0f64;
    let mut rest = text;
    loop {
        let (number, after) = digits(rest);
        match unit(after) {
            Some((per, after)) if !number.is_empty() => {
                nanos += number.parse::<f64>().ok()? * per;
                rest = after;
            }
            _ => break,
        }
    }
    (nanos < i64::MAX as f64).then_some((nanos.round() as i64, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<Token> {
        tokens(text).unwrap().into_iter().map(|placed| placed.token).collect()
    }

    fn attribute_of(scope: AttributeScope, of_parent: bool, name: &str) -> Token {
        Token::Attribute { scope, of_parent, name: name.to_owned() }
    }

    #[test]
    fn attributes_have_scopes_and_may_be_quoted() {
        let text = r#".a span.http.status_code resource."a b".c parent.span.x parent.y event.z"#;
        assert_eq!(
            read(text),
            [
                attribute_of(AttributeScope::Any, false, "a"),
                attribute_of(AttributeScope::Span, false, "http.status_code"),
                attribute_of(AttributeScope::Resource, false, "a b.c"),
                attribute_of(AttributeScope::Span, true, "x"),
                attribute_of(AttributeScope::Any, true, "y"),
                attribute_of(AttributeScope::Event, false, "z"),
                Token::End
            ]
        );
    }

    #[test]
    fn numbers_and_durations() {
        let literals = [
            Literal::Int(1),
            Literal::Float(1.5),
            Literal::Float(0.5),
            Literal::Duration(1_500_000_000),
            Literal::Duration(90 * 60_000_000_000),
            Literal::Duration(2_000),
            Literal::Float(1e3),
        ];
        let mut expected: Vec<_> = literals.into_iter().map(Token::Literal).collect();
        expected.push(Token::End);
        assert_eq!(read("1 1.5 .5 1.5s 1h30m 2µs 1e3"), expected);
        assert!(tokens("5x").is_err());
    }

    #[test]
    fn symbols_are_read_longest_first_and_comments_passed_over() {
        let text = "{ } !>> >= >> // all\n /* of */ &&";
        let symbols = ["{", "}", "!>>", ">=", ">>", "&&"].map(Token::Symbol);
        assert_eq!(read(text), [&symbols[..], &[Token::End]].concat());
    }

    #[test]
    fn strings_know_escapes_and_back_quotes() {
        let string = |text: &str| Token::Literal(Literal::String(text.to_owned()));
        assert_eq!(read(r#""a\"\n\u00e4" `\d`"#), [string("a\"\nä"), string(r"\d"), Token::End]);
        assert!(tokens("\"open").is_err());
        assert!(tokens(r#""\d""#).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_tokens_or_an_error(text in "\\PC{0,40}") {
            let _ = tokens(&text);
        }

        #[test]
        fn quoted_texts_are_read_back(text in "\\PC{0,20}") {
            let tokens = tokens(&quoted(&text)).unwrap();
            prop_assert_eq!(&tokens[0].token, &Token::Literal(Literal::String(text)));
        }
    }
}
