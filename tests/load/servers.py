"""The servers that are measured: Binnacle, and Prometheus beside it."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request


class Process:
    """A server process with its own data directory, and what it has used."""

    def __init__(self, arguments, name):
        self.data = arguments.dir / f"data-{name}"
        self.log_path = arguments.dir / f"log-{name}.txt"
        self.process = None
        arguments.dir.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.data, ignore_errors=True)

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        while True:
            if self.process.poll() is not None:
                sys.exit(f"{self.process.args[0]} ended:\n{self.log_path.read_text()[-3000:]}")
            try:
                with urllib.request.urlopen(self.url(self.ready_path), timeout=10):
                    return
            except OSError:
                time.sleep(0.01)

    def url(self, path):
        return f"http://127.0.0.1:{self.api_port}{path}"

    def cpu(self):
        """User and system seconds of the process, threads included."""
        # The process's CPU clock, as clock_getcpuclockid makes it of a process id.
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def peak_memory(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024

    def forget_peak_memory(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=120)

    def stop(self, keep):
        self.end()
        if not keep:
            shutil.rmtree(self.data, ignore_errors=True)


class Server(Process):
    """Binnacle."""

    ready_path = "/readyz"

    def __init__(self, arguments, name, settings=None):
        super().__init__(arguments, name)
        self.binary = arguments.bin
        self.settings = settings or {}
        self.api_port, self.otlp_port, self.grpc_port = free_ports(3)

    def command(self):
        command = [self.binary, "serve", "--data", str(self.data)]
        command += ["--api", f"127.0.0.1:{self.api_port}"]
        command += ["--otlp-http", f"127.0.0.1:{self.otlp_port}"]
        command += ["--otlp-grpc", f"127.0.0.1:{self.grpc_port}"]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        return command

    def post(self, path, body=b"", tenant="default"):
        headers = {"Content-Type": "application/json", "X-Scope-OrgID": tenant}
        request = urllib.request.Request(self.url(path), data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=3600) as answer:
            return answer.read()

    def settle(self):
        """Until everything is in compacted segments."""
        self.post("/api/v1/admin/flush")
        self.post("/api/v1/admin/compact")

    def query(self, sql, tenant="default"):
        return json.loads(self.post("/api/v1/sql", json.dumps({"query": sql}).encode(), tenant))["rows"]

    def count(self, table):
        return int(self.query(f"SELECT count(*) FROM {table}")[0][0])

    def segments(self):
        return int(self.query("SELECT count(*) FROM segments")[0][0])

    def disk(self):
        """Bytes by kind of the files the catalog names; retired files wait an hour for their readers, and are not counted."""
        sizes = {"parquet": 0, "idx": 0, "catalog": 0, "wal_written": 0}
        live = set()
        if self.process is not None:
            live = {name for [name] in self.query("SELECT id FROM segments")}
        for path in self.data.rglob("*"):
            if not path.is_file():
                continue
            kind = path.suffix.lstrip(".")
            relative = path.relative_to(self.data)
            if relative.parts[0] == "wal":
                # Preallocated space is not written yet.
                sizes["wal_written"] += path.stat().st_size
            elif kind in ("parquet", "idx"):
                if path.stem in live:
                    sizes[kind] += path.stat().st_size
            else:
                sizes["catalog"] += path.stat().st_size
        sizes["total"] = sizes["parquet"] + sizes["idx"] + sizes["catalog"]
        return sizes


class Prometheus(Process):
    """A Prometheus that gets everything by remote write."""

    ready_path = "/-/ready"

    def __init__(self, arguments, name, program):
        super().__init__(arguments, f"prometheus-{name}")
        self.program = program
        [self.api_port] = free_ports(1)
        self.config = arguments.dir / "prometheus.yml"
        self.config.write_text("global: {}\n")

    def command(self):
        command = [self.program, f"--config.file={self.config}", f"--storage.tsdb.path={self.data}"]
        command += [f"--web.listen-address=127.0.0.1:{self.api_port}", "--log.level=warn"]
        return command + ["--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=10y"]

    def settle(self):
        """Until it has had nothing to do for three seconds: it makes and joins its blocks by itself."""
        quiet = 0
        while quiet < 3:
            before = self.cpu()
            time.sleep(1)
            quiet = quiet + 1 if self.cpu() - before < 0.05 else 0

    def disk(self):
        """Bytes and samples of the blocks, and bytes of everything else: the WAL and the chunks of the last hours."""
        blocks = samples = rest = 0
        for entry in self.data.iterdir():
            size = sum(path.stat().st_size for path in entry.rglob("*") if path.is_file())
            if (entry / "meta.json").exists():
                blocks += size
                samples += json.loads((entry / "meta.json").read_text())["stats"]["numSamples"]
            else:
                rest += size
        return {"blocks": blocks, "samples": samples, "rest": rest}


def find_prometheus():
    """The program, or why there is none."""
    program = os.environ.get("PROMETHEUS") or shutil.which("prometheus")
    if program is None:
        return None, "prometheus is not installed: `apt-get install prometheus`, or set PROMETHEUS to the program"
    return program, None


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
