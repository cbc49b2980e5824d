"""The handbook's pages: their blocks of code, their links, and how a block is run.

A comment on the line before a block says what is to be done with it:

    <!-- not run: why -->        a block of sh that no test can run
    <!-- file: NAME -->          the block is saved as NAME, as the page tells its reader
    <!-- background: what -->    it runs until the page ends, as in another terminal
    <!-- needs: NAME -->         it is run where NAME can be had

All other blocks of sh are run as they stand, in their order, in one folder per page; only ports are others.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import requests

from binnacle import ROOT, START_SECONDS_MAX, binary, free_ports

BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[a-z ]+): (?P<said>[^\n]+?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)
MARKS = (None, "not run", "file", "background", "needs")
#: The ports that the pages name, and one that a webhook listens on.
PORTS = ("7070", "4317", "4318", "9000")
BLOCK_SECONDS_MAX = 180


@dataclass
class Block:
    language: str
    text: str
    mark: str | None
    said: str | None


def blocks(page):
    found = [Block(m["language"], m["text"], m["mark"], m["said"]) for m in BLOCK.finditer(page.read_text())]
    for block in found:
        assert block.mark in MARKS, (page, block.mark)
    return found


def manuals():
    """Every page of ours; those beside test data of other projects are theirs."""
    skipped = {"target", "node_modules", ".venv", "data", "testdata", "artifacts"}
    pages = (p for p in ROOT.rglob("*.md") if not skipped & set(p.relative_to(ROOT).parts[:-1]))
    return sorted(pages)


def without_code(text):
    """The text, with neither blocks nor spans of code."""
    return re.sub(r"`[^`\n]*`", "``", re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class Reader:
    """Somebody who follows a page word for word, in a folder of their own."""

    def __init__(self, folder, programs, ports=None):
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ports = dict(zip(PORTS, ports or free_ports(len(PORTS))))
        self.background = []
        api, grpc, http = (self.ports[port] for port in PORTS[:3])
        curl = folder / ".curlrc"
        curl.write_text("fail\nsilent\nshow-error\n")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("BINNACLE_", "OTEL_"))} | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CURL_HOME": str(folder),
            "BINNACLE_API_ADDRESS": f"127.0.0.1:{api}",
            "BINNACLE_COLLECTOR_GRPC_ADDRESS": f"127.0.0.1:{grpc}",
            "BINNACLE_COLLECTOR_HTTP_ADDRESS": f"127.0.0.1:{http}",
            "BINNACLE_URL": f"http://127.0.0.1:{api}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{http}",
        }

    def here(self, text):
        """The text with this reader's ports."""
        for port, own in self.ports.items():
            text = re.sub(rf"(?<!\d){port}(?!\d)", str(own), text)
        return text

    def follow(self, page, available=()):
        """Does what the page says; returns how many blocks of sh were run."""
        run = 0
        for block in blocks(page):
            if block.mark == "file":
                file = self.folder / block.said
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(self.here(block.text))
            elif block.language != "sh" or block.mark == "not run":
                continue
            elif block.mark == "background":
                self.start(block.text)
            elif block.mark != "needs" or block.said in available:
                self.run(block.text)
                run += 1
        return run

    def run(self, text):
        began = time.monotonic()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(text)],
            cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=BLOCK_SECONDS_MAX,
        )
        print(f"$ {text}{done.stdout[-2000:]}{done.stderr[-2000:]}[{time.monotonic() - began:.1f} s]")
        assert done.returncode == 0, f"{text}\nended with {done.returncode}\n{done.stdout}\n{done.stderr}"

    def start(self, text):
        log = open(self.folder / f"background-{len(self.background)}.txt", "wb")
        command = ["bash", "-c", "exec " + self.here(text).strip()]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)
        self.background.append(process)
        if not text.startswith("binnacle serve"):
            return
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            assert process.poll() is None, pathlib.Path(log.name).read_text()
            try:
                if requests.get(f"{self.environment['BINNACLE_URL']}/readyz", timeout=5).status_code == 200:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.05)
        raise AssertionError(pathlib.Path(log.name).read_text())

    def stop(self):
        for process in self.background:
            process.send_signal(signal.SIGTERM)
        for process in self.background:
            process.wait(timeout=60)


def programs(folder, others=()):
    """A folder for the `PATH`: `binnacle`, the tests' own Python, and others by their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in [("binnacle", binary()), ("python3", sys.executable), *others]:
        # What calls it by another path, a virtual environment's Python say, still finds its own.
        (folder / name).write_text(f'#!/bin/sh\nexec "{shutil.which(path) or path}" "$@"\n')
        (folder / name).chmod(0o755)
    return folder
