//! Parameters of a URL as other products' clients write them.

use axum::extract::Query;
use http::Uri;

/// The parameters of a URL, in order. Unknown ones are passed over: clients send some that only other servers read.
#[derive(Debug, Default)]
pub struct Pairs(pub Vec<(String, String)>);

impl Pairs {
    pub fn of(uri: &Uri) -> Result<Pairs, String> {
        let pairs = Query::try_from_uri(uri);
        pairs.map(|Query(pairs)| Pairs(pairs)).map_err(|error| error.to_string())
    }

    /// The first value of a parameter by any of its names; an empty one is none.
    pub fn find(&self, names: &[&str]) -> Option<&str> {
        let is = |key: &str| names.contains(&key);
        let found = self.0.iter().find(|(key, value)| is(key) && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }
}

/// A duration as Go writes it, `1.2s`, `100ms`, `1h30m`, `500us`, in nanoseconds.
pub fn go_duration(text: &str) -> Option<i64> {
    const UNITS: [(&str, f64); 7] = [
        ("ns", 1.0),
        ("us", 1e3),
        ("µs", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
        ("h", 3600e9),
    ];
    let mut nanos = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, per) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanos += number.parse::<f64>().ok()? * per;
        rest = after;
    }
    (!text.is_empty() && nanos < i64::MAX as f64).then_some(nanos as i64)
}

/// `field = value` in TraceQL for a value whose type nobody said: what looks like a number or a truth value may be one, or a
/// text.
pub fn typed_or_text(field: &str, value: &str) -> String {
    let text = binnacle_query::traceql::quoted(value);
    let is_number = value.parse::<f64>().is_ok_and(f64::is_finite)
        && value.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    match is_number || ["true", "false"].contains(&value) {
        true => format!("{field} = {text} || {field} = {value}"),
        false => format!("{field} = {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        let cases = [("1.5ms", 1_500_000), ("1h0m5s", 3_605_000_000_000), ("2µs", 2000)];
        for (text, nanos) in cases {
            assert_eq!(go_duration(text), Some(nanos), "{text}");
        }
        for wrong in ["", "5", "s", "1d", "99999999999999h"] {
            assert_eq!(go_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn values_without_a_type_may_be_both() {
        assert_eq!(typed_or_text(".a", "5"), ".a = \"5\" || .a = 5");
        assert_eq!(typed_or_text(".a", "5x"), ".a = \"5x\"");
        assert_eq!(typed_or_text(".a", "inf"), ".a = \"inf\"");
    }
}
