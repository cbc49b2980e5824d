"""What is wrong is answered as OTLP asks, harms nobody else, and costs nothing worth mentioning."""

import gzip
import json
import random
import socket
import threading
import time

import grpc
import pytest
import requests
import zstandard
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

import canonical
from canonical import REQUESTS
from everything import (
    CONTENT_TYPES,
    T0,
    any_value,
    attributes,
    bare_span,
    encode,
    logs,
    metrics,
    span_id,
    trace_id,
    traces,
)

MIB = 1 << 20
PROTOBUF = {"Content-Type": CONTENT_TYPES["protobuf"]}
JSON = {"Content-Type": CONTENT_TYPES["json"]}
#: Longest that anybody else may wait for an answer meanwhile: a dev build on two busy cores.
QUICK_SECONDS = 5


@pytest.fixture(autouse=True)
def others_are_not_disturbed(server):
    """A client that sends one span after the other, while the test does what it does."""
    stopping, slowest, failures = threading.Event(), [0.0], []

    def client():
        session = requests.Session()
        number = 0
        while not stopping.is_set():
            number += 1
            span = bare_span(random.randbytes(16), number)
            body, headers = encode(request_of(span))
            start = time.monotonic()
            try:
                answer = server.post("/v1/traces", body, headers, "bystander", session=session)
                if answer.status_code != 200:
                    failures.append(answer.text)
            except requests.RequestException as error:
                failures.append(str(error))
            slowest[0] = max(slowest[0], time.monotonic() - start)
            time.sleep(0.02)

    thread = threading.Thread(target=client)
    thread.start()
    yield
    stopping.set()
    thread.join()
    assert not failures, failures[:3]
    assert slowest[0] < QUICK_SECONDS, f"somebody waited {slowest[0]:.1f} s"
    assert server.alive(), server.log_tail()
    assert "panicked" not in server.log_text(), server.log_tail()


def request_of(*spans):
    message = REQUESTS["traces"]()
    message.resource_spans.add().scope_spans.add().spans.extend(spans)
    return message


def refused(answer, status, form="protobuf"):
    """The answer is an error with a `google.rpc.Status` in the request's encoding; returns it."""
    assert answer.status_code == status, (answer.status_code, answer.content[:300])
    assert answer.headers["Content-Type"].split(";")[0] == CONTENT_TYPES[form]
    if form == "protobuf":
        said = Status.FromString(answer.content)
        assert said.message, answer.content
        return said.message
    said = json.loads(answer.content)
    assert said["message"], said
    return said["message"]


#: The answer of each signal's service, and what its count of rejected records is called there and in JSON.
ANSWERS = {
    "traces": (ExportTraceServiceResponse, "rejected_spans", "rejectedSpans"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records", "rejectedLogRecords"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points", "rejectedDataPoints"),
}


def partial(answer, signal="traces", form="protobuf"):
    """`(rejected, message)` of a partial success."""
    assert answer.status_code == 200, (answer.status_code, answer.content[:300])
    kind, rejected, rejected_json = ANSWERS[signal]
    if form == "json":
        said = answer.json()["partialSuccess"]
        return int(said.get(rejected_json, 0)), said.get("errorMessage", "")
    said = kind.FromString(answer.content).partial_success
    return getattr(said, rejected), said.error_message


# ---- bodies that cannot be read ----


@pytest.mark.parametrize("signal", REQUESTS)
def test_truncated_protobuf_is_bad_data(server, tenant, signal):
    whole = {"traces": traces, "logs": logs, "metrics": metrics}[signal]().SerializeToString()
    chance = random.Random(1)
    for end in [1, 2, len(whole) - 1] + [chance.randrange(1, len(whole)) for _ in range(20)]:
        answer = server.post(f"/v1/{signal}", whole[:end], PROTOBUF, tenant)
        if answer.status_code == 200:
            continue  # Cut between two fields of the request: what is left is whole.
        assert refused(answer, 400)
    assert server.alive()


def test_garbage_is_bad_data(server, tenant):
    chance = random.Random(2)
    for size in [1, 10, 1000, 100_000] * 5:
        answer = server.post("/v1/traces", b"\x0a" + chance.randbytes(size), PROTOBUF, tenant)
        assert answer.status_code in (200, 400)
    refused(server.post("/v1/traces", b"\xff\xff\xff\xff", PROTOBUF, tenant), 400)


def test_a_wrong_wire_type_is_bad_data(server, tenant):
    # Field 1 (resource_spans) as a varint.
    refused(server.post("/v1/traces", b"\x08\x01", PROTOBUF, tenant), 400)


def test_the_body_is_not_what_its_type_says(server, tenant):
    body, _ = encode(traces(), "json")
    refused(server.post("/v1/traces", body, PROTOBUF, tenant), 400)
    body, _ = encode(traces(), "protobuf")
    refused(server.post("/v1/traces", body, JSON, tenant), 400, "json")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"resourceSpans": 7}',
        b'{"resourceSpans": []} trailing',
        b'{"resourceSpans": [{"resource": {"attributes": [{"key": "\xff\xfe"}]}}]}',
    ],
)
def test_malformed_json_is_bad_data(server, tenant, body):
    refused(server.post("/v1/traces", body, JSON, tenant), 400, "json")


@pytest.mark.parametrize(
    "field, wrong",
    [("name", 5), ("traceId", "zz"), ("startTimeUnixNano", "soon"), ("attributes", {"k": "v"})],
)
def test_a_field_of_the_wrong_type_rejects_its_record(server, tenant, field, wrong):
    tid = trace_id(4)
    body = json.loads(encode(request_of(bare_span(tid, 1), bare_span(tid, 2)), "json")[0])
    body["resourceSpans"][0]["scopeSpans"][0]["spans"][1][field] = wrong
    answer = server.post("/v1/traces", json.dumps(body).encode(), JSON, tenant)
    rejected, why = partial(answer, form="json")
    assert rejected == 1 and field in why
    assert list(server.spans(tid.hex(), tenant)) == [(tid.hex(), span_id(1).hex())]


def nested_json(depth):
    value = '{"stringValue": "deep"}'
    opening, closing = '{"arrayValue": {"values": [', "]}}"
    body = opening * depth + value + closing * depth
    return (
        '{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "%d", "body": %s}]}]}]}'
        % (T0, body)
    ).encode()


def nested_protobuf(depth):
    """An `AnyValue` of arrays in arrays, put together from the inside."""

    def field(number, payload):
        size, prefix = len(payload), bytearray()
        while size > 127:
            prefix.append(size & 127 | 128)
            size >>= 7
        prefix.append(size)
        return bytes([number << 3 | 2]) + bytes(prefix) + payload

    value = field(1, b"deep")
    for _ in range(depth):
        value = field(5, field(1, value))
    record = field(5, value)
    return field(1, field(2, field(2, record)))


def test_six_thousand_deep_json_is_refused(server, tenant):
    answer = server.post("/v1/logs", nested_json(6000), JSON, tenant)
    assert partial(answer, "logs", "json")[0] == 1, answer.content
    answer = server.post("/v1/logs", b"[" * 6000, JSON, tenant)
    refused(answer, 400, "json")
    answer = server.post("/v1/logs", b'{"a":' * 200_000, JSON, tenant)
    refused(answer, 400, "json")


def test_six_thousand_deep_protobuf_is_refused(server, tenant):
    answer = server.post("/v1/logs", nested_protobuf(6000), PROTOBUF, tenant)
    # The record is rejected or the request is: either is an answer, a crash is not.
    assert answer.status_code == 400 or partial(answer, "logs")[0] == 1, answer.content


def test_ordinary_nesting_is_accepted(server, tenant):
    assert server.post("/v1/logs", nested_json(8), JSON, tenant).content == b"{}"
    assert server.post("/v1/logs", nested_protobuf(16), PROTOBUF, tenant).content == b""
    assert len(server.logs(tenant=tenant)) == 2


# ---- compression ----


def test_bogus_gzip_is_bad_data(server, tenant):
    body = gzip.compress(traces().SerializeToString())
    for wrong in (b"not gzip", body[:-20], body[:30] + b"\x00" * 50, b""):
        headers = PROTOBUF | {"Content-Encoding": "gzip"}
        answer = server.post("/v1/traces", wrong, headers, tenant)
        assert answer.status_code == 400 or wrong == b"", answer.content
    refused(server.post("/v1/traces", b"nope", PROTOBUF | {"Content-Encoding": "zstd"}, tenant), 400)


def test_an_unknown_encoding_is_an_unsupported_type(server, tenant):
    headers = PROTOBUF | {"Content-Encoding": "br"}
    assert server.post("/v1/traces", b"x", headers, tenant).status_code == 415


@pytest.fixture(scope="module")
def bombs():
    """A GiB of zeroes in one piece, and a MiB over and over: members and frames may follow each other."""
    gz = gzip.compress(bytes(1 << 30), 9)
    member, frame = gzip.compress(bytes(MIB)), zstandard.compress(bytes(MIB))
    return {
        "gzip": (gz, member * (8 * MIB // len(member))),
        "zstd": (zstandard.compress(bytes(1 << 30)), frame * (8 * MIB // len(frame))),
    }


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_bomb_costs_neither_memory_nor_time(server, tenant, bombs, compression):
    for bomb in bombs[compression]:
        before = server.memory("VmHWM")
        start = time.monotonic()
        headers = PROTOBUF | {"Content-Encoding": compression}
        try:
            answer = server.post("/v1/traces", bomb, headers, tenant)
            assert answer.status_code in (400, 413), answer.content[:200]
        except requests.ConnectionError:
            pass  # Cut off while it was still sending: as good an answer.
        assert time.monotonic() - start < 5
        # The limit of 64 MiB, twice: a buffer grows by doubling.
        assert server.memory("VmHWM") - before < 200 * MIB


def test_sixty_four_mebibytes_are_the_limit(server, tenant):
    """Also of a body that says no length, and after decompression."""
    big = bytes(65 * MIB)
    headers = PROTOBUF | {"Content-Encoding": "gzip"}
    refused(server.post("/v1/traces", gzip.compress(big, 1), headers, tenant), 413)
    for body in (big, iter([bytes(MIB)] * 65)):
        try:
            refused(server.post("/v1/traces", body, PROTOBUF, tenant), 413)
        except requests.ConnectionError:
            pass  # The answer came before all was sent, and the client did not look.


# ---- paths, methods, types ----


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/trace", "/v1/traces/x", "/v2/traces", "/%00"])
def test_an_unknown_path_is_not_found(server, path):
    assert server.post(path, b"", PROTOBUF).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_a_wrong_method_is_not_allowed(server, method):
    answer = requests.request(method, f"{server.otlp}/v1/traces", timeout=10)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/grpc", "", None])
def test_a_wrong_content_type_is_unsupported(server, kind):
    headers = {} if kind is None else {"Content-Type": kind}
    assert server.post("/v1/traces", b"x", headers).status_code == 415


def test_a_content_type_may_have_parameters(server, tenant):
    body, _ = encode(traces(), "json")
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert server.post("/v1/traces", body, headers, tenant).status_code == 200


def test_broken_http_harms_nobody(server):
    for sent in (b"nonsense\r\n\r\n", b"POST /v1/traces HTTP/1.1\r\n", b"\x00" * 1000, b"PRI * HTTP/2.0"):
        with socket.create_connection(("127.0.0.1", server.otlp_port), timeout=5) as connection:
            connection.sendall(sent)
    with socket.create_connection(("127.0.0.1", server.grpc_port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
    # Half a body, then gone.
    with socket.create_connection(("127.0.0.1", server.otlp_port), timeout=5) as connection:
        head = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
        connection.sendall(f"{head}Content-Length: 1000\r\n\r\nabc".encode())


# ---- records: the bad one is rejected, its batch lands ----


@pytest.mark.parametrize("form", CONTENT_TYPES)
@pytest.mark.parametrize(
    "change",
    [
        {"trace_id": b""},
        {"trace_id": bytes(16)},
        {"trace_id": b"short"},
        {"trace_id": b"x" * 17},
        {"span_id": b""},
        {"span_id": bytes(8)},
        {"span_id": b"x" * 9},
        {"parent_span_id": b"odd"},
        {"start_time_unix_nano": 2**63},
        {"end_time_unix_nano": 2**64 - 1},
    ],
    ids=lambda change: "-".join(f"{k}={str(v)[:12]}" for k, v in change.items()),
)
def test_a_bad_span_is_rejected_and_its_batch_lands(server, tenant, form, change):
    tid = trace_id(1)
    bad = bare_span(tid, 2)
    for field, value in change.items():
        setattr(bad, field, value)
    message = request_of(bare_span(tid, 1), bad, bare_span(tid, 3))
    body, headers = encode(message, form)
    rejected, why = partial(server.post("/v1/traces", body, headers, tenant), form=form)
    assert rejected == 1 and why
    read = server.spans(tid.hex(), tenant)
    assert sorted(span for _, span in read) == sorted([span_id(1).hex(), span_id(3).hex()])


def test_a_rejection_is_listed(server, tenant):
    bad = bare_span(b"", 2)
    server.post("/v1/traces", *encode(request_of(bad)), tenant)
    rows = server.query("SELECT * FROM ingest_rejections", tenant)
    assert rows, "the rejection is listed"


def test_odd_ids_in_logs_mean_none_or_are_rejected(server, tenant):
    message = REQUESTS["logs"]()
    records = message.resource_logs.add().scope_logs.add().log_records
    records.add(time_unix_nano=T0, body=any_value("zero"), trace_id=bytes(16), span_id=bytes(8))
    records.add(time_unix_nano=T0 + 1, body=any_value("none"))
    server.send("logs", message, tenant=tenant)
    found = server.logs(tenant=tenant)
    assert [log["trace_id"] for log in found] == ["", ""]
    bad = REQUESTS["logs"]()
    bad.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=T0, trace_id=b"short")
    body, headers = encode(bad)
    rejected, _ = partial(server.post("/v1/logs", body, headers, tenant), "logs")
    assert rejected == 1


@pytest.mark.parametrize(
    "start", [0, 1, 1_000_000_000, 7_258_118_400_000_000_000, 2**63 - 1], ids=lambda t: str(t)
)
def test_1970_and_2200_are_times_like_any_other(server, tenant, start):
    tid = trace_id(5)
    span = bare_span(tid, 1)
    span.start_time_unix_nano = start
    span.end_time_unix_nano = start
    message = request_of(span)
    server.send("traces", message, tenant=tenant)
    records = REQUESTS["logs"]()
    records.resource_logs.add().scope_logs.add().log_records.add(
        time_unix_nano=start, observed_time_unix_nano=start, trace_id=tid, body=any_value("then")
    )
    server.send("logs", records, tenant=tenant)
    for _ in range(2):
        assert server.spans(tid.hex(), tenant) == canonical.sent_spans(message)
        if start:
            assert server.trace_logs(tid.hex(), tenant) == canonical.sent_logs(records)
        server.flush()


def test_ten_thousand_attributes_come_back(server, tenant):
    tid = trace_id(6)
    span = bare_span(tid, 1)
    span.attributes.extend(attributes({f"key.{i}": i for i in range(10_000)}))
    message = request_of(span)
    server.send("traces", message, tenant=tenant)
    for _ in range(2):
        assert server.spans(tid.hex(), tenant) == canonical.sent_spans(message)
        server.flush()
    assert int(server.value("SELECT attributes['key.9999'] FROM spans", tenant)) == 9999


def test_mebibyte_strings_come_back(server, tenant):
    tid = trace_id(7)
    span = bare_span(tid, 1)
    text = "ünïcödé " * (MIB // 8)
    span.name = text
    span.attributes.extend(attributes({"long": text, "k" * MIB: 1, "bytes": bytes(MIB)}))
    span.events.add(time_unix_nano=1, name=text)
    message = request_of(span)
    server.send("traces", message, tenant=tenant)
    records = REQUESTS["logs"]()
    records.resource_logs.add().scope_logs.add().log_records.add(
        time_unix_nano=T0, trace_id=tid, body=any_value(text)
    )
    server.send("logs", records, tenant=tenant)
    for _ in range(2):
        assert server.spans(tid.hex(), tenant) == canonical.sent_spans(message)
        assert server.trace_logs(tid.hex(), tenant) == canonical.sent_logs(records)
        server.flush()


def test_invalid_utf8_is_rejected_and_its_batch_lands(server, tenant):
    tid = trace_id(8)
    marked = bare_span(tid, 2)
    marked.name = "marked by the test"
    body = request_of(bare_span(tid, 1), marked).SerializeToString()
    body = body.replace(b"marked by the test", b"marked \xff\xfe the test")
    answer = server.post("/v1/traces", body, PROTOBUF, tenant)
    if answer.status_code == 400:
        assert refused(answer, 400)
        return
    rejected, why = partial(answer)
    assert rejected == 1 and "UTF-8" in why
    assert list(server.spans(tid.hex(), tenant)) == [(tid.hex(), span_id(1).hex())]


def test_an_empty_request_is_a_success(server, tenant):
    for signal in REQUESTS:
        assert server.post(f"/v1/{signal}", b"", PROTOBUF, tenant).content == b""
        assert server.post(f"/v1/{signal}", b"{}", JSON, tenant).content == b"{}"


def test_unknown_fields_are_ignored(server, tenant):
    body = json.loads(encode(traces(), "json")[0])
    body["fromTheFuture"] = {"x": [1]}
    body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["alsoNew"] = None
    answer = server.post("/v1/traces", json.dumps(body).encode(), JSON, tenant)
    assert answer.content == b"{}"
    # Field 1000, a string.
    body = traces().SerializeToString() + b"\xc2\x3e\x03new"
    assert server.post("/v1/traces", body, PROTOBUF, tenant + "-pb").content == b""


@pytest.mark.parametrize("name", ["", "a b", "../up", "x" * 300, "ü", "a/b"])
def test_a_bad_tenant_is_refused(server, name):
    body, headers = encode(traces())
    headers["X-Scope-OrgID"] = name.encode()
    answer = requests.post(f"{server.otlp}/v1/traces", data=body, headers=headers, timeout=10)
    assert answer.status_code == 400, answer.content


# ---- the same over gRPC ----


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(
        server.grpc, options=[("grpc.max_send_message_length", 200 * MIB)]
    ) as channel:
        yield channel


def raw_call(channel, body, path=None, tenant="grpc", compression=None):
    path = path or "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    call = channel.unary_unary(path)
    return call(body, metadata=[("x-scope-orgid", tenant)], timeout=30, compression=compression)


def code_of(*arguments, **options):
    with pytest.raises(grpc.RpcError) as error:
        raw_call(*arguments, **options)
    return error.value


def test_grpc_truncated_protobuf_is_an_invalid_argument(channel):
    error = code_of(channel, traces().SerializeToString()[:-3])
    assert error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)
    assert error.details()


def test_grpc_an_unknown_method_is_unimplemented(channel):
    for path in ("/opentelemetry.proto.collector.trace.v1.TraceService/Import", "/no.such/Method"):
        assert code_of(channel, b"", path).code() == grpc.StatusCode.UNIMPLEMENTED


def test_grpc_too_much_is_exhausted_for_good(channel):
    for body, compression in ((bytes(65 * MIB), None), (bytes(65 * MIB), grpc.Compression.Gzip)):
        error = code_of(channel, body, compression=compression)
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
        details = dict(error.trailing_metadata() or []).get("grpc-status-details-bin")
        if details:
            status = Status.FromString(details)
            retry = error_details_pb2.RetryInfo.DESCRIPTOR
            assert not any(isinstance(d, Any) and d.Is(retry) for d in status.details)


def test_grpc_a_bad_span_is_rejected_and_its_batch_lands(server, channel, tenant):
    tid = trace_id(9)
    message = request_of(bare_span(tid, 1), bare_span(b"", 2))
    answer = TraceServiceStub(channel).Export(
        message, metadata=[("x-scope-orgid", tenant)], timeout=10
    )
    assert answer.partial_success.rejected_spans == 1
    assert answer.partial_success.error_message
    assert len(server.spans(tid.hex(), tenant)) == 1


def test_grpc_garbage_harms_nobody(channel):
    chance = random.Random(3)
    for size in (1, 100, 10_000):
        try:
            raw_call(channel, b"\x0a" + chance.randbytes(size))
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.INTERNAL)
