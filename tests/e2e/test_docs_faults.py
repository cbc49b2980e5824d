"""The pages of faults: both of their commands break what the page is about."""

import signal
import subprocess

import pytest
import requests

from binnacle import ROOT, START_SECONDS_MAX
from pages import Reader, blocks, programs
from receivers import wait_until
from shop import Demo

PAGES = sorted(page for page in (ROOT / "docs" / "faults").glob("*.md") if page.name != "README.md")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return programs(tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    demo = Demo(tmp_path_factory.mktemp("demo")).start()
    yield demo
    demo.stop()


def faults(api):
    return {one["name"]: one for one in requests.get(f"{api}/api/v1/demo/faults", timeout=10).json()["faults"]}


def commands(page):
    [block] = [block for block in blocks(page) if block.language == "sh"]
    return block.text.strip().split("\n")


def test_every_fault_has_a_page(demo):
    assert {page.stem for page in PAGES} == set(faults(demo.api))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_demo_that_runs_takes_the_fault(page, path, tmp_path, demo):
    _, asking = commands(page)
    reader = Reader(tmp_path / "reader", path, [demo.api_port, demo.grpc_port, demo.otlp_port, 9])
    try:
        reader.run(asking)
        assert faults(demo.api)[page.stem]["is_on"], faults(demo.api)[page.stem]
    finally:
        demo.end(page.stem)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_demo_starts_with_the_fault(page, path, tmp_path):
    serving, _ = commands(page)
    reader = Reader(tmp_path / "reader", path)
    log = (tmp_path / "log.txt").open("wb")
    command = ["bash", "-c", f"exec {reader.here(serving)} --history 0s"]
    demo = subprocess.Popen(command, cwd=reader.folder, env=reader.environment, stdout=log, stderr=log)
    try:
        def planned():
            try:
                fault = faults(reader.environment["BINNACLE_URL"])[page.stem]
            except (requests.ConnectionError, KeyError):
                assert demo.poll() is None, (tmp_path / "log.txt").read_text()
                return False
            return fault["starts_in_ms"] is not None

        assert wait_until(planned, START_SECONDS_MAX)
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=60) == 0
