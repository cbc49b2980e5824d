"""A real Prometheus, as Debian packages it: what Binnacle is compared with."""

import os
import pathlib
import re
import signal
import subprocess
import time

import requests

from debian import program

START_SECONDS_MAX = 60

#: All that came is sent when nothing has changed for so long; targets that are gone are marked a second after their last scrape.
CALM_SECONDS = 4
DRAIN_SECONDS_MAX = 120


def programs():
    """Paths of `prometheus` and `promtool`."""
    return program("prometheus", "prometheus"), program("prometheus", "promtool")


class Prometheus:
    """One Prometheus process and its data directory."""

    def __init__(self, directory, port, config, programs, options=()):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.data = self.directory / "data"
        self.address = f"127.0.0.1:{port}"
        self.program, self.tool = programs
        (self.directory / "prometheus.yml").write_text(config)
        self.options = list(options)
        self.process = None

    def start(self):
        command = [self.program, f"--config.file={self.directory}/prometheus.yml"]
        command += [f"--storage.tsdb.path={self.data}", f"--web.listen-address={self.address}"]
        command += ["--enable-feature=native-histograms,exemplar-storage", *self.options]
        with open(self.directory / "log.txt", "ab") as log:
            environment = os.environ | {"GOMAXPROCS": "2"}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log()
            try:
                if requests.get(f"http://{self.address}/-/ready", timeout=5).status_code == 200:
                    return self
            except requests.ConnectionError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"prometheus is not ready\n{self.log()}")

    def log(self):
        return (self.directory / "log.txt").read_text(errors="replace")[-4000:]

    def stop(self):
        """Ends in order: what waits to be sent is sent first."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=120)
        self.process = None

    def drain(self):
        """Scrapes no more, and returns when all that was scraped is sent: what it has not read of its WAL when it stops stays unsent."""
        path = self.directory / "prometheus.yml"
        path.write_text(re.sub(r"(?m)^scrape_configs:\n(  .*\n)*", "", path.read_text()))
        self.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + DRAIN_SECONDS_MAX
        calm_since, before = time.monotonic(), None
        while time.monotonic() < calm_since + CALM_SECONDS:
            assert time.monotonic() < deadline, self.log()
            came = self.metric("prometheus_remote_storage_samples_in_total")
            sent = self.metric("prometheus_remote_storage_samples_total")
            if came != before or sent < came:
                calm_since, before = time.monotonic(), came
            time.sleep(0.2)

    def metric(self, name):
        """A value of its own `/metrics`; the sum over labels."""
        text = requests.get(f"http://{self.address}/metrics", timeout=30).text
        lines = [line for line in text.splitlines() if line.startswith((name + "{", name + " "))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def samples(self):
        """All stored samples as `(labels as text, value, time in ms)`. Only once it has stopped."""
        dump = subprocess.run(
            [self.tool, "tsdb", "dump", str(self.data)], check=True, capture_output=True, text=True
        )
        for line in dump.stdout.splitlines():
            labels, value, time_ms = line.rsplit(" ", 2)
            yield labels, float(value), int(time_ms)
