//! Templates of `line_format` and `label_format`: Go's text templates with Loki's functions, rendered of a line.

mod function;

use crate::template::{BUILTINS, Dialect, Environment, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

const DIALECT: Dialect =
    Dialect { functions: &[BUILTINS, function::FUNCTIONS], variables: &[], methods: false };

/// A template that was read.
#[derive(Debug, Clone)]
pub struct Template {
    /// As written.
    pub text: String,
    parsed: crate::template::Template,
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
        let parsed = crate::template::Template::parse(text, &DIALECT);
        let parsed = parsed.map_err(|reason| format!("invalid template: {reason}"))?;
        Ok(Template { text: text.to_owned(), parsed })
    }

    pub fn render(&self, line: &Line<'_>) -> Result<String, String> {
        self.parsed.render(line)
    }

    /// Names of the labels the template looks at; `None` when it may look at any.
    pub fn fields(&self) -> Option<Vec<String>> {
        self.parsed.fields()
    }
}

impl Environment for Line<'_> {
    /// The labels, or one of them; one that is missing is an empty text.
    fn root(&self, field: Option<&str>) -> Result<Value, String> {
        Ok(match field {
            Some(name) => Value::Text(self.labels.get(name).copied().unwrap_or("").to_owned()),
            None => {
                let pairs = self.labels.iter();
                let pairs = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
                Value::Labels(Arc::new(pairs.collect()))
            }
        })
    }

    fn ask(&self, function: &str, _args: &[Value]) -> Result<Value, String> {
        Ok(match function {
            "__line__" => Value::Text(self.text.to_owned()),
            _ => Value::Time(self.time),
        })
    }
}

#[cfg(test)]
mod tests;
