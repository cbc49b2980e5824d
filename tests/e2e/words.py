"""Log search recomputed: what a word is, and what stands next to what, said apart from the product."""

import functools
import re

#: The product splits longer runs.
WORD_BYTES_MAX = 64


@functools.lru_cache(maxsize=None)
def words(text):
    """Runs of letters and digits, in lower case."""
    found = []
    for run in re.findall(r"[^\W_]+", text):
        assert len(run.encode()) <= WORD_BYTES_MAX or run.isascii()
        parts = [run[at : at + WORD_BYTES_MAX] for at in range(0, len(run), WORD_BYTES_MAX)]
        found += [part.lower() for part in parts]
    return found


def has(text, phrase):
    """Whether the words of `phrase` stand next to each other in `text`."""
    wanted, found = words(phrase), words(text)
    ends = range(len(found) - len(wanted) + 1)
    return any(found[at : at + len(wanted)] == wanted for at in ends)


def table(server, query, tenant=None, **parameters):
    """Columns and rows of a query with pipes."""
    answer = server.call("GET", "/api/v1/logs", tenant, params={"query": query} | parameters)
    assert answer.status_code == 200, (query, answer.text)
    body = answer.json()
    assert body["stats"]["warnings"] == [] and not body["truncated"], body
    return [column["name"] for column in body["columns"]], [tuple(row) for row in body["rows"]]


def count(server, query, tenant=None):
    """How many records match."""
    columns, [[found]] = table(server, f"{query} | count", tenant)
    assert columns == ["count"]
    return found


def ranked(counter):
    """The rows of `count by`: the most frequent first, then by values, those without a value before the others."""
    rows = [((key if isinstance(key, tuple) else (key,)), found) for key, found in counter.items()]
    rows.sort(key=lambda row: (-row[1], [(value is not None, value) for value in row[0]]))
    return [(*values, found) for values, found in rows]


def check_patterns(server, bodies, query=""):
    """The patterns account for every record, and each fits its sample."""
    columns, rows = table(server, f"{query} | pattern")
    assert columns == ["pattern", "count", "severity", "first", "last", "sample"]
    assert sum(row[1] for row in rows) == len(bodies)
    assert [row[1] for row in rows] == sorted((row[1] for row in rows), reverse=True)
    known = set(bodies)
    for pattern, found, _, first, last, sample in rows:
        assert found > 0 and int(first) <= int(last)
        parts = [re.escape(part) for part in pattern.split("<_>")]
        fits = re.compile(r"\S*".join(parts).replace(r"\ ", r"\s+") + r"(\s.*)?", re.DOTALL)
        line = sample.strip()
        assert any(body.startswith(sample) for body in known), sample
        # Long lines are cut short.
        assert fits.fullmatch(line) or len(sample.encode()) > 1000, (pattern, line)
    return rows
