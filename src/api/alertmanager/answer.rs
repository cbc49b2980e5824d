//! Refusals in Alertmanager's shapes, and the way to what answers.

use crate::api::Api;
use crate::api::error::ApiError;
use axum::Json;
use axum::response::{IntoResponse, Response};
use binnacle_alerting::Error;
use binnacle_alerting::notify::Notifier;
use http::StatusCode;
use serde_json::json;
use tracing::error;

/// An answer that is not a success.
#[derive(Debug)]
pub enum Refusal {
    /// A text, or none where there is nothing to say.
    Said(StatusCode, Option<String>),
    /// The request has not the form it should; the codes are those of Alertmanager's framework.
    Form { code: u16, message: String },
    /// Not Alertmanager's to say: the server is starting, the tenant is none.
    Own(ApiError),
}

impl Refusal {
    pub fn bad(message: impl Into<String>) -> Refusal {
        Refusal::Said(StatusCode::BAD_REQUEST, Some(message.into()))
    }

    pub fn not_found() -> Refusal {
        Refusal::Said(StatusCode::NOT_FOUND, None)
    }

    /// A body that is not said to be JSON.
    pub fn media_type(given: &str) -> Refusal {
        let message =
            format!("unsupported media type {given:?}, only [application/json] are allowed");
        Refusal::Form { code: 415, message }
    }

    /// A field of the body that must be there.
    pub fn required(field: &str) -> Refusal {
        Refusal::Form { code: 602, message: format!("{field} in body is required") }
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Refusal {
        Refusal::Own(error)
    }
}

impl From<Error> for Refusal {
    fn from(source: Error) -> Refusal {
        let cause = std::error::Error::source(&source).map(ToString::to_string);
        error!(error = %source, cause, "alerting could not answer");
        Refusal::Said(StatusCode::INTERNAL_SERVER_ERROR, Some(source.to_string()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Refusal::Said(status, None) => status.into_response(),
            Refusal::Said(status, Some(message)) => (status, Json(message)).into_response(),
            Refusal::Form { code, message } => {
                let body = json!({ "code": code, "message": message });
                // Codes of its own stand for what cannot be processed.
                let status = match code {
                    400..500 => StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST),
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                };
                (status, Json(body)).into_response()
            }
            Refusal::Own(error) => error.into_response(),
        }
    }
}

/// Asks notification, where it may block.
pub async fn ask<T: Send + 'static>(
    api: &Api,
    question: impl FnOnce(&Notifier) -> Result<T, Error> + Send + 'static,
) -> Result<T, Refusal> {
    let notifier = api.ready_product()?.alerting.notifier().clone();
    let answered = tokio::task::spawn_blocking(move || question(&notifier)).await;
    Ok(answered.unwrap_or(Err(Error::Stopped))?)
}
