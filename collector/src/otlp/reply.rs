//! Replies: what each outcome is in HTTP and in gRPC.
//!
//! Retryable answers must look retryable to every exporter, or it drops the data: in HTTP only 429, 502, 503 and 504 are, in
//! gRPC UNAVAILABLE, and RESOURCE_EXHAUSTED only with RetryInfo.

use crate::Error;
use crate::rejections::Rejections;
use binnacle_storage::Error as StorageError;
use binnacle_storage::model::Signal;
use http::StatusCode;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::json;
use std::time::Duration;
use tonic::Code;
use tonic_types::{ErrorDetails, StatusExt};

/// Longest error text in a reply; whole replies stay far below the 4 MiB that senders take.
const MESSAGE_BYTES_MAX: usize = 4096;

/// How long senders wait while storage cannot take data and does not say for how long.
const STORAGE_RETRY_AFTER: Duration = Duration::from_secs(5);

/// A full disk or failing fsync takes someone to look at it.
const READ_ONLY_RETRY_AFTER: Duration = Duration::from_secs(30);

/// An error as both protocols say it.
#[derive(Debug)]
pub struct Refusal {
    pub http: StatusCode,
    pub grpc: Code,
    pub retry_after: Option<Duration>,
    pub message: String,
    /// The body itself is at fault.
    pub is_bad_body: bool,
}

/// Whether the same request may succeed later.
pub fn is_retryable(error: &Error) -> bool {
    refusal(error).retry_after.is_some()
}

/// The status of every error.
pub fn refusal(error: &Error) -> Refusal {
    let (http, grpc, retry_after) = match error {
        Error::BadRequest { .. } | Error::BadTenant(_) => {
            (StatusCode::BAD_REQUEST, Code::InvalidArgument, None)
        }
        Error::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, None),
        Error::UnsupportedType { .. } => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, None)
        }
        Error::UnsupportedEncoding { .. } => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Unimplemented, None)
        }
        Error::UnknownPath { .. } => (StatusCode::NOT_FOUND, Code::Unimplemented, None),
        Error::WrongMethod { .. } => (StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented, None),
        // A slow or broken line is no fault of the data.
        Error::TooSlow { .. } | Error::Disconnected => unavailable(Duration::from_secs(1)),
        Error::Busy { retry_after } => unavailable(*retry_after),
        Error::RateLimited { retry_after } => {
            (StatusCode::TOO_MANY_REQUESTS, Code::ResourceExhausted, Some(*retry_after))
        }
        // Decoding this body brings a thread down: sending it again would do so again.
        Error::Decoder { .. } => (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal, None),
        Error::Storage(error) => match error {
            StorageError::Overloaded { retry_after, .. } => unavailable(*retry_after),
            StorageError::ReadOnly { .. } => unavailable(READ_ONLY_RETRY_AFTER),
            StorageError::ShuttingDown => unavailable(Duration::from_secs(1)),
            StorageError::Disk { .. }
            | StorageError::Object { .. }
            | StorageError::Corrupt { .. }
            | StorageError::Catalog { .. }
            | StorageError::Encode { .. }
            | StorageError::Locked { .. }
            | StorageError::CatalogUnusable { .. }
            | StorageError::WalUnusable { .. } => unavailable(STORAGE_RETRY_AFTER),
        },
    };
    let is_bad_body = matches!(error, Error::BadRequest { .. });
    Refusal { http, grpc, retry_after, message: message(error), is_bad_body }
}

fn unavailable(retry_after: Duration) -> (StatusCode, Code, Option<Duration>) {
    (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, Some(retry_after))
}

/// What the sender reads. Insides (paths, sources) go to the log only.
fn message(error: &Error) -> String {
    let mut message = match error {
        Error::Storage(
            error @ (StorageError::Overloaded { .. }
            | StorageError::ReadOnly { .. }
            | StorageError::ShuttingDown),
        ) => error.to_string(),
        Error::Decoder { .. } => "failed to decode this request; it was not stored".to_owned(),
        other => other.to_string(),
    };
    message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
    message
}

impl Refusal {
    /// Whole seconds, at least one: what `Retry-After` can say.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|wait| wait.as_secs_f64().ceil().max(1.0) as u64)
    }

    /// The error with its details, as gRPC carries it.
    pub fn to_status(&self) -> tonic::Status {
        let mut details = ErrorDetails::new();
        if self.retry_after.is_some() {
            details.set_retry_info(self.retry_after);
        }
        if self.is_bad_body {
            details.add_bad_request_violation("body", self.message.as_str());
        }
        tonic::Status::with_error_details(self.grpc, self.message.as_str(), details)
    }

    /// `google.rpc.Status` in protobuf.
    pub fn to_protobuf(&self) -> Vec<u8> {
        // The details of a gRPC status are exactly this message.
        let status = self.to_status();
        if status.details().is_empty() {
            let code = self.grpc as i32;
            let message = self.message.clone();
            return tonic_types::pb::Status { code, message, details: Vec::new() }.encode_to_vec();
        }
        status.details().to_vec()
    }

    /// `google.rpc.Status` in JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let mut details = Vec::new();
        if let Some(wait) = self.retry_after {
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": format!("{}.{:03}s", wait.as_secs(), wait.subsec_millis()),
            }));
        }
        if self.is_bad_body {
            details.push(json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{ "field": "body", "description": self.message }],
            }));
        }
        let mut status = json!({ "code": self.grpc as i32, "message": self.message });
        if !details.is_empty() {
            status["details"] = details.into();
        }
        status.to_string().into_bytes()
    }
}

/// The response message of a signal, in protobuf. `partial_success` only when something was rejected or there is a warning.
pub fn success_protobuf(signal: Signal, rejected: &Rejections) -> Vec<u8> {
    if rejected.is_empty() {
        return Vec::new();
    }
    let count = i64::try_from(rejected.count).unwrap_or(i64::MAX);
    let error_message = rejected.message(MESSAGE_BYTES_MAX);
    match signal {
        Signal::Traces => {
            let partial = ExportTracePartialSuccess { rejected_spans: count, error_message };
            ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        }
        Signal::Logs => {
            let partial = ExportLogsPartialSuccess { rejected_log_records: count, error_message };
            ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        }
        Signal::Metrics => {
            let partial =
                ExportMetricsPartialSuccess { rejected_data_points: count, error_message };
            ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        }
    }
}

/// The response message of a signal, in JSON.
pub fn success_json(signal: Signal, rejected: &Rejections) -> Vec<u8> {
    if rejected.is_empty() {
        return b"{}".to_vec();
    }
    let field = match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Logs => "rejectedLogRecords",
        Signal::Metrics => "rejectedDataPoints",
    };
    let count = rejected.count.to_string();
    let message = rejected.message(MESSAGE_BYTES_MAX);
    json!({ "partialSuccess": { field: count, "errorMessage": message } }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_succeed_later_looks_retryable_in_both_protocols() {
        let wait = Duration::from_millis(1500);
        let retryable = [
            Error::Busy { retry_after: wait },
            Error::RateLimited { retry_after: wait },
            Error::TooSlow { timeout: wait },
            Error::Disconnected,
            Error::Storage(StorageError::Overloaded { bytes: 1, retry_after: wait }),
            Error::Storage(StorageError::ReadOnly { reason: "disk is full".to_owned() }),
            Error::Storage(StorageError::Encode { detail: "x".to_owned() }),
            Error::Storage(StorageError::ShuttingDown),
        ];
        for error in retryable {
            let refusal = refusal(&error);
            assert!([429, 503].contains(&refusal.http.as_u16()), "{error}");
            assert!(
                [Code::Unavailable, Code::ResourceExhausted].contains(&refusal.grpc),
                "{error}"
            );
            let status = refusal.to_status();
            assert!(status.get_error_details().retry_info().is_some(), "{error}");
            assert!(refusal.retry_after_seconds() >= Some(1), "{error}");
        }
    }

    #[test]
    fn what_will_fail_again_does_not_ask_for_a_retry() {
        let permanent = [
            (Error::BadRequest { message: "x".to_owned() }, 400),
            (Error::TooLarge { limit: 1 }, 413),
            (Error::UnsupportedEncoding { encoding: "br".to_owned() }, 415),
            (Error::UnknownPath { path: "/".to_owned() }, 404),
        ];
        for (error, code) in permanent {
            let refusal = refusal(&error);
            assert_eq!(refusal.http.as_u16(), code);
            assert!(refusal.to_status().get_error_details().retry_info().is_none(), "{error}");
            assert!(!is_retryable(&error));
        }
    }

    #[test]
    fn the_status_message_is_the_same_in_both_encodings() {
        let refusal = refusal(&Error::BadRequest { message: "truncated".to_owned() });
        let status = tonic_types::pb::Status::decode(refusal.to_protobuf().as_slice()).unwrap();
        assert_eq!((status.code, status.message.as_str()), (3, "truncated"));
        assert_eq!(status.details.len(), 1);
        let json: serde_json::Value = serde_json::from_slice(&refusal.to_json()).unwrap();
        assert_eq!(json["code"], 3);
        assert_eq!(json["details"][0]["fieldViolations"][0]["description"], "truncated");
    }
}
