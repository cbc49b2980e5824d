//! Rendering.

use super::moment;
use super::value::Value;
use super::{Arg, Command, Environment, Node, Pipe};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Longest text a template may make.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// Most nodes rendered at once: loops within loops would otherwise go on for hours.
const NODES_MAX: usize = 20_000;

/// Most blocks and called templates within each other: each level needs stack, and templates may call themselves.
const DEPTH_MAX: usize = 120;

type Defined<'a> = [&'a BTreeMap<String, Arc<[Node]>>; 2];

pub(super) fn render(
    nodes: &[Node],
    environment: &dyn Environment,
    defined: Defined<'_>,
) -> Result<String, String> {
    let (dot, root, variables) = (None, None, Vec::new());
    let mut scope = Scope { environment, defined, dot, root, variables, nodes: 0, depth: 0 };
    let mut out = String::new();
    scope.nodes(nodes, &mut out)?;
    Ok(out)
}

/// How a list of nodes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Reached,
    Break,
    Continue,
}

/// What is visible at a place of a template.
struct Scope<'a> {
    environment: &'a dyn Environment,
    defined: Defined<'a>,
    /// What `.` is; the environment's root when `None`.
    dot: Option<Value>,
    /// What `$` is, likewise.
    root: Option<Value>,
    variables: Vec<(String, Value)>,
    /// Nodes rendered so far.
    nodes: usize,
    depth: usize,
}

impl Scope<'_> {
    fn nodes(&mut self, nodes: &[Node], out: &mut String) -> Result<End, String> {
        let visible = self.variables.len();
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("the template nests deeper than {DEPTH_MAX} levels"));
        }
        // A loop whose body is empty still takes its turns.
        self.nodes += 1;
        let mut end = End::Reached;
        for node in nodes {
            self.nodes += 1;
            if self.nodes > NODES_MAX {
                return Err(format!("the template has more than {NODES_MAX} steps"));
            }
            end = self.node(node, out)?;
            if out.len() > OUTPUT_BYTES_MAX {
                return Err(format!("the template makes more than {OUTPUT_BYTES_MAX} bytes"));
            }
            if end != End::Reached {
                break;
            }
        }
        self.depth -= 1;
        self.variables.truncate(visible);
        Ok(end)
    }

    fn node(&mut self, node: &Node, out: &mut String) -> Result<End, String> {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Output(pipe) => {
                let value = self.pipe(pipe)?;
                if pipe.variables.is_empty() {
                    out.push_str(&self.environment.output(&value));
                }
            }
            Node::If(branches, rest) => return self.branches(branches, rest, false, out),
            Node::With(branches, rest) => return self.branches(branches, rest, true, out),
            Node::Range(pipe, body, rest) => return self.range(pipe, body, rest, out),
            Node::Call(name, pipe) => self.call(name, pipe.as_ref(), out)?,
            Node::Break => return Ok(End::Break),
            Node::Continue => return Ok(End::Continue),
        }
        Ok(End::Reached)
    }

    fn branches(
        &mut self,
        branches: &[(Pipe, Vec<Node>)],
        rest: &[Node],
        sets_dot: bool,
        out: &mut String,
    ) -> Result<End, String> {
        let before = self.variables.len();
        for (condition, body) in branches {
            let value = self.pipe(condition)?;
            if value.is_true() {
                let end = match sets_dot {
                    true => self.with_dot(value, body, out),
                    false => self.nodes(body, out),
                };
                self.variables.truncate(before);
                return end;
            }
        }
        let end = self.nodes(rest, out);
        self.variables.truncate(before);
        end
    }

    fn with_dot(&mut self, dot: Value, body: &[Node], out: &mut String) -> Result<End, String> {
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
    ) -> Result<End, String> {
        let before = self.variables.len();
        let plain = Pipe { commands: pipe.commands.clone(), ..Pipe::default() };
        let pairs: Vec<(Value, Value)> = match self.pipe(&plain)? {
            Value::List(list) => list
                .into_iter()
                .enumerate()
                .map(|(at, value)| (Value::Int(at as i64), value))
                .collect(),
            Value::Map(map) => {
                map.into_iter().map(|(key, value)| (Value::Text(key), value)).collect()
            }
            Value::Labels(map) => {
                let pair = |(key, value): (&String, &String)| {
                    (Value::Text(key.clone()), Value::Text(value.clone()))
                };
                map.iter().map(pair).collect()
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
                [one] => self.bind(one, pipe.declares, value.clone()),
                [index, element] => {
                    self.bind(index, pipe.declares, key);
                    self.bind(element, pipe.declares, value.clone());
                }
                _ => {}
            }
            if self.with_dot(value, body, out)? == End::Break {
                break;
            }
        }
        self.variables.truncate(before);
        Ok(End::Reached)
    }

    /// Another template, which sees nothing but its `.`.
    fn call(&mut self, name: &str, pipe: Option<&Pipe>, out: &mut String) -> Result<(), String> {
        let [own, shared] = self.defined;
        let nodes = own.get(name).or_else(|| shared.get(name));
        let nodes = nodes.ok_or_else(|| format!("template {name:?} not defined"))?.clone();
        let value = match pipe {
            Some(pipe) => self.pipe(pipe)?,
            None => Value::Nil,
        };
        let outer_root = self.root.replace(value.clone());
        let outer_variables = std::mem::take(&mut self.variables);
        let result = self.with_dot(value, &nodes, out);
        self.variables = outer_variables;
        self.root = outer_root;
        result.map(|_| ())
    }

    /// The value of the last command; variables of the pipe get it.
    fn pipe(&mut self, pipe: &Pipe) -> Result<Value, String> {
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(command, value)?);
        }
        let value = value.unwrap_or(Value::Nil);
        for name in &pipe.variables {
            self.bind(name, pipe.declares, value.clone());
        }
        Ok(value)
    }

    fn bind(&mut self, name: &str, declares: bool, value: Value) {
        let known = self.variables.iter_mut().rev().find(|(other, _)| other == name);
        match known.filter(|_| !declares) {
            Some((_, known)) => *known = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }

    fn command(&mut self, command: &Command, piped: Option<Value>) -> Result<Value, String> {
        let Some(function) = command.function else {
            return match command.args.as_slice() {
                [] => Ok(Value::Nil),
                [value] if piped.is_none() => self.arg(value),
                [method, args @ ..] => self.call_method(method, args, piped),
            };
        };
        // These two look no further than they need to.
        if matches!(function.name, "and" | "or") {
            let mut last = Value::Nil;
            for arg in &command.args {
                last = self.arg(arg)?;
                if last.is_true() != (function.name == "and") {
                    return Ok(last);
                }
            }
            return Ok(piped.unwrap_or(last));
        }
        let mut args = self.args(&command.args)?;
        args.extend(piped);
        function.call(&args, self.environment)
    }

    fn args(&mut self, args: &[Arg]) -> Result<Vec<Value>, String> {
        args.iter().map(|arg| self.arg(arg)).collect()
    }

    fn call_method(
        &mut self,
        method: &Arg,
        args: &[Arg],
        piped: Option<Value>,
    ) -> Result<Value, String> {
        let mut values = self.args(args)?;
        values.extend(piped);
        let (Arg::Dot(path) | Arg::Variable(_, path) | Arg::Paren(_, path)) = method else {
            return Err("can't give argument to non-function".to_owned());
        };
        let (name, before) = path.split_last().ok_or("can't give argument to non-function")?;
        let of = match method {
            Arg::Variable(variable, _) => Arg::Variable(variable.clone(), before.to_vec()),
            Arg::Paren(pipe, _) => Arg::Paren(pipe.clone(), before.to_vec()),
            _ => Arg::Dot(before.to_vec()),
        };
        let of = self.arg(&of)?;
        let called = self.method(&of, name, &values);
        called.unwrap_or_else(|| Err(format!("{name} is no method of {}", of.text())))
    }

    fn arg(&mut self, arg: &Arg) -> Result<Value, String> {
        match arg {
            Arg::Literal(value) => Ok(value.clone()),
            Arg::Dot(path) => match &self.dot {
                Some(value) => self.field(value.clone(), path),
                None => self.root(path),
            },
            Arg::Variable(name, path) if name == "$" => match &self.root {
                Some(value) => self.field(value.clone(), path),
                None => self.root(path),
            },
            Arg::Variable(name, path) => {
                let found = self.variables.iter().rev().find(|(other, _)| other == name);
                let value = match found {
                    Some((_, value)) => value.clone(),
                    None => self.environment.variable(name),
                };
                self.field(value, path)
            }
            Arg::Paren(pipe, path) => {
                let value = self.pipe(pipe)?;
                self.field(value, path)
            }
            Arg::Call(function) => function.call(&[], self.environment),
        }
    }

    fn root(&self, path: &[String]) -> Result<Value, String> {
        match path {
            [] => self.environment.root(None),
            [name, rest @ ..] => self.field(self.environment.root(Some(name))?, rest),
        }
    }

    fn method(&self, of: &Value, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
        let own = || match of {
            Value::Time(time) => moment::method(*time, name, args),
            _ => None,
        };
        self.environment.method(of, name, args).or_else(own)
    }

    /// What stands at `path` in a value; methods win over fields.
    fn field(&self, value: Value, path: &[String]) -> Result<Value, String> {
        let mut found = value;
        for name in path {
            found = match self.method(&found, name, &[]) {
                Some(called) => called?,
                None => found.field(name),
            };
        }
        Ok(found)
    }
}
