"""Fixtures: servers of their own for those tests that kill, one shared per file for the others."""

import itertools
import os
import pathlib
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from binnacle import Server, binary  # noqa: E402

#: Test data of other projects, each with its licence.
DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
tenants = itertools.count(1)


def pytest_sessionstart(session):
    if not os.access(binary(), os.X_OK):
        pytest.exit(f"no binary at {binary()}: build it, or set BINNACLE_BIN", returncode=2)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for all tests of a file; each test takes a tenant of its own."""
    server = Server(tmp_path_factory.mktemp("server")).start()
    yield server
    server.stop()


@pytest.fixture
def tenant():
    return f"tenant-{next(tenants)}"


@pytest.fixture
def new_server(tmp_path):
    """Starts servers that end with the test."""
    servers = []

    def start(**options):
        servers.append(Server(tmp_path / f"server-{len(servers)}", **options))
        return servers[-1].start()

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def data():
    return DATA
