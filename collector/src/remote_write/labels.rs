//! Labels: the rules a series must keep to be one, and its name for messages.

use super::entry::Label;

/// The label that holds the metric's name.
pub const NAME: &str = "__name__";

/// Longest labels of one series, names and values together. Labels of real series stay under a few KiB; longer ones are data
/// put there by mistake, and every row, index and answer would carry them.
const SERIES_BYTES_MAX: usize = 64 << 10;

/// Longest text of a series in a message to its sender.
const SHOWN_BYTES_MAX: usize = 200;

/// The metric's name, or why these are not the labels of a series.
pub fn check<'a>(labels: &[Label<'a>]) -> Result<&'a str, &'static str> {
    let bytes: usize = labels.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > SERIES_BYTES_MAX {
        return Err("labels take more than 65,536 bytes");
    }
    if labels.iter().any(|(name, _)| name.is_empty()) {
        return Err("a label has no name");
    }
    for pair in labels.windows(2) {
        match pair[0].0.cmp(pair[1].0) {
            std::cmp::Ordering::Less => {}
            std::cmp::Ordering::Equal => return Err("a label occurs twice"),
            std::cmp::Ordering::Greater => return Err("labels are not sorted by name"),
        }
    }
    let name = labels.iter().find(|(name, _)| *name == NAME).map(|(_, value)| *value);
    name.filter(|name| !name.is_empty()).ok_or("the metric has no name")
}

/// `up{job="node"}`, shortened.
pub fn show(labels: &[Label<'_>]) -> String {
    let mut shown = String::new();
    if let Some((_, name)) = labels.iter().find(|(name, _)| *name == NAME) {
        shown.push_str(name);
    }
    shown.push('{');
    let mut separator = "";
    for (name, value) in labels.iter().filter(|(name, _)| *name != NAME) {
        shown.push_str(separator);
        shown.push_str(name);
        shown.push_str("=\"");
        shown.push_str(value);
        shown.push('"');
        separator = ", ";
        if shown.len() > SHOWN_BYTES_MAX {
            break;
        }
    }
    if shown.len() > SHOWN_BYTES_MAX {
        shown.truncate(shown.floor_char_boundary(SHOWN_BYTES_MAX));
        shown.push('…');
    }
    shown.push('}');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_named_sorted_and_occur_once() {
        let long = "x".repeat(SERIES_BYTES_MAX);
        let cases: [(&[Label<'_>], Result<&str, &str>); 8] = [
            (&[(NAME, "up"), ("job", "a")], Ok("up")),
            (&[("A", "a"), (NAME, "up"), ("häuser", "ß")], Ok("up")),
            (&[(NAME, "up"), ("", "a")], Err("a label has no name")),
            (&[(NAME, "up"), ("b", "1"), ("a", "2")], Err("labels are not sorted by name")),
            (&[(NAME, "up"), ("b", "1"), ("b", "1")], Err("a label occurs twice")),
            (&[("job", "a")], Err("the metric has no name")),
            (&[(NAME, "")], Err("the metric has no name")),
            (&[(NAME, "up"), ("a", &long)], Err("labels take more than 65,536 bytes")),
        ];
        for (labels, expected) in cases {
            assert_eq!(check(labels), expected, "{}", show(labels));
        }
    }

    #[test]
    fn a_series_is_shown_as_it_is_queried() {
        assert_eq!(show(&[(NAME, "up"), ("a", "b"), ("c", "d")]), "up{a=\"b\", c=\"d\"}");
        assert!(show(&[(NAME, "up"), ("a", &"ü".repeat(1000))]).len() < SHOWN_BYTES_MAX + 10);
    }
}
