"""What a client is to record, the process that does it, and what follows from the ledger it keeps."""

import json
import math
import pathlib
import random
import shutil
import subprocess
import sys
import time
from collections import defaultdict

import pytest

HERE = pathlib.Path(__file__).resolve().parent
#: Bounds that no SDK has by default.
BOUNDS = [-1.0, 0.0, 0.5, 1.0, 2.5, 10.0, 100.0]
#: The specification's.
DEFAULT_BOUNDS = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000]

#: Every kind of instrument, by integers and by floats. `as`: what Prometheus calls it.
INSTRUMENTS = {
    "orders": {"kind": "counter", "unit": "{order}", "as": "orders_total"},
    "busy.time": {"kind": "counter", "unit": "s", "float": True, "as": "busy_time_seconds_total"},
    "few.keys": {"kind": "counter", "unit": "", "keys": ["route"], "as": "few_keys_total"},
    "stock": {"kind": "up_down_counter", "unit": "{item}", "as": "stock"},
    "balance": {"kind": "up_down_counter", "unit": "", "float": True, "as": "balance"},
    "level": {"kind": "gauge", "unit": "Cel", "float": True, "as": "level_celsius"},
    "queue": {"kind": "gauge", "unit": "1", "as": "queue_ratio"},
    "ticks": {"kind": "observable_counter", "unit": "", "as": "ticks_total"},
    "cpu": {"kind": "observable_counter", "unit": "s", "float": True, "as": "cpu_seconds_total"},
    "threads": {"kind": "observable_up_down_counter", "unit": "", "as": "threads"},
    "heat": {"kind": "observable_gauge", "unit": "", "float": True, "as": "heat"},
    "latency": {"kind": "histogram", "unit": "ms", "float": True, "as": "latency_milliseconds"},
    "batch": {"kind": "histogram", "unit": "", "as": "batch"},
    "share": {"kind": "histogram", "unit": "", "float": True, "bounds": BOUNDS, "as": "share"},
    "size": {"kind": "histogram", "unit": "By", "float": True, "size": 160, "as": "size_bytes"},
    "narrow": {"kind": "histogram", "unit": "", "size": 8, "as": "narrow"},
}
ATTRIBUTES = [{}, *({"route": route, "ok": ok} for route in ("/a", "/ü b") for ok in (True, False))]


def plan(rounds, seed=1):
    """Rounds of measurements; after each the client exports. Every attribute set is measured in every round.

    In the round before, only the callbacks are asked, and counters say zero: of a counter that is observed, nobody knows what
    it was before.
    """
    chance = random.Random(seed)
    totals = defaultdict(float)
    zeros = {
        name: [[attributes, 0] for attributes in ATTRIBUTES]
        for name, about in INSTRUMENTS.items()
        if about["kind"].startswith("observable")
    }
    first = {"recorded": [], "observed": zeros}
    rounds = [first, *(plan_round(chance, totals) for _ in range(rounds))]
    return {"instruments": INSTRUMENTS, "rounds": rounds}


def plan_round(chance, totals):
    recorded, observed = [], {}
    for name, about in INSTRUMENTS.items():
        for number, attributes in enumerate(ATTRIBUTES):
            if not about["kind"].startswith("observable"):
                for _ in range(chance.randint(1, 6)):
                    in_span = chance.random() < 0.5
                    recorded.append([name, value(chance, about), attributes, in_span])
                continue
            key = (name, number)
            step = value(chance, about)
            totals[key] = totals[key] + step if about["kind"] != "observable_gauge" else step
            whole = totals[key] if "float" in about else int(totals[key])
            observed.setdefault(name, []).append([attributes, whole])
    chance.shuffle(recorded)
    return {"recorded": recorded, "observed": observed}


def value(chance, about):
    signed = about["kind"] in ("up_down_counter", "gauge", "observable_up_down_counter")
    if "histogram" in about["kind"] and chance.random() < 0.1:
        # On a bound, where a bucket ends.
        return chance.choice([0, 5, 10] if "float" not in about else [0.0, 0.5, 2.5, 10.0])
    if "float" in about:
        drawn = math.exp(chance.uniform(-4, 10))
        return round(-drawn if signed and chance.random() < 0.5 else drawn, 6)
    return chance.randint(-50, 50) if signed else chance.randint(0, 300)


class Client:
    """A process that records."""

    def __init__(self, language, directory, server, tenant, **settings):
        directory.mkdir(parents=True, exist_ok=True)
        number = len(list(directory.glob("ledger-*")))
        self.path = directory / f"ledger-{number}.jsonl"
        settings |= {
            "grpc": server.grpc,
            "http": server.otlp,
            "tenant": tenant,
            "ledger": str(self.path),
        }
        self.errors = open(directory / f"client-{number}.txt", "w+")
        self.process = subprocess.Popen(
            [*command(language), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.hear("ready")

    def hear(self, expected):
        line = self.process.stdout.readline().strip()
        if line != expected:
            self.errors.seek(0)
            raise AssertionError(f"the client said {line!r}\n{self.errors.read()[-4000:]}")

    def tell(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        self.hear("done")

    def run(self, rounds):
        for number in (0, *rounds):
            self.tell("record", number)
            self.export()

    def export(self):
        # PromQL's times are milliseconds: a counter is to begin in one before that of its first export.
        time.sleep(0.005)
        self.tell("export")

    def stop(self):
        """Ends in order, with a last export."""
        self.tell("stop")
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0
        return self.read()

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=60)

    def read(self):
        return Process([json.loads(line) for line in self.path.read_text().splitlines()])


def command(language):
    if language == "python":
        return [sys.executable, str(HERE / "ledger_client.py")]
    node = shutil.which("node")
    if node is None:
        pytest.fail("no node: the tests need Node.js 20.6 or later", pytrace=False)
    if not (HERE / "js" / "node_modules").is_dir():
        pytest.fail("no tests/e2e/js/node_modules: run `npm ci` there, or tests/run", pytrace=False)
    return [node, str(HERE / "js" / "ledger_client.mjs")]


def key(attributes):
    """Attributes as labels: a set of pairs of text."""
    text = {True: "true", False: "false"}
    return frozenset((k, text.get(v, v) if isinstance(v, bool) else str(v)) for k, v in attributes.items())


class Process:
    """The ledger of one process."""

    def __init__(self, entries):
        self.entries = entries
        self.exports = [entry for entry in entries if entry["kind"] == "export"]
        self.exemplars = [one for export in self.exports for one in export["exemplars"]]
        self.records = [entry for entry in entries if entry["kind"] == "record"]

    def key(self, entry):
        """The attributes of the series that a measurement belongs to."""
        kept = INSTRUMENTS[entry["instrument"]].get("keys")
        return key({k: v for k, v in entry["attributes"].items() if kept is None or k in kept})

    def measured(self, name):
        """The values of a synchronous instrument, by series."""
        values = defaultdict(list)
        for entry in self.records:
            if entry["instrument"] == name:
                values[self.key(entry)].append(entry["value"])
        return values

    def states(self, name):
        """By series, what an instrument stood at in each export: values so far, or what a callback last said."""
        now, states = defaultdict(list), defaultdict(list)
        for entry in self.entries:
            if entry["kind"] == "export":
                for series, values in now.items():
                    states[series].append(list(values))
            elif entry["instrument"] == name:
                if entry["kind"] == "observe":
                    now[self.key(entry)] = [entry["value"]]
                else:
                    now[self.key(entry)].append(entry["value"])
        return states


def is_sum(about):
    return "counter" in about["kind"]


def is_monotonic(about):
    return is_sum(about) and "up_down" not in about["kind"]


def is_histogram(about):
    return about["kind"] == "histogram"


def bounds(about):
    """The bounds of a histogram's buckets; `None` of an exponential one."""
    return None if "size" in about else about.get("bounds", DEFAULT_BOUNDS)


def quantiles(values, q):
    """The measurements at which a share of `q` is reached: two, where it is reached exactly between them."""
    rank = q * len(values)
    below, above = math.ceil(rank - 1e-9) - 1, math.floor(rank + 1e-9)
    ranked = sorted(values)
    return {ranked[max(below, 0)], ranked[min(above, len(values) - 1)]}


def write_plan(directory, plan):
    path = directory / "plan.json"
    path.write_text(json.dumps(plan))
    return str(path)
