//! What a script expects of an evaluation beside its values.

use super::script::time;
use binnacle_query::promql::text::unquote;
use regex::Regex;

#[derive(Debug, Clone)]
enum Words {
    Any,
    Equal(String),
    Matching(Regex),
}

impl Words {
    fn read(text: &str) -> Result<Words, String> {
        let text = text.trim();
        if let Some(message) = text.strip_prefix("msg:") {
            return Ok(Words::Equal(message.trim().to_owned()));
        }
        if let Some(pattern) = text.strip_prefix("regex:") {
            return Regex::new(pattern.trim()).map(Words::Matching).map_err(|e| e.to_string());
        }
        if text.is_empty() { Ok(Words::Any) } else { Err(format!("{text} is not understood")) }
    }

    fn fit(&self, text: &str) -> bool {
        match self {
            Words::Any => true,
            Words::Equal(message) => text == message,
            Words::Matching(pattern) => pattern.is_match(text),
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Expect {
    pub is_ordered: bool,
    pub text: Option<String>,
    /// The range an instant evaluation answers with: start, end and step.
    pub range: Option<(i64, i64, i64)>,
    fails: Option<Words>,
    warnings: Vec<Words>,
    infos: Vec<Words>,
    no_warning: bool,
    no_info: bool,
}

impl Expect {
    pub fn of_command(command: &str) -> Result<Expect, String> {
        let mut expect = Expect::default();
        match command {
            "eval" => {}
            "eval_fail" => expect.fails = Some(Words::Any),
            "eval_ordered" => expect.is_ordered = true,
            "eval_warn" => expect.warnings.push(Words::Any),
            "eval_info" => expect.infos.push(Words::Any),
            other => return Err(format!("{other} is no command")),
        }
        Ok(expect)
    }

    pub fn read(&mut self, directive: &str) -> Result<(), String> {
        let (word, rest) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
        match word {
            "ordered" => self.is_ordered = true,
            "fail" => self.fails = Some(Words::read(rest)?),
            "warn" => self.warnings.push(Words::read(rest)?),
            "info" => self.infos.push(Words::read(rest)?),
            "no_warn" => self.no_warning = true,
            "no_info" => self.no_info = true,
            "string" => self.text = Some(unquote(rest.trim())?),
            "range" => {
                let words: Vec<&str> = rest.split_whitespace().collect();
                let ["vector", "from", start, "to", end, "step", step] = words[..] else {
                    return Err(format!("{rest} is not a range"));
                };
                self.range = Some((time(start)?, time(end)?, time(step)?));
            }
            other => return Err(format!("expect {other} is not understood")),
        }
        Ok(())
    }

    /// Settles evaluations that should fail; `None` when they should not.
    pub fn failure<T>(&self, answer: &Result<T, String>) -> Result<Option<()>, String> {
        match (&self.fails, answer) {
            (None, _) => Ok(None),
            (Some(_), Ok(_)) => Err("did not fail".to_owned()),
            (Some(words), Err(message)) if words.fit(message) => Ok(Some(())),
            (Some(words), Err(message)) => Err(format!("failed with {message}, not {words:?}")),
        }
    }

    pub fn annotations(&self, warnings: &[String], infos: &[String]) -> Result<(), String> {
        for (what, expected, refused, found) in [
            ("warning", &self.warnings, self.no_warning, warnings),
            ("info", &self.infos, self.no_info, infos),
        ] {
            if refused && !found.is_empty() {
                return Err(format!("{what} not expected: {found:?}"));
            }
            for words in expected {
                if !found.iter().any(|text| words.fit(text)) {
                    return Err(format!("no {what} is {words:?}: {found:?}"));
                }
            }
        }
        Ok(())
    }
}
