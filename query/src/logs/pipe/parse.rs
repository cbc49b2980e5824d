//! From the text behind a search to [`Pipe`].

use super::{Named, Pipe, Sort, Stage};
use crate::Error;
use crate::logs::field::{NO_TIME, NO_TIME_HINT, TIME, key_of};
use crate::logs::parse::error_at;

/// Most keys of one stage.
const KEYS_MAX: usize = 8;

/// Most fields of a table of records.
const FIELDS_MAX: usize = 64;

/// Rows of `top` that names no number.
const TOP_ROWS: usize = 10;

const STAGES: &str = "count, top, pattern, fields, sort or limit";

/// Reads `| stage | stage …` from the byte where the first `|` stands.
pub(in crate::logs) fn parse_pipe(text: &str, at: usize) -> Result<Pipe, Error> {
    let mut parser = Parser { text, at };
    parser.bar()?;
    let stage = parser.stage()?;
    let mut pipe = Pipe { stage, sort: None, limit: None };
    while !parser.is_done() {
        parser.bar()?;
        parser.refine(&mut pipe)?;
    }
    Ok(pipe)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn bar(&mut self) -> Result<(), Error> {
        self.skip_space();
        match self.rest().strip_prefix('|') {
            Some(_) => self.at += 1,
            None => {
                let hint = format!("put a '|' before the next stage: {STAGES}");
                return Err(self.error(self.at, "expected '|' here", &hint));
            }
        }
        self.skip_space();
        Ok(())
    }

    /// The stage that makes the table.
    fn stage(&mut self) -> Result<Stage, Error> {
        let at = self.at;
        match self.word() {
            "count" => {
                let by = if self.take("by") { self.group_keys()? } else { Vec::new() };
                let per = if self.take("per") { Some(self.duration()?) } else { None };
                Ok(Stage::Count { by, per })
            }
            "top" => {
                let rows = self.number()?.unwrap_or(TOP_ROWS);
                // `by` may be left out, and may also be the name of a key.
                let before = self.at;
                if self.take("by") && (self.is_done() || self.rest().starts_with('|')) {
                    self.at = before;
                }
                Ok(Stage::Top { rows, by: self.group_keys()? })
            }
            "pattern" | "patterns" => Ok(Stage::Patterns),
            "fields" => Ok(Stage::Fields(self.keys(FIELDS_MAX)?)),
            "sort" | "limit" | "head" => {
                let hint = "make a table first: | count by KEY, | top 10 KEY, | pattern";
                Err(self.error(at, "there is no table yet that this could work on", hint))
            }
            _ => Err(self.unknown(at)),
        }
    }

    /// What is done with the table.
    fn refine(&mut self, pipe: &mut Pipe) -> Result<(), Error> {
        let at = self.at;
        match self.word() {
            "sort" if matches!(pipe.stage, Stage::Fields(_)) => {
                let hint = "records come newest first; ask SQL for another order";
                Err(self.error(at, "a table of records cannot be sorted", hint))
            }
            "sort" => {
                self.take("by");
                pipe.sort = Some(self.sort(&pipe.stage)?);
                Ok(())
            }
            "limit" | "head" => {
                let at = self.at;
                match self.number()? {
                    Some(rows) => pipe.limit = Some(pipe.limit.map_or(rows, |l| l.min(rows))),
                    None => return Err(self.error(at, "expected a number", "write | limit 10")),
                }
                Ok(())
            }
            "count" | "top" | "pattern" | "patterns" | "fields" => {
                let hint = "make one table, then | sort or | limit it; for more, use SQL";
                Err(self.error(at, "there is a table already", hint))
            }
            _ => Err(self.unknown(at)),
        }
    }

    /// `column`, `column asc` or `column desc`.
    fn sort(&mut self, stage: &Stage) -> Result<Sort, Error> {
        let columns = columns(stage);
        self.skip_space();
        let at = self.at;
        let name = self.name()?;
        let Some(column) = columns.iter().position(|column| **column == *name) else {
            let hint = format!("the table has the columns {}", columns.join(", "));
            return Err(self.error(at, &format!("there is no column '{name}'"), &hint));
        };
        let descending = self.take("desc");
        if !descending {
            self.take("asc");
        }
        Ok(Sort { column, descending })
    }

    fn unknown(&self, at: usize) -> Error {
        let hint = format!("write {STAGES}; to search for the character | itself, quote it");
        self.error(at, "this is not a stage of a pipe", &hint)
    }

    /// Keys to count by.
    fn group_keys(&mut self) -> Result<Vec<Named>, Error> {
        self.skip_space();
        let at = self.at;
        let keys = self.keys(KEYS_MAX)?;
        match keys.iter().any(|key| key.name == TIME) {
            true => Err(self.error(at, NO_TIME, NO_TIME_HINT)),
            false => Ok(keys),
        }
    }

    /// Keys with commas between them.
    fn keys(&mut self, most: usize) -> Result<Vec<Named>, Error> {
        let mut keys: Vec<Named> = Vec::new();
        loop {
            self.skip_space();
            let at = self.at;
            let name = self.name()?;
            if keys.iter().any(|known| known.name == name) {
                let message = format!("'{name}' is there twice");
                return Err(self.error(at, &message, "name each key once"));
            }
            if keys.len() == most {
                let message = format!("there are more than {most} keys");
                return Err(self.error(at, &message, "use fewer keys, or SQL"));
            }
            keys.push(Named { key: key_of(&name), name });
            self.skip_space();
            if !self.rest().starts_with(',') {
                return Ok(keys);
            }
            self.at += 1;
        }
    }

    /// A bare or quoted name.
    fn name(&mut self) -> Result<String, Error> {
        self.skip_space();
        let at = self.at;
        if let Some(quoted) = self.rest().strip_prefix('"') {
            let Some(end) = quoted.find('"') else {
                return Err(self.error(at, "the quote is never closed", "add the missing '\"'"));
            };
            self.at += end + 2;
            return Ok(quoted[..end].to_owned());
        }
        let name = self.word().to_owned();
        if name.is_empty() {
            let hint = "name a key as in key:value, such as service or http.route";
            return Err(self.error(at, "expected the name of a key here", hint));
        }
        Ok(name)
    }

    /// A whole number above zero, if one stands here.
    fn number(&mut self) -> Result<Option<usize>, Error> {
        self.skip_space();
        let at = self.at;
        if !self.rest().starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(None);
        }
        match self.word().parse() {
            Ok(0) | Err(_) => {
                let hint = "write a whole number above 0";
                Err(self.error(at, "this is not a number of rows", hint))
            }
            Ok(number) => Ok(Some(number)),
        }
    }

    /// `30s`, `5m`, …, in nanoseconds.
    fn duration(&mut self) -> Result<i64, Error> {
        const UNITS: [(&str, i64); 6] = [
            ("ms", 1_000_000),
            ("s", 1_000_000_000),
            ("m", 60_000_000_000),
            ("h", 3_600_000_000_000),
            ("d", 86_400_000_000_000),
            ("w", 604_800_000_000_000),
        ];
        self.skip_space();
        let at = self.at;
        let word = self.word();
        let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
        let unit = UNITS.iter().find(|(unit, _)| *unit == &word[digits..]);
        let number: Option<i64> = word[..digits].parse().ok().filter(|number| *number > 0);
        match number.zip(unit).and_then(|(number, (_, nanos))| number.checked_mul(*nanos)) {
            Some(nanos) => Ok(nanos),
            None => {
                let hint = "write a number and ms, s, m, h, d or w, such as 5m";
                Err(self.error(at, "this is not a duration", hint))
            }
        }
    }

    /// Takes `word` if it stands here.
    fn take(&mut self, word: &str) -> bool {
        let before = self.at;
        self.skip_space();
        if self.word() == word {
            return true;
        }
        self.at = before;
        false
    }

    /// Everything up to a space, comma, bar or quote.
    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '|' | '"');
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn is_done(&self) -> bool {
        self.rest().trim_start().is_empty()
    }

    fn error(&self, at: usize, message: &str, hint: &str) -> Error {
        error_at(self.text, at, message, hint)
    }
}

/// The names of a stage's columns.
fn columns(stage: &Stage) -> Vec<&str> {
    match stage {
        Stage::Count { by, per } => {
            let time = per.is_some().then_some("time");
            time.into_iter().chain(by.iter().map(|n| n.name.as_str())).chain(["count"]).collect()
        }
        Stage::Top { by, .. } => by.iter().map(|n| n.name.as_str()).chain(["count"]).collect(),
        Stage::Patterns => vec!["pattern", "count", "severity", "first", "last", "sample"],
        Stage::Fields(by) => by.iter().map(|n| n.name.as_str()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Position;
    use crate::logs::parse::{parse, parse_piped};
    use proptest::prelude::*;

    fn named(names: &[&str]) -> Vec<Named> {
        names.iter().map(|n| Named { name: (*n).to_owned(), key: key_of(n) }).collect()
    }

    #[test]
    fn stages_are_read() {
        let count = |by: &[&str], per| Stage::Count { by: named(by), per };
        let minute = Some(60_000_000_000);
        let cases = [
            ("a | count", count(&[], None), None, None),
            ("|count by service,http.route", count(&["service", "http.route"], None), None, None),
            ("\"a|b\" | count by \"my key\" per 1m", count(&["my key"], minute), None, None),
            ("(a) | count per 60s", count(&[], minute), None, None),
            ("| top code", Stage::Top { rows: 10, by: named(&["code"]) }, None, None),
            ("| top 3 by a, b", Stage::Top { rows: 3, by: named(&["a", "b"]) }, None, None),
            ("| top by", Stage::Top { rows: 10, by: named(&["by"]) }, None, None),
            ("| patterns | limit 5", Stage::Patterns, None, Some(5)),
            (
                "| count by a | sort a | limit 9 | limit 2",
                count(&["a"], None),
                Some((0, false)),
                Some(2),
            ),
            ("| count by a | sort by count desc", count(&["a"], None), Some((1, true)), None),
            (
                "| fields body, time | limit 2",
                Stage::Fields(named(&["body", "time"])),
                None,
                Some(2),
            ),
        ];
        for (text, stage, sort, limit) in cases {
            let (_, pipe) = parse_piped(text).unwrap();
            let sort = sort.map(|(column, descending)| Sort { column, descending });
            assert_eq!(pipe, Some(Pipe { stage, sort, limit }), "{text}");
            assert!(matches!(parse(text), Err(Error::InvalidRequest { .. })), "{text}");
        }
        assert_eq!(parse_piped("a|b \"|\"").unwrap().1, None);
    }

    #[test]
    fn errors_say_where() {
        let cases = [
            ("a | cuont", 5),
            ("a | ", 5),
            ("a || b", 4),
            ("a | limit 5", 5),
            ("| count by", 11),
            ("| count by a,", 14),
            ("| count by a a", 14),
            ("| count by a, a", 15),
            ("| count by time", 12),
            ("| top time", 7),
            ("| count per 5", 13),
            ("| count per 0m", 13),
            ("| top 0 a", 7),
            ("| count by a | sort b", 21),
            ("| count | top a", 11),
            ("| fields a | sort a", 14),
            ("| count by \"a", 12),
            ("(a | count)", 1),
            ("a OR | count", 6),
        ];
        for (text, column) in cases {
            let error = parse_piped(text).expect_err(text);
            assert_eq!(error.position(), Some(Position { line: 1, column }), "{text}: {error}");
            assert!(error.hint().is_some(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[ a|,\"ä]{0,6}\\|(count|top|by|per|sort|limit|5m|fields|pattern|[ ,|\"aä0]){0,9}") {
            let _ = parse_piped(&text);
        }
    }
}
