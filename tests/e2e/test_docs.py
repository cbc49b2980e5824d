"""The handbook is true: its commands work as they stand, its links lead somewhere, and what it names is there."""

import os
import re
import subprocess
import tomllib

import pytest
import requests

from binnacle import ROOT, binary
from debian import program
from pages import PORTS, Reader, anchors, blocks, manuals, programs, without_code

BESIDE = [ROOT / "deploy" / "README.md", ROOT / "load" / "README.md", ROOT / "tests" / "shop" / "README.md"]
#: The pages of docs/faults are run by test_docs_faults.py.
HANDBOOK = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *BESIDE]
NODE_MODULES = ROOT / "tests" / "e2e" / "js" / "node_modules"
SECTION = r"(?:server|api|collector|scrape|storage|query|alerting|log)"


def commands(page):
    return [block for block in blocks(page) if block.language == "sh"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return programs(tmp_path_factory.mktemp("programs"), [("promtool", program("prometheus", "promtool"))])


#: Pages whose every command starts something else than this server say so block by block.
RUN = [page for page in HANDBOOK if any(block.mark != "not run" for block in commands(page))]


@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_work_as_they_stand(page, path, tmp_path, server):
    has_own_server = any(block.mark == "background" for block in commands(page))
    ports = None if has_own_server else [server.api_port, server.grpc_port, server.otlp_port, 9]
    reader = Reader(tmp_path / "reader", path, ports)
    # `DOCS_NEEDS=cargo,go`: also programs of which the newest libraries come from elsewhere, which no test here waits for.
    available = {"promtool", *os.environ.get("DOCS_NEEDS", "").split(",")}
    if NODE_MODULES.is_dir():
        available.add("node_modules")
        (reader.folder / "node_modules").symlink_to(NODE_MODULES)
    try:
        assert reader.follow(page, available) > 0
    finally:
        reader.stop()


def test_what_is_not_run_says_why():
    assert len(RUN) >= 7, RUN
    all_commands = [block for page in HANDBOOK for block in commands(page)]
    assert sum(block.mark != "not run" for block in all_commands) > 25
    for block in all_commands:
        if block.mark == "not run":
            assert len(block.said) > 10, block.text


@pytest.mark.parametrize("page", manuals(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page}: {link} is none of {sorted(anchors(target))}"


def test_the_configuration_page_is_what_the_binary_prints():
    page = ROOT / "docs" / "configuration.md"
    printed = subprocess.run([ROOT / "docs" / "configuration.sh", binary()], capture_output=True, text=True, check=True)
    assert page.read_text() == printed.stdout, "stale: `make docs`, or `docs/configuration.sh BINARY >docs/configuration.md`"


def spans_of_code(page):
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S))


def test_settings_that_are_named_are_there():
    sections = tomllib.loads(subprocess.run([binary(), "config", "print"], capture_output=True, text=True).stdout)
    there = {f"{section}.{key}" for section, keys in sections.items() for key in keys}
    named = {
        setting
        for page in HANDBOOK
        for code in spans_of_code(page)
        for setting in re.findall(rf"(?<![\w./-]){SECTION}\.[a-z][a-z_]+\b(?!\.)", code)
        if not setting.endswith(".sqlite")
    }
    assert len(named) > 20
    assert named <= there, named - there


def test_routes_that_are_named_are_there(server):
    paths = requests.get(f"{server.api}/api/v1/openapi.json", timeout=10).json()["paths"]
    shape = lambda path: re.sub(r"\{[^}]*\}|(?<=/)[A-Z]+(?=/|$)", "*", path)
    there = {shape(path) for path in paths}
    named = {
        route
        for page in HANDBOOK
        for code in spans_of_code(page)
        for route in re.findall(r"(?<![\w/])/api/v1/[a-zA-Z0-9_/{}.-]+", code)
    }
    assert len(named) > 20
    for route in named:
        concrete = shape(route.rstrip("/"))
        known = any(re.fullmatch(re.escape(one).replace(r"\*", "[^/]+"), concrete) for one in there)
        assert known, f"{route} is none of {sorted(there)}"


def test_metrics_that_are_named_are_there(server):
    text = requests.get(f"{server.api}/metrics", timeout=10).text
    there = set(re.findall(r"^# HELP (\S+)", text, re.M))
    named = {m for c in spans_of_code(ROOT / "docs" / "operation.md") for m in re.findall(r"^(?:binnacle|process)_[a-z_]+$", c)}
    assert len(named) > 8
    assert named <= there, named - there


def test_messages_that_are_explained_are_said():
    """The first cells of the tables below "by message" are cut out of the sources' own texts."""
    page = (ROOT / "docs" / "operation.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", page.split("by message\n", 1)[1], re.M)
    messages = [message for row in rows for message in re.findall(r"`([^`]+)`", row)]
    assert len(messages) > 15
    crates = ("src", "collector/src", "storage/src", "query/src", "alerting/src")
    sources = [path.read_text() for crate in crates for path in (ROOT / crate).rglob("*.rs")]
    said = re.sub(r"\\\n\s*", "", "\n".join(sources))
    for message in messages:
        assert message in said, message


def test_ports_are_those_of_the_configuration():
    sections = tomllib.loads(subprocess.run([binary(), "config", "print"], capture_output=True, text=True).stdout)
    addresses = [sections["api"]["address"], sections["collector"]["grpc_address"], sections["collector"]["http_address"]]
    assert [address.split(":")[1] for address in addresses] == list(PORTS[:3])
