"""What a program measured with the official OpenTelemetry SDK is what PromQL, SQL and `/api/v1/series` answer.

Each client writes down every measurement it makes (`ledger.py`); nothing here trusts what the SDK made of them. The SDK for
JavaScript has code for exemplars, but its metrics (2.12.1) use none of it: there is none to check, and it is checked that
there is none.
"""

import threading

import pytest

from ledger import Client, plan, write_plan
from ledger_check import answers, check
from ledger_exemplars import check_exemplars

#: What a program does, each followed by an export.
ROUNDS = range(1, 5)
RESOURCE = {"service.namespace": "shop", "service.name": "till", "service.instance.id": "i-1"}
#: Each protocol and each temporality of each SDK; the tests further below have the other pairs.
CLIENTS = [
    ("python", "http/protobuf", "cumulative"),
    ("python", "http/protobuf", "all delta"),
    ("python", "http/json", "delta"),
    ("python", "grpc", "cumulative"),
    ("js", "http/protobuf", "delta"),
    ("js", "http/json", "cumulative"),
    ("js", "grpc", "delta"),
]


@pytest.fixture
def new_client(tmp_path):
    """Starts clients that follow one plan and end with the test."""
    clients = []

    def start(server, tenant, language, protocol="http/protobuf", temporality="cumulative"):
        clients.append(
            Client(
                language,
                tmp_path / "clients",
                server,
                tenant,
                protocol=protocol,
                temporality=temporality,
                resource=RESOURCE,
                plan=write_plan(tmp_path, plan(len(ROUNDS))),
            )
        )
        return clients[-1]

    yield start
    for client in clients:
        client.kill()




@pytest.mark.parametrize("language, protocol, temporality", CLIENTS)
def test_answers_are_the_ledger(server, tenant, new_client, language, protocol, temporality):
    client = new_client(server, tenant, language, protocol, temporality)
    client.run(ROUNDS)
    ledgers = [client.stop()]
    check(server, tenant, ledgers, temporality)
    check_exemplars(server, tenant, ledgers, has_any=language == "python")


@pytest.mark.parametrize("language", ["python", "js"])
def test_delta_and_cumulative_answer_the_same(server, tenant, new_client, language):
    found = []
    for temporality in ("cumulative", "delta"):
        own = f"{tenant}-{temporality}"
        client = new_client(server, own, language, temporality=temporality)
        client.run(ROUNDS)
        client.stop()
        found.append(answers(server, own))
    cumulative, delta = found
    assert cumulative.keys() == delta.keys() and len(cumulative) > 50
    for query, expected in cumulative.items():
        assert delta[query] == pytest.approx(expected, rel=1e-12, abs=1e-9), query


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
@pytest.mark.parametrize("language", ["python", "js"])
def test_a_client_that_starts_again_counts_on(
    server, tenant, new_client, language, temporality
):
    ledgers = []
    for rounds in (ROUNDS[:2], ROUNDS[2:]):
        client = new_client(server, tenant, language, temporality=temporality)
        client.run(rounds)
        ledgers.append(client.stop())
    check(server, tenant, ledgers, temporality)
    check_exemplars(server, tenant, ledgers, has_any=language == "python")


@pytest.mark.parametrize("language, temporality", [("python", "delta"), ("js", "cumulative")])
def test_nothing_is_lost_or_doubled_when_the_server_is_killed(
    new_server, new_client, language, temporality
):
    """Killed between exports, and during one, which the SDK then tries again."""
    server, tenant = new_server(), "killed"
    client = new_client(server, tenant, language, temporality=temporality)
    for number in (0, *ROUNDS):
        client.tell("record", number)
        if number % 2:
            server.kill()
            export = threading.Thread(target=client.export)
            export.start()
            server.start()
            export.join()
        else:
            client.export()
            server.crash()
    ledgers = [client.stop()]
    check(server, tenant, ledgers, temporality)
    for change, then in ((server.flush, server.crash), (server.compact, server.restart)):
        change()
        then()
        check(server, tenant, ledgers, temporality)
    check_exemplars(server, tenant, ledgers, has_any=language == "python")
