"""`tempopb.StreamingQuerier` as Grafana calls it: messages with Tempo's field numbers, made without a compiler for them."""

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.common.v1 import common_pb2

TYPES = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    "string": TYPES.TYPE_STRING,
    "uint32": TYPES.TYPE_UINT32,
    "uint64": TYPES.TYPE_UINT64,
    "fixed64": TYPES.TYPE_FIXED64,
    "int32": TYPES.TYPE_INT32,
    "int64": TYPES.TYPE_INT64,
    "double": TYPES.TYPE_DOUBLE,
}
KEY_VALUE = "opentelemetry.proto.common.v1.KeyValue"

#: Message → fields: (number, name, type); a type in brackets is repeated.
MESSAGES = {
    "SearchRequest": [
        (2, "min_duration_ms", "uint32"),
        (3, "max_duration_ms", "uint32"),
        (4, "limit", "uint32"),
        (5, "start", "uint32"),
        (6, "end", "uint32"),
        (8, "query", "string"),
        (9, "spans_per_span_set", "uint32"),
    ],
    "SearchResponse": [(1, "traces", ["TraceSearchMetadata"]), (2, "metrics", "SearchMetrics")],
    "TraceSearchMetadata": [
        (1, "trace_id", "string"),
        (2, "root_service_name", "string"),
        (3, "root_trace_name", "string"),
        (4, "start_time_unix_nano", "uint64"),
        (5, "duration_ms", "uint32"),
        (7, "span_sets", ["SpanSet"]),
    ],
    "SpanSet": [(1, "spans", ["Span"]), (2, "matched", "uint32")],
    "Span": [
        (1, "span_id", "string"),
        (2, "name", "string"),
        (3, "start_time_unix_nano", "uint64"),
        (4, "duration_nanos", "uint64"),
        (5, "attributes", [KEY_VALUE]),
    ],
    "SearchMetrics": [
        (1, "inspected_traces", "uint32"),
        (2, "inspected_bytes", "uint64"),
        (4, "completed_jobs", "uint32"),
        (5, "total_jobs", "uint32"),
    ],
    "SearchTagsRequest": [(1, "scope", "string"), (3, "start", "uint32"), (4, "end", "uint32")],
    "SearchTagsResponse": [(1, "tag_names", ["string"])],
    "SearchTagsV2Response": [(1, "scopes", ["SearchTagsV2Scope"])],
    "SearchTagsV2Scope": [(1, "name", "string"), (2, "tags", ["string"])],
    "SearchTagValuesRequest": [
        (1, "tag_name", "string"),
        (2, "query", "string"),
        (4, "start", "uint32"),
        (5, "end", "uint32"),
    ],
    "SearchTagValuesResponse": [(1, "tag_values", ["string"])],
    "TagValue": [(1, "type", "string"), (2, "value", "string")],
    "SearchTagValuesV2Response": [(1, "tag_values", ["TagValue"])],
    "QueryRangeRequest": [
        (1, "query", "string"),
        (2, "start", "uint64"),
        (3, "end", "uint64"),
        (4, "step", "uint64"),
        (16, "exemplars", "uint32"),
    ],
    "QueryRangeResponse": [(1, "series", ["TimeSeries"]), (2, "metrics", "SearchMetrics")],
    "TimeSeries": [
        (1, "labels", [KEY_VALUE]),
        (2, "samples", ["Sample"]),
        (3, "prom_labels", "string"),
        (4, "exemplars", ["Exemplar"]),
    ],
    "Sample": [(1, "value", "double"), (2, "timestamp_ms", "int64")],
    "Exemplar": [(1, "labels", [KEY_VALUE]), (2, "value", "double"), (3, "timestamp_ms", "int64")],
    "QueryInstantRequest": [(1, "query", "string"), (2, "start", "uint64"), (3, "end", "uint64")],
    "QueryInstantResponse": [(1, "series", ["InstantSeries"]), (2, "metrics", "SearchMetrics")],
    "InstantSeries": [
        (1, "labels", [KEY_VALUE]),
        (2, "value", "double"),
        (3, "prom_labels", "string"),
    ],
}


def file_of(package, messages):
    """The messages as a file of their own, beside OpenTelemetry's."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto",
        package=package,
        syntax="proto3",
        dependency=[common_pb2.DESCRIPTOR.name],
    )
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for number, field, kind in fields:
            repeated = isinstance(kind, list)
            kind = kind[0] if repeated else kind
            added = message.field.add(
                name=field,
                number=number,
                label=TYPES.LABEL_REPEATED if repeated else TYPES.LABEL_OPTIONAL,
            )
            if kind in SCALARS:
                added.type = SCALARS[kind]
            else:
                added.type = TYPES.TYPE_MESSAGE
                added.type_name = f".{kind}" if "." in kind else f".{package}.{kind}"
    return file


def classes(package, messages):
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(common_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file_of(package, messages))
    found = {name: pool.FindMessageTypeByName(f"{package}.{name}") for name in messages}
    return {name: message_factory.GetMessageClass(found[name]) for name in found}


CLASSES = classes("tempopb", MESSAGES)


def stream(server, path, request, parse, metadata=()):
    """All messages of one call, in their order."""
    with grpc.insecure_channel(f"127.0.0.1:{server.api_port}") as channel:
        method = channel.unary_stream(
            path,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=parse,
        )
        return list(method(request, timeout=30, metadata=metadata))


def call(server, method, response, request, metadata=()):
    path = f"/tempopb.StreamingQuerier/{method}"
    return stream(server, path, request, CLASSES[response].FromString, metadata)
