"""Losslessness: messages that use every field of OTLP come back equal, however they were sent and wherever they lie."""

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

import canonical
from everything import ENCODINGS, SIGNALS, logs, metrics, trace_id, traces

GRPC_COMPRESSIONS = {"none": grpc.Compression.NoCompression, "gzip": grpc.Compression.Gzip}
STUBS = {"traces": TraceServiceStub, "logs": LogsServiceStub, "metrics": MetricsServiceStub}


def check(server, tenant, seed=1):
    """Everything `send_all` sent is there, once, field by field."""
    tid = trace_id(seed).hex()
    assert_same(canonical.sent_spans(traces(seed)), server.spans(tid, tenant))
    sent = sorted(canonical.sent_logs(logs(seed)), key=repr)
    assert_same(sent, sorted(server.trace_logs(tid, tenant), key=repr))
    assert_same(sent, sorted(server.logs(f"trace_id:{tid}", tenant), key=repr))
    assert_same(canonical.sent_points(metrics(seed)), server.points(tenant))
    series = canonical.read_series_points(server.series(tenant, limit=5))
    assert_same(canonical.sent_series(metrics(seed)), series)
    series = canonical.read_exemplar_series(server.trace(tid, tenant))
    assert series == canonical.sent_exemplar_series(metrics(seed), trace_id(seed))


def assert_same(sent, read):
    """Says which record differs, and in which field, rather than print both whole."""
    assert len(sent) == len(read), f"sent {len(sent)}, read {len(read)}"
    pairs = (
        [(sent[key], read.get(key)) for key in sent] if isinstance(sent, dict) else zip(sent, read)
    )
    for was, now in pairs:
        assert now is not None, was
        for field in was:
            assert was[field] == now[field], (field, was[field], now[field], was)


def send_all(server, tenant, form, compression):
    for signal, build in SIGNALS.items():
        server.send(signal, build(), form, compression, tenant)


@pytest.mark.parametrize("form, compression", ENCODINGS)
def test_every_field_comes_back_over_http(server, tenant, form, compression):
    send_all(server, tenant, form, compression)
    check(server, tenant)


@pytest.mark.parametrize("compression", GRPC_COMPRESSIONS)
def test_every_field_comes_back_over_grpc(server, tenant, compression):
    with grpc.insecure_channel(server.grpc) as channel:
        for signal, build in SIGNALS.items():
            answer = STUBS[signal](channel).Export(
                build(),
                metadata=[("x-scope-orgid", tenant)],
                compression=GRPC_COMPRESSIONS[compression],
                timeout=30,
            )
            assert not answer.HasField("partial_success"), answer
    check(server, tenant)


def test_every_field_survives_all_that_happens_to_a_row(new_server):
    """Buffer, replay, flush, more of the same beside it, compaction, restart, crash: the answer never changes."""
    server = new_server()
    send_all(server, "a", "protobuf", None)
    check(server, "a")
    server.crash()
    check(server, "a")
    server.flush()
    check(server, "a")
    send_all(server, "b", "json", "gzip")
    for seed in range(2, 6):
        # More segments in which other columns are frequent, so that compaction has work to do.
        server.send("traces", traces(seed), tenant="a")
        server.send("logs", logs(seed), tenant="a")
        server.flush()
    check(server, "a")
    server.compact()
    check(server, "a")
    server.restart()
    check(server, "a")
    check(server, "b")
    for seed in range(2, 6):
        assert_same(
            canonical.sent_spans(traces(seed)), server.spans(trace_id(seed).hex(), "a")
        )
    server.crash()
    check(server, "a")
    check(server, "b")


def test_a_key_sent_twice_keeps_both_values(server, tenant):
    """OTLP forbids it, senders do it."""
    message = logs()
    record = message.resource_logs[0].scope_logs[0].log_records[0]
    for value in ("the second", "the third"):
        again = record.attributes.add()
        again.CopyFrom(record.attributes[0])
        again.value.string_value = value
    server.send("logs", message, tenant=tenant)
    for step in (lambda: None, server.flush, server.compact):
        step()
        [full] = [log for log in server.logs(tenant=tenant) if log["event_name"] == "disk.full"]
        assert full == canonical.sent_logs(message)[0]
        [[text]] = server.query("SELECT attributes FROM logs WHERE event_name = 'disk.full'", tenant)
        assert canonical.read_column_attributes(text) == full["attributes"]
        key = record.attributes[0].key
        [[first]] = server.query(f"SELECT attributes['{key}'] FROM logs WHERE event_name = 'disk.full'", tenant)
        assert first == record.attributes[0].value.string_value
