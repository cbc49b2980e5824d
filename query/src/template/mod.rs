//! Go's text templates, as log lines, alerts and notifications are written with: one engine, whose functions and values each
//! language brings along ([`Dialect`], [`Environment`]).
//!
//! Always true: a template of any text is read or refused, and its rendering ends: output, steps and depth are bounded.

mod builtin;
pub mod date;
mod evaluate;
mod function;
pub mod humanize;
mod lex;
mod moment;
mod parse;
pub mod text;
mod value;

pub use builtin::BUILTINS;
pub use function::{Body, Function, regex};
pub use value::{Value, float_text};

use std::collections::BTreeMap;
use std::sync::Arc;

/// What may be written in a language's templates.
#[derive(Debug, Clone, Copy)]
pub struct Dialect {
    /// Tables of functions; the first that has a name wins.
    pub functions: &'static [&'static [Function]],
    /// Variables that are there from the start, with their `$`.
    pub variables: &'static [&'static str],
    /// Whether a field may have arguments, which makes it a method.
    pub methods: bool,
}

impl Dialect {
    fn find(&self, name: &str) -> Option<&'static Function> {
        self.functions.iter().copied().flatten().find(|function| function.name == name)
    }
}

/// What a template is rendered of.
pub trait Environment {
    /// What `.` and `$` are at the start, or one field of it.
    fn root(&self, field: Option<&str>) -> Result<Value, String>;

    /// The value of a variable of the dialect, with its `$`.
    fn variable(&self, _name: &str) -> Value {
        Value::Nil
    }

    /// Calls a function of the dialect whose body is [`Body::Ask`].
    fn ask(&self, function: &str, _args: &[Value]) -> Result<Value, String> {
        Err(format!("function {function:?} has nothing to ask here"))
    }

    /// How a value reads where it is written out.
    fn output(&self, value: &Value) -> String {
        value.text()
    }

    /// A method of a value, or `None` when it has none by that name.
    fn method(&self, _of: &Value, _name: &str, _args: &[Value]) -> Option<Result<Value, String>> {
        None
    }
}

/// A template that was read.
#[derive(Debug, Clone, Default)]
pub struct Template {
    nodes: Arc<[Node]>,
    definitions: Definitions,
}

/// Templates by the names that `{{ define }}` gives them.
#[derive(Debug, Clone, Default)]
pub struct Definitions(BTreeMap<String, Arc<[Node]>>);

impl Definitions {
    /// Takes over what a template defines; of equal names the later counts.
    pub fn add(&mut self, template: &Template) {
        let others = &template.definitions.0;
        self.0.extend(others.iter().map(|(name, nodes)| (name.clone(), nodes.clone())));
    }

    /// Takes a whole template under a name, as files are by theirs.
    pub fn add_named(&mut self, name: &str, template: &Template) {
        self.add(template);
        self.0.insert(name.to_owned(), template.nodes.clone());
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

#[derive(Debug, Clone)]
enum Node {
    Text(String),
    Output(Pipe),
    /// Conditions with what they guard, and what else.
    If(Vec<(Pipe, Vec<Node>)>, Vec<Node>),
    /// Likewise, where `.` is the value of the condition that held.
    With(Vec<(Pipe, Vec<Node>)>, Vec<Node>),
    Range(Pipe, Vec<Node>, Vec<Node>),
    /// A defined template by its name, and its `.`.
    Call(String, Option<Pipe>),
    Break,
    Continue,
}

/// `$a := command | command`
#[derive(Debug, Clone, Default)]
struct Pipe {
    /// Variables that get the value.
    variables: Vec<String>,
    /// Whether they are new ones.
    declares: bool,
    commands: Vec<Command>,
}

/// A function and its arguments, a method and its arguments, or one value.
#[derive(Debug, Clone)]
struct Command {
    function: Option<&'static Function>,
    args: Vec<Arg>,
}

#[derive(Debug, Clone)]
enum Arg {
    Literal(Value),
    /// `.`, or `.a.b` below it.
    Dot(Vec<String>),
    /// `$a.b`
    Variable(String, Vec<String>),
    Paren(Pipe, Vec<String>),
    /// A function without arguments.
    Call(&'static Function),
}

impl Template {
    pub fn parse(text: &str, dialect: &Dialect) -> Result<Template, String> {
        let parsed = parse::parse(text, dialect)?;
        let definitions = parsed.definitions.into_iter().map(|(name, nodes)| (name, nodes.into()));
        Ok(Template { nodes: parsed.nodes.into(), definitions: Definitions(definitions.collect()) })
    }

    pub fn render(&self, environment: &dyn Environment) -> Result<String, String> {
        self.render_with(environment, &Definitions::default())
    }

    /// Renders where further templates may be called by their names; the template's own come first.
    pub fn render_with(
        &self,
        environment: &dyn Environment,
        shared: &Definitions,
    ) -> Result<String, String> {
        evaluate::render(&self.nodes, environment, [&self.definitions.0, &shared.0])
    }

    /// Names of the fields of the root that the template looks at; `None` when it may look at any.
    pub fn fields(&self) -> Option<Vec<String>> {
        let mut fields = Vec::new();
        let mut all = std::iter::once(&self.nodes).chain(self.definitions.0.values());
        all.all(|nodes| nodes_fields(nodes, &mut fields)).then_some(fields)
    }
}

fn nodes_fields(nodes: &[Node], fields: &mut Vec<String>) -> bool {
    nodes.iter().all(|node| match node {
        Node::Text(_) | Node::Break | Node::Continue => true,
        Node::Output(pipe) => pipe_fields(pipe, fields),
        Node::If(branches, rest) | Node::With(branches, rest) => {
            branches
                .iter()
                .all(|(pipe, body)| pipe_fields(pipe, fields) && nodes_fields(body, fields))
                && nodes_fields(rest, fields)
        }
        Node::Range(pipe, body, rest) => {
            pipe_fields(pipe, fields) && nodes_fields(body, fields) && nodes_fields(rest, fields)
        }
        Node::Call(_, pipe) => pipe.as_ref().is_none_or(|pipe| pipe_fields(pipe, fields)),
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
            (Arg::Variable(name, _), None) => name != "$",
            (_, None) => true,
        },
        Arg::Paren(pipe, _) => pipe_fields(pipe, fields),
    })
}

#[cfg(test)]
mod tests;
