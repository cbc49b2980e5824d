"""Starts `binnacle demo`: a server, and the shop beside it."""

import time

from binnacle import Server
from receivers import wait_until

#: From the beginning of a fault to its alert, on a busy machine.
ALERT_SECONDS_MAX = 240


class Demo(Server):
    """`binnacle demo` with a data directory of its own."""

    def __init__(self, directory, *arguments, history="0s"):
        super().__init__(directory)
        self.arguments = [*arguments, "--history", history]

    def command(self):
        [binary, _, *rest] = super().command()
        return [binary, "demo", *rest, *self.arguments]

    # ---- faults ----

    def begin(self, fault, **when):
        answer = self.call("POST", "/api/v1/demo/faults", json={"fault": fault} | when)
        assert answer.status_code == 200, answer.text
        return {one["name"]: one for one in answer.json()["faults"]}

    def end(self, fault):
        answer = self.call("DELETE", f"/api/v1/demo/faults/{fault}")
        assert answer.status_code == 200, answer.text

    # ---- what came of them ----

    def alerts(self):
        """Firing alerts, as Alertmanager's API has them."""
        answer = self.call("GET", "/alertmanager/api/v2/alerts")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def firing(self):
        return {alert["labels"]["alertname"] for alert in self.alerts()}

    def wait_for_alert(self, name, **labels):
        wanted = {"alertname": name} | labels

        def found():
            return next((a for a in self.alerts() if wanted.items() <= a["labels"].items()), None)

        try:
            return wait_until(found, ALERT_SECONDS_MAX)
        except AssertionError as error:
            names = [alert["labels"] for alert in self.alerts()]
            raise AssertionError(f"no {wanted} among {names}\n{self.log_tail()}") from error

    def evidence(self, alert):
        """What explains the alert, once it is pinned."""

        def pinned():
            answer = self.call("GET", f"/api/v1/alerts/{alert['fingerprint']}/explain")
            return answer.json() if answer.status_code == 200 else None

        return wait_until(pinned)

    def wait_for_rows(self, sql, count=1, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            rows = self.query(sql)
            if len(rows) >= count:
                return rows
            assert time.monotonic() < deadline, (sql, rows, self.log_tail())
            time.sleep(0.5)
