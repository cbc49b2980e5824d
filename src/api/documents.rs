//! What dashboards and load-test runs share: documents read and written off the network threads, refusals in the API's words.

use super::Api;
use super::error::ApiError;
use crate::documents::{Documents, Refused};
use binnacle_storage::model::Timestamp;
use chrono::{DateTime, SecondsFormat, Utc};
use http::StatusCode;
use serde::de::DeserializeOwned;
use tracing::error;

/// Runs `work`, which waits for the database.
pub async fn documents<T: Send + 'static>(
    api: &Api,
    work: impl FnOnce(Documents) -> Result<T, Refused> + Send + 'static,
) -> Result<T, ApiError> {
    let documents = api.ready_product()?.documents.clone();
    match tokio::task::spawn_blocking(move || work(documents)).await {
        Ok(done) => done.map_err(refused),
        Err(_) => Err(internal("the request was given up".to_owned())),
    }
}

fn refused(refused: Refused) -> ApiError {
    let conflict = |message: String| ApiError::new(StatusCode::CONFLICT, "conflict", message);
    match refused {
        Refused::Taken => conflict("there is one of this id already".to_owned())
            .hint("leave `id` out, or choose another"),
        Refused::TooMany { count_max } => {
            conflict(format!("there are {count_max} already, which is the most there can be"))
                .hint("delete some")
        }
        Refused::Changed { version } => {
            conflict(format!("it was changed meanwhile: its version is {version} now"))
                .hint("read it again, and send the version you read")
        }
        Refused::NotFound { kind, id } => {
            let kind = kind.name();
            let message = format!("there is no {kind} '{id}'");
            ApiError::new(StatusCode::NOT_FOUND, "not_found", message)
                .hint(format!("GET /api/v1/{kind}s lists them"))
        }
        Refused::Failed(source) => {
            error!(error = %source, "failed to read or write a document");
            internal(source.to_string())
        }
    }
}

fn internal(message: String) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
}

/// A document as it was kept.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T, ApiError> {
    serde_json::from_str(json).map_err(|error| {
        error!(%error, "a document cannot be read");
        internal("the document is damaged".to_owned())
    })
}

/// A time as documents have it: UTC, to the nanosecond when it has any.
pub fn rfc3339(time: Timestamp) -> String {
    DateTime::<Utc>::from_timestamp_nanos(time.0).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
