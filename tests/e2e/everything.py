"""OTLP requests that use every field the protocol has, as messages, and every way to put them on the wire."""

import base64
import gzip
import itertools
import json
import math

import zstandard
from google.protobuf import json_format
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    EntityRef,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1 import metrics_pb2 as m
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from canonical import REQUESTS

#: 2026-03-01T12:00:00Z and a bit, in Unix ns: odd, so that nothing may round it.
T0 = 1_772_366_400_123_456_789

CONTENT_TYPES = {"protobuf": "application/x-protobuf", "json": "application/json"}
COMPRESSIONS = {
    None: lambda body: body,
    "gzip": gzip.compress,
    "zstd": lambda body: zstandard.ZstdCompressor().compress(body),
}
ENCODINGS = list(itertools.product(CONTENT_TYPES, COMPRESSIONS))


def encode(message, form="protobuf", compression=None):
    """`(body, headers)` of an HTTP request that carries `message`."""
    body = message.SerializeToString() if form == "protobuf" else to_json(message)
    headers = {"Content-Type": CONTENT_TYPES[form]}
    if compression:
        headers["Content-Encoding"] = compression
    return COMPRESSIONS[compression](body), headers


def to_json(message):
    """OTLP's JSON: protobuf's, but with ids in hex and enums as numbers."""
    tree = json_format.MessageToDict(message, use_integers_for_enums=True)
    return json.dumps(with_hex_ids(tree)).encode()


def with_hex_ids(tree):
    if isinstance(tree, list):
        return [with_hex_ids(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        key: base64.b64decode(value).hex() if key in ids else with_hex_ids(value)
        for key, value in tree.items()
    }


# ---- attributes ----


def any_value(value):
    """An `AnyValue` from a plain one; a dict is a kvlist, a tuple or list an array, `None` the empty value."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=attributes(value)))
    return AnyValue(array_value=ArrayValue(values=[any_value(v) for v in value]))


def attributes(values):
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


ALL_KINDS = {
    "k.string": "straße \u2603 \U0001f9ed",
    "k.string.empty": "",
    "k.int": -7,
    "k.int.big": 2**63 - 1,
    "k.int.small": -(2**63),
    "k.double": 0.1,
    "k.double.whole": 3.0,
    "k.double.huge": 1.7976931348623157e308,
    "k.double.nan": float("nan"),
    "k.double.infinite": float("-inf"),
    "k.bool.true": True,
    "k.bool.false": False,
    "k.bytes": b"\x00\xff\x10 bytes",
    "k.bytes.empty": b"",
    "k.empty": None,
    "k.array": ["a", 1, 2.5, False, None, b"\x01", ["nested"], {"in": "array"}],
    "k.array.empty": [],
    "k.kvlist": {"s": "x", "n": 1, "deep": {"deeper": [{"deepest": True}]}},
    "k.kvlist.empty": {},
    "": "the empty key",
    "key with 'quotes', \"more\" and \n a line": 1,
}


def resource(service, **more):
    return Resource(
        attributes=attributes({"service.name": service, "host.id": b"\x01\x02"} | ALL_KINDS | more),
        dropped_attributes_count=3,
        entity_refs=[
            EntityRef(
                schema_url="https://example.com/entity",
                type="service",
                id_keys=["service.name"],
                description_keys=["host.id", "k.int"],
            )
        ],
    )


def scope(name):
    return InstrumentationScope(
        name=name,
        version="1.2.3-rc.4",
        attributes=attributes({"scope.is": "described", "scope.level": 4}),
        dropped_attributes_count=5,
    )


def trace_id(seed):
    return bytes([0xAB]) + seed.to_bytes(15, "big")


def span_id(seed):
    return bytes([0xCD]) + seed.to_bytes(7, "big")


# ---- the three signals ----


def traces(seed=1):
    """Every field of spans, events and links."""
    tid = trace_id(seed)
    full = Span(
        trace_id=tid,
        span_id=span_id(2),
        trace_state="vendor=a:b,other=c",
        parent_span_id=span_id(1),
        flags=0x0301,
        name="every field",
        kind=Span.SPAN_KIND_CONSUMER,
        start_time_unix_nano=T0 + 1,
        end_time_unix_nano=T0 + 987_654_321,
        attributes=attributes(ALL_KINDS),
        dropped_attributes_count=1,
        events=[
            Span.Event(
                time_unix_nano=T0 + 5,
                name="exception",
                attributes=attributes(ALL_KINDS),
                dropped_attributes_count=7,
            ),
            Span.Event(time_unix_nano=T0 + 6, name=""),
        ],
        dropped_events_count=2,
        links=[
            Span.Link(
                trace_id=trace_id(77),
                span_id=span_id(78),
                trace_state="linked=1",
                attributes=attributes(ALL_KINDS),
                dropped_attributes_count=8,
                flags=0x0100,
            ),
            Span.Link(trace_id=trace_id(79), span_id=span_id(80)),
        ],
        dropped_links_count=3,
        status=Status(code=Status.STATUS_CODE_ERROR, message="it broke: \u2620"),
    )
    kinds = [
        Span(
            trace_id=tid,
            span_id=span_id(10 + kind),
            parent_span_id=b"" if kind == 0 else span_id(10),
            name=f"kind {kind}",
            kind=kind,
            start_time_unix_nano=T0 + kind,
            # Clocks go backwards; the end may lie before the start.
            end_time_unix_nano=T0 - 5 if kind == 1 else T0 + kind,
            status=Status(code=kind % 3),
        )
        for kind in range(6)
    ]
    return REQUESTS["traces"](
        resource_spans=[
            ResourceSpans(
                resource=resource("every-span"),
                schema_url="https://opentelemetry.io/schemas/1.40.0",
                scope_spans=[
                    ScopeSpans(
                        scope=scope("full"), schema_url="https://example.com/scope", spans=[full]
                    ),
                    ScopeSpans(scope=InstrumentationScope(name="plain"), spans=kinds),
                ],
            ),
            ResourceSpans(scope_spans=[ScopeSpans(spans=[bare_span(tid, 30)])]),
        ]
    )


def bare_span(tid, seed):
    """Only what a span must have."""
    return Span(trace_id=tid, span_id=span_id(seed), start_time_unix_nano=T0)


def logs(seed=1):
    """Every field of log records, and a body of every kind."""
    full = LogRecord(
        time_unix_nano=T0,
        observed_time_unix_nano=T0 + 11,
        severity_number=17,
        severity_text="ERROR",
        body=any_value("the disk is full of \u2615"),
        attributes=attributes(ALL_KINDS),
        dropped_attributes_count=9,
        flags=1,
        trace_id=trace_id(seed),
        span_id=span_id(2),
        event_name="disk.full",
    )
    bodies = [None, "", "text", 42, -1.5, True, b"\x00\x01", ["a", 1], {"k": {"v": [1, 2.0]}}]
    kinds = [
        LogRecord(
            time_unix_nano=T0 + 100 + i,
            trace_id=trace_id(seed),
            body=None if i == 0 else any_value(body),
        )
        for i, body in enumerate(bodies)
    ]
    observed_only = LogRecord(
        observed_time_unix_nano=T0 + 200, trace_id=trace_id(seed), body=any_value("observed only")
    )
    return REQUESTS["logs"](
        resource_logs=[
            ResourceLogs(
                resource=resource("every-log"),
                schema_url="https://opentelemetry.io/schemas/1.40.0",
                scope_logs=[
                    ScopeLogs(
                        scope=scope("full"),
                        schema_url="https://example.com/scope",
                        log_records=[full],
                    ),
                    ScopeLogs(log_records=kinds),
                ],
            ),
            ResourceLogs(scope_logs=[ScopeLogs(log_records=[observed_only])]),
        ]
    )


def metrics(seed=1):
    """Every kind of metric, every field of each, and points without a value."""
    kinds = {k: v for k, v in ALL_KINDS.items() if k != "k.double.nan"} | {"seed": seed}
    labels = attributes(kinds)

    def times(i):
        return {"start_time_unix_nano": T0 - 60, "time_unix_nano": T0 + i}

    def exemplars():
        common = {"filtered_attributes": attributes({"user": "u1", "n": 3})}
        ids = {"trace_id": trace_id(seed), "span_id": span_id(2)}
        return [
            m.Exemplar(time_unix_nano=T0 + 1, as_double=0.25, **common, **ids),
            m.Exemplar(time_unix_nano=T0 + 2, as_int=-3),
        ]

    def described(name, **data):
        return m.Metric(
            name=name,
            description=f"what {name} means",
            unit="By",
            metadata=attributes({"origin": "test", "level": 2}),
            **data,
        )

    gauge = m.Gauge(
        data_points=[
            m.NumberDataPoint(
                attributes=labels, **times(0), as_double=1.5, exemplars=exemplars(), flags=0
            ),
            m.NumberDataPoint(attributes=labels, **times(1), as_int=2**62),
            m.NumberDataPoint(attributes=labels, **times(2), as_double=float("nan")),
            m.NumberDataPoint(attributes=labels, time_unix_nano=T0 + 3, as_double=-0.0),
            # No recorded value.
            m.NumberDataPoint(attributes=labels, **times(4), flags=1),
        ]
    )
    sums = [
        m.Sum(
            aggregation_temporality=temporality,
            is_monotonic=monotonic,
            data_points=[
                m.NumberDataPoint(
                    attributes=labels, **times(i), as_int=i, exemplars=exemplars()[:i]
                )
                for i in range(3)
            ],
        )
        for temporality in (0, 1, 2)
        for monotonic in (False, True)
    ]
    histogram = m.Histogram(
        aggregation_temporality=2,
        data_points=[
            m.HistogramDataPoint(
                attributes=labels,
                **times(0),
                count=6,
                sum=-12.5,
                bucket_counts=[1, 2, 3],
                explicit_bounds=[-1.0, 10.5],
                exemplars=exemplars(),
                min=-9.0,
                max=0.0,
            ),
            # Neither sum nor buckets nor extremes.
            m.HistogramDataPoint(attributes=labels, **times(1), count=4),
            # A sum that is there and zero.
            m.HistogramDataPoint(attributes=labels, **times(2), count=0, sum=0.0, min=0.0),
            m.HistogramDataPoint(attributes=labels, **times(3), flags=1),
            # Counts and bounds at the ends of what they can be.
            m.HistogramDataPoint(
                attributes=labels,
                **times(4),
                count=2**62,
                bucket_counts=[2**62, 0, 0],
                explicit_bounds=[-1.5e300, 5e-324],
            ),
            # A bound that JSON has no number for.
            m.HistogramDataPoint(
                attributes=labels,
                **times(5),
                count=3,
                bucket_counts=[1, 2],
                explicit_bounds=[math.inf],
                max=2.0,
            ),
        ],
    )
    buckets = m.ExponentialHistogramDataPoint.Buckets
    exponential = m.ExponentialHistogram(
        aggregation_temporality=1,
        data_points=[
            m.ExponentialHistogramDataPoint(
                attributes=labels,
                **times(0),
                count=10,
                sum=99.25,
                scale=-2,
                zero_count=3,
                positive=buckets(offset=-4, bucket_counts=[1, 0, 2**40]),
                negative=buckets(offset=7, bucket_counts=[4]),
                exemplars=exemplars(),
                min=-1e300,
                max=1e-300,
                zero_threshold=0.001,
            ),
            m.ExponentialHistogramDataPoint(attributes=labels, **times(1), scale=20),
            m.ExponentialHistogramDataPoint(attributes=labels, **times(2), flags=1),
        ],
    )
    quantile = m.SummaryDataPoint.ValueAtQuantile
    summary = m.Summary(
        data_points=[
            m.SummaryDataPoint(
                attributes=labels,
                **times(0),
                count=3,
                sum=4.5,
                quantile_values=[quantile(quantile=0.0, value=-1.0), quantile(quantile=1.0)],
            ),
            m.SummaryDataPoint(attributes=labels, **times(1), flags=1),
        ]
    )
    every = [
        described("every.gauge", gauge=gauge),
        *(described(f"every.sum.{i}", sum=total) for i, total in enumerate(sums)),
        described("every.histogram", histogram=histogram),
        described("every.exponential", exponential_histogram=exponential),
        described("every.summary", summary=summary),
    ]
    bare = m.Metric(
        name="bare", gauge=m.Gauge(data_points=[m.NumberDataPoint(time_unix_nano=T0, as_int=1)])
    )
    return REQUESTS["metrics"](
        resource_metrics=[
            m.ResourceMetrics(
                resource=resource("every-metric", seed=seed),
                schema_url="https://opentelemetry.io/schemas/1.40.0",
                scope_metrics=[
                    m.ScopeMetrics(
                        scope=scope("full"), schema_url="https://example.com/scope", metrics=every
                    )
                ],
            ),
            m.ResourceMetrics(scope_metrics=[m.ScopeMetrics(metrics=[bare])]),
        ]
    )


SIGNALS = {"traces": traces, "logs": logs, "metrics": metrics}
