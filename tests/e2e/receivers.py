"""Who is told: webhooks whose behaviour a test sets, a real Alertmanager, and servers that tell them."""

import datetime
import http.server
import json
import subprocess
import threading
import time

import pytest
import requests

from binnacle import free_ports
from debian import program

#: A few of the shortest intervals, on a busy machine.
WAIT_SECONDS_MAX = 60


def wait_until(check, seconds=WAIT_SECONDS_MAX):
    """The first truthy answer of `check`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := check():
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


class Hook:
    """A receiver. `answer` says what each request gets: a status, a status with headers, or `hang`."""

    def __init__(self, answer=lambda request: 200, port=0):
        self.answer = answer
        self.requests = []
        self.stop_hanging = threading.Event()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = {
                    "path": self.path,
                    "headers": {name.lower(): value for name, value in self.headers.items()},
                    "text": body.decode(),
                    "body": json.loads(body),
                    "time": time.time(),
                    "key": self.headers.get("Idempotency-Key"),
                }
                answer = hook.answer(request)
                if answer == "hang":
                    hook.stop_hanging.wait(WAIT_SECONDS_MAX)
                    return
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                request["status"] = status
                hook.requests.append(request)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        class HookServer(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = HookServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def taken(self, path=None):
        """Requests that were answered with success, in their order."""
        is_taken = lambda r: r["status"] < 300 and path in (None, r["path"])
        return [request for request in list(self.requests) if is_taken(request)]

    def close(self):
        self.stop_hanging.set()
        self.server.shutdown()
        self.server.server_close()


ALERTMANAGER = "prometheus-alertmanager"


class Alertmanager:
    """Debian's prometheus-alertmanager, the outside witness."""

    def __init__(self, directory, config):
        directory.mkdir(parents=True)
        self.file = directory / "alertmanager.yml"
        self.file.write_text(config)
        [port] = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.log = open(directory / "log.txt", "ab")
        self.process = subprocess.Popen(
            [
                program(ALERTMANAGER, "prometheus-alertmanager"),
                f"--config.file={self.file}",
                f"--storage.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=self.log,
            stderr=self.log,
        )
        wait_until(self.is_ready)

    def is_ready(self):
        try:
            return requests.get(f"{self.url}/-/ready", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def alerts(self):
        return requests.get(f"{self.url}/api/v2/alerts", timeout=10).json()

    def stop(self):
        self.process.kill()
        self.process.wait(timeout=30)


def amtool(url, *arguments, check=True):
    """What `amtool` prints when it is asked about the Alertmanager at `url`."""
    command = [program(ALERTMANAGER, "amtool"), f"--alertmanager.url={url}", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if check:
        assert ran.returncode == 0, (arguments, ran.stdout, ran.stderr)
    return ran


# ---- servers and what they are told ----


def at(offset=0):
    """A time so many seconds from now, as the API reads it."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset)
    return moment.isoformat()


def alert(start=None, end=None, annotations=None, **labels):
    posted = {"labels": {"alertname": "Slow"} | labels, "annotations": annotations or {}}
    posted["generatorURL"] = "http://somewhere/graph"
    return posted | {"startsAt": start or at()} | ({"endsAt": end} if end else {})


def post(url, *alerts):
    answer = requests.post(f"{url}/api/v2/alerts", json=list(alerts), timeout=30)
    assert answer.status_code == 200, answer.text


@pytest.fixture
def new_hook():
    hooks = []

    def start(*arguments, **options):
        hooks.append(Hook(*arguments, **options))
        return hooks[-1]

    yield start
    for hook in hooks:
        hook.close()


@pytest.fixture
def notifying(new_server, tmp_path):
    """Starts servers with a notification file."""

    def start(text, **settings):
        file = tmp_path / "notify.yml"
        file.write_text(text)
        settings = {"alerting.notify_file": str(file), "alerting.reload_interval": "200ms"} | settings
        server = new_server(settings=settings)
        server.file = file
        server.alertmanager = f"{server.api}/alertmanager"
        return server

    return start


FAST = "group_wait: 500ms, group_interval: 1s, repeat_interval: 1h"


def to_hook(hook, group_by="[alertname]", **options):
    options = json.dumps({"url": f"{hook.url}/hook"} | options)
    return f"""
route: {{receiver: hook, group_by: {group_by}, {FAST}}}
receivers:
- name: hook
  webhook_configs: [{options}]
"""


def keys(requests):
    return [request["key"] for request in requests]


def deliveries(server, **parameters):
    answer = server.call("GET", "/api/v1/deliveries", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["deliveries"]


def rules(value):
    return f"""
groups:
- name: g
  interval: 500ms
  rules:
  - alert: Always
    expr: vector({value}) > 1
    labels: {{severity: page}}
    annotations: {{summary: 'it is {{{{ $value }}}}'}}
"""
