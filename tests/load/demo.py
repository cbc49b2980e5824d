"""The demo as a server to be measured, and load on its shop."""

import json
import re
import subprocess
import time
import urllib.request

from servers import Server

#: Requests of the load: three in four ask for one product, one for all.
PLAN = """
name = "{name}"
target = "{shop}"
stages = ["{seconds}s:{rate}"]
headers = {{ x-api-key = "load-key" }}
[[requests]]
path = "/api/products/{{1..24}}"
weight = 3
[[requests]]
path = "/api/products"
"""


class Demo(Server):
    """`binnacle demo` without made-up history, and hardly a visitor."""

    def command(self):
        [binary, _, *rest] = super().command()
        return [binary, "demo", *rest, "--history", "0s", "--visits", "0.2"]

    def start(self):
        super().start()
        deadline = time.monotonic() + 60
        while not (said := re.search(r"load it: binnacle load '(http://[^/]+)", self.log_path.read_text())):
            if time.monotonic() > deadline:
                raise SystemExit(f"the shop did not open:\n{self.log_path.read_text()[-3000:]}")
            time.sleep(0.1)
        self.shop = said[1]
        return self

    def load(self, arguments, name, rate, seconds):
        """Loads the shop at a rate; returns the report and what was said about spans."""
        plan, report = arguments.dir / "plan.toml", arguments.dir / "report.json"
        plan.write_text(PLAN.format(name=name, shop=self.shop, rate=rate, seconds=seconds))
        command = [self.binary, "load", "--plan", str(plan), "--json", str(report), "--quiet"]
        command += ["--otlp", f"http://127.0.0.1:{self.otlp_port}", "--otlp-service", name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120)
        if done.returncode != 0:
            raise SystemExit(f"binnacle load failed:\n{done.stdout}\n{done.stderr}")
        [sent, lost] = re.search(r"spans: (\d+) sent, (\d+) lost", done.stdout).groups()
        return json.loads(report.read_text()), int(sent), int(lost)

    def get(self, path):
        with urllib.request.urlopen(self.url(path), timeout=60) as answer:
            return json.loads(answer.read())

    def fault(self, name, begins):
        path = "/api/v1/demo/faults" if begins else f"/api/v1/demo/faults/{name}"
        body = json.dumps({"fault": name}).encode() if begins else None
        method = "POST" if begins else "DELETE"
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.url(path), data=body, headers=headers, method=method)
        urllib.request.urlopen(request, timeout=60).close()

    def accepted(self):
        """Records that the collector said it took, by signal, of all tenants."""
        with urllib.request.urlopen(self.url("/metrics"), timeout=60) as answer:
            text = answer.read().decode()
        counts = {}
        for signal, count in re.findall(r'records_accepted_total\{.*?signal="(\w+)".*?\} (\d+)', text):
            counts[signal] = counts.get(signal, 0) + int(count)
        return counts

    def stored(self):
        """Rows that there are, by signal, of both tenants: the shop's, and the server's own."""
        tables = {"traces": "spans", "logs": "logs", "metrics": "metric_points"}
        count = lambda table, tenant: int(self.query(f"SELECT count(*) FROM {table}", tenant)[0][0])
        return {signal: sum(count(table, tenant) for tenant in ("default", "binnacle")) for signal, table in tables.items()}

    def kept(self):
        """Records acknowledged and rows stored, by signal, at a moment when nothing comes in between."""
        for _ in range(20):
            accepted, stored = self.accepted(), self.stored()
            if accepted == self.accepted():
                break
            time.sleep(0.3)
        return {signal: (accepted.get(signal, 0), rows) for signal, rows in stored.items()}


def say_kept(kept):
    """What `Demo.kept` found, in words."""
    names = {"traces": "spans", "logs": "log records", "metrics": "data points"}
    said = (f"{names[signal]} {accepted:,} and {rows:,}" + ("" if accepted == rows else " (NOT equal)") for signal, (accepted, rows) in kept.items())
    return ", ".join(said)
