"""The official OpenTelemetry SDK for Python sends; all it sent comes back equal, whatever then happens to the server."""

import importlib

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression

import sdk
from test_every_field import assert_same

PROTO = "opentelemetry.exporter.otlp.proto"
JSON = "opentelemetry.exporter.otlp.json.http"
#: Module of each signal's exporter, by protocol.
MODULES = {
    "grpc": {s: f"{PROTO}.grpc.{m}" for s, m in [
        ("traces", "trace_exporter"), ("logs", "_log_exporter"), ("metrics", "metric_exporter")]},
    "http/protobuf": {s: f"{PROTO}.http.{m}" for s, m in [
        ("traces", "trace_exporter"), ("logs", "_log_exporter"), ("metrics", "metric_exporter")]},
    "http/json": {s: f"{JSON}.{m}" for s, m in [
        ("traces", "trace_exporter"), ("logs", "_log_exporter"), ("metrics", "metric_exporter")]},
}
CLASSES = {"traces": "OTLPSpanExporter", "logs": "OTLPLogExporter", "metrics": "OTLPMetricExporter"}


def exporter(server, signal, protocol, compression, tenant):
    kind = getattr(importlib.import_module(MODULES[protocol][signal]), CLASSES[signal])
    if protocol == "grpc":
        codec = grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression
        headers = (("x-scope-orgid", tenant),)
        return kind(endpoint=f"http://{server.grpc}", insecure=True, headers=headers, compression=codec)
    codec = HttpCompression.Gzip if compression == "gzip" else HttpCompression.NoCompression
    if protocol == "http/json":
        from opentelemetry.exporter.otlp.common.http import Compression

        codec = Compression.GZIP if compression == "gzip" else Compression.NONE
    headers = {"X-Scope-OrgID": tenant}
    return kind(endpoint=f"{server.otlp}/v1/{signal}", headers=headers, compression=codec)


def run(server, protocol, compression, tenant):
    exporters = [
        exporter(server, signal, protocol, compression, tenant) for signal in CLASSES
    ]
    return sdk.run(*exporters)


def check(server, exported, tenant):
    read = {}
    for trace_id in {trace for trace, _ in exported.spans}:
        read |= server.spans(trace_id, tenant)
    assert_same(exported.spans, read)
    assert len(exported.spans) == 40
    assert_same(sorted(exported.logs, key=repr), sorted(server.logs(tenant=tenant), key=repr))
    assert len(exported.logs) == 8
    assert_same(exported.points, server.points(tenant))
    assert len(exported.points) > 30


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("protocol", MODULES)
def test_what_the_sdk_exports_comes_back_equal(server, tenant, protocol, compression):
    check(server, run(server, protocol, compression, tenant), tenant)


def test_what_the_sdk_exports_survives_everything(new_server):
    server = new_server()
    exported = {}
    for protocol in MODULES:
        tenant = protocol.replace("/", "-")
        exported[tenant] = run(server, protocol, "gzip", tenant)

    def check_all():
        for tenant, sent in exported.items():
            check(server, sent, tenant)

    for step in (server.crash, server.flush, server.compact, server.restart, server.crash):
        step()
        check_all()
