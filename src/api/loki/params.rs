//! Parameters: of the URL, and of a form in the body, in Loki's notations.

use super::super::Api;
use super::super::prometheus::form;
use super::super::request::Tenant;
use super::error::LokiError;
use axum::extract::{FromRequest, FromRequestParts, Request};
use binnacle_query::logql::{LINES_DEFAULT, Selection, parse_duration};
use binnacle_storage::model::{TenantId, Timestamp};
use http::HeaderMap;
use std::time::Duration;

/// How far back a question without a start goes.
const SINCE_DEFAULT: Duration = Duration::from_secs(3600);

/// A request: its tenant, its parameters and when it came.
#[derive(Debug)]
pub struct Params {
    pub tenant: TenantId,
    pub headers: HeaderMap,
    pairs: Vec<(String, String)>,
    now: Timestamp,
}

impl FromRequest<Api> for Params {
    type Rejection = LokiError;

    async fn from_request(request: Request, api: &Api) -> Result<Params, LokiError> {
        let (mut parts, body) = request.into_parts();
        let Tenant(tenant) = Tenant::from_request_parts(&mut parts, &()).await?;
        let limit = usize::try_from(api.config().request_bytes_max).unwrap_or(usize::MAX);
        let pairs = form(&parts, body, limit).await?;
        Ok(Params { tenant, headers: parts.headers, pairs, now: api.now() })
    }
}

impl Params {
    /// The first value of a parameter that is not empty.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.values(name).find(|value| !value.is_empty())
    }

    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn required(&self, name: &str) -> Result<&str, LokiError> {
        self.find(name).ok_or_else(|| LokiError::bad_request(format!("{name} is missing")))
    }

    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, LokiError> {
        let read = |text| parse_time(text).ok_or_else(|| invalid(name, text, "timestamp"));
        self.find(name).map(read).transpose()
    }

    pub fn time_or_now(&self, name: &str) -> Result<Timestamp, LokiError> {
        Ok(self.time(name)?.unwrap_or(self.now))
    }

    /// `start` and `end`, or the last hour, or what `since` says.
    pub fn range(&self) -> Result<(Timestamp, Timestamp), LokiError> {
        let end = self.time("end")?.unwrap_or(self.now);
        let since = self.length("since")?.unwrap_or(SINCE_DEFAULT);
        let start = self.time("start")?;
        let start = start.unwrap_or_else(|| end.min(self.now).saturating_sub(since));
        if end < start {
            return Err(LokiError::bad_request(
                "end timestamp must not be before or equal to start time",
            ));
        }
        Ok((start, end))
    }

    /// A duration, or a number of seconds.
    pub fn length(&self, name: &str) -> Result<Option<Duration>, LokiError> {
        let read = |text: &str| {
            let nanoseconds = match text.parse::<f64>() {
                Ok(seconds) => Some(seconds * 1e9).filter(|n| n.is_finite()).map(|n| n as i64),
                Err(_) => parse_duration(text),
            };
            let length = nanoseconds.and_then(|n| u64::try_from(n).ok());
            length.map(Duration::from_nanos).ok_or_else(|| invalid(name, text, "duration"))
        };
        self.find(name).map(read).transpose()
    }

    /// The step, or one that makes some 250 points.
    pub fn step(&self, start: Timestamp, end: Timestamp) -> Result<Duration, LokiError> {
        match self.length("step")? {
            Some(step) if step.is_zero() => Err(LokiError::bad_request(
                "zero or negative query resolution step widths are not accepted. Try a positive integer",
            )),
            Some(step) => Ok(step),
            None => {
                let seconds = end.0.saturating_sub(start.0) / 1_000_000_000 / 250;
                Ok(Duration::from_secs(u64::try_from(seconds).unwrap_or(1).max(1)))
            }
        }
    }

    pub fn count(&self, name: &str) -> Result<Option<usize>, LokiError> {
        let read = |text: &str| text.parse().map_err(|_| invalid(name, text, "number"));
        self.find(name).map(read).transpose()
    }

    pub fn limit(&self) -> Result<usize, LokiError> {
        match self.count("limit")? {
            Some(0) => Err(LokiError::bad_request("limit must be a positive value")),
            limit => Ok(limit.unwrap_or(LINES_DEFAULT)),
        }
    }

    /// The streams that `names` select, in the time range.
    pub fn selection(&self, names: &[&str]) -> Result<Selection, LokiError> {
        let (start, end) = self.range()?;
        let texts = names.iter().flat_map(|name| self.values(name));
        // `{}` selects every stream.
        let selectors = texts.filter(|text| !matches!(text.trim(), "" | "{}"));
        Ok(Selection { selectors: selectors.map(str::to_owned).collect(), start, end })
    }

    /// Whether lines are to tell their kinds of labels apart.
    pub fn categorizes_labels(&self) -> bool {
        let flags = self.headers.get_all("x-loki-response-encoding-flags").iter();
        flags
            .filter_map(|value| value.to_str().ok())
            .any(|text| text.split(',').any(|flag| flag.trim() == "categorize-labels"))
    }
}

fn invalid(name: &str, text: &str, what: &str) -> LokiError {
    let text: String = text.chars().take(100).collect();
    LokiError::bad_request(format!("invalid {name}: {text:?} is not a valid {what}"))
}

/// Unix seconds (also with a fraction) of up to ten digits, nanoseconds of more, or RFC 3339.
fn parse_time(text: &str) -> Option<Timestamp> {
    if text.contains('.')
        && let Ok(seconds) = text.parse::<f64>()
    {
        let nanoseconds = seconds * 1e9;
        return (nanoseconds.abs() < i64::MAX as f64).then_some(Timestamp(nanoseconds as i64));
    }
    if let Ok(number) = text.parse::<i64>() {
        let is_seconds = text.trim_start_matches('-').len() <= 10;
        let nanoseconds = if is_seconds { number.checked_mul(1_000_000_000)? } else { number };
        return Some(Timestamp(nanoseconds));
    }
    // A plus sign in a URL is a space; offsets such as +02:00 are written with it all the same.
    let time = chrono::DateTime::parse_from_rfc3339(text)
        .or_else(|_| chrono::DateTime::parse_from_rfc3339(&text.replace(' ', "+")));
    time.ok()?.timestamp_nanos_opt().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_in_every_form() {
        let cases = [
            ("1700000000", Some(1_700_000_000_000_000_000)),
            ("1700000000123456789", Some(1_700_000_000_123_456_789)),
            ("1700000000.5", Some(1_700_000_000_500_000_000)),
            ("0", Some(0)),
            ("2023-11-14T22:13:20Z", Some(1_700_000_000_000_000_000)),
            ("2023-11-15T00:13:20 02:00", Some(1_700_000_000_000_000_000)),
            ("yesterday", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_time(text), expected.map(Timestamp), "{text}");
        }
    }
}
