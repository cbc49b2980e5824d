"""Pages of other sites cannot have a browser write here."""

import pytest
import requests

from test_slo import find, spec

EVIL = {"Origin": "http://evil.example", "Content-Type": "text/plain"}


@pytest.mark.parametrize("more", [{}, {"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_nothing_is_stored_for_pages_of_others(server, more):
    text = spec("cross-site", "spans", "{ kind = server }", "{ status != error }")
    for path in ("/api/v1/slos", "/alertmanager/api/v2/silences", "/prometheus/-/reload", "/api/v1/nowhere"):
        answer = requests.post(f"{server.api}{path}", data=text, headers=EVIL | more, timeout=10)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin"), path
    assert requests.delete(f"{server.api}/api/v1/slos/x", headers=EVIL | more, timeout=10).status_code == 403
    names = [slo["name"] for slo in server.call("GET", "/api/v1/slos").json()["slos"]]
    assert "cross-site" not in names


def test_its_own_pages_and_programs_write(server):
    text = spec("own-site", "spans", "{ kind = server }", "{ status != error }")
    for headers in ({}, {"Origin": server.api}, {"Origin": server.api, "Sec-Fetch-Site": "same-origin"}):
        answer = requests.post(f"{server.api}/api/v1/slos", data=text, headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text
    assert find(server, "own-site")["version"] == 1
    answer = requests.get(f"{server.api}/api/v1/slos", headers={"Origin": "http://evil.example"}, timeout=10)
    assert answer.status_code == 200, "what only reads is not asked where from"
