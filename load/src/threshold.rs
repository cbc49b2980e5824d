//! What must hold of a run for it to pass: `p99<250ms`, `errors<1%`, `p95{GET /cart}<=80ms`.

use crate::latency::Latency;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// A percentile of the latency, which is compared in nanoseconds.
    Percentile(f64),
    Min,
    Mean,
    Max,
    /// Failed requests, in percent of all.
    ErrorPercent,
    Errors,
    Requests,
    /// Answered requests per second.
    Rate,
    /// How late the generator was at worst, in nanoseconds.
    Behind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Than {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// As it was written.
    text: String,
    measure: Measure,
    /// Of this operation only.
    pub operation: Option<String>,
    than: Than,
    bound: f64,
}

/// What a run measured, of all requests or of one operation.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    pub latency: &'a Latency,
    pub requests: u64,
    pub errors: u64,
    /// Per second.
    pub rate: f64,
    pub behind: Duration,
}

impl Threshold {
    /// The value that is compared, for people, and whether it is as it must be.
    pub fn check(&self, measured: Measured) -> (String, bool) {
        let latency = measured.latency;
        // What was never measured passes nothing that asks for a time.
        let of_time = |nanoseconds: u64| match latency.count() {
            0 => f64::NAN,
            _ => nanoseconds as f64,
        };
        let value = match self.measure {
            Measure::Percentile(percent) => of_time(latency.percentile(percent)),
            Measure::Min => of_time(latency.min()),
            Measure::Mean => of_time(latency.mean()),
            Measure::Max => of_time(latency.max()),
            Measure::ErrorPercent => 100.0 * measured.errors as f64 / measured.requests as f64,
            Measure::Errors => measured.errors as f64,
            Measure::Requests => measured.requests as f64,
            Measure::Rate => measured.rate,
            Measure::Behind => measured.behind.as_nanos() as f64,
        };
        let passed = match self.than {
            Than::Less => value < self.bound,
            Than::LessOrEqual => value <= self.bound,
            Than::Greater => value > self.bound,
            Than::GreaterOrEqual => value >= self.bound,
        };
        let shown = match self.measure {
            _ if value.is_nan() => "nothing measured".to_owned(),
            Measure::ErrorPercent => format!("{}%", round(value)),
            Measure::Errors | Measure::Requests => format!("{value}"),
            Measure::Rate => format!("{}/s", round(value)),
            _ => milliseconds(value as u64),
        };
        (shown, passed)
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Nanoseconds as `12.3ms`, for people.
pub fn milliseconds(nanoseconds: u64) -> String {
    let value = nanoseconds as f64;
    match nanoseconds {
        0 => "0".to_owned(),
        1..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => format!("{}µs", round(value / 1e3)),
        1_000_000..1_000_000_000 => format!("{}ms", round(value / 1e6)),
        _ => format!("{}s", round(value / 1e9)),
    }
}

/// Three significant digits, or all that are left of the point.
fn round(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        ..0.1 => format!("{value:.4}"),
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Threshold, String> {
        let wrong = |why: &str| {
            format!(
                "'{text}': {why}; write such as p99<250ms, p99.9{{GET /cart}}<1s, mean<=20ms, max<2s, errors<1%, \
                 errors<=5, rate>190, requests>=1000, behind<50ms"
            )
        };
        // The name of an operation may hold anything but a closing brace.
        let after_name = text.find('}').map_or(0, |end| end + 1);
        let at = text[after_name..].find(['<', '>']).ok_or_else(|| wrong("nothing is compared"))?;
        let (left, right) = text.split_at(after_name + at);
        let (than, bound) = match right {
            _ if right.starts_with("<=") => (Than::LessOrEqual, &right[2..]),
            _ if right.starts_with(">=") => (Than::GreaterOrEqual, &right[2..]),
            _ if right.starts_with('<') => (Than::Less, &right[1..]),
            _ => (Than::Greater, &right[1..]),
        };
        let (name, operation) = match left.trim().split_once('{') {
            Some((name, rest)) => (name, Some(rest.trim_end_matches('}').to_owned())),
            None => (left.trim(), None),
        };
        let bound = bound.trim();
        let duration = || match humantime::parse_duration(bound) {
            Ok(duration) => Ok(duration.as_nanos() as f64),
            Err(_) => Err(wrong("what is after the sign is no time")),
        };
        let number = |text: &str| match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(wrong("what is after the sign is no number")),
        };
        let (measure, bound) = match name.trim() {
            "min" => (Measure::Min, duration()?),
            "mean" => (Measure::Mean, duration()?),
            "max" => (Measure::Max, duration()?),
            "errors" => match bound.strip_suffix('%') {
                Some(percent) => (Measure::ErrorPercent, number(percent)?),
                None => (Measure::Errors, number(bound)?),
            },
            "requests" => (Measure::Requests, number(bound)?),
            "rate" => (Measure::Rate, number(bound.strip_suffix("/s").unwrap_or(bound))?),
            "behind" => (Measure::Behind, duration()?),
            name => {
                let percent = name.strip_prefix('p').and_then(|text| text.parse::<f64>().ok());
                let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
                let percent = percent.ok_or_else(|| wrong("there is no such measure"))?;
                (Measure::Percentile(percent), duration()?)
            }
        };
        Ok(Threshold { text: text.to_owned(), measure, operation, than, bound })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 1 to 100 ms, one each, and five that failed.
    fn check(text: &str, shown: &str, passed: bool) {
        let mut latency = Latency::default();
        for ms in 1..=100 {
            latency.record(Duration::from_millis(ms));
        }
        let behind = Duration::from_micros(1500);
        let measured = Measured { latency: &latency, requests: 100, errors: 5, rate: 49.5, behind };
        let threshold: Threshold = text.parse().unwrap();
        assert_eq!(threshold.check(measured), (shown.to_owned(), passed), "{text}");
        assert_eq!(threshold.to_string(), text);
    }

    #[test]
    fn runs_are_measured_by_what_is_written() {
        check("p50<60ms", "50.0ms", true);
        check("p99.9 < 60ms", "100ms", false);
        check("max<=1s", "100ms", true);
        check("min > 2ms", "1.00ms", false);
        check("errors<5%", "5.00%", false);
        check("errors<=5", "5", true);
        check("requests>=100", "100", true);
        check("rate>49/s", "49.5/s", true);
        check("behind<1ms", "1.50ms", false);
    }

    #[test]
    fn one_operation_is_named_in_braces() {
        let threshold: Threshold = "p95{GET /a<b}<80ms".parse().unwrap();
        assert_eq!(threshold.operation.as_deref(), Some("GET /a<b"));
        assert_eq!((threshold.measure, threshold.bound), (Measure::Percentile(95.0), 8e7));
    }

    #[test]
    fn nothing_measured_passes_no_time() {
        let latency = Latency::default();
        let behind = Duration::ZERO;
        let none = Measured { latency: &latency, requests: 0, errors: 0, rate: 0.0, behind };
        for text in ["p99<250ms", "errors<1%", "max<1s"] {
            let threshold: Threshold = text.parse().unwrap();
            assert_eq!(threshold.check(none), ("nothing measured".to_owned(), false), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for wrong in [
            "",
            "p99",
            "p99<",
            "p99<250",
            "p101<1s",
            "q<1s",
            "errors<much",
            "rate>NaN",
            "p<1s",
            "}<1s",
        ] {
            let refused = wrong.parse::<Threshold>().unwrap_err();
            assert!(refused.contains("errors<1%"), "{wrong}: {refused}");
        }
    }
}
