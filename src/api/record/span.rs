//! Spans, exemplars and the critical path as JSON.

use super::{Decimal, Name, Resource, Scope, Text, is_empty, is_zero};
use crate::api::value::{JsonAttributes, double_name};
use binnacle_query::trace;
use binnacle_query::value::{SpanEvent, SpanLink};
use binnacle_storage::batch::NumberValue;
use binnacle_storage::model::{SeriesId, SpanId, TraceId};
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Names of OTLP's `SpanKind`.
pub const KINDS: &[&str] = &["unspecified", "internal", "server", "client", "producer", "consumer"];
/// Names of OTLP's `StatusCode`.
pub const STATUS_CODES: &[&str] = &["unset", "ok", "error"];

/// One span.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Span<'a> {
    #[schema(value_type = String, example = "5b8aa5a2d2c872e8321cf37308d69df2")]
    pub trace_id: Text<TraceId>,
    #[schema(value_type = String, example = "051581bf3cb55c13")]
    pub span_id: Text<SpanId>,
    #[schema(value_type = Option<String>)]
    pub parent_span_id: Option<Text<SpanId>>,
    pub name: &'a str,
    /// `unspecified`, `internal`, `server`, `client`, `producer`, `consumer`; a number that has no name stays one.
    #[schema(example = "server")]
    pub kind: Name,
    /// Unix ns.
    #[schema(value_type = String, example = "1700000000000000000")]
    pub start_time: Decimal,
    /// Nanoseconds; negative when the sender's end lies before its start.
    #[schema(value_type = String, example = "1500000")]
    pub duration: Decimal,
    pub status: Status<'a>,
    pub service: &'a str,
    pub resource: Resource<'a>,
    pub scope: Scope<'a>,
    #[schema(value_type = Object)]
    pub attributes: JsonAttributes<'a>,
    pub events: Vec<Event<'a>>,
    pub links: Vec<Link<'a>>,
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(required = false)]
    pub trace_state: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub flags: u32,
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub dropped_attributes_count: u32,
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub dropped_events_count: u32,
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub dropped_links_count: u32,
    /// When it arrived here, Unix ns.
    #[schema(value_type = String)]
    pub ingested_at: Decimal,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = SpanStatus)]
pub struct Status<'a> {
    /// `unset`, `ok` or `error`; a number that has no name stays one.
    #[schema(example = "error")]
    pub code: Name,
    pub message: &'a str,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = SpanEvent)]
pub struct Event<'a> {
    /// Unix ns.
    #[schema(value_type = String)]
    pub time: Decimal,
    pub name: &'a str,
    #[schema(value_type = Object)]
    pub attributes: JsonAttributes<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub dropped_attributes_count: u32,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = SpanLink)]
pub struct Link<'a> {
    #[schema(value_type = Option<String>)]
    pub trace_id: Option<Text<TraceId>>,
    #[schema(value_type = Option<String>)]
    pub span_id: Option<Text<SpanId>>,
    #[schema(value_type = Object)]
    pub attributes: JsonAttributes<'a>,
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(required = false)]
    pub trace_state: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub flags: u32,
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub dropped_attributes_count: u32,
}

/// A measurement that was recorded inside the trace.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Exemplar<'a> {
    #[schema(value_type = String)]
    pub series_id: Text<SeriesId>,
    /// Unix ns.
    #[schema(value_type = String)]
    pub time: Decimal,
    /// Time of the data point that carried it, Unix ns.
    #[schema(value_type = String)]
    pub point_time: Decimal,
    /// An integer or a double as the sender wrote it.
    pub value: Option<Number>,
    #[schema(value_type = Option<String>)]
    pub span_id: Option<Text<SpanId>>,
    /// The attributes the series left out.
    #[schema(value_type = Object)]
    pub attributes: JsonAttributes<'a>,
    /// What was measured; null when the series is no longer stored.
    pub series: Option<ExemplarSeries<'a>>,
}

/// What an exemplar's series is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExemplarSeries<'a> {
    /// The metric's name.
    pub name: &'a str,
    /// `gauge`, `sum`, `histogram`, `exponential_histogram` or `summary`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub unit: &'a str,
    pub description: &'a str,
    pub service: &'a str,
    #[schema(value_type = Object)]
    pub attributes: JsonAttributes<'a>,
    pub resource: Resource<'a>,
    pub scope: Scope<'a>,
}

/// A stretch of time that was spent in one span itself, not in its children.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct CriticalSegment {
    #[schema(value_type = String)]
    pub span_id: Text<SpanId>,
    /// Unix ns.
    #[schema(value_type = String)]
    pub start_time: Decimal,
    /// Nanoseconds.
    #[schema(value_type = String)]
    pub duration: Decimal,
}

/// A number that keeps its kind: integers without, doubles with a point or exponent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(pub NumberValue);

impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        let odd = ObjectBuilder::new().schema_type(Type::String);
        let odd = odd.enum_values(Some(["NaN", "Infinity", "-Infinity"]));
        OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::Number)).item(odd).into()
    }
}

impl ToSchema for Number {}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            NumberValue::Int(number) => serializer.serialize_i64(number),
            NumberValue::Double(number) => match double_name(number) {
                Some(name) => serializer.serialize_str(name),
                None => serializer.serialize_f64(number),
            },
        }
    }
}

impl<'a> From<&'a trace::Span> for Span<'a> {
    fn from(span: &'a trace::Span) -> Self {
        Span {
            trace_id: Text(span.trace_id),
            span_id: Text(span.span_id),
            parent_span_id: span.parent_span_id.map(Text),
            name: &span.name,
            kind: Name { names: KINDS, number: span.kind },
            start_time: Decimal(span.start_time.0),
            duration: Decimal(span.duration),
            status: Status {
                code: Name { names: STATUS_CODES, number: span.status_code },
                message: &span.status_message,
            },
            service: &span.service,
            resource: Resource::from(&*span.resource),
            scope: Scope::from(&*span.scope),
            attributes: JsonAttributes(&span.attributes),
            events: span.events.iter().map(Event::from).collect(),
            links: span.links.iter().map(Link::from).collect(),
            trace_state: &span.trace_state,
            flags: span.flags,
            dropped_attributes_count: span.dropped_attributes_count,
            dropped_events_count: span.dropped_events_count,
            dropped_links_count: span.dropped_links_count,
            ingested_at: Decimal(span.ingested_at.0),
        }
    }
}

impl<'a> From<&'a SpanEvent> for Event<'a> {
    fn from(event: &'a SpanEvent) -> Self {
        Event {
            time: Decimal(event.time.0),
            name: &event.name,
            attributes: JsonAttributes(&event.attributes),
            dropped_attributes_count: event.dropped_attributes_count,
        }
    }
}

impl<'a> From<&'a SpanLink> for Link<'a> {
    fn from(link: &'a SpanLink) -> Self {
        Link {
            trace_id: link.trace_id.map(Text),
            span_id: link.span_id.map(Text),
            attributes: JsonAttributes(&link.attributes),
            trace_state: &link.trace_state,
            flags: link.flags,
            dropped_attributes_count: link.dropped_attributes_count,
        }
    }
}

impl<'a> From<&'a trace::Exemplar> for Exemplar<'a> {
    fn from(exemplar: &'a trace::Exemplar) -> Self {
        Exemplar {
            series_id: Text(exemplar.series_id),
            time: Decimal(exemplar.time.0),
            point_time: Decimal(exemplar.point_time.0),
            value: exemplar.value.map(Number),
            span_id: exemplar.span_id.map(Text),
            attributes: JsonAttributes(&exemplar.attributes),
            series: exemplar.series.as_deref().map(|series| ExemplarSeries {
                name: &series.name,
                kind: &series.kind,
                unit: &series.unit,
                description: &series.description,
                service: &series.service,
                attributes: JsonAttributes(&series.attributes),
                resource: Resource::from(&*series.resource),
                scope: Scope::from(&*series.scope),
            }),
        }
    }
}

impl From<&trace::CriticalSegment> for CriticalSegment {
    fn from(segment: &trace::CriticalSegment) -> Self {
        CriticalSegment {
            span_id: Text(segment.span_id),
            start_time: Decimal(segment.start.0),
            duration: Decimal(segment.end.0.saturating_sub(segment.start.0)),
        }
    }
}
