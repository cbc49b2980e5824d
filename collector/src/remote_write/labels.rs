//! Labels: the rules a series must keep to be one, and its name for messages.

use super::entry::Label;

/// The label that holds the metric's name.
pub const NAME: &str = "__name__";

/// Longest labels of one series, names and values together. Labels of real series stay under a few KiB; longer ones are data
/// put there by mistake, and every row, index and answer would carry them.
const SERIES_BYTES_MAX: usize = 64 << 10;

/// Longest text of a series in a message to its sender.
const SHOWN_BYTES_MAX: usize = 200;

/// Puts labels in the order of their names. Senders are to do so; Prometheus takes them in any order, and so do we.
pub fn sort(labels: &mut [Label<'_>]) {
    if !labels.is_sorted_by(|a, b| a.0 <= b.0) {
        labels.sort_by_key(|(name, _)| *name);
    }
}

/// The metric's name, or why these sorted labels are not those of a series.
pub fn check<'a>(labels: &[Label<'a>]) -> Result<&'a str, &'static str> {
    let bytes: usize = labels.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > SERIES_BYTES_MAX {
        return Err("labels take more than 65,536 bytes");
    }
    if labels.iter().any(|(name, _)| name.is_empty()) {
        return Err("a label has no name");
    }
    if labels.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err("a label occurs twice");
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
    fn labels_are_named_and_occur_once_in_any_order() {
        let long = "x".repeat(SERIES_BYTES_MAX);
        let cases: [(&[Label<'_>], Result<&str, &str>); 9] = [
            (&[(NAME, "up"), ("job", "a")], Ok("up")),
            (&[("A", "a"), (NAME, "up"), ("häuser", "ß")], Ok("up")),
            (&[(NAME, "up"), ("", "a")], Err("a label has no name")),
            (&[("b", "1"), (NAME, "up"), ("a", "2")], Ok("up")),
            (&[(NAME, "up"), ("b", "1"), ("b", "1")], Err("a label occurs twice")),
            (&[("b", "1"), (NAME, "up"), ("b", "2")], Err("a label occurs twice")),
            (&[("job", "a")], Err("the metric has no name")),
            (&[(NAME, "")], Err("the metric has no name")),
            (&[(NAME, "up"), ("a", &long)], Err("labels take more than 65,536 bytes")),
        ];
        for (labels, expected) in cases {
            let mut labels = labels.to_vec();
            sort(&mut labels);
            assert_eq!(check(&labels), expected, "{}", show(&labels));
        }
    }

    #[test]
    fn a_series_is_shown_as_it_is_queried() {
        assert_eq!(show(&[(NAME, "up"), ("a", "b"), ("c", "d")]), "up{a=\"b\", c=\"d\"}");
        assert!(show(&[(NAME, "up"), ("a", &"ü".repeat(1000))]).len() < SHOWN_BYTES_MAX + 10);
    }
}
