//! The tokens of a query. Words outside of braces are not told apart here: a keyword is one only where the grammar expects
//! it. A text that is no token ends the list, and its error is what the parser reports when it gets there.

use super::super::ast::Span;
use super::{number, string};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// A name or keyword; metric names may hold colons.
    Word,
    /// A name inside of braces, where there are no keywords.
    Label,
    /// A string with its quotes.
    Text,
    Number,
    Duration,
    /// An operator or bracket.
    Sign(&'static str),
    /// No token.
    Wrong,
    End,
}

/// Tokens with their places; the last one is [`Token::End`], or [`Token::Wrong`] with the reason.
pub struct Tokens {
    pub list: Vec<(Token, Span)>,
    pub wrong: Option<String>,
}

/// Longest first, so that the first that fits is the right one.
const SIGNS: [&str; 20] = [
    "==", "!=", "<=", ">=", "</", ">/", "=", "<", ">", "+", "-", "*", "/", "%", "^", ",", "@", "(",
    "{", "[",
];
const SIGNS_IN_BRACES: [&str; 6] = ["=~", "!~", "!=", "=", ",", "}"];
const SIGNS_IN_BRACKETS: [&str; 9] = ["+", "-", "*", "/", "%", "^", ",", "(", "]"];
/// What may be called inside of brackets.
const WORDS_IN_BRACKETS: [&str; 6] = ["step", "range", "min_of", "max_of", "min", "max"];

pub fn tokens(text: &str) -> Tokens {
    let mut lexer = Lexer { text, at: 0, open: 0, place: Place::Outside };
    let mut list = Vec::new();
    loop {
        lexer.skip_blank();
        let start = lexer.at;
        if start == text.len() {
            break;
        }
        match lexer.next() {
            Ok(token) => list.push((token, Span { start, end: lexer.at })),
            Err(wrong) => return wrong.finish(list, text),
        }
    }
    let reason = match lexer.place {
        Place::Braces => Some("unexpected end of input inside braces"),
        Place::Brackets { .. } => Some("unexpected end of input in duration expression"),
        Place::Outside => (lexer.open > 0).then_some("unclosed left parenthesis"),
    };
    if let Some(reason) = reason {
        return Wrong { at: text.len(), reason: reason.to_owned() }.finish(list, text);
    }
    list.push((Token::End, Span { start: text.len(), end: text.len() }));
    Tokens { list, wrong: None }
}

/// Why there is no token, and where.
pub(super) struct Wrong {
    pub(super) at: usize,
    pub(super) reason: String,
}

impl Wrong {
    fn finish(self, mut list: Vec<(Token, Span)>, text: &str) -> Tokens {
        list.push((Token::Wrong, Span { start: self.at, end: text.len() }));
        Tokens { list, wrong: Some(self.reason) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Braces,
    Brackets { has_duration: bool, has_colon: bool },
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Parentheses.
    open: usize,
    place: Place,
}

type Lexed = Result<Token, Wrong>;

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Past spaces and comments.
    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
            match self.rest().strip_prefix('#') {
                Some(comment) => self.at += 1 + comment.find('\n').unwrap_or(comment.len()),
                None => return,
            }
        }
    }

    fn wrong(&self, reason: String) -> Lexed {
        Err(Wrong { at: self.at, reason })
    }

    fn next(&mut self) -> Lexed {
        let first = self.rest().chars().next().unwrap_or(' ');
        match self.place {
            Place::Outside => self.outside(first),
            Place::Braces => self.in_braces(first),
            Place::Brackets { has_duration, has_colon } => {
                self.in_brackets(first, has_duration, has_colon)
            }
        }
    }

    fn outside(&mut self, first: char) -> Lexed {
        if self.is_number(first) {
            return self.number();
        }
        match first {
            c if c.is_ascii_alphabetic() || matches!(c, '_' | ':') => Ok(self.word(true)),
            '"' | '\'' | '`' => self.string(first),
            ')' if self.open == 0 => {
                self.at += 1;
                self.wrong("unexpected right parenthesis ')'".to_owned())
            }
            ')' => {
                self.open -= 1;
                Ok(self.sign(")"))
            }
            ']' => self.wrong("unexpected right bracket ']'".to_owned()),
            '=' if self.rest()[1..].starts_with('~') => {
                self.wrong("unexpected character after '=': '~'".to_owned())
            }
            _ => self.any_sign(&SIGNS, first, ""),
        }
    }

    fn in_braces(&mut self, first: char) -> Lexed {
        match first {
            c if c.is_ascii_alphabetic() || c == '_' => {
                self.word(false);
                Ok(Token::Label)
            }
            '"' | '\'' | '`' => self.string(first),
            '{' => self.wrong("unexpected left brace '{'".to_owned()),
            _ => self.any_sign(&SIGNS_IN_BRACES, first, " inside braces"),
        }
    }

    fn in_brackets(&mut self, first: char, has_duration: bool, has_colon: bool) -> Lexed {
        if self.is_number(first) {
            self.place = Place::Brackets { has_duration: true, has_colon };
            return self.number();
        }
        match first {
            ':' if !has_duration => {
                self.wrong("unexpected colon before duration in duration expression".to_owned())
            }
            ':' if has_colon => {
                self.wrong("unexpected repeated colon in duration expression".to_owned())
            }
            ':' => {
                self.place = Place::Brackets { has_duration, has_colon: true };
                Ok(self.sign(":"))
            }
            ')' if self.open > 0 => {
                self.open -= 1;
                Ok(self.sign(")"))
            }
            c if c.is_ascii_alphabetic() => {
                let start = self.at;
                let word = self.word(false);
                let written = self.text[start..self.at].to_ascii_lowercase();
                if WORDS_IN_BRACKETS.contains(&written.as_str()) {
                    self.place = Place::Brackets { has_duration: true, has_colon };
                    return Ok(word);
                }
                self.at = start;
                self.wrong(format!("unexpected character in duration expression: '{c}'"))
            }
            _ => self.any_sign(&SIGNS_IN_BRACKETS, first, " in duration expression"),
        }
    }

    fn sign(&mut self, sign: &'static str) -> Token {
        self.at += sign.len();
        Token::Sign(sign)
    }

    fn any_sign(&mut self, signs: &[&'static str], first: char, place: &str) -> Lexed {
        let Some(sign) = signs.iter().find(|sign| self.rest().starts_with(**sign)) else {
            if first == '!' {
                let next = self.rest().chars().nth(1).unwrap_or(char::REPLACEMENT_CHARACTER);
                return self.wrong(format!("unexpected character after '!'{place}: {next:?}"));
            }
            return self.wrong(format!("unexpected character{place}: {first:?}"));
        };
        match *sign {
            "(" => self.open += 1,
            "{" => self.place = Place::Braces,
            "[" => self.place = Place::Brackets { has_duration: false, has_colon: false },
            "}" | "]" => self.place = Place::Outside,
            _ => {}
        }
        Ok(self.sign(sign))
    }

    fn word(&mut self, colons: bool) -> Token {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
        let rest = self.rest();
        self.at += rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        Token::Word
    }

    fn string(&mut self, quote: char) -> Lexed {
        match string::length(self.rest(), quote) {
            Ok(length) => {
                self.at += length;
                Ok(Token::Text)
            }
            Err(reason) => self.wrong(reason),
        }
    }

    fn is_number(&self, first: char) -> bool {
        let second = self.rest().as_bytes().get(1);
        first.is_ascii_digit() || (first == '.' && second.is_some_and(u8::is_ascii_digit))
    }

    fn number(&mut self) -> Lexed {
        match number::read(&self.text.as_bytes()[self.at..]) {
            Ok((token, length)) => {
                self.at += length;
                Ok(token)
            }
            Err(reason) => self.wrong(reason),
        }
    }
}
