//! `detected_level`: how severe a record is, from whatever says so.

use std::collections::BTreeMap;

pub const DETECTED_LEVEL: &str = "detected_level";

/// Labels that say a level, as loggers call them.
pub const LEVEL_LABELS: [&str; 13] = [
    "level",
    "LEVEL",
    "Level",
    "log_level",
    "severity",
    "SEVERITY",
    "Severity",
    "SeverityText",
    "lvl",
    "LVL",
    "Lvl",
    "severity_text",
    "loglevel",
];

/// The level of OpenTelemetry's severity number.
pub fn of_number(number: i32) -> Option<&'static str> {
    Some(match number {
        1..=4 => "trace",
        5..=8 => "debug",
        9..=12 => "info",
        13..=16 => "warn",
        17..=20 => "error",
        21..=24 => "fatal",
        _ => return None,
    })
}

/// The level that a word stands for.
pub fn of_word(word: &str) -> Option<&'static str> {
    Some(match word.trim().to_ascii_lowercase().as_str() {
        "trace" | "trc" => "trace",
        "debug" | "dbg" => "debug",
        "info" | "inf" | "information" | "notice" => "info",
        "warn" | "wrn" | "warning" => "warn",
        "error" | "err" | "eror" => "error",
        "critical" | "crit" => "critical",
        "fatal" | "panic" | "emerg" | "alert" => "fatal",
        _ => return None,
    })
}

/// What a line itself says: by a field of JSON or logfmt, or by a word.
pub fn of_line(line: &str) -> &'static str {
    let start = line.trim_start();
    if start.starts_with('{') {
        let mut fields = LevelFields::default();
        if super::parser::extract_json(start, &mut fields).is_ok()
            && let Some(level) = fields.level()
        {
            return level;
        }
    } else if line.contains('=') {
        let mut fields = LevelFields::default();
        let flags = super::parser::LogfmtFlags::default();
        if super::parser::extract_logfmt(line, flags, &[], &mut fields).is_ok()
            && let Some(level) = fields.level()
        {
            return level;
        }
    }
    // Levels stand early in a line; what is written later is what happened.
    let words = line
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| (3..=11).contains(&word.len()));
    words.take(40).find_map(of_shouted).unwrap_or("unknown")
}

/// Words in running text count only when they are written as levels are.
fn of_shouted(word: &str) -> Option<&'static str> {
    let level = of_word(word)?;
    let is_upper = word.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_plain = matches!(
        word.to_ascii_lowercase().as_str(),
        "error" | "warn" | "warning" | "debug" | "fatal" | "critical" | "info" | "trace"
    );
    (is_upper || is_plain).then_some(level)
}

/// Keeps only fields that say a level.
#[derive(Default)]
struct LevelFields(BTreeMap<String, String>);

impl LevelFields {
    fn level(&self) -> Option<&'static str> {
        LEVEL_LABELS.iter().find_map(|name| of_word(self.0.get(*name)?))
    }
}

impl super::parser::Found for LevelFields {
    fn wants(&self, name: &str) -> bool {
        LEVEL_LABELS.contains(&name)
    }

    fn add(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_their_level() {
        let cases = [
            (r#"{"level":"WARN","msg":"error"}"#, "warn"),
            ("ts=1 lvl=dbg msg=error", "debug"),
            ("2024-01-01 ERROR failed", "error"),
            ("[error] no such file", "error"),
            ("level=unheard msg=\"INFO\"", "info"),
            ("GET /informal 200", "unknown"),
            ("", "unknown"),
        ];
        for (line, expected) in cases {
            assert_eq!(of_line(line), expected, "{line}");
        }
        assert_eq!(of_number(10), Some("info"));
        assert_eq!(of_number(0), None);
    }
}
