//! Log records as JSON.

use super::{Decimal, Resource, Scope, Text, is_empty, is_zero};
use crate::api::value::{JsonAttributes, JsonValue};
use binnacle_query::LogRecord;
use binnacle_query::logs::LogId;
use binnacle_storage::batch::TimeOrigin;
use binnacle_storage::model::{SpanId, TraceId};
use serde::Serialize;
use utoipa::ToSchema;

/// One log record.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Log<'a> {
    /// Names the record for as long as it is stored: asks for what lies around it.
    #[schema(value_type = String, example = "1700000000000000000-9ae16a3b2f90404f")]
    pub id: Text<LogId>,
    /// Unix ns.
    #[schema(value_type = String, example = "1700000000000000000")]
    pub time: Decimal,
    /// `observed` or `ingested` when the sender set no time and that one stands for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_origin: Option<&'static str>,
    #[schema(value_type = Option<String>)]
    pub observed_time: Option<Decimal>,
    /// The sender's own word; empty when it gave none.
    #[schema(example = "INFO")]
    pub severity: &'a str,
    pub severity_number: i32,
    /// Any JSON value. Left out when the record has no body; `null` is a body without a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub body: Option<JsonValue<'a>>,
    #[schema(value_type = Option<String>)]
    pub trace_id: Option<Text<TraceId>>,
    #[schema(value_type = Option<String>)]
    pub span_id: Option<Text<SpanId>>,
    pub service: &'a str,
    pub resource: Resource<'a>,
    pub scope: Scope<'a>,
    #[schema(value_type = Object)]
    pub attributes: JsonAttributes<'a>,
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(required = false)]
    pub event_name: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub flags: u32,
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub dropped_attributes_count: u32,
    /// When it arrived here, Unix ns.
    #[schema(value_type = String)]
    pub ingested_at: Decimal,
}

impl<'a> From<&'a LogRecord> for Log<'a> {
    fn from(log: &'a LogRecord) -> Self {
        Log {
            id: Text(log.id()),
            time: Decimal(log.time.0),
            time_origin: match log.time_origin {
                TimeOrigin::Sent => None,
                TimeOrigin::Observed => Some("observed"),
                TimeOrigin::Ingested => Some("ingested"),
            },
            observed_time: log.observed_time.map(|time| Decimal(time.0)),
            severity: &log.severity_text,
            severity_number: log.severity_number,
            body: log.body.as_ref().map(JsonValue),
            trace_id: log.trace_id.map(Text),
            span_id: log.span_id.map(Text),
            service: &log.service,
            resource: Resource::from(&*log.resource),
            scope: Scope::from(&*log.scope),
            attributes: JsonAttributes(&log.attributes),
            event_name: &log.event_name,
            flags: log.flags,
            dropped_attributes_count: log.dropped_attributes_count,
            ingested_at: Decimal(log.ingested_at.0),
        }
    }
}
