//! From tokens to nodes.

use super::function::Function;
use super::lex::{Piece, Token, pieces};
use super::value::Value;
use super::{Arg, Command, Dialect, Node, Pipe};
use std::collections::BTreeMap;

/// Most actions and parentheses within each other.
const DEPTH_MAX: usize = 50;

/// Longest template read.
const TEXT_BYTES_MAX: usize = 256 << 10;

type Parsed<T> = Result<T, String>;

/// A template, and those that it defines.
pub(super) struct Whole {
    pub nodes: Vec<Node>,
    pub definitions: BTreeMap<String, Vec<Node>>,
}

pub(super) fn parse(text: &str, dialect: &Dialect) -> Parsed<Whole> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("it is longer than {TEXT_BYTES_MAX} bytes"));
    }
    let mut variables = vec!["$".to_owned()];
    variables.extend(dialect.variables.iter().map(|name| (*name).to_owned()));
    let (at, depth, loops) = (0, 0, 0);
    let definitions = BTreeMap::new();
    let mut parser =
        Parser { pieces: pieces(text)?, at, depth, loops, dialect, variables, definitions };
    let nodes = parser.nodes()?;
    match parser.pieces.get(parser.at) {
        None => Ok(Whole { nodes, definitions: parser.definitions }),
        Some(_) => Err("unexpected {{end}} or {{else}}".to_owned()),
    }
}

struct Parser<'d> {
    pieces: Vec<Piece>,
    at: usize,
    depth: usize,
    /// Loops around this place.
    loops: usize,
    dialect: &'d Dialect,
    /// Variables that may be used at this place.
    variables: Vec<String>,
    definitions: BTreeMap<String, Vec<Node>>,
}

impl Parser<'_> {
    /// Nodes up to an `end` or `else`, which is left.
    fn nodes(&mut self) -> Parsed<Vec<Node>> {
        let visible = self.variables.len();
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
            let word = match tokens.first() {
                Some(Token::Word(word)) => word.clone(),
                _ => String::new(),
            };
            if matches!(word.as_str(), "end" | "else") {
                break;
            }
            let tokens = tokens.clone();
            self.at += 1;
            nodes.extend(self.action(&word, &tokens)?);
        }
        self.variables.truncate(visible);
        Ok(nodes)
    }

    fn action(&mut self, word: &str, tokens: &[Token]) -> Parsed<Option<Node>> {
        match word {
            "if" | "with" | "range" => {
                self.deeper()?;
                let before = self.variables.len();
                self.loops += usize::from(word == "range");
                let node = self.block(word, &tokens[1..])?;
                self.loops -= usize::from(word == "range");
                self.variables.truncate(before);
                self.depth -= 1;
                Ok(Some(node))
            }
            "define" => match &tokens[1..] {
                [Token::Literal(Value::Text(name))] => self.define(name).map(|()| None),
                _ => Err("{{define}} needs one name in quotes".to_owned()),
            },
            "template" | "block" => {
                let [Token::Literal(Value::Text(name)), rest @ ..] = &tokens[1..] else {
                    return Err(format!("{{{{{word}}}}} needs a name in quotes"));
                };
                let pipe = if rest.is_empty() { None } else { Some(self.whole_pipe(rest)?) };
                if word == "block" {
                    self.define(name)?;
                }
                Ok(Some(Node::Call(name.clone(), pipe)))
            }
            "break" | "continue" if tokens.len() == 1 => {
                if self.loops == 0 {
                    return Err(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                }
                Ok(Some(if word == "break" { Node::Break } else { Node::Continue }))
            }
            _ => Ok(Some(Node::Output(self.whole_pipe(tokens)?))),
        }
    }

    fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        match self.depth > DEPTH_MAX {
            true => Err(format!("it nests deeper than {DEPTH_MAX} levels")),
            false => Ok(()),
        }
    }

    /// What stands up to the `end` gets a name. It sees no variable but `$`.
    fn define(&mut self, name: &str) -> Parsed<()> {
        self.deeper()?;
        let outer = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let loops = std::mem::take(&mut self.loops);
        let nodes = self.nodes()?;
        self.variables = outer;
        self.loops = loops;
        match self.pieces.get(self.at) {
            Some(Piece::Action(tokens)) if is_word(tokens, "end") => self.at += 1,
            _ => return Err(format!("the definition of {name:?} has no {{{{end}}}}")),
        }
        self.depth -= 1;
        self.definitions.insert(name.to_owned(), nodes);
        Ok(())
    }

    fn block(&mut self, word: &str, condition: &[Token]) -> Parsed<Node> {
        let pipe = self.whole_pipe(condition)?;
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
                    if next == word && word != "range" =>
                {
                    let pipe = self.whole_pipe(condition)?;
                    branches.push((pipe, self.nodes()?));
                }
                _ => return Err("unexpected words after {{end}} or {{else}}".to_owned()),
            }
        }
        Ok(match word {
            "if" => Node::If(branches, rest),
            "with" => Node::With(branches, rest),
            _ => {
                let (pipe, body) = branches.swap_remove(0);
                Node::Range(pipe, body, rest)
            }
        })
    }

    fn whole_pipe(&mut self, tokens: &[Token]) -> Parsed<Pipe> {
        let (dialect, variables) = (self.dialect, &self.variables);
        let mut reader = PipeReader { tokens, at: 0, depth: 0, dialect, variables };
        let pipe = reader.pipe()?;
        if let Some(token) = reader.peek() {
            return Err(format!("unexpected {token:?} in an action"));
        }
        if pipe.declares {
            self.variables.extend(pipe.variables.iter().cloned());
        }
        Ok(pipe)
    }
}

fn is_word(tokens: &[Token], expected: &str) -> bool {
    matches!(tokens, [Token::Word(word)] if word == expected)
}

struct PipeReader<'t> {
    tokens: &'t [Token],
    at: usize,
    depth: usize,
    dialect: &'t Dialect,
    variables: &'t [String],
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
        let (variables, declares) = self.assigned()?;
        let mut commands = vec![self.command(false)?];
        while self.take("|") {
            commands.push(self.command(true)?);
        }
        Ok(Pipe { variables, declares, commands })
    }

    /// `$a :=`, `$a =` or `$a, $b :=`, and whether the variables are new.
    fn assigned(&mut self) -> Parsed<(Vec<String>, bool)> {
        let start = self.at;
        let mut names = Vec::new();
        while let Some(Token::Variable(name)) = self.peek() {
            names.push(name.clone());
            self.at += 1;
            if self.take(":=") {
                return Ok((names, true));
            }
            if self.take("=") {
                names.iter().try_for_each(|name| self.check_variable(name))?;
                return Ok((names, false));
            }
            if !self.take(",") {
                break;
            }
        }
        self.at = start;
        Ok((Vec::new(), false))
    }

    fn check_variable(&self, name: &str) -> Parsed<()> {
        match self.variables.iter().any(|known| known == name) {
            true => Ok(()),
            false => Err(format!("undefined variable {name:?}")),
        }
    }

    fn command(&mut self, is_piped_into: bool) -> Parsed<Command> {
        let mut function = None;
        if let Some(Token::Word(word)) = self.peek()
            && !is_literal(word)
        {
            function = Some(self.find(word)?);
            self.at += 1;
        }
        let mut args = Vec::new();
        while let Some(token) = self.peek() {
            if matches!(token, Token::Sign("|" | ")")) {
                break;
            }
            args.push(self.arg()?);
        }
        let is_method = self.dialect.methods && args.first().is_some_and(has_field);
        match (function, args.len()) {
            (None, 0) => Err("missing value for command".to_owned()),
            (None, 2..) if !is_method => Err("can't give argument to non-function".to_owned()),
            (None, _) if is_piped_into && !is_method => {
                Err(format!("a pipe leads into something that is no function: {args:?}"))
            }
            _ => Ok(Command { function, args }),
        }
    }

    fn arg(&mut self) -> Parsed<Arg> {
        let token = self.peek().cloned().ok_or("missing value")?;
        self.at += 1;
        Ok(match token {
            Token::Literal(value) => Arg::Literal(value),
            Token::Field(path, _) => Arg::Dot(path),
            Token::Variable(name) => {
                self.check_variable(&name)?;
                Arg::Variable(name, self.fields())
            }
            Token::Word(word) => match word.as_str() {
                "true" | "false" => Arg::Literal(Value::Bool(word == "true")),
                "nil" => Arg::Literal(Value::Nil),
                word => Arg::Call(self.find(word)?),
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

    fn find(&self, word: &str) -> Parsed<&'static Function> {
        self.dialect.find(word).ok_or_else(|| format!("function {word:?} not defined"))
    }
}

/// Whether an argument ends in a field, which may be a method.
fn has_field(arg: &Arg) -> bool {
    match arg {
        Arg::Dot(path) | Arg::Variable(_, path) | Arg::Paren(_, path) => !path.is_empty(),
        Arg::Literal(_) | Arg::Call(_) => false,
    }
}

fn is_literal(word: &str) -> bool {
    matches!(word, "true" | "false" | "nil")
}
