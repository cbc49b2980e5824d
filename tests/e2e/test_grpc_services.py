"""The gRPC port answers health checks and reflection."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

SERVICES = [
    f"opentelemetry.proto.collector.{package}.v1.{name}Service"
    for package, name in [("trace", "Trace"), ("logs", "Logs"), ("metrics", "Metrics")]
]


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(server.grpc) as channel:
        yield channel


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_it_is_healthy(channel, service):
    stub = health_pb2_grpc.HealthStub(channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_an_unknown_service_is_not_found(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    with pytest.raises(grpc.RpcError) as error:
        stub.Check(health_pb2.HealthCheckRequest(service="no.such"), timeout=10)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_health_can_be_watched(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    first = next(iter(stub.Watch(health_pb2.HealthCheckRequest(), timeout=10)))
    assert first.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_and_describes_the_services(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    assert set(SERVICES) <= set(database.get_services())
    file = database.FindFileContainingSymbol(SERVICES[0])
    assert file.name == "opentelemetry/proto/collector/trace/v1/trace_service.proto"
    assert [method.name for method in file.service[0].method] == ["Export"]
