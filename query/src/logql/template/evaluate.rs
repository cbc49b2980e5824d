//! Rendering.

use super::function::Context;
use super::value::Value;
use super::{Arg, Command, Line, Node, Pipe};
use std::collections::BTreeMap;

/// Longest text a template may make of one line.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// Most nodes rendered for one line: loops within loops would otherwise go on for hours.
const NODES_MAX: usize = 20_000;

/// What is visible at a place of a template.
pub(super) struct Scope<'a> {
    line: &'a Line<'a>,
    /// What `.` is; the labels when `None`.
    dot: Option<Value>,
    variables: Vec<(String, Value)>,
    /// Nodes rendered so far.
    nodes: usize,
}

impl<'a> Scope<'a> {
    pub(super) fn new(line: &'a Line<'a>) -> Scope<'a> {
        Scope { line, dot: None, variables: Vec::new(), nodes: 0 }
    }

    pub(super) fn nodes(&mut self, nodes: &[Node], out: &mut String) -> Result<(), String> {
        let visible = self.variables.len();
        // A loop whose body is empty still takes its turns.
        self.nodes += 1;
        for node in nodes {
            self.nodes += 1;
            if self.nodes > NODES_MAX {
                return Err(format!("the template has more than {NODES_MAX} steps"));
            }
            match node {
                Node::Text(text) => out.push_str(text),
                Node::Output(pipe) => {
                    let value = self.pipe(pipe)?;
                    if pipe.variables.is_empty() {
                        out.push_str(&value.text());
                    }
                }
                Node::If(branches, rest) => self.branches(branches, rest, out)?,
                Node::With(pipe, body, rest) => {
                    let before = self.variables.len();
                    let value = self.pipe(pipe)?;
                    if value.is_true() {
                        self.with_dot(value, body, out)?;
                    } else {
                        self.nodes(rest, out)?;
                    }
                    self.variables.truncate(before);
                }
                Node::Range(pipe, body, rest) => self.range(pipe, body, rest, out)?,
            }
            if out.len() > OUTPUT_BYTES_MAX {
                return Err(format!("the template makes more than {OUTPUT_BYTES_MAX} bytes"));
            }
        }
        self.variables.truncate(visible);
        Ok(())
    }

    fn branches(
        &mut self,
        branches: &[(Pipe, Vec<Node>)],
        rest: &[Node],
        out: &mut String,
    ) -> Result<(), String> {
        let before = self.variables.len();
        for (condition, body) in branches {
            if self.pipe(condition)?.is_true() {
                self.nodes(body, out)?;
                self.variables.truncate(before);
                return Ok(());
            }
        }
        self.nodes(rest, out)?;
        self.variables.truncate(before);
        Ok(())
    }

    fn with_dot(&mut self, dot: Value, body: &[Node], out: &mut String) -> Result<(), String> {
        let outer = self.dot.replace(dot);
        let result = self.nodes(body, out);
        self.dot = outer;
        result
    }

    fn range(
        &mut self,
        pipe: &Pipe,
        body: &[Node],
        rest: &[Node],
        out: &mut String,
    ) -> Result<(), String> {
        let before = self.variables.len();
        let plain = Pipe { variables: Vec::new(), commands: pipe.commands.clone() };
        let pairs: Vec<(Value, Value)> = match self.pipe(&plain)? {
            Value::List(list) => list
                .into_iter()
                .enumerate()
                .map(|(at, value)| (Value::Int(at as i64), value))
                .collect(),
            Value::Map(map) => {
                map.into_iter().map(|(key, value)| (Value::Text(key), value)).collect()
            }
            Value::Int(count @ 0..=10_000) => {
                (0..count).map(|at| (Value::Int(at), Value::Int(at))).collect()
            }
            Value::Nil => Vec::new(),
            other => return Err(format!("range can't iterate over {}", other.text())),
        };
        if pairs.is_empty() {
            return self.nodes(rest, out);
        }
        for (key, value) in pairs {
            self.variables.truncate(before);
            match pipe.variables.as_slice() {
                [one] => self.variables.push((one.clone(), value.clone())),
                [index, element] => {
                    self.variables.push((index.clone(), key));
                    self.variables.push((element.clone(), value.clone()));
                }
                _ => {}
            }
            self.with_dot(value, body, out)?;
        }
        self.variables.truncate(before);
        Ok(())
    }

    /// The value of the last command; variables of the pipe get it.
    fn pipe(&mut self, pipe: &Pipe) -> Result<Value, String> {
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(command, value)?);
        }
        let value = value.unwrap_or(Value::Nil);
        for name in &pipe.variables {
            match self.variables.iter_mut().find(|(other, _)| other == name) {
                Some((_, known)) => *known = value.clone(),
                None => self.variables.push((name.clone(), value.clone())),
            }
        }
        Ok(value)
    }

    fn command(&mut self, command: &Command, piped: Option<Value>) -> Result<Value, String> {
        let mut args =
            command.args.iter().map(|arg| self.arg(arg)).collect::<Result<Vec<_>, _>>()?;
        args.extend(piped);
        match command.function {
            Some(function) => function.call(args, self.context()),
            None => Ok(args.pop().unwrap_or(Value::Nil)),
        }
    }

    fn arg(&mut self, arg: &Arg) -> Result<Value, String> {
        Ok(match arg {
            Arg::Literal(value) => value.clone(),
            Arg::Dot(path) => self.dot(path),
            Arg::Variable(name, path) if name == "$" => self.labels(path),
            Arg::Variable(name, path) => {
                let found = self.variables.iter().rev().find(|(other, _)| other == name);
                let (_, value) = found.ok_or_else(|| format!("undefined variable {name:?}"))?;
                value.field(path)
            }
            Arg::Paren(pipe, path) => self.pipe(pipe)?.field(path),
            Arg::Call(function) => function.call(Vec::new(), self.context())?,
        })
    }

    fn dot(&self, path: &[String]) -> Value {
        match &self.dot {
            Some(value) => value.field(path),
            None => self.labels(path),
        }
    }

    /// A label; one that is missing is an empty text.
    fn labels(&self, path: &[String]) -> Value {
        match path {
            [] => {
                let pair = |(name, value): (&&str, &&str)| {
                    ((*name).to_owned(), Value::Text((*value).to_owned()))
                };
                Value::Map(self.line.labels.iter().map(pair).collect::<BTreeMap<_, _>>())
            }
            [name, ..] => Value::Text(
                self.line
                    .labels
                    .get(name.as_str())
                    .map_or(String::new(), |value| (*value).to_owned()),
            ),
        }
    }

    fn context(&self) -> Context<'a> {
        Context { time: self.line.time, text: self.line.text }
    }
}
