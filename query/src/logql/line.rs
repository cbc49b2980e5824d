//! Line filters: which lines go on, and what the log index can rule out for them.

use super::ip::Addresses;
use super::parser::Pattern;
use binnacle_storage::log_index::{IndexQuery, tokens};
use regex::Regex;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineOp {
    Contains,
    Lacks,
    Matches,
    Mismatches,
    HasPattern,
    LacksPattern,
}

impl LineOp {
    pub const ALL: [LineOp; 6] = [
        LineOp::Contains,
        LineOp::Lacks,
        LineOp::Matches,
        LineOp::Mismatches,
        LineOp::HasPattern,
        LineOp::LacksPattern,
    ];

    pub fn text(self) -> &'static str {
        match self {
            LineOp::Contains => "|=",
            LineOp::Lacks => "!=",
            LineOp::Matches => "|~",
            LineOp::Mismatches => "!~",
            LineOp::HasPattern => "|>",
            LineOp::LacksPattern => "!>",
        }
    }

    fn is_negative(self) -> bool {
        matches!(self, LineOp::Lacks | LineOp::Mismatches | LineOp::LacksPattern)
    }
}

/// One filter: a line passes if any of the terms is in it or, of the negative operators, none.
#[derive(Debug, Clone)]
pub struct LineFilter {
    pub op: LineOp,
    pub terms: Vec<LineTerm>,
}

#[derive(Debug, Clone)]
pub enum LineTerm {
    Text(String),
    Regex(String, Regex),
    Pattern(String, Pattern),
    Ip(Addresses),
}

/// An expression that may match anywhere in a line.
pub fn regex(pattern: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(pattern).size_limit(16 << 20).build().map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or("").trim_start_matches("error: ");
        format!("error parsing regexp: {reason}: `{pattern}`")
    })
}

impl LineTerm {
    pub fn new(op: LineOp, text: String) -> Result<LineTerm, String> {
        Ok(match op {
            LineOp::Contains | LineOp::Lacks => LineTerm::Text(text),
            LineOp::Matches | LineOp::Mismatches => {
                let regex = regex(&text)?;
                LineTerm::Regex(text, regex)
            }
            LineOp::HasPattern | LineOp::LacksPattern => {
                let pattern = Pattern::nameless(&text)?;
                LineTerm::Pattern(text, pattern)
            }
        })
    }

    fn matches(&self, line: &str) -> bool {
        match self {
            LineTerm::Text(text) => line.contains(text.as_str()),
            LineTerm::Regex(_, regex) => regex.is_match(line),
            LineTerm::Pattern(_, pattern) => pattern.matches_whole(line),
            LineTerm::Ip(addresses) => addresses.any_in(line),
        }
    }

    /// What the index is asked for the lines that this term is in.
    fn index_query(&self) -> IndexQuery {
        match self {
            LineTerm::Text(text) => within(text),
            LineTerm::Regex(text, _) => match alternatives(text) {
                Some(texts) => IndexQuery::Or(texts.iter().map(|text| within(text)).collect()),
                None => IndexQuery::Anything,
            },
            LineTerm::Pattern(_, pattern) => {
                IndexQuery::And(pattern.literals().map(within).collect())
            }
            LineTerm::Ip(_) => IndexQuery::Anything,
        }
    }
}

impl LineFilter {
    pub fn passes(&self, line: &str) -> bool {
        self.terms.iter().any(|term| term.matches(line)) != self.op.is_negative()
    }

    /// What the index is asked for the lines that pass.
    pub fn index_query(&self) -> IndexQuery {
        if self.op.is_negative() {
            return IndexQuery::Anything;
        }
        let mut queries: Vec<IndexQuery> = self.terms.iter().map(LineTerm::index_query).collect();
        match queries.len() {
            1 => queries.remove(0),
            _ => IndexQuery::Or(queries),
        }
    }
}

/// Lines with `text` somewhere in them hold its whole words. The words at its ends may go on in the line.
fn within(text: &str) -> IndexQuery {
    let from = text.find(|c: char| !c.is_alphanumeric());
    let to = text.char_indices().rev().find(|(_, c)| !c.is_alphanumeric());
    let (Some(from), Some((to, _))) = (from, to) else {
        return IndexQuery::Anything;
    };
    let words: Vec<String> = tokens(text.get(from..to).unwrap_or_default()).collect();
    match words.is_empty() {
        true => IndexQuery::Anything,
        false => IndexQuery::Phrase(words),
    }
}

/// The texts an expression stands for, if it is nothing but texts: `a`, `a|b` or `(?i)a`. The index knows no case.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let pattern = pattern.strip_prefix("(?i)").unwrap_or(pattern);
    let is_plain = |text: &str| !text.contains(|c: char| r"\.+*?()[]{}^$".contains(c));
    is_plain(pattern).then(|| pattern.split('|').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(op: LineOp, terms: &[&str]) -> LineFilter {
        let terms = terms.iter().map(|text| LineTerm::new(op, (*text).to_owned()).unwrap());
        LineFilter { op, terms: terms.collect() }
    }

    #[test]
    fn lines_pass_by_any_of_the_terms() {
        let cases = [
            (LineOp::Contains, vec!["b c"], "a b c", true),
            (LineOp::Contains, vec!["x", "c"], "a b c", true),
            (LineOp::Contains, vec!["B"], "a b c", false),
            (LineOp::Lacks, vec!["x", "c"], "a b c", false),
            (LineOp::Lacks, vec!["x", "y"], "a b c", true),
            (LineOp::Matches, vec!["a.b"], "xa bx", true),
            (LineOp::Mismatches, vec!["a.b"], "ab", true),
            (LineOp::HasPattern, vec!["<_> error <_>"], "an error there", true),
            (LineOp::HasPattern, vec!["<_> error <_>"], "an error", false),
            (LineOp::LacksPattern, vec!["<_>error"], "an error", false),
        ];
        for (op, terms, line, expected) in cases {
            assert_eq!(filter(op, &terms).passes(line), expected, "{op:?} {terms:?} {line}");
        }
    }

    #[test]
    fn the_index_is_asked_for_whole_words_only() {
        let phrase =
            |words: &[&str]| IndexQuery::Phrase(words.iter().map(|w| (*w).to_owned()).collect());
        assert_eq!(within("refused"), IndexQuery::Anything);
        assert_eq!(within("connection refused by peer"), phrase(&["refused", "by"]));
        assert_eq!(within(" Refused "), phrase(&["refused"]));
        assert_eq!(within("status=5"), IndexQuery::Anything);
        assert_eq!(within("..."), IndexQuery::Anything);
        assert_eq!(filter(LineOp::Lacks, &[" a "]).index_query(), IndexQuery::Anything);
        assert_eq!(
            filter(LineOp::Matches, &["(?i) a | b "]).index_query(),
            IndexQuery::Or(vec![phrase(&["a"]), phrase(&["b"])])
        );
        assert_eq!(filter(LineOp::Matches, &["a.b"]).index_query(), IndexQuery::Anything);
    }
}
