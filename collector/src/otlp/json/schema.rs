//! The fields of OTLP's messages as the JSON mapping names them.
//!
//! https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: lowerCamelCase names only, enums as numbers only, ids as
//! hex, 64-bit numbers as numbers or strings.

/// One message.
#[derive(Debug)]
pub struct Schema {
    pub name: &'static str,
    pub fields: &'static [Field],
}

#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub number: u32,
    pub kind: Kind,
    pub repeated: bool,
}

/// What a field holds, and so how it is written on the wire.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    String,
    /// Base64.
    Bytes,
    /// Hex.
    Id,
    Bool,
    /// Variable-length; enums are these.
    Int32,
    UInt32,
    Int64,
    UInt64,
    /// Zigzag.
    SInt32,
    Fixed32,
    Fixed64,
    SFixed64,
    Double,
    /// A message that stands or falls with the one around it.
    Message(&'static Schema),
    /// A span, log record or data point: rejected alone.
    Record(&'static Schema),
    /// A message that holds records: rejected with them.
    Group(&'static Schema),
}

const fn one(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, kind, repeated: false }
}

const fn many(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, kind, repeated: true }
}

use Kind::{
    Bool, Bytes, Double, Fixed32, Fixed64, Group, Id, Int32, Int64, Message, Record, SFixed64,
    SInt32, String, UInt32, UInt64,
};

static ANY_VALUE: Schema = Schema {
    name: "AnyValue",
    fields: &[
        one("stringValue", 1, String),
        one("boolValue", 2, Bool),
        one("intValue", 3, Int64),
        one("doubleValue", 4, Double),
        one("arrayValue", 5, Message(&ARRAY_VALUE)),
        one("kvlistValue", 6, Message(&KEY_VALUE_LIST)),
        one("bytesValue", 7, Bytes),
    ],
};

static ARRAY_VALUE: Schema =
    Schema { name: "ArrayValue", fields: &[many("values", 1, Message(&ANY_VALUE))] };

static KEY_VALUE_LIST: Schema =
    Schema { name: "KeyValueList", fields: &[many("values", 1, Message(&KEY_VALUE))] };

static KEY_VALUE: Schema = Schema {
    name: "KeyValue",
    fields: &[one("key", 1, String), one("value", 2, Message(&ANY_VALUE))],
};

static ENTITY_REF: Schema = Schema {
    name: "EntityRef",
    fields: &[
        one("schemaUrl", 1, String),
        one("type", 2, String),
        many("idKeys", 3, String),
        many("descriptionKeys", 4, String),
    ],
};

static RESOURCE: Schema = Schema {
    name: "Resource",
    fields: &[
        many("attributes", 1, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 2, UInt32),
        many("entityRefs", 3, Message(&ENTITY_REF)),
    ],
};

static SCOPE: Schema = Schema {
    name: "InstrumentationScope",
    fields: &[
        one("name", 1, String),
        one("version", 2, String),
        many("attributes", 3, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 4, UInt32),
    ],
};

pub static TRACES: Schema = Schema {
    name: "ExportTraceServiceRequest",
    fields: &[many("resourceSpans", 1, Group(&RESOURCE_SPANS))],
};

static RESOURCE_SPANS: Schema = Schema {
    name: "ResourceSpans",
    fields: &[
        one("resource", 1, Message(&RESOURCE)),
        many("scopeSpans", 2, Group(&SCOPE_SPANS)),
        one("schemaUrl", 3, String),
    ],
};

static SCOPE_SPANS: Schema = Schema {
    name: "ScopeSpans",
    fields: &[
        one("scope", 1, Message(&SCOPE)),
        many("spans", 2, Record(&SPAN)),
        one("schemaUrl", 3, String),
    ],
};

static SPAN: Schema = Schema {
    name: "Span",
    fields: &[
        one("traceId", 1, Id),
        one("spanId", 2, Id),
        one("traceState", 3, String),
        one("parentSpanId", 4, Id),
        one("name", 5, String),
        one("kind", 6, Int32),
        one("startTimeUnixNano", 7, Fixed64),
        one("endTimeUnixNano", 8, Fixed64),
        many("attributes", 9, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 10, UInt32),
        many("events", 11, Message(&EVENT)),
        one("droppedEventsCount", 12, UInt32),
        many("links", 13, Message(&LINK)),
        one("droppedLinksCount", 14, UInt32),
        one("status", 15, Message(&STATUS)),
        one("flags", 16, Fixed32),
    ],
};

static EVENT: Schema = Schema {
    name: "Event",
    fields: &[
        one("timeUnixNano", 1, Fixed64),
        one("name", 2, String),
        many("attributes", 3, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 4, UInt32),
    ],
};

static LINK: Schema = Schema {
    name: "Link",
    fields: &[
        one("traceId", 1, Id),
        one("spanId", 2, Id),
        one("traceState", 3, String),
        many("attributes", 4, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 5, UInt32),
        one("flags", 6, Fixed32),
    ],
};

static STATUS: Schema =
    Schema { name: "Status", fields: &[one("message", 2, String), one("code", 3, Int32)] };

pub static LOGS: Schema = Schema {
    name: "ExportLogsServiceRequest",
    fields: &[many("resourceLogs", 1, Group(&RESOURCE_LOGS))],
};

static RESOURCE_LOGS: Schema = Schema {
    name: "ResourceLogs",
    fields: &[
        one("resource", 1, Message(&RESOURCE)),
        many("scopeLogs", 2, Group(&SCOPE_LOGS)),
        one("schemaUrl", 3, String),
    ],
};

static SCOPE_LOGS: Schema = Schema {
    name: "ScopeLogs",
    fields: &[
        one("scope", 1, Message(&SCOPE)),
        many("logRecords", 2, Record(&LOG_RECORD)),
        one("schemaUrl", 3, String),
    ],
};

static LOG_RECORD: Schema = Schema {
    name: "LogRecord",
    fields: &[
        one("timeUnixNano", 1, Fixed64),
        one("severityNumber", 2, Int32),
        one("severityText", 3, String),
        one("body", 5, Message(&ANY_VALUE)),
        many("attributes", 6, Message(&KEY_VALUE)),
        one("droppedAttributesCount", 7, UInt32),
        one("flags", 8, Fixed32),
        one("traceId", 9, Id),
        one("spanId", 10, Id),
        one("observedTimeUnixNano", 11, Fixed64),
        one("eventName", 12, String),
    ],
};

pub static METRICS: Schema = Schema {
    name: "ExportMetricsServiceRequest",
    fields: &[many("resourceMetrics", 1, Group(&RESOURCE_METRICS))],
};

static RESOURCE_METRICS: Schema = Schema {
    name: "ResourceMetrics",
    fields: &[
        one("resource", 1, Message(&RESOURCE)),
        many("scopeMetrics", 2, Group(&SCOPE_METRICS)),
        one("schemaUrl", 3, String),
    ],
};

static SCOPE_METRICS: Schema = Schema {
    name: "ScopeMetrics",
    fields: &[
        one("scope", 1, Message(&SCOPE)),
        many("metrics", 2, Group(&METRIC)),
        one("schemaUrl", 3, String),
    ],
};

static METRIC: Schema = Schema {
    name: "Metric",
    fields: &[
        one("name", 1, String),
        one("description", 2, String),
        one("unit", 3, String),
        one("gauge", 5, Group(&GAUGE)),
        one("sum", 7, Group(&SUM)),
        one("histogram", 9, Group(&HISTOGRAM)),
        one("exponentialHistogram", 10, Group(&EXPONENTIAL_HISTOGRAM)),
        one("summary", 11, Group(&SUMMARY)),
        many("metadata", 12, Message(&KEY_VALUE)),
    ],
};

static GAUGE: Schema =
    Schema { name: "Gauge", fields: &[many("dataPoints", 1, Record(&NUMBER_DATA_POINT))] };

static SUM: Schema = Schema {
    name: "Sum",
    fields: &[
        many("dataPoints", 1, Record(&NUMBER_DATA_POINT)),
        one("aggregationTemporality", 2, Int32),
        one("isMonotonic", 3, Bool),
    ],
};

static HISTOGRAM: Schema = Schema {
    name: "Histogram",
    fields: &[
        many("dataPoints", 1, Record(&HISTOGRAM_DATA_POINT)),
        one("aggregationTemporality", 2, Int32),
    ],
};

static EXPONENTIAL_HISTOGRAM: Schema = Schema {
    name: "ExponentialHistogram",
    fields: &[
        many("dataPoints", 1, Record(&EXPONENTIAL_HISTOGRAM_DATA_POINT)),
        one("aggregationTemporality", 2, Int32),
    ],
};

static SUMMARY: Schema =
    Schema { name: "Summary", fields: &[many("dataPoints", 1, Record(&SUMMARY_DATA_POINT))] };

static NUMBER_DATA_POINT: Schema = Schema {
    name: "NumberDataPoint",
    fields: &[
        one("startTimeUnixNano", 2, Fixed64),
        one("timeUnixNano", 3, Fixed64),
        one("asDouble", 4, Double),
        many("exemplars", 5, Message(&EXEMPLAR)),
        one("asInt", 6, SFixed64),
        many("attributes", 7, Message(&KEY_VALUE)),
        one("flags", 8, UInt32),
    ],
};

static HISTOGRAM_DATA_POINT: Schema = Schema {
    name: "HistogramDataPoint",
    fields: &[
        one("startTimeUnixNano", 2, Fixed64),
        one("timeUnixNano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        many("bucketCounts", 6, Fixed64),
        many("explicitBounds", 7, Double),
        many("exemplars", 8, Message(&EXEMPLAR)),
        many("attributes", 9, Message(&KEY_VALUE)),
        one("flags", 10, UInt32),
        one("min", 11, Double),
        one("max", 12, Double),
    ],
};

static EXPONENTIAL_HISTOGRAM_DATA_POINT: Schema = Schema {
    name: "ExponentialHistogramDataPoint",
    fields: &[
        many("attributes", 1, Message(&KEY_VALUE)),
        one("startTimeUnixNano", 2, Fixed64),
        one("timeUnixNano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        one("scale", 6, SInt32),
        one("zeroCount", 7, Fixed64),
        one("positive", 8, Message(&BUCKETS)),
        one("negative", 9, Message(&BUCKETS)),
        one("flags", 10, UInt32),
        many("exemplars", 11, Message(&EXEMPLAR)),
        one("min", 12, Double),
        one("max", 13, Double),
        one("zeroThreshold", 14, Double),
    ],
};

static BUCKETS: Schema = Schema {
    name: "Buckets",
    fields: &[one("offset", 1, SInt32), many("bucketCounts", 2, UInt64)],
};

static SUMMARY_DATA_POINT: Schema = Schema {
    name: "SummaryDataPoint",
    fields: &[
        one("startTimeUnixNano", 2, Fixed64),
        one("timeUnixNano", 3, Fixed64),
        one("count", 4, Fixed64),
        one("sum", 5, Double),
        many("quantileValues", 6, Message(&VALUE_AT_QUANTILE)),
        many("attributes", 7, Message(&KEY_VALUE)),
        one("flags", 8, UInt32),
    ],
};

static VALUE_AT_QUANTILE: Schema = Schema {
    name: "ValueAtQuantile",
    fields: &[one("quantile", 1, Double), one("value", 2, Double)],
};

static EXEMPLAR: Schema = Schema {
    name: "Exemplar",
    fields: &[
        one("timeUnixNano", 2, Fixed64),
        one("asDouble", 3, Double),
        one("spanId", 4, Id),
        one("traceId", 5, Id),
        one("asInt", 6, SFixed64),
        many("filteredAttributes", 7, Message(&KEY_VALUE)),
    ],
};
