"""The two ways of taking a backup that `docs/operation.md` names, and that what is restored goes on."""

import shutil
import signal

import pytest

from binnacle import Server
from everything import logs, traces
from test_slo import find, put, spec

QUESTIONS = (
    "SELECT * FROM spans",
    "SELECT * FROM logs",
    "SELECT minute, service, name, sum(count), sum(errors) FROM red GROUP BY 1, 2, 3",
)


def answers(server):
    return [sorted(server.query(question), key=repr) for question in QUESTIONS]


def stopped(server, target):
    server.stop()
    shutil.copytree(server.data, target)
    server.start()


def held(server, target):
    """Between two instructions of the process, as a snapshot of the file system would be."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        shutil.copytree(server.data, target)
    finally:
        server.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("take", [stopped, held])
def test_what_was_copied_is_restored(new_server, tmp_path, take):
    server = new_server()
    for seed in (1, 2):
        # In segments, then in the WAL alone.
        server.send("traces", traces(seed))
        server.send("logs", logs(seed))
        if seed == 1:
            server.flush()
    put(server, spec("checkout", "spans", "{ kind = server }", "{ status != error }"))
    before = answers(server)
    assert all(before)

    restored = Server(tmp_path / "restored")
    take(server, restored.data)
    # The original goes on, and what it does has nothing to do with the copy.
    server.send("traces", traces(3))
    server.flush()
    server.compact()
    try:
        restored.start()
        status = restored.call("GET", "/api/v1/status").json()
        assert status["recovery"]["problems"] == []
        assert answers(restored) == before
        assert find(restored, "checkout")["version"] == 1
        restored.send("traces", traces(4))
        restored.flush()
        restored.compact()
        after = answers(restored)
        assert len(after[0]) > len(before[0])
        restored.restart()
        assert answers(restored) == after
    finally:
        restored.kill()
    assert len(answers(server)[0]) > len(before[0])
