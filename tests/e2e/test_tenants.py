"""Tenants never see each other, whichever way they ask."""

from canonical import REQUESTS
from everything import logs, metrics, trace_id, traces

TABLES = ["spans", "logs", "metric_points", "series", "exemplars", "span_events", "span_links"]


def counts(server, tenant):
    return [int(server.value(f"SELECT count(*) FROM {table}", tenant)) for table in TABLES]


def test_tenants_see_only_their_own(new_server):
    server = new_server()
    for signal, message in (("traces", traces()), ("logs", logs()), ("metrics", metrics())):
        server.send(signal, message, tenant="a")
        # The same bytes from another tenant are another tenant's rows, not a retry.
        server.send(signal, message, tenant="b")
    server.send("traces", traces(2), tenant="b")
    for step in (lambda: None, server.flush, server.compact, server.crash):
        step()
        a, b = counts(server, "a"), counts(server, "b")
        assert all(count > 0 for count in a)
        assert b[1:5] == a[1:5] and b[0] == 2 * a[0]
        assert counts(server, None) == [0] * len(TABLES)
        assert server.trace(trace_id(2).hex(), "a") is None
        assert server.trace(trace_id(2).hex(), "b") is not None
        assert server.trace(trace_id(1).hex(), "default") is None
        assert server.logs(tenant="nobody") == []


def test_segments_of_others_are_not_listed(new_server):
    server = new_server()
    server.send("traces", traces(), tenant="a")
    server.send("traces", traces(), tenant="b")
    server.flush()
    for tenant in "ab":
        paths = server.segments(tenant=tenant)
        assert paths and all(f"tenant={tenant}" in path.parts for path in paths)


def test_the_default_tenant_needs_no_header(server):
    server.send("traces", traces())
    assert server.spans(trace_id(1).hex()) == server.spans(trace_id(1).hex(), "default") != {}


def test_a_resent_request_is_stored_once(server, tenant):
    """The same bytes, the same bytes compressed otherwise, over both doors and after a crash."""
    import grpc
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub

    message = logs(3)
    records = sum(len(s.log_records) for r in message.resource_logs for s in r.scope_logs)
    for compression in (None, "gzip", "zstd", None):
        server.send("logs", message, compression=compression, tenant=tenant)
    with grpc.insecure_channel(server.grpc) as channel:
        LogsServiceStub(channel).Export(
            REQUESTS["logs"].FromString(message.SerializeToString()),
            metadata=[("x-scope-orgid", tenant)],
            timeout=10,
        )
    count = "SELECT count(*) FROM logs"
    assert int(server.value(count, tenant)) == records
    server.crash()
    server.send("logs", message, compression="gzip", tenant=tenant)
    assert int(server.value(count, tenant)) == records
    server.flush()
    server.crash()
    server.send("logs", message, tenant=tenant)
    assert int(server.value(count, tenant)) == records
