//! Words that the grammar knows: which of them cannot be names, and what errors call them.

use super::super::ast::AggregateOp;

/// Words that are never the name of a metric or function.
const RESERVED: [&str; 6] = ["atan2", "bool", "group_left", "group_right", "ignoring", "on"];

/// Words that name a metric, but no function.
const KEYWORDS: [&str; 13] = [
    "and",
    "anchored",
    "by",
    "fill",
    "fill_left",
    "fill_right",
    "inf",
    "nan",
    "offset",
    "or",
    "smoothed",
    "unless",
    "without",
];

fn is_one(list: &[&str], word: &str) -> bool {
    list.iter().any(|other| word.eq_ignore_ascii_case(other))
}

pub fn is_reserved(word: &str) -> bool {
    is_one(&RESERVED, word)
}

pub fn names_a_function(word: &str) -> bool {
    !is_one(&KEYWORDS, word) && !is_reserved(word) && !word.contains(':')
}

pub fn is_operator_sign(sign: &str) -> bool {
    !matches!(sign, "=" | "(" | ")" | "{" | "}" | "[" | "]" | "," | ":")
}

pub fn described(word: &str) -> String {
    if is_one(&["and", "or", "unless", "atan2"], word) {
        return format!("<op:{word}>");
    }
    if AggregateOp::ALL.iter().any(|op| word.eq_ignore_ascii_case(op.name())) {
        return format!("<aggr:{word}>");
    }
    if is_one(&["inf", "nan"], word) {
        return format!("number {word:?}");
    }
    if is_one(&KEYWORDS, word) || is_reserved(word) {
        return format!("<{word}>");
    }
    let kind = if word.contains(':') { "metric identifier" } else { "identifier" };
    format!("{kind} {word:?}")
}
