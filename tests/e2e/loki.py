"""Loki's API as a client uses it."""

import base64
import json
import os
import socket
import struct
import urllib.parse

import cramjam


class Loki:
    """The Loki API of a server for one tenant."""

    def __init__(self, server, tenant):
        self.server, self.tenant = server, tenant

    def call(self, path, method="GET", headers=None, **parameters):
        """A raw request below `/loki/api/v1`."""
        options = {"params" if method == "GET" else "data": parameters}
        headers = dict(headers or {})
        return self.server.call(method, f"/loki/api/v1/{path}", self.tenant, headers=headers, **options)

    def get(self, path, headers=None, **parameters):
        answer = self.call(path, headers=headers, **parameters)
        assert answer.status_code == 200, (parameters, answer.status_code, answer.text)
        return answer.json()

    def data(self, path, **parameters):
        body = self.get(path, **parameters)
        assert body["status"] == "success", body
        return body["data"]

    def instant(self, query, time):
        """The values of an instant query by their labels, as sorted pairs."""
        data = self.data("query", query=query, time=time)
        assert data["resultType"] == "vector", data
        return {
            tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in data["result"]
        }

    def lines(self, query, start, end, **parameters):
        """`(nanoseconds, line)` of a log query, in the order of their times."""
        data = self.data("query_range", query=query, start=start, end=end, **parameters)
        assert data["resultType"] == "streams", data
        found = [(int(one[0]), one[1]) for stream in data["result"] for one in stream["values"]]
        return sorted(found)

    # ---- writing ----

    def push(self, streams):
        """Pushes `[(labels, [(nanoseconds, line, metadata)])]` as JSON."""
        body = {
            "streams": [
                {"stream": labels, "values": [[str(time), line, meta] for time, line, meta in values]}
                for labels, values in streams
            ]
        }
        answer = self.post(json.dumps(body), {"Content-Type": "application/json"})
        assert (answer.status_code, answer.text) == (204, "")

    def post(self, body, headers):
        return self.server.call(
            "POST", "/loki/api/v1/push", self.tenant, data=body, headers=headers
        )


def push_request(streams):
    """`logproto.PushRequest` as a snappy block, by hand: `[(labels text, [(nanoseconds, line, metadata)])]`."""

    def varint(number):
        out = b""
        while number > 127:
            out, number = out + bytes([number & 127 | 128]), number >> 7
        return out + bytes([number])

    def field(number, payload):
        return varint(number << 3 | 2) + varint(len(payload)) + payload

    def integer(number, value):
        return varint(number << 3) + varint(value)

    def entry(time, line, metadata):
        seconds = integer(1, time // 10**9) + integer(2, time % 10**9)
        pairs = b"".join(
            field(3, field(1, name.encode()) + field(2, value.encode()))
            for name, value in metadata.items()
        )
        return field(1, seconds) + field(2, line.encode()) + pairs

    body = b"".join(
        field(1, field(1, labels.encode()) + b"".join(field(2, entry(*one)) for one in entries))
        for labels, entries in streams
    )
    return bytes(cramjam.snappy.compress_raw(body))


class WebSocket:
    """As much of a WebSocket's client as reading texts takes."""

    def __init__(self, server, path, tenant, **parameters):
        self.socket = socket.create_connection(("127.0.0.1", server.api_port), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        head = [
            f"GET {path}?{urllib.parse.urlencode(parameters)} HTTP/1.1",
            f"Host: 127.0.0.1:{server.api_port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            f"X-Scope-OrgID: {tenant}",
        ]
        self.socket.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.receive()
        answer, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.status = int(answer.split()[1])

    def receive(self):
        piece = self.socket.recv(65536)
        assert piece, "the server closed the connection"
        return piece

    def take(self, count):
        while len(self.buffer) < count:
            self.buffer += self.receive()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def message(self):
        """The next text, as JSON; pings are passed over."""
        while True:
            first, length = self.take(2)
            if length == 126:
                (length,) = struct.unpack(">H", self.take(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self.take(8))
            payload = self.take(length)
            if first & 15 == 1:
                return json.loads(payload)

    def close(self):
        self.socket.close()
