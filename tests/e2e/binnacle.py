"""Starts the real `binnacle` and talks to it: the only file here that knows its command line and routes."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pyarrow as pa
import requests

import canonical
from everything import encode

ROOT = pathlib.Path(__file__).resolve().parents[2]
TENANT_HEADER = "X-Scope-OrgID"
#: A dev build on a busy two-core machine.
START_SECONDS_MAX = 60


def binary():
    """The binary under test: `$BINNACLE_BIN`, else the dev build."""
    if path := os.environ.get("BINNACLE_BIN"):
        return path
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return str(target / "debug" / "binnacle")


def free_ports(count):
    """Ports nobody listens on at this moment; all held until all are found, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Server:
    """One server process and its data directory."""

    def __init__(self, directory, settings=None, environment=None, config=""):
        self.directory = pathlib.Path(directory)
        self.data = self.directory / "data"
        self.grpc_port, self.otlp_port, self.api_port = free_ports(3)
        self.grpc = f"127.0.0.1:{self.grpc_port}"
        self.otlp = f"http://127.0.0.1:{self.otlp_port}"
        self.api = f"http://127.0.0.1:{self.api_port}"
        #: Nothing is flushed but on request, unless a test says otherwise.
        self.settings = {"storage.flush_interval": "1h"} | (settings or {})
        self.environment = os.environ | (environment or {})
        #: Text of a config file, for what no flag can say.
        self.config = config
        self.process = None
        self.http = requests.Session()
        self.directory.mkdir(parents=True, exist_ok=True)

    def command(self):
        command = [binary(), "serve", "--data", str(self.data)]
        command += ["--api", f"127.0.0.1:{self.api_port}"]
        command += ["--otlp-http", f"127.0.0.1:{self.otlp_port}"]
        command += ["--otlp-grpc", self.grpc]
        if self.config:
            path = self.directory / "binnacle.toml"
            path.write_text(self.config)
            command += ["--config", str(path)]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        return command

    # ---- life and death ----

    def start(self, wait=True):
        self.log = open(self.directory / "log.txt", "ab")
        self.process = subprocess.Popen(
            self.command(),
            stdout=self.log,
            stderr=self.log,
            env=self.environment,
        )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"binnacle ended: {self.process.returncode}\n{self.log_tail()}")
            try:
                if requests.get(f"{self.api}/readyz", timeout=5).status_code == 200:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"binnacle is not ready\n{self.log_tail()}")

    def stop(self):
        """Asks to stop, as a service manager does."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(timeout=60) == 0, self.log_tail()
        self.process = None
        self.http.close()

    def kill(self):
        """`kill -9`."""
        if self.process:
            self.process.kill()
            self.process.wait(timeout=60)
        self.process = None
        self.http.close()

    def restart(self):
        self.stop()
        return self.start()

    def crash(self):
        self.kill()
        return self.start()

    def delete(self):
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def log_text(self):
        return (self.directory / "log.txt").read_text(errors="replace")

    def log_tail(self):
        return self.log_text()[-4000:]

    def memory(self, field="VmRSS"):
        """Bytes of memory: `VmRSS` now, `VmHWM` at its peak."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) * 1024

    # ---- writing ----

    def post(self, path, body, headers=None, tenant=None, timeout=60, session=None):
        """A raw request to the OTLP port."""
        headers = dict(headers or {}) | ({TENANT_HEADER: tenant} if tenant else {})
        client = session or self.http
        return client.post(f"{self.otlp}{path}", data=body, headers=headers, timeout=timeout)

    def send(self, sent_signal, message, form="protobuf", compression=None, tenant=None):
        """Sends a message that is to be accepted whole; returns the body of the answer."""
        body, headers = encode(message, form, compression)
        answer = self.post(f"/v1/{sent_signal}", body, headers, tenant)
        assert answer.status_code == 200, (answer.status_code, answer.content)
        assert answer.headers["Content-Type"] == headers["Content-Type"]
        assert answer.content in (b"", b"{}"), answer.content
        return answer

    # ---- housekeeping ----

    def flush(self):
        self.admin("flush")

    def compact(self):
        self.admin("compact")

    def admin(self, what):
        answer = self.http.post(f"{self.api}/api/v1/admin/{what}", timeout=300)
        assert answer.status_code in (200, 204), (answer.status_code, answer.text)

    # ---- reading ----

    def call(self, method, path, tenant=None, **more):
        """A raw request to the native API."""
        headers = more.pop("headers", {}) | ({TENANT_HEADER: tenant} if tenant else {})
        timeout = more.pop("timeout", 120)
        return self.http.request(
            method, f"{self.api}{path}", headers=headers, timeout=timeout, **more
        )

    def query(self, sql, tenant=None, **request):
        """Rows of a SQL query, as the JSON answer has them."""
        answer = self.call("POST", "/api/v1/sql", tenant, json={"query": sql} | request)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        body = answer.json()
        assert not body["truncated"], body["stats"]
        return body["rows"]

    def value(self, sql, tenant=None):
        """The one value of a query that answers one."""
        [[value]] = self.query(sql, tenant)
        return value

    def arrow(self, sql, tenant=None):
        """The answer of a SQL query as an Arrow table."""
        answer = self.call(
            "POST", "/api/v1/sql", tenant, json={"query": sql, "format": "arrow"}
        )
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return pa.ipc.open_stream(answer.content).read_all()

    def trace(self, trace_id, tenant=None):
        """`GET /api/v1/traces/{id}`; `None` when there is none."""
        answer = self.call("GET", f"/api/v1/traces/{trace_id}", tenant)
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json()

    def spans(self, trace_id, tenant=None):
        """`(trace id, span id)` → canonical span."""
        trace = self.trace(trace_id, tenant)
        spans = [canonical.read_span(span) for span in (trace or {"spans": []})["spans"]]
        by_id = {(span["trace_id"], span["span_id"]): span for span in spans}
        assert len(by_id) == len(spans), "a span came back twice"
        return by_id

    def trace_logs(self, trace_id, tenant=None):
        """The canonical log records of a trace."""
        trace = self.trace(trace_id, tenant)
        return [canonical.read_log(log) for log in (trace or {"logs": []})["logs"]]

    def log_page(self, query="", tenant=None, **parameters):
        answer = self.call("GET", "/api/v1/logs", tenant, params={"query": query} | parameters)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json()

    def logs(self, query="", tenant=None, limit=1000, **parameters):
        """All canonical log records a query finds, page by page, newest first."""
        found, cursor = [], {}
        while True:
            page = self.log_page(query, tenant, limit=limit, **parameters, **cursor)
            found += [canonical.read_log(log) for log in page["logs"]]
            if not page["cursor"]:
                return found
            cursor = {"cursor": page["cursor"]}

    def series_page(self, tenant=None, **parameters):
        answer = self.call("GET", "/api/v1/series", tenant, params=parameters)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json()

    def series(self, tenant=None, **parameters):
        """All series that match, page by page; those cut in two by a page are two."""
        found, cursor = [], {}
        while True:
            page = self.series_page(tenant, **parameters, **cursor)
            assert page["stats"]["warnings"] == [], page["stats"]
            found += page["series"]
            if not page["cursor"]:
                return found
            cursor = {"cursor": page["cursor"]}

    def prometheus(self, path, tenant=None, **parameters):
        """The `data` of an answer of Prometheus's API, which must have nothing to warn of."""
        answer = self.call("GET", f"/prometheus/api/v1/{path}", tenant, params=parameters)
        assert answer.status_code == 200, (parameters, answer.text)
        body = answer.json()
        assert "warnings" not in body, (parameters, body["warnings"])
        return body["data"]

    def promql(self, query, tenant=None, **parameters):
        """The result of an instant query."""
        return self.prometheus("query", tenant, query=query, **parameters)["result"]

    def segments(self, table=None, tenant=None):
        """The Parquet files of the live segments."""
        rows = self.query('SELECT id, "table" FROM segments', tenant)
        ids = [name for name, of in rows if table in (None, of)]
        files = {path.stem: path for path in self.data.rglob("*.parquet") if "rollups" not in path.parts}
        return [files[name] for name in ids]

    def points(self, tenant=None):
        """All canonical data points of a tenant."""
        tables = ("metric_points", "series", "exemplars")
        answers = [self.arrow(f"SELECT * FROM {table}", tenant) for table in tables]
        return canonical.read_points(*(plain_rows(answer) for answer in answers))


def plain_rows(table):
    """Arrow rows as dicts, times as Unix ns."""
    columns = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        columns[name] = column.to_pylist()
    return [dict(zip(columns, row)) for row in zip(*columns.values())]
