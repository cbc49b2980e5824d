//! Functions: their names, how many arguments they take, and what they do.

use super::Environment;
use super::value::Value;
use parking_lot::Mutex;
use regex::Regex;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a function does.
#[derive(Clone, Copy)]
pub enum Body {
    /// It needs its arguments only.
    Pure(fn(&[Value]) -> Result<Value, String>),
    /// It is the environment's to answer.
    Ask,
}

pub struct Function {
    pub name: &'static str,
    pub count_min: usize,
    pub count_max: usize,
    pub body: Body,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Function {
    /// With exactly `count` arguments.
    pub const fn fixed(
        name: &'static str,
        count: usize,
        body: fn(&[Value]) -> Result<Value, String>,
    ) -> Function {
        Function { name, count_min: count, count_max: count, body: Body::Pure(body) }
    }

    /// With at least `count_min` arguments.
    pub const fn many(
        name: &'static str,
        count_min: usize,
        body: fn(&[Value]) -> Result<Value, String>,
    ) -> Function {
        Function { name, count_min, count_max: usize::MAX, body: Body::Pure(body) }
    }

    /// With `count` arguments, answered by the environment.
    pub const fn ask(name: &'static str, count: usize) -> Function {
        Function { name, count_min: count, count_max: count, body: Body::Ask }
    }

    pub(super) fn call(
        &self,
        args: &[Value],
        environment: &dyn Environment,
    ) -> Result<Value, String> {
        if !(self.count_min..=self.count_max).contains(&args.len()) {
            return Err(format!(
                "wrong number of args for {}: want {} got {}",
                self.name,
                self.count_min,
                args.len()
            ));
        }
        let result = match self.body {
            Body::Pure(body) => body(args),
            Body::Ask => environment.ask(self.name, args),
        };
        result.map_err(|reason| format!("error calling {}: {reason}", self.name))
    }
}

/// Expressions that templates used lately: nearly always the same few, for every line.
static PATTERNS: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);

/// Most expressions that are held to be used again.
const PATTERNS_MAX: usize = 64;

/// The expression a template names, which may match anywhere.
pub fn regex(pattern: &str) -> Result<Regex, String> {
    if let Some(regex) = PATTERNS.lock().get(pattern) {
        return Ok(regex.clone());
    }
    let regex = crate::logql::line::regex(pattern)?;
    let mut patterns = PATTERNS.lock();
    if patterns.len() >= PATTERNS_MAX {
        patterns.clear();
    }
    patterns.insert(pattern.to_owned(), regex.clone());
    Ok(regex)
}
