//! From text to nodes.

use super::function::{self, Function};
use super::value::Value;
use super::{Arg, Command, Node, Pipe};
use crate::promql::text::unquote;

/// Most actions and parentheses within each other.
const DEPTH_MAX: usize = 50;

/// Longest template read.
const TEXT_BYTES_MAX: usize = 64 << 10;

type Parsed<T> = Result<T, String>;

pub(super) fn parse(text: &str) -> Parsed<Vec<Node>> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("it is longer than {TEXT_BYTES_MAX} bytes"));
    }
    let mut parser = Parser { pieces: pieces(text)?, at: 0, depth: 0 };
    let nodes = parser.nodes()?;
    match parser.pieces.get(parser.at) {
        None => Ok(nodes),
        Some(_) => Err("unexpected {{end}} or {{else}}".to_owned()),
    }
}

/// A text, or the tokens between `{{` and `}}`.
enum Piece {
    Text(String),
    Action(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    /// `.a.b`; `.` alone is empty. The flag says whether it follows without a space.
    Field(Vec<String>, bool),
    Variable(String),
    Literal(Value),
    Sign(&'static str),
}

/// Cuts a template at its actions. `{{-` and `-}}` take the blanks beside them along.
fn pieces(text: &str) -> Parsed<Vec<Piece>> {
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

struct Parser {
    pieces: Vec<Piece>,
    at: usize,
    depth: usize,
}

impl Parser {
    /// Nodes up to an `end` or `else`, which is left.
    fn nodes(&mut self) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.get_mut(self.at) {
            let tokens = match piece {
                Piece::Text(text) => {
                    let text = std::mem::take(text);
                    if !text.is_empty() {
                        nodes.push(Node::Text(text));
                    }
                    self.at += 1;
                    continue;
                }
                Piece::Action(tokens) => tokens,
            };
            match tokens.first() {
                Some(Token::Word(word)) if word == "end" || word == "else" => return Ok(nodes),
                Some(Token::Word(word)) if matches!(word.as_str(), "if" | "with" | "range") => {
                    let word = word.clone();
                    let tokens = tokens[1..].to_vec();
                    self.at += 1;
                    self.depth += 1;
                    if self.depth > DEPTH_MAX {
                        return Err(format!("it nests deeper than {DEPTH_MAX} levels"));
                    }
                    nodes.push(self.block(&word, &tokens)?);
                    self.depth -= 1;
                }
                _ => {
                    let tokens = std::mem::take(tokens);
                    self.at += 1;
                    nodes.push(Node::Output(whole_pipe(&tokens)?));
                }
            }
        }
        Ok(nodes)
    }

    fn block(&mut self, word: &str, condition: &[Token]) -> Parsed<Node> {
        let pipe = whole_pipe(condition)?;
        let body = self.nodes()?;
        let mut branches = vec![(pipe, body)];
        let mut rest = Vec::new();
        loop {
            let Some(Piece::Action(tokens)) = self.pieces.get(self.at) else {
                return Err(format!("an {{{{{word}}}}} has no {{{{end}}}}"));
            };
            let tokens = tokens.clone();
            self.at += 1;
            match tokens.as_slice() {
                [Token::Word(end)] if end == "end" => break,
                [Token::Word(_)] => rest = self.nodes()?,
                [Token::Word(_), Token::Word(next), condition @ ..]
                    if next == "if" && word == "if" =>
                {
                    let pipe = whole_pipe(condition)?;
                    branches.push((pipe, self.nodes()?));
                }
                _ => return Err("unexpected words after {{end}} or {{else}}".to_owned()),
            }
        }
        if word == "if" {
            return Ok(Node::If(branches, rest));
        }
        let (pipe, body) = branches.swap_remove(0);
        Ok(if word == "with" {
            Node::With(pipe, body, rest)
        } else {
            Node::Range(pipe, body, rest)
        })
    }
}

fn whole_pipe(tokens: &[Token]) -> Parsed<Pipe> {
    let mut reader = PipeReader { tokens, at: 0, depth: 0 };
    let pipe = reader.pipe()?;
    match reader.peek() {
        None => Ok(pipe),
        Some(token) => Err(format!("unexpected {token:?} in an action")),
    }
}

struct PipeReader<'t> {
    tokens: &'t [Token],
    at: usize,
    depth: usize,
}

impl PipeReader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, sign: &str) -> bool {
        let taken = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(taken);
        taken
    }

    fn pipe(&mut self) -> Parsed<Pipe> {
        let variables = self.variables();
        let mut commands = vec![self.command()?];
        while self.take("|") {
            commands.push(self.command()?);
        }
        if let Some(command) = commands[1..].iter().find(|command| command.function.is_none()) {
            return Err(format!(
                "a pipe leads into something that is no function: {:?}",
                command.args
            ));
        }
        Ok(Pipe { variables, commands })
    }

    /// `$a :=`, `$a =` or `$a, $b :=`
    fn variables(&mut self) -> Vec<String> {
        let start = self.at;
        let mut names = Vec::new();
        while let Some(Token::Variable(name)) = self.peek() {
            names.push(name.clone());
            self.at += 1;
            if self.take(":=") || self.take("=") {
                return names;
            }
            if !self.take(",") {
                break;
            }
        }
        self.at = start;
        Vec::new()
    }

    fn command(&mut self) -> Parsed<Command> {
        let mut function = None;
        if let Some(Token::Word(word)) = self.peek()
            && !is_literal(word)
        {
            function = Some(find(word)?);
            self.at += 1;
        }
        let mut args = Vec::new();
        while let Some(token) = self.peek() {
            if matches!(token, Token::Sign("|" | ")")) {
                break;
            }
            args.push(self.arg()?);
        }
        match (function, args.len()) {
            (None, 0) => Err("missing value for command".to_owned()),
            (None, 2..) => Err("can't give argument to non-function".to_owned()),
            _ => Ok(Command { function, args }),
        }
    }

    fn arg(&mut self) -> Parsed<Arg> {
        let token = self.peek().cloned().ok_or("missing value")?;
        self.at += 1;
        Ok(match token {
            Token::Literal(value) => Arg::Literal(value),
            Token::Field(path, _) => Arg::Dot(path),
            Token::Variable(name) => Arg::Variable(name, self.fields()),
            Token::Word(word) => match word.as_str() {
                "true" | "false" => Arg::Literal(Value::Bool(word == "true")),
                "nil" => Arg::Literal(Value::Nil),
                word => Arg::Call(find(word)?),
            },
            Token::Sign("(") => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(format!("it nests deeper than {DEPTH_MAX} levels"));
                }
                let pipe = self.pipe()?;
                self.depth -= 1;
                if !self.take(")") {
                    return Err("unclosed left paren".to_owned());
                }
                Arg::Paren(pipe, self.fields())
            }
            Token::Sign(sign) => return Err(format!("unexpected {sign:?} in an action")),
        })
    }

    /// The fields that follow without a space.
    fn fields(&mut self) -> Vec<String> {
        match self.peek() {
            Some(Token::Field(path, true)) if !path.is_empty() => {
                let path = path.clone();
                self.at += 1;
                path
            }
            _ => Vec::new(),
        }
    }
}

fn is_literal(word: &str) -> bool {
    matches!(word, "true" | "false" | "nil")
}

fn find(word: &str) -> Parsed<&'static Function> {
    function::find(word).ok_or_else(|| format!("function {word:?} not defined"))
}
