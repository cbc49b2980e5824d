//! Parameters: of the URL, and of a form in the body, in Prometheus's notations.

use super::super::Api;
use super::super::error::ApiError;
use super::super::request::Tenant;
use super::error::PromError;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use binnacle_query::promql::Times;
use binnacle_query::promql::labels::Matcher;
use binnacle_query::promql::parse::parse_selector;
use binnacle_query::promql::text::parse_duration;
use binnacle_storage::model::TenantId;
use http::header;
use http::request::Parts;
use std::time::Duration;

/// Most points of one series in an answer: more than any screen has pixels.
const POINTS_MAX: f64 = 11_000.0;

/// A request: its tenant and its parameters.
#[derive(Debug)]
pub struct Params {
    pub tenant: TenantId,
    pairs: Vec<(String, String)>,
}

impl FromRequest<Api> for Params {
    type Rejection = PromError;

    async fn from_request(request: Request, api: &Api) -> Result<Params, PromError> {
        let (mut parts, body) = request.into_parts();
        let Tenant(tenant) = Tenant::from_request_parts(&mut parts, &()).await?;
        let limit = usize::try_from(api.config().request_bytes_max).unwrap_or(usize::MAX);
        let pairs = form(&parts, body, limit).await?;
        Ok(Params { tenant, pairs })
    }
}

/// The parameters of a form in the body, then those of the URL.
pub async fn form(
    parts: &Parts,
    body: Body,
    limit: usize,
) -> Result<Vec<(String, String)>, ApiError> {
    let mut pairs = Vec::new();
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or("");
    if content_type.starts_with("application/x-www-form-urlencoded") {
        let body = axum::body::to_bytes(body, limit).await.map_err(|_| {
            ApiError::new(
                http::StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("the request body is larger than {limit} bytes, or ended early"),
            )
        })?;
        read_form(&String::from_utf8_lossy(&body), &mut pairs)?;
    }
    read_form(parts.uri.query().unwrap_or(""), &mut pairs)?;
    Ok(pairs)
}

fn read_form(text: &str, pairs: &mut Vec<(String, String)>) -> Result<(), ApiError> {
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = decode(name).zip(decode(value));
        pairs.push(decoded.ok_or_else(|| {
            ApiError::invalid(format!("error parsing form values: invalid URL escape in {pair:?}"))
        })?);
    }
    Ok(())
}

/// Undoes percent-encoding; a plus sign is a space.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

impl Params {
    /// The first value of a parameter that is not empty.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values(name).find(|value| !value.is_empty())
    }

    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn time(&self, name: &str) -> Result<Option<i64>, PromError> {
        let read = |text: &str| {
            parse_time(text).map_err(|reason| {
                let reason = format!("Invalid time value for '{name}': {reason}");
                PromError::parameter(name, reason)
            })
        };
        self.value(name).map(read).transpose()
    }

    fn required_time(&self, name: &str) -> Result<i64, PromError> {
        let text = self.value(name).unwrap_or("");
        parse_time(text).map_err(|reason| PromError::parameter(name, reason))
    }

    /// Milliseconds of a duration, as a fraction.
    fn duration(&self, name: &str) -> Result<Option<f64>, PromError> {
        let read =
            |text: &str| parse_length(text).map_err(|reason| PromError::parameter(name, reason));
        self.value(name).map(read).transpose()
    }

    /// How far back the latest sample may lie, when the request says.
    pub fn lookback(&self) -> Result<Option<Duration>, PromError> {
        let Some(text) = self.value("lookback_delta") else { return Ok(None) };
        let milliseconds = parse_length(text).map_err(|reason| {
            PromError::bad_data(format!("error parsing lookback delta duration: {reason}"))
        })?;
        Ok((milliseconds >= 1.0).then(|| Duration::from_millis(milliseconds as u64)))
    }

    /// How many results to return; `None` is all.
    pub fn limit(&self, name: &str) -> Result<Option<usize>, PromError> {
        let Some(text) = self.value(name) else { return Ok(None) };
        let wrong = || format!("strconv.Atoi: parsing {text:?}: invalid syntax");
        let limit: i64 = text.parse().map_err(|_| PromError::parameter(name, wrong()))?;
        let limit = usize::try_from(limit)
            .map_err(|_| PromError::parameter(name, "limit must be non-negative"))?;
        Ok(Some(limit).filter(|limit| *limit > 0))
    }

    /// How many results to return, where none is an answer too and negative is all.
    pub fn count(&self, name: &str) -> Result<Option<usize>, PromError> {
        let Some(text) = self.value(name) else { return Ok(None) };
        let wrong = |_| PromError::bad_data(format!("{name} must be a number"));
        Ok(usize::try_from(text.parse::<i64>().map_err(wrong)?).ok())
    }

    /// `start` and `end`; what is left out is without bound.
    pub fn range(&self) -> Result<(i64, i64), PromError> {
        // Beyond what can be stored, and far from what arithmetic could overflow.
        let (first, last) = (0, i64::MAX / 4_000_000);
        Ok((self.time("start")?.unwrap_or(first), self.time("end")?.unwrap_or(last)))
    }

    /// When a range query is evaluated.
    pub fn range_times(&self) -> Result<Times, PromError> {
        let (start, end) = (self.required_time("start")?, self.required_time("end")?);
        if end < start {
            let reason = "end timestamp must not be before start time";
            return Err(PromError::parameter("end", reason));
        }
        let step = self.duration("step")?;
        let step = step
            .ok_or_else(|| PromError::parameter("step", "cannot parse \"\" to a valid duration"))?;
        // Not a number is none of both.
        if step.is_nan() || step <= 0.0 {
            let reason = "zero or negative query resolution step widths are not accepted. Try a positive integer";
            return Err(PromError::parameter("step", reason));
        }
        if ((end - start) as f64 / step).floor() > POINTS_MAX {
            return Err(PromError::bad_data(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
            ));
        }
        Ok(Times { start, end, step: (step as i64).max(1) })
    }

    /// A timeout, at most `limit`.
    pub fn timeout(&self, limit: Duration) -> Result<Duration, PromError> {
        let asked = self.duration("timeout")?.map(|ms| Duration::from_millis(ms as u64));
        Ok(asked.filter(|asked| *asked < limit).unwrap_or(limit))
    }

    /// The sets of matchers of `match[]`, or why one cannot be read.
    pub fn matchers(&self) -> Result<Vec<Vec<Matcher>>, String> {
        let read = |text: &str| {
            let selector = parse_selector(text).map_err(|error| error.text(text))?;
            if selector.matchers.iter().all(|matcher| matcher.matches("")) {
                return Err("match[] must contain at least one non-empty matcher".to_owned());
            }
            Ok(selector.matchers)
        };
        self.values("match[]").map(read).collect()
    }
}

/// Seconds or a duration, as milliseconds.
fn parse_length(text: &str) -> Result<f64, String> {
    let wrong = || format!("cannot parse {text:?} to a valid duration");
    let Ok(seconds) = text.parse::<f64>() else {
        return parse_duration(text).map(|ms| ms as f64).ok_or_else(wrong);
    };
    // What fits into Go's nanoseconds.
    if seconds.abs() >= i64::MAX as f64 / 1e9 {
        return Err(format!("{}. It overflows int64", wrong()));
    }
    Ok(seconds * 1000.0)
}

/// Farthest from 1970 that a time is taken for, in milliseconds: some 29,000 years, which is beyond every stored time, and far
/// from what arithmetic could overflow.
const TIME_MAX: i64 = i64::MAX / 10_000;

/// Prometheus's notations of its first and last millisecond, whose years RFC 3339 does not know.
const EXTREMES: [(&str, i64); 2] =
    [("-292273086-05-16T16:47:06Z", -TIME_MAX), ("292277025-08-18T07:12:54.999999999Z", TIME_MAX)];

/// Unix seconds or RFC 3339, as Unix milliseconds. What lies farther than can be stored is as far as is taken.
fn parse_time(text: &str) -> Result<i64, String> {
    let wrong = || format!("cannot parse {text:?} to a valid timestamp");
    let limited = |milliseconds: i64| milliseconds.clamp(-TIME_MAX, TIME_MAX);
    if let Ok(seconds) = text.parse::<f64>() {
        let milliseconds = (seconds * 1000.0).round();
        return if seconds.is_finite() { Ok(limited(milliseconds as i64)) } else { Err(wrong()) };
    }
    // The first one is written with or without a fraction of zeros.
    let plain = text.replace(".000Z", "Z");
    if let Some((_, time)) = EXTREMES.iter().find(|(written, _)| *written == plain) {
        return Ok(*time);
    }
    // A plus sign in a URL is a space; offsets such as +02:00 are written with it all the same.
    let time = chrono::DateTime::parse_from_rfc3339(text)
        .or_else(|_| chrono::DateTime::parse_from_rfc3339(&text.replace(' ', "+")));
    time.map(|time| limited(time.timestamp_millis())).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_and_times_read() {
        let mut pairs = Vec::new();
        read_form("query=a%2Bb+c&match%5B%5D=x&match[]=y&e", &mut pairs).unwrap();
        let params = Params { tenant: TenantId::default(), pairs };
        assert_eq!(params.value("query"), Some("a+b c"));
        assert_eq!(params.values("match[]").collect::<Vec<_>>(), ["x", "y"]);
        assert!(read_form("a=%zz", &mut Vec::new()).is_err());
        assert_eq!(parse_time("1.5"), Ok(1500));
        assert_eq!(parse_time("1970-01-01T00:00:01.25Z"), Ok(1250));
        assert_eq!(parse_time("9e9"), Ok(9_000_000_000_000));
        assert!(parse_time("never").is_err() && parse_time("NaN").is_err());
        assert!(parse_time("inf").is_err());
    }

    #[test]
    fn times_beyond_every_sample_are_taken() {
        for (text, milliseconds) in [
            ("9999999999", 9_999_999_999_000),
            ("-62135596800", -62_135_596_800_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000),
            ("-292273086-05-16T16:47:06.000Z", -TIME_MAX),
            ("-292273086-05-16T16:47:06Z", -TIME_MAX),
            ("292277025-08-18T07:12:54.999999999Z", TIME_MAX),
            ("-9223372036854776", -TIME_MAX),
            ("1e300", TIME_MAX),
        ] {
            assert_eq!(parse_time(text), Ok(milliseconds), "{text}");
        }
    }
}
