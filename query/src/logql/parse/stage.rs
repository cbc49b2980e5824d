//! The stages of a pipeline.

use super::super::ast::*;
use super::super::ip::Addresses;
use super::super::line::{LineFilter, LineOp, LineTerm};
use super::super::parser::{JsonPath, LogfmtFlags, Pattern};
use super::super::template::Template;
use super::super::token::Token;
use super::{Parsed, Parser, SyntaxError};
use crate::promql::text::is_legacy_name;

impl Parser {
    pub(super) fn starts_stage(&self) -> bool {
        matches!(self.peek(), Token::Sign("|")) || self.line_op().is_some()
    }

    fn line_op(&self) -> Option<LineOp> {
        let Token::Sign(sign) = self.peek() else { return None };
        LineOp::ALL.into_iter().find(|op| op.text() == *sign)
    }

    pub(super) fn stage(&mut self) -> Parsed<Stage> {
        if let Some(op) = self.line_op() {
            self.advance();
            return self.line_filter(op).map(Stage::Line);
        }
        self.expect("|")?;
        // A label may be called as a parser is.
        let is_label = matches!(
            self.peek_after(1),
            Token::Sign("=" | "!=" | "=~" | "!~" | "==" | ">" | ">=" | "<" | "<=")
        );
        let word = match self.peek() {
            Token::Word(word) if !is_label => word.clone(),
            _ => return self.label_filter().map(Stage::Labels),
        };
        let place = self.place();
        self.advance();
        match word.as_str() {
            "json" => self.json().map(Stage::Json),
            "logfmt" => self.logfmt(),
            "pattern" => self.built(|text| Pattern::new(&text)).map(Stage::Pattern),
            "regexp" => self.built(named_regex).map(Stage::Regexp),
            "unpack" => Ok(Stage::Unpack),
            "decolorize" => Ok(Stage::Decolorize),
            "line_format" => self.built(|text| Template::new(&text)).map(Stage::LineFormat),
            "label_format" => self.label_format().map(Stage::LabelFormat),
            "drop" => self.picked().map(Stage::Drop),
            "keep" => self.picked().map(Stage::Keep),
            "unwrap" => {
                let message = "unwrap stands only in the range of an aggregation";
                Err(SyntaxError::new(place, message))
            }
            _ => Err(self.unexpected("= or != or =~ or !~ or == or > or >= or < or <=")),
        }
    }

    /// `"text" or "text" or ip("…")`
    fn line_filter(&mut self, op: LineOp) -> Parsed<LineFilter> {
        let mut terms = vec![self.line_term(op)?];
        while self.is_word("or") {
            self.advance();
            terms.push(self.line_term(op)?);
        }
        Ok(LineFilter { op, terms })
    }

    fn line_term(&mut self, op: LineOp) -> Parsed<LineTerm> {
        let place = self.place();
        let wrong = |reason: String| SyntaxError::new(place, reason);
        if self.take_word("ip") {
            self.expect("(")?;
            let text = self.text()?;
            self.expect(")")?;
            if !matches!(op, LineOp::Contains | LineOp::Lacks) {
                return Err(wrong("ip() goes with |= and !=".to_owned()));
            }
            return Addresses::new(&text).map(LineTerm::Ip).map_err(wrong);
        }
        let text = self.text()?;
        LineTerm::new(op, text).map_err(wrong)
    }

    /// What a text stands for.
    fn built<T>(&mut self, build: impl FnOnce(String) -> Result<T, String>) -> Parsed<T> {
        let place = self.place();
        build(self.text()?).map_err(|reason| SyntaxError::new(place, reason))
    }

    fn json(&mut self) -> Parsed<Vec<(String, JsonPath)>> {
        self.extractions(|label, text| {
            JsonPath::new(text)
                .map_err(|reason| format!("cannot parse expression [{text}] of {label}: {reason}"))
        })
    }

    fn logfmt(&mut self) -> Parsed<Stage> {
        let mut flags = LogfmtFlags::default();
        while let Token::Flag(flag) = self.peek() {
            match *flag {
                "--strict" => flags.strict = true,
                _ => flags.keep_empty = true,
            }
            self.advance();
        }
        let keys = self.extractions(|_, text| Ok(text.to_owned()))?;
        Ok(Stage::Logfmt(flags, keys))
    }

    /// `label="expression", label, …`, or nothing.
    fn extractions<T>(
        &mut self,
        build: impl Fn(&str, &str) -> Result<T, String>,
    ) -> Parsed<Vec<(String, T)>> {
        let mut list = Vec::new();
        while matches!(self.peek(), Token::Word(_)) {
            let place = self.place();
            let label = self.name()?;
            let text = if self.take("=") { self.text()? } else { label.clone() };
            let built = build(&label, &text).map_err(|reason| SyntaxError::new(place, reason))?;
            list.push((label, built));
            if !self.take(",") {
                break;
            }
        }
        Ok(list)
    }

    fn label_format(&mut self) -> Parsed<Vec<LabelFormat>> {
        let mut formats: Vec<LabelFormat> = Vec::new();
        loop {
            let place = self.place();
            let name = self.name()?;
            if name == "__error__" {
                return Err(SyntaxError::new(place, "__error__ cannot be formatted"));
            }
            if formats.iter().any(|other| other.name == name) {
                let message = format!(
                    "multiple label name '{name}' not allowed in a single format operation"
                );
                return Err(SyntaxError::new(place, message));
            }
            self.expect("=")?;
            let value = match self.peek() {
                Token::Word(_) => LabelValue::Rename(self.name()?),
                _ => LabelValue::Template(self.built(|text| Template::new(&text))?),
            };
            formats.push(LabelFormat { name, value });
            if !self.take(",") {
                return Ok(formats);
            }
        }
    }

    fn picked(&mut self) -> Parsed<Vec<Picked>> {
        let mut list = Vec::new();
        loop {
            let name = self.name()?;
            let matcher = match self.match_op() {
                Some(op) => Some(self.matcher(op, &name)?),
                None => None,
            };
            list.push(Picked { name, matcher });
            if !self.take(",") {
                return Ok(list);
            }
        }
    }
}

fn named_regex(text: String) -> Result<NamedRegex, String> {
    let regex = super::super::line::regex(&text)?;
    let mut names: Vec<(usize, String)> = Vec::new();
    for (group, name) in regex.capture_names().enumerate() {
        let Some(name) = name else { continue };
        if !is_legacy_name(name, false) {
            return Err(format!("invalid extracted label name '{name}'"));
        }
        names.push((group, name.to_owned()));
    }
    if names.is_empty() {
        return Err("at least one named capture must be supplied".to_owned());
    }
    Ok(NamedRegex { text, regex, names })
}
