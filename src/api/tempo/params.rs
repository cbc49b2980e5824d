//! Parameters in Tempo's notations.

use super::super::pairs::{Pairs, go_duration};
use super::error::TempoError;
use axum::extract::FromRequestParts;
use binnacle_storage::model::Timestamp;
use http::request::Parts;
use std::fmt::Display;
use std::str::FromStr;

/// The parameters of the URL. Unknown ones are passed over: Grafana sends some that only Tempo's own parts read.
#[derive(Debug)]
pub struct Params(Pairs);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = TempoError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params, TempoError> {
        Pairs::of(&parts.uri)
            .map(Params)
            .map_err(|error| TempoError::bad_request(format!("wrong query parameters: {error}")))
    }
}

impl Params {
    /// The first value of a parameter; an empty one is none.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.find(&[name])
    }

    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, TempoError>
    where
        T::Err: Display,
    {
        let parse = |text: &str| text.parse().map_err(|error| invalid(name, error));
        self.find(name).map(parse).transpose()
    }

    /// Unix seconds; a number past any date in seconds is in nanoseconds, as Tempo reads it.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, TempoError> {
        /// Seconds of the year 9999.
        const SECONDS_MAX: i64 = 253_402_300_799;
        let Some(number) = self.number::<i64>(name)? else {
            return Ok(None);
        };
        if number > SECONDS_MAX {
            return Ok(Some(Timestamp(number)));
        }
        let nanos = number.checked_mul(1_000_000_000);
        nanos.map(|nanos| Some(Timestamp(nanos))).ok_or_else(|| invalid(name, "out of range"))
    }

    /// A duration such as `100ms`, or a number of seconds; in nanoseconds.
    pub fn duration(&self, name: &str) -> Result<Option<i64>, TempoError> {
        let parse = |text: &str| {
            if let Ok(seconds) = text.parse::<f64>() {
                let nanos = seconds * 1e9;
                let fits = nanos.is_finite() && nanos.abs() < i64::MAX as f64;
                return fits.then_some(nanos as i64).ok_or_else(|| invalid(name, "out of range"));
            }
            if let Some(nanos) = go_duration(text) {
                return Ok(nanos);
            }
            let duration = humantime::parse_duration(text).map_err(|error| invalid(name, error))?;
            i64::try_from(duration.as_nanos()).map_err(|_| invalid(name, "out of range"))
        };
        self.find(name).map(parse).transpose()
    }
}

fn invalid(name: &str, reason: impl Display) -> TempoError {
    TempoError::bad_request(format!("invalid {name}: {reason}"))
}
