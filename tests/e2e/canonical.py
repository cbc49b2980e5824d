"""One shape for telemetry, however it was said: what was sent (OTLP messages) and what came back (JSON answers, Arrow).

Two records are equal if and only if their canonical forms are. Every value carries its kind, because Python holds
`True == 1 == 1.0` and OTLP does not. This file is the only one that knows the shape of the JSON answers.
"""

import base64
import json
import math

from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    SummaryDataPoint,
)

REQUESTS = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}

SPAN_KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"]
STATUS_CODES = ["unset", "ok", "error"]


# ---- values ----


def double(value):
    return ("double", "NaN" if math.isnan(value) else repr(value))


def sent_value(value):
    """Canonical form of an `AnyValue`."""
    kind = value.WhichOneof("value")
    if kind is None:
        return ("empty",)
    if kind == "array_value":
        return ("array", tuple(sent_value(v) for v in value.array_value.values))
    if kind == "kvlist_value":
        return ("kvlist", sent_pairs(value.kvlist_value.values))
    field = getattr(value, kind)
    return double(field) if kind == "double_value" else (kind.removesuffix("_value"), field)


def sent_pairs(key_values):
    return tuple((kv.key, sent_value(kv.value)) for kv in key_values)


def sent_attributes(key_values):
    """Attributes are a set, so they are sorted by key; two values of one key stay in their order."""
    return by_key(sent_pairs(key_values))


def by_key(pairs):
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


def read_value(value):
    """Canonical form of a JSON attribute value. What JSON has no word for comes as `{"$bytes": "<base64>"}`,
    `{"$double": "NaN"}` and `{"$kvlist": [[key, value], …]}`."""
    match value:
        case None:
            return ("empty",)
        case bool():
            return ("bool", value)
        case int():
            return ("int", value)
        case float():
            return double(value)
        case str():
            return ("string", value)
        case list():
            return ("array", tuple(read_value(v) for v in value))
        case {"$bytes": str(encoded)} if len(value) == 1:
            return ("bytes", base64.b64decode(encoded, validate=True))
        case {"$double": str(text)} if len(value) == 1:
            return double(float(text))
        case dict():
            return ("kvlist", read_pairs(value))
    raise AssertionError(f"not an attribute value: {value!r}")


def read_pairs(attributes):
    """The pairs of a JSON object, or of the list that stands for one that JSON could not say."""
    if len(attributes) == 1 and "$kvlist" in attributes:
        pairs = attributes["$kvlist"]
    else:
        pairs = attributes.items()
    return tuple((key, read_value(value)) for key, value in pairs)


def read_attributes(attributes):
    return by_key(read_pairs(attributes or {}))


def read_column_attributes(text):
    """The `attributes` column of a SQL answer is a JSON object as text."""
    return read_attributes(json.loads(text) if text else {})


def number(names, value):
    """An enum as its OTLP number, be it answered as a number or a name."""
    if isinstance(value, int):
        return value
    return names.index(value.lower().removeprefix("span_kind_").removeprefix("status_code_"))


# ---- who sent it ----


def sent_resource(group):
    """Canonical form of the resource of a `ResourceSpans`, `ResourceLogs` or `ResourceMetrics`."""
    refs = group.resource.entity_refs
    return {
        "attributes": sent_attributes(group.resource.attributes),
        "dropped_attributes_count": group.resource.dropped_attributes_count,
        "schema_url": group.schema_url,
        "entity_refs": tuple(
            (r.schema_url, r.type, tuple(r.id_keys), tuple(r.description_keys)) for r in refs
        ),
    }


def read_resource(resource):
    refs = resource.get("entity_refs") or []
    return {
        "attributes": read_attributes(resource.get("attributes")),
        "dropped_attributes_count": resource.get("dropped_attributes_count") or 0,
        "schema_url": resource.get("schema_url") or "",
        "entity_refs": tuple(
            (
                r.get("schema_url") or "",
                r.get("type") or "",
                tuple(r.get("id_keys") or ()),
                tuple(r.get("description_keys") or ()),
            )
            for r in refs
        ),
    }


def sent_scope(group):
    return {
        "name": group.scope.name,
        "version": group.scope.version,
        "attributes": sent_attributes(group.scope.attributes),
        "dropped_attributes_count": group.scope.dropped_attributes_count,
        "schema_url": group.schema_url,
    }


def read_scope(scope):
    return {
        "name": scope.get("name") or "",
        "version": scope.get("version") or "",
        "attributes": read_attributes(scope.get("attributes")),
        "dropped_attributes_count": scope.get("dropped_attributes_count") or 0,
        "schema_url": scope.get("schema_url") or "",
    }


# ---- spans ----


def sent_spans(request):
    """`(trace id, span id)` → span, for an `ExportTraceServiceRequest`."""
    spans = {}
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                record = {
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "parent_span_id": optional_id(span.parent_span_id),
                    "trace_state": span.trace_state,
                    "flags": span.flags,
                    "name": span.name,
                    "kind": span.kind,
                    "start": span.start_time_unix_nano,
                    "end": span.end_time_unix_nano,
                    "status": (span.status.code, span.status.message),
                    "attributes": sent_attributes(span.attributes),
                    "dropped": (
                        span.dropped_attributes_count,
                        span.dropped_events_count,
                        span.dropped_links_count,
                    ),
                    "events": [
                        (
                            event.time_unix_nano,
                            event.name,
                            sent_attributes(event.attributes),
                            event.dropped_attributes_count,
                        )
                        for event in span.events
                    ],
                    "links": [
                        (
                            optional_id(link.trace_id),
                            optional_id(link.span_id),
                            link.trace_state,
                            sent_attributes(link.attributes),
                            link.dropped_attributes_count,
                            link.flags,
                        )
                        for link in span.links
                    ],
                    "resource": sent_resource(resource),
                    "scope": sent_scope(scope),
                }
                spans[record["trace_id"], record["span_id"]] = record
    return spans


def read_span(span):
    """Canonical form of one span of `GET /api/v1/traces/{id}`."""
    start = int(span["start_time"])
    status = span.get("status") or {}
    return {
        "trace_id": span["trace_id"],
        "span_id": span["span_id"],
        "parent_span_id": span.get("parent_span_id") or "",
        "trace_state": span.get("trace_state") or "",
        "flags": span.get("flags") or 0,
        "name": span["name"],
        "kind": number(SPAN_KINDS, span["kind"]),
        "start": start,
        "end": start + int(span["duration"]),
        "status": (number(STATUS_CODES, status.get("code") or 0), status.get("message") or ""),
        "attributes": read_attributes(span["attributes"]),
        "dropped": (
            span.get("dropped_attributes_count") or 0,
            span.get("dropped_events_count") or 0,
            span.get("dropped_links_count") or 0,
        ),
        "events": [
            (
                int(event["time"]),
                event.get("name") or "",
                read_attributes(event.get("attributes")),
                event.get("dropped_attributes_count") or 0,
            )
            for event in span.get("events") or []
        ],
        "links": [
            (
                link.get("trace_id") or "",
                link.get("span_id") or "",
                link.get("trace_state") or "",
                read_attributes(link.get("attributes")),
                link.get("dropped_attributes_count") or 0,
                link.get("flags") or 0,
            )
            for link in span.get("links") or []
        ],
        "resource": read_resource(span["resource"]),
        "scope": read_scope(span["scope"]),
    }


def optional_id(raw):
    return raw.hex() if any(raw) else ""


# ---- logs ----


def sent_logs(request):
    """The log records of an `ExportLogsServiceRequest`, in the order sent."""
    return [
        {
            # Without a time the observed time stands for it.
            "time": log.time_unix_nano or log.observed_time_unix_nano,
            "observed_time": log.observed_time_unix_nano,
            "severity": log.severity_text,
            "severity_number": log.severity_number,
            "body": sent_value(log.body),
            "attributes": sent_attributes(log.attributes),
            "dropped_attributes_count": log.dropped_attributes_count,
            "flags": log.flags,
            "trace_id": optional_id(log.trace_id),
            "span_id": optional_id(log.span_id),
            "event_name": log.event_name,
            "resource": sent_resource(resource),
            "scope": sent_scope(scope),
        }
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for log in scope.log_records
    ]


def read_log(log):
    """Canonical form of one log record of a JSON answer."""
    return {
        "time": int(log["time"]),
        "observed_time": int(log.get("observed_time") or 0),
        "severity": log.get("severity") or "",
        "severity_number": log.get("severity_number") or 0,
        "body": read_value(log.get("body")),
        "attributes": read_attributes(log["attributes"]),
        "dropped_attributes_count": log.get("dropped_attributes_count") or 0,
        "flags": log.get("flags") or 0,
        "trace_id": log.get("trace_id") or "",
        "span_id": log.get("span_id") or "",
        "event_name": log.get("event_name") or "",
        "resource": read_resource(log["resource"]),
        "scope": read_scope(log["scope"]),
    }


# ---- metrics ----

KINDS = ["gauge", "sum", "histogram", "exponential_histogram", "summary"]
DISTRIBUTIONS = {
    "histogram": HistogramDataPoint,
    "exponential_histogram": ExponentialHistogramDataPoint,
    "summary": SummaryDataPoint,
}
#: Fields of a data point that are stored as columns of their own; what is left is its `distribution`.
POINT_COLUMNS = ["attributes", "start_time_unix_nano", "time_unix_nano", "flags", "exemplars"]


def sent_points(request):
    """The data points of an `ExportMetricsServiceRequest`, sorted. Resource and scope have here what SQL shows of them; the
    rest of them is compared where a trace shows its exemplars, see `sent_exemplar_series`."""
    points = []
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                for point in data.data_points:
                    points.append(
                        {
                            "name": metric.name,
                            "description": metric.description,
                            "unit": metric.unit,
                            "metadata": sent_attributes(metric.metadata),
                            "type": kind,
                            "temporality": getattr(data, "aggregation_temporality", None),
                            "is_monotonic": getattr(data, "is_monotonic", None),
                            "attributes": sent_attributes(point.attributes),
                            "start": point.start_time_unix_nano,
                            "time": point.time_unix_nano,
                            "flags": point.flags,
                            "value": sent_number(point),
                            "distribution": distribution(kind, point),
                            "exemplars": sorted(
                                sent_exemplar(e) for e in getattr(point, "exemplars", [])
                            ),
                            "resource": sent_attributes(resource.resource.attributes),
                            "scope": (
                                scope.scope.name,
                                scope.scope.version,
                                sent_attributes(scope.scope.attributes),
                            ),
                        }
                    )
    return sorted(points, key=repr)


def sent_exemplar_series(request, trace_id):
    """What a trace's exemplars say of their series: resource and scope with every field, sorted."""
    found = set()
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    if any(e.trace_id == trace_id for e in getattr(point, "exemplars", [])):
                        origin = (sent_resource(resource), sent_scope(scope))
                        found.add(repr((metric.name, kind, sent_attributes(point.attributes), *origin)))
    return sorted(found)


def read_exemplar_series(trace):
    found = set()
    for exemplar in trace["exemplars"]:
        series = exemplar["series"]
        origin = (read_resource(series["resource"]), read_scope(series["scope"]))
        attributes = read_attributes(series["attributes"])
        found.add(repr((series["name"], series["type"], attributes, *origin)))
    return sorted(found)


def sent_number(point):
    """The value of a number data point or an exemplar."""
    if "as_int" not in point.DESCRIPTOR.fields_by_name:
        return None
    kind = point.WhichOneof("value")
    if kind is None:
        return None
    return ("int", point.as_int) if kind == "as_int" else double(point.as_double)


def sent_exemplar(exemplar):
    attributes = sent_attributes(exemplar.filtered_attributes)
    return (
        exemplar.time_unix_nano,
        repr(sent_number(exemplar)),
        optional_id(exemplar.trace_id),
        optional_id(exemplar.span_id),
        repr(attributes),
    )


def distribution(kind, point):
    """Buckets, quantiles, minimum and so on as comparable text; `None` for numbers."""
    if kind not in DISTRIBUTIONS:
        return None
    rest = DISTRIBUTIONS[kind]()
    rest.CopyFrom(point)
    for field in POINT_COLUMNS:
        if field in rest.DESCRIPTOR.fields_by_name:
            rest.ClearField(field)
    return str(rest)


def read_points(points, series, exemplars):
    """Data points joined with their series and exemplars, sorted. Rows of the SQL tables, read over Arrow."""
    series = {row["series_id"]: read_series(row) for row in series}
    examples = {}
    for row in exemplars:
        examples.setdefault((row["series_id"], row["point_time"]), set()).add(read_exemplar(row))
    answer = []
    for row in points:
        kind = series[row["series_id"]]["type"]
        answer.append(
            series[row["series_id"]]
            | {
                "start": row["start_time"] or 0,
                "time": row["time"],
                "flags": row["flags"] or 0,
                "value": read_number(row),
                "distribution": read_distribution(kind, row),
                "exemplars": sorted(examples.get((row["series_id"], row["time"]), [])),
            }
        )
    return sorted(answer, key=repr)


def read_series(row):
    # The key order is that of `sent_points`: both are sorted by their text.
    return {
        "name": row["name"],
        "description": row["description"] or "",
        "unit": row["unit"] or "",
        "metadata": read_column_attributes(row["metadata"]),
        "type": row["type"],
        "temporality": row["temporality"],
        "is_monotonic": row["is_monotonic"],
        "attributes": read_column_attributes(row["attributes"]),
        "start": None,
        "time": None,
        "flags": None,
        "value": None,
        "distribution": None,
        "exemplars": None,
        "resource": read_column_attributes(row["resource"]),
        "scope": read_column_scope(row),
    }


def read_column_scope(row):
    return (row["scope_name"] or "", row["scope_version"] or "", read_column_attributes(row["scope_attributes"]))


def read_number(row):
    if row["int_value"] is not None:
        return ("int", row["int_value"])
    return None if row["value"] is None else double(row["value"])


def read_distribution(kind, row):
    """The message that the columns of a point say."""
    if kind not in DISTRIBUTIONS:
        return None
    point = DISTRIBUTIONS[kind].FromString(row["distribution"] or b"")
    for name in ("count", "sum", "min", "max"):
        if row[name] is not None:
            setattr(point, name, row[name])
    for name in ("bucket_counts", "explicit_bounds"):
        if row[name] is not None:
            getattr(point, name).extend(json.loads(row[name]))
    if kind == "exponential_histogram":
        for side in ("positive", "negative"):
            if point.HasField(side):
                read_differences(getattr(point, side))
    return distribution(kind, point)


def read_differences(buckets):
    """Stored buckets have differences of their counts, in a field that the generated message does not know."""
    for field in UnknownFieldSet(buckets):
        assert field.field_number == 15
        count, data = 0, iter(field.data)
        for byte in data:
            number, shift = byte & 0x7F, 7
            while byte & 0x80:
                byte = next(data)
                number |= (byte & 0x7F) << shift
                shift += 7
            count += (number >> 1) ^ -(number & 1)
            buckets.bucket_counts.append(count)
    buckets.DiscardUnknownFields()


def read_exemplar(row):
    return (
        row["time"],
        repr(read_number(row)),
        row["trace_id"].hex() if row["trace_id"] else "",
        row["span_id"].hex() if row["span_id"] else "",
        repr(read_column_attributes(row["attributes"])),
    )


# ---- series ----


def sent_series(request):
    """The data points of an `ExportMetricsServiceRequest` with every field of their series, sorted."""
    points = []
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                for point in data.data_points:
                    exemplars = getattr(point, "exemplars", [])
                    points.append(
                        {
                            "name": metric.name,
                            "description": metric.description,
                            "unit": metric.unit,
                            "metadata": sent_attributes(metric.metadata),
                            "type": kind,
                            "temporality": getattr(data, "aggregation_temporality", None),
                            "is_monotonic": getattr(data, "is_monotonic", None),
                            "attributes": sent_attributes(point.attributes),
                            "start": point.start_time_unix_nano,
                            "time": point.time_unix_nano,
                            "flags": point.flags,
                            "value": sent_number(point),
                            "distribution": distribution(kind, point),
                            "exemplars": sorted(sent_exemplar(e) for e in exemplars),
                            "resource": sent_resource(resource),
                            "scope": sent_scope(scope),
                        }
                    )
    return sorted(points, key=repr)


TEMPORALITIES = ["unspecified", "delta", "cumulative"]


def read_series_points(series):
    """The data points of `/api/v1/series`, each with its series, sorted."""
    points = []
    for one in series:
        exemplars = {}
        for exemplar in one.get("exemplars", []):
            exemplars.setdefault(exemplar["point_time"], []).append(read_series_exemplar(exemplar))
        temporality = one["temporality"]
        for point in one["points"]:
            kind = one["type"]
            points.append(
                {
                    "name": one["name"],
                    "description": one["description"],
                    "unit": one["unit"],
                    "metadata": read_attributes(one.get("metadata")),
                    "type": kind,
                    "temporality": None if temporality is None else TEMPORALITIES.index(temporality),
                    "is_monotonic": one["is_monotonic"],
                    "attributes": read_attributes(one["attributes"]),
                    "start": int(point["start_time"] or 0),
                    "time": int(point["time"]),
                    "flags": point.get("flags", 0),
                    "value": read_json_number(point.get("value")),
                    "distribution": read_json_distribution(kind, point),
                    "exemplars": sorted(exemplars.get(point["time"], [])),
                    "resource": read_resource(one["resource"]),
                    "scope": read_scope(one["scope"]),
                }
            )
    return sorted(points, key=repr)


def read_series_exemplar(exemplar):
    return (
        int(exemplar["time"]),
        repr(read_json_number(exemplar["value"])),
        exemplar["trace_id"] or "",
        exemplar["span_id"] or "",
        repr(read_attributes(exemplar["attributes"])),
    )


def read_json_number(value):
    """A number that keeps its kind; NaN and the infinities come as their names."""
    if value is None:
        return None
    return ("int", value) if isinstance(value, int) else double(float(value))


def read_json_distribution(kind, point):
    """The message that a `histogram`, `exponential_histogram` or `summary` says, as comparable text."""
    if kind not in DISTRIBUTIONS:
        return None
    fields = {name: value for name, value in point[kind].items() if value is not None}
    for name in ("sum", "min", "max", "zero_threshold"):
        if name in fields:
            fields[name] = float(fields[name])
    if "explicit_bounds" in fields:
        fields["explicit_bounds"] = [float(bound) for bound in fields["explicit_bounds"]]
    message = DISTRIBUTIONS[kind]
    if kind == "summary":
        quantiles = fields.pop("quantiles")
        fields["quantile_values"] = [
            message.ValueAtQuantile(quantile=float(q["quantile"]), value=float(q["value"]))
            for q in quantiles
        ]
    if kind == "exponential_histogram":
        for side in ("positive", "negative"):
            buckets = message.Buckets(**fields.pop(side))
            # Buckets that are not there and empty ones say the same.
            if buckets != message.Buckets():
                fields[side] = buckets
    return distribution(kind, message(**fields))
