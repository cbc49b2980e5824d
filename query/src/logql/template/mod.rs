//! Templates of `line_format` and `label_format`: the part of Go's text templates that people use, with Loki's functions.

mod date;
mod evaluate;
mod function;
mod parse;
mod text;
mod value;

use evaluate::Scope;
use std::collections::BTreeMap;

/// A template that was read.
#[derive(Debug, Clone)]
pub struct Template {
    /// As written.
    pub text: String,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone)]
enum Node {
    Text(String),
    Output(Pipe),
    /// Conditions with what they guard, and what else.
    If(Vec<(Pipe, Vec<Node>)>, Vec<Node>),
    With(Pipe, Vec<Node>, Vec<Node>),
    Range(Pipe, Vec<Node>, Vec<Node>),
}

/// `$a := command | command`
#[derive(Debug, Clone)]
struct Pipe {
    /// Variables that get the value.
    variables: Vec<String>,
    commands: Vec<Command>,
}

/// A function and its arguments, or one value.
#[derive(Debug, Clone)]
struct Command {
    function: Option<&'static function::Function>,
    args: Vec<Arg>,
}

#[derive(Debug, Clone)]
enum Arg {
    Literal(value::Value),
    /// `.`, or `.a.b` below it.
    Dot(Vec<String>),
    /// `$a.b`
    Variable(String, Vec<String>),
    Paren(Pipe, Vec<String>),
    /// A function without arguments.
    Call(&'static function::Function),
}

/// What a template is rendered of.
pub struct Line<'a> {
    /// Unix nanoseconds.
    pub time: i64,
    pub text: &'a str,
    pub labels: BTreeMap<&'a str, &'a str>,
}

impl Template {
    pub fn new(text: &str) -> Result<Template, String> {
        let nodes = parse::parse(text).map_err(|reason| format!("invalid template: {reason}"))?;
        Ok(Template { text: text.to_owned(), nodes })
    }

    pub fn render(&self, line: &Line<'_>) -> Result<String, String> {
        let mut out = String::with_capacity(line.text.len());
        Scope::new(line).nodes(&self.nodes, &mut out)?;
        Ok(out)
    }

    /// Names of the labels the template looks at; `None` when it may look at any.
    pub fn fields(&self) -> Option<Vec<String>> {
        let mut fields = Vec::new();
        nodes_fields(&self.nodes, &mut fields).then_some(fields)
    }
}

fn nodes_fields(nodes: &[Node], fields: &mut Vec<String>) -> bool {
    nodes.iter().all(|node| match node {
        Node::Text(_) => true,
        Node::Output(pipe) => pipe_fields(pipe, fields),
        Node::If(branches, rest) => {
            branches
                .iter()
                .all(|(pipe, body)| pipe_fields(pipe, fields) && nodes_fields(body, fields))
                && nodes_fields(rest, fields)
        }
        Node::With(pipe, body, rest) | Node::Range(pipe, body, rest) => {
            pipe_fields(pipe, fields) && nodes_fields(body, fields) && nodes_fields(rest, fields)
        }
    })
}

fn pipe_fields(pipe: &Pipe, fields: &mut Vec<String>) -> bool {
    pipe.commands.iter().flat_map(|command| &command.args).all(|arg| match arg {
        Arg::Literal(_) | Arg::Call(_) => true,
        Arg::Dot(path) | Arg::Variable(_, path) => match (arg, path.first()) {
            (_, Some(name)) => {
                fields.push(name.clone());
                true
            }
            // `index . "name"` and the like.
            (Arg::Dot(_), None) => false,
            (_, None) => true,
        },
        Arg::Paren(pipe, _) => pipe_fields(pipe, fields),
    })
}

#[cfg(test)]
mod tests;
