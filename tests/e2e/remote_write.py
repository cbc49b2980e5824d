"""Remote-write requests of both versions, written by hand: the messages are few, and nobody else's code is between."""

import struct

import cramjam

PATH = "/prometheus/api/v1/write"
V1 = "application/x-protobuf"
V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
#: The NaN that says that a series has ended.
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value) if value else b""


def double(field, value):
    return varint(field << 3 | 1) + struct.pack("<d", value)


def message(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def zigzag(value):
    return value << 1 ^ value >> 63


def histogram(count, total, schema, spans, deltas, time, zero_count=0, reset_hint=0):
    """An integer native histogram; the message is the same in both versions."""
    out = varint(1 << 3) + varint(count) + double(3, total) + number(4, zigzag(schema))
    out += double(5, 2.0**-128) + number(6, zero_count)
    for offset, length in spans:
        out += message(11, number(1, zigzag(offset)) + number(2, length))
    out += message(12, b"".join(varint(zigzag(delta)) for delta in deltas))
    return out + number(14, reset_hint) + number(15, time)


class Series:
    """One series: labels, `(value, time in ms)` samples, histograms, `(labels, value, time)` exemplars."""

    def __init__(self, labels, samples=(), histograms=(), exemplars=(), metadata=None, start=0):
        self.labels = sorted(labels.items()) if isinstance(labels, dict) else labels
        self.samples, self.histograms, self.exemplars = samples, histograms, exemplars
        #: `(type number, help, unit)`
        self.metadata, self.start = metadata, start


def labels_v1(labels):
    return b"".join(message(1, message(1, name) + message(2, value)) for name, value in labels)


def request_v1(series, metadata=()):
    """`prometheus.WriteRequest`; `metadata`: `(type number, name, help, unit)`."""
    out = b""
    for one in series:
        body = labels_v1(one.labels)
        for value, time in one.samples:
            body += message(2, double(1, value) + number(2, time))
        for labels, value, time in one.exemplars:
            labels = labels_v1(sorted(labels.items()))
            body += message(3, labels + double(2, value) + number(3, time))
        for content in one.histograms:
            body += message(4, content)
        out += message(1, body)
    for kind, name, help_text, unit in metadata:
        content = number(1, kind) + message(2, name) + message(4, help_text) + message(5, unit)
        out += message(3, content)
    return out


def request_v2(series):
    """`io.prometheus.write.v2.Request`."""
    symbols = {"": 0}

    def symbol(text):
        return symbols.setdefault(text, len(symbols))

    def references(labels):
        return message(1, b"".join(varint(symbol(text)) for label in labels for text in label))

    out = b""
    for one in series:
        body = references(one.labels)
        for value, time in one.samples:
            body += message(2, double(1, value) + number(2, time) + number(3, one.start))
        for content in one.histograms:
            body += message(3, content)
        for labels, value, time in one.exemplars:
            labels = references(sorted(labels.items()))
            body += message(4, labels + double(2, value) + number(3, time))
        if one.metadata:
            kind, help_text, unit = one.metadata
            content = number(1, kind) + number(3, symbol(help_text)) + number(4, symbol(unit))
            body += message(5, content)
        out += message(5, body)
    return out + b"".join(message(4, text) for text in symbols)


def write(server, body, version=2, tenant=None, listener=None):
    """Sends a request as Prometheus does; returns the answer."""
    headers = {
        "Content-Type": V2 if version == 2 else V1,
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "2.0.0" if version == 2 else "0.1.0",
    }
    if tenant:
        headers["X-Scope-OrgID"] = tenant
    body = bytes(cramjam.snappy.compress_raw(body))
    return server.http.post(f"{listener or server.api}{PATH}", data=body, headers=headers, timeout=60)


def written(answer):
    """Samples, histograms and exemplars that the server says it has written."""
    names = ("Samples", "Histograms", "Exemplars")
    return [int(answer.headers[f"X-Prometheus-Remote-Write-{name}-Written"]) for name in names]
