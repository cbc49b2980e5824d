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

pub fn metric_name(metric: Metric<'_>, translation: Translation) -> String {
    let (main, per) = units(metric.unit);
    if !translation.escapes() {
        if !translation.appends() {
            return metric.name.to_owned();
        }
        let mut name = metric.name.to_owned();
        let unit = [main.as_str(), per.as_str()].into_iter().filter(|part| !part.is_empty());
        let unit = unit.collect::<Vec<_>>().join("_per_");
        for (suffix, wanted) in [
            (unit.as_str(), !unit.is_empty()),
            ("ratio", metric.unit == "1" && metric.is_gauge),
            ("total", metric.is_counter),
        ] {
            if wanted && !name.ends_with(&format!("_{suffix}")) {
                name = format!("{name}_{suffix}");
            }
        }
        return name;
    }
    let mut tokens: Vec<&str> = metric
        .name
        .split(|c: char| !c.is_alphanumeric() && c != ':')
        .filter(|token| !token.is_empty())
        .collect();
    if !translation.appends() {
        return start_with_letter(escaped(metric.name));
    }
    let (main, per) = (escaped(&main), escaped(&per));
    if !main.is_empty() && !tokens.contains(&main.as_str()) {
        tokens.push(&main);
    }
    if !per.is_empty() && !tokens.contains(&per.as_str()) {
        tokens.extend(["per", &per]);
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

fn escaped(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.chars().map(|c| if allowed(c) { c } else { '_' }).collect()
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

const MAIN: [(&str, &str); 31] = [
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
    ("By/s", "bytes_per_second"),
    ("kg", "kilograms"),
    ("K", "kelvins"),
    ("mo", "months"),
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
        let metric =
            Metric { name, unit, is_counter: kind == "counter", is_gauge: kind == "gauge" };
        assert_eq!(metric_name(metric, Translation::default()), expected);
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
