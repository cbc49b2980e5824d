//! OpenTelemetry's names as Prometheus's, by the specification "Prometheus and OpenMetrics Compatibility".
//!
//! Only series that say who sent them are renamed: one with neither resource nor scope came with the name it is to have.

use serde::{Deserialize, Serialize};

/// How names that Prometheus did not allow of old are treated, and whether units and types are appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Translation {
    /// `http.server.duration` in `s` becomes `http_server_duration_seconds`.
    #[default]
    UnderscoreEscapingWithSuffixes,
    /// … becomes `http_server_duration`.
    UnderscoreEscapingWithoutSuffixes,
    /// … becomes `http.server.duration_seconds`.
    NoUtf8EscapingWithSuffixes,
    /// … stays as it is.
    NoTranslation,
}

impl Translation {
    fn escapes(self) -> bool {
        use Translation::*;
        matches!(self, UnderscoreEscapingWithSuffixes | UnderscoreEscapingWithoutSuffixes)
    }

    fn appends(self) -> bool {
        use Translation::*;
        matches!(self, UnderscoreEscapingWithSuffixes | NoUtf8EscapingWithSuffixes)
    }
}

/// What a metric's name depends on.
#[derive(Debug, Clone, Copy)]
pub struct Metric<'a> {
    pub name: &'a str,
    pub unit: &'a str,
    /// A sum that only grows.
    pub is_counter: bool,
    pub is_gauge: bool,
}

/// Names are made as Prometheus makes them, so that a query means the same in both.
pub fn metric_name(metric: Metric<'_>, translation: Translation) -> String {
    let name = match (translation.escapes(), translation.appends()) {
        (true, true) => normalized(metric),
        (true, false) => {
            let allowed = |c: char| is_allowed(c) || c == '_';
            start_with_letter(tokens(metric.name, allowed).join("_"))
        }
        (false, true) => suffixed(metric),
        (false, false) => metric.name.to_owned(),
    };
    // A metric without a single allowed character has to be called something.
    if name.is_empty() { escaped(metric.name) } else { name }
}

fn tokens(name: &str, allowed: impl Fn(char) -> bool) -> Vec<&str> {
    name.split(|c| !allowed(c)).filter(|token| !token.is_empty()).collect()
}

/// Escaped words joined by single underscores, with those of the unit and type that are not among them.
fn normalized(metric: Metric<'_>) -> String {
    let mut tokens = tokens(metric.name, is_allowed);
    let (main, per) = units(metric.unit);
    let (main, per) = (unit_word(&main), unit_word(&per));
    if !main.is_empty() && !tokens.contains(&main.as_str()) {
        let is_last = per.is_empty();
        tokens.push(if is_last { &main } else { main.trim_end_matches('_') });
    }
    let per = per.trim_end_matches('_');
    if !per.is_empty() && !tokens.windows(2).any(|pair| pair == ["per", per]) {
        tokens.extend(["per", per]);
    }
    let mut last = |wanted: bool, suffix: &'static str| {
        if wanted {
            tokens.retain(|token| *token != suffix);
            tokens.push(suffix);
        }
    };
    last(metric.is_counter, "total");
    last(metric.unit == "1" && metric.is_gauge, "ratio");
    start_with_letter(tokens.join("_"))
}

/// The name as it is, with the suffixes it does not end in; those it ends in come last.
fn suffixed(metric: Metric<'_>) -> String {
    let (main, per) = units(metric.unit);
    let per = if per.is_empty() { per } else { format!("per_{per}") };
    let is_ratio = metric.unit == "1" && metric.is_gauge;
    let ends = [(is_ratio, "ratio"), (metric.is_counter, "total"), (!per.is_empty(), per.as_str())];
    let ends = ends.into_iter().filter(|(wanted, _)| *wanted).map(|(_, suffix)| suffix);
    let stem = ends.clone().fold(metric.name, without);
    let mut name = stem.to_owned();
    let main = Some(main.as_str()).filter(|main| !main.is_empty() && !stem.ends_with(main));
    for suffix in main.into_iter().chain(ends.rev()) {
        name.push('_');
        name.push_str(suffix);
    }
    name
}

/// The name before a suffix and the character that sets it off. What is part of a word, as in `subtotal`, is no suffix.
fn without<'a>(name: &'a str, suffix: &str) -> &'a str {
    let Some(before) = name.strip_suffix(suffix) else { return name };
    let stem = before.strip_suffix(|c: char| !c.is_alphanumeric()).unwrap_or_default();
    if stem.is_empty() { name } else { stem }
}

/// A unit as a part of an escaped name, which may end in an underscore.
fn unit_word(unit: &str) -> String {
    let mut word = tokens(unit, is_allowed).join("_");
    if !word.is_empty() && unit.ends_with(|c| !is_allowed(c)) {
        word.push('_');
    }
    word
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ':'
}

fn escaped(name: &str) -> String {
    name.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect()
}

fn start_with_letter(name: String) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

pub fn label_name(key: &str, translation: Translation) -> String {
    if !translation.escapes() {
        return key.to_owned();
    }
    let escaped = escaped(key).replace(':', "_");
    if escaped.starts_with(|c: char| c.is_ascii_digit()) {
        return format!("key_{escaped}");
    }
    if escaped.starts_with('_') && !escaped.starts_with("__") {
        return format!("key{escaped}");
    }
    escaped
}

/// A unit as words: what is measured, and per what.
fn units(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let clean = |text: &str| if text.contains(['{', '}']) { "" } else { text.trim() }.to_owned();
    let (main, per) = (clean(main), clean(per));
    (words(&main, &MAIN), words(&per, &PER))
}

fn words(unit: &str, table: &[(&str, &str)]) -> String {
    let found = table.iter().find(|(short, _)| *short == unit);
    found.map_or_else(|| unit.to_owned(), |(_, long)| (*long).to_owned())
}

const MAIN: [(&str, &str); 27] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", ""),
    ("%", "percent"),
    ("kBy", "kilobytes"),
];

const PER: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, unit: &str, kind: &str, expected: &str) {
        check_by(Translation::default(), name, unit, kind, expected);
    }

    fn check_by(translation: Translation, name: &str, unit: &str, kind: &str, expected: &str) {
        let metric =
            Metric { name, unit, is_counter: kind == "counter", is_gauge: kind == "gauge" };
        assert_eq!(metric_name(metric, translation), expected, "{name} in {unit}: {kind}");
    }

    #[test]
    fn names_get_units_and_types() {
        check("http.server.duration", "s", "histogram", "http_server_duration_seconds");
        check("http.requests", "{request}", "counter", "http_requests_total");
        check("requests.total.count", "1", "counter", "requests_count_total");
        check("system.cpu.utilization", "1", "gauge", "system_cpu_utilization_ratio");
        check("network.io", "By/s", "gauge", "network_io_bytes_per_second");
        check("latency_seconds", "s", "gauge", "latency_seconds");
        check("2xx responses", "", "gauge", "_2xx_responses");
        check("job:rate5m", "", "gauge", "job:rate5m");
        check("requests", "1/s", "gauge", "requests_per_second");
        check("requests", "{request}/s", "counter", "requests_per_second_total");
        check("second.hand", "By/s", "gauge", "second_hand_bytes_per_second");
        check("foo_per_second", "x/s", "gauge", "foo_per_second_x");
        check("a", "unit@with#special/chars", "gauge", "a_unit_with_special_per_chars");
        check("a", "s_/{x}", "gauge", "a_s_");
        check("a", "s_/x", "gauge", "a_s_per_x");
        check("Ünïcode", "", "gauge", "n_code");
        check("foo", "°C", "gauge", "foo_C");
        check("温度", "", "gauge", "__");
        check("温度", "s", "gauge", "seconds");
    }

    #[test]
    fn runs_of_escaped_characters_become_one_underscore() {
        for (name, expected) in [
            ("foo..bar", "foo_bar"),
            (".foo.", "foo"),
            ("metric@@##$$name", "metric_name"),
            ("foo__bar", "foo__bar"),
            ("_foo", "_foo"),
            ("1foo", "_1foo"),
            ("foo:bar", "foo:bar"),
            ("@#$%", "____"),
        ] {
            let translation = Translation::UnderscoreEscapingWithoutSuffixes;
            check_by(translation, name, "s", "counter", expected);
        }
    }

    #[test]
    fn unescaped_names_get_suffixes_once() {
        for (name, unit, kind, expected) in [
            ("foo", "{req}/s", "gauge", "foo_per_second"),
            ("foo", "1/s", "counter", "foo_per_second_total"),
            ("foo", "By/s", "gauge", "foo_bytes_per_second"),
            ("foo_total", "s", "counter", "foo_seconds_total"),
            ("foo.total", "", "counter", "foo_total"),
            ("foo_total", "", "gauge", "foo_total"),
            ("foo_ratio", "1", "gauge", "foo_ratio"),
            ("foo.seconds", "s", "gauge", "foo.seconds"),
            ("foo_per_second", "By/s", "gauge", "foo_bytes_per_second"),
            ("foo", "foo", "counter", "foo_total"),
            ("foo", "total", "counter", "foo_total_total"),
            ("total", "", "counter", "total_total"),
            ("_total", "", "counter", "_total_total"),
            ("subtotal", "", "counter", "subtotal_total"),
            ("requêsts", "1/s", "counter", "requêsts_per_second_total"),
            ("@#$%", "", "counter", "@#$%_total"),
            ("respønse", "°C", "gauge", "respønse_°C"),
        ] {
            check_by(Translation::NoUtf8EscapingWithSuffixes, name, unit, kind, expected);
        }
    }

    #[test]
    fn strategies_differ_in_escaping_and_suffixes() {
        let metric = Metric { name: "a.b", unit: "s", is_counter: true, is_gauge: false };
        use Translation::*;
        for (translation, expected) in [
            (UnderscoreEscapingWithSuffixes, "a_b_seconds_total"),
            (UnderscoreEscapingWithoutSuffixes, "a_b"),
            (NoUtf8EscapingWithSuffixes, "a.b_seconds_total"),
            (NoTranslation, "a.b"),
        ] {
            assert_eq!(metric_name(metric, translation), expected);
        }
        assert_eq!(label_name("http.method", UnderscoreEscapingWithSuffixes), "http_method");
        assert_eq!(label_name("2a", UnderscoreEscapingWithSuffixes), "key_2a");
        assert_eq!(label_name("_a", UnderscoreEscapingWithSuffixes), "key_a");
        assert_eq!(label_name("a.b", NoTranslation), "a.b");
    }
}
