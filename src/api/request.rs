//! Reading requests: who asks, with which parameters and what body. Every refusal has the API's own error shape.

use super::Api;
use super::error::ApiError;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use binnacle_storage::model::{TenantId, Timestamp};
use http::request::Parts;
use http::{StatusCode, header};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The header that names a tenant.
pub const TENANT_HEADER: &str = "x-scope-orgid";

/// The variable part of a path, decoded.
#[derive(Debug)]
pub struct PathText(pub String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        text.map(|Path(text)| PathText(text)).map_err(|error| ApiError::invalid(error.body_text()))
    }
}

/// Whose data a request is about.
#[derive(Debug)]
pub struct Tenant(pub TenantId);

impl<S: Sync> FromRequestParts<S> for Tenant {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all(TENANT_HEADER).iter();
        let (first, second) = (values.next(), values.next());
        let Some(value) = first else { return Ok(Tenant(TenantId::default())) };
        let name = value.to_str().unwrap_or("").trim();
        if second.is_some() {
            return Err(ApiError::invalid("X-Scope-OrgID is given twice"));
        }
        name.parse().map(Tenant).map_err(|error: binnacle_storage::model::InvalidId| {
            ApiError::invalid(error.to_string())
                .hint("send the tenant in X-Scope-OrgID, or leave it out")
        })
    }
}

/// Query parameters; unknown ones are refused by the type.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Query::try_from_uri(&parts.uri).map(|Query(params)| Params(params)).map_err(|rejection| {
            let text = rejection.body_text();
            let message = text.rsplit_once(": ").map_or(text.as_str(), |(_, reason)| reason);
            ApiError::invalid(format!("wrong query parameters: {message}"))
        })
    }
}

/// A JSON body of bounded size.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Api> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        // Read before anything is refused: a connection with a body left on it is closed, under its client's next request.
        let accepted = check_content_type(&request);
        let limit = usize::try_from(api.config().request_bytes_max).unwrap_or(usize::MAX);
        let body = axum::body::to_bytes(request.into_body(), limit).await.map_err(|error| {
            let too_large = std::error::Error::source(&error)
                .is_some_and(|cause| cause.is::<http_body_util::LengthLimitError>());
            if too_large {
                let message = format!("the request body is larger than {limit} bytes");
                ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
                    .hint("api.request_bytes_max sets the limit")
            } else {
                ApiError::invalid("the request body ended early")
            }
        })?;
        accepted?;
        serde_json::from_slice(&body).map(JsonBody).map_err(|error| {
            ApiError::invalid(format!("the request body is not as expected: {error}"))
                .hint("see /api/v1/openapi.json")
        })
    }
}

fn check_content_type(request: &Request) -> Result<(), ApiError> {
    let value = request.headers().get(header::CONTENT_TYPE);
    let text = value.map_or("", |value| value.to_str().unwrap_or("?"));
    let essence = text.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if essence == "application/json" || essence.ends_with("+json") {
        return Ok(());
    }
    let message = match essence.as_str() {
        "" => "the request has no Content-Type".to_owned(),
        other => format!("the body is '{other}'; this path reads application/json"),
    };
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message)
        .hint("send Content-Type: application/json"))
}

/// A moment as callers write it: Unix ns, RFC 3339, `now`, or a duration before now such as `-15m`.
pub fn parse_time(name: &str, text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    let wrong = || {
        ApiError::invalid(format!("{name} '{text}' is not a time")).hint(
            "write Unix nanoseconds, RFC 3339 such as 2026-01-31T12:00:00Z, now, or a duration before now such as -15m",
        )
    };
    if let Ok(nanos) = text.parse::<i64>() {
        return Ok(Timestamp(nanos));
    }
    if text == "now" {
        return Ok(now);
    }
    if let Some(ago) = text.strip_prefix('-') {
        return Ok(now.saturating_sub(humantime::parse_duration(ago).map_err(|_| wrong())?));
    }
    // A plus sign in a URL is a space; offsets such as +02:00 are written with it all the same.
    let time = chrono::DateTime::parse_from_rfc3339(&text.replace(' ', "+"))
        .or_else(|_| chrono::DateTime::parse_from_rfc3339(text))
        .map_err(|_| wrong())?;
    time.timestamp_nanos_opt().map(Timestamp).ok_or_else(wrong)
}

/// A duration as callers write it, such as `10s` or `1m 30s`.
pub fn parse_duration(name: &str, text: &str) -> Result<Duration, ApiError> {
    humantime::parse_duration(text).map_err(|_| {
        ApiError::invalid(format!("{name} '{text}' is not a duration"))
            .hint("write such as 500ms, 10s or 2m")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_in_every_form() {
        let now = Timestamp(1_000_000_000_000);
        let cases = [
            ("5", 5),
            ("now", 1_000_000_000_000),
            ("-10s", 990_000_000_000),
            ("1970-01-01T00:00:01.000000002Z", 1_000_000_002),
            ("1970-01-01T02:00:01+02:00", 1_000_000_000),
            ("1970-01-01T02:00:01 02:00", 1_000_000_000),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse_time("start", text, now), Ok(Timestamp(nanos)), "{text}");
        }
        for wrong in ["", "yesterday", "-", "9999-01-01T00:00:00Z", "1.5"] {
            assert!(parse_time("start", wrong, now).is_err(), "{wrong}");
        }
    }

    async fn tenant(values: &[&str]) -> Result<Tenant, ApiError> {
        let mut request = http::Request::builder();
        for value in values {
            request = request.header("X-Scope-OrgID", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        Tenant::from_request_parts(&mut parts, &()).await
    }

    #[tokio::test]
    async fn tenants_are_read_and_checked() {
        assert_eq!(tenant(&[]).await.unwrap().0, TenantId::default());
        assert_eq!(tenant(&["team-a"]).await.unwrap().0.as_str(), "team-a");
        assert!(tenant(&["../a"]).await.is_err());
        assert!(tenant(&["a", "b"]).await.is_err());
    }
}
