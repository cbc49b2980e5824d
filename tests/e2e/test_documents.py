"""Dashboards and load-test runs: kept through a crash, apart by tenant, refused by name."""


def post(server, path, document, tenant=None):
    return server.call("POST", path, tenant, json=document)


def board(title, **more):
    return {"title": title, "panels": [{"id": "a", "kind": "stat", "unknown": {"x": [1]}}]} | more


def run(**more):
    return {
        "name": "checkout", "started_at": "2026-01-31T12:00:00Z", "ended_at": "2026-01-31T12:01:00Z",
        "total": {
            "requests": 1000, "errors": 2, "intended_rate": 17.0,
            "latency": {"buckets": [[1_000_000, 900], [2_000_000, 98]], "max_ns": 1_900_000},
        },
    } | more


def test_a_dashboard_is_kept_as_it_was_sent(server, tenant):
    first = post(server, "/api/v1/dashboards", board("Checkout: p99"), tenant)
    assert first.status_code == 201, first.text
    assert first.json()["id"] == "checkout-p99" and first.json()["version"] == 1
    second = post(server, "/api/v1/dashboards", board("Checkout: p99"), tenant).json()
    assert second["id"] == "checkout-p99-2"
    taken = post(server, "/api/v1/dashboards", board("x", id="checkout-p99"), tenant)
    assert taken.status_code == 409

    path = "/api/v1/dashboards/checkout-p99"
    found = server.call("GET", path, tenant).json()
    assert found["source"] == "stored"
    assert found["dashboard"] == board("Checkout: p99") | {"id": "checkout-p99"}
    changed = server.call("PUT", path, tenant, params={"version": 1}, json=board("Renamed", tags=["shop"]))
    assert changed.status_code == 200 and changed.json()["version"] == 2
    stale = server.call("PUT", path, tenant, params={"version": 1}, json=board("Mine"))
    assert stale.status_code == 409 and "2" in stale.json()["error"]["message"]

    listed = server.call("GET", "/api/v1/dashboards", tenant).json()["dashboards"]
    stored = [(one["id"], one["title"], one["tags"], one["panels"]) for one in listed if one["source"] == "stored"]
    assert stored == [("checkout-p99-2", "Checkout: p99", [], 1), ("checkout-p99", "Renamed", ["shop"], 1)]
    assert server.call("GET", path, "another").status_code == 404
    assert server.call("DELETE", path, tenant).status_code == 204
    assert server.call("DELETE", path, tenant).status_code == 404


def test_built_in_dashboards_are_for_reading(server, tenant):
    listed = server.call("GET", "/api/v1/dashboards", tenant).json()["dashboards"]
    for one in (one for one in listed if one["source"] == "built-in"):
        path = f"/api/v1/dashboards/{one['id']}"
        document = server.call("GET", path, tenant).json()["dashboard"]
        assert document["title"] == one["title"] and len(document["panels"]) == one["panels"]
        assert server.call("PUT", path, tenant, json=document).status_code == 409
        assert server.call("DELETE", path, tenant).status_code == 409
        assert post(server, "/api/v1/dashboards", board("x", id=one["id"]), tenant).status_code == 409


def test_what_is_no_dashboard_is_refused_by_name(server, tenant):
    for document, part in [
        ([], "object"), ({"panels": []}, "title"), ({"title": "x", "panels": [{"id": "a"}]}, "panels[0]"),
        (board("x", id="a/b"), "id"), (board("x", variables=[{"name": "a"}, {"name": "a"}]), "variables"),
    ]:
        answer = post(server, "/api/v1/dashboards", document, tenant)
        assert answer.status_code == 400 and part in answer.json()["error"]["message"], answer.text
    long = post(server, "/api/v1/dashboards", board("x", description="a" * (1 << 20)), tenant)
    assert long.status_code == 413


def test_a_run_is_registered_and_reported_on(server, tenant):
    started = {key: value for key, value in run(state="running").items() if key != "ended_at"}
    added = post(server, "/api/v1/runs", started, tenant)
    assert added.status_code == 201, added.text
    identity = added.json()["id"]
    path = f"/api/v1/runs/{identity}"
    timeline = [{"at": "2026-01-31T12:00:01Z", "seconds": 1, "requests": 17, "p99_ns": 1_900_000}]
    replaced = server.call("PUT", path, tenant, json=run(timeline=timeline, passed=True))
    assert replaced.status_code == 200, replaced.text
    whole = server.call("GET", path, tenant).json()
    assert whole["state"] == "finished" and whole["timeline"][0]["requests"] == 17
    assert whole["total"]["latency"]["buckets"] == [[1_000_000, 900], [2_000_000, 98]]
    percentiles = dict(whole["total"]["latency"]["percentiles"])
    assert percentiles[50] == 1_000_000 and percentiles[99] == 1_900_000

    later = run(name="cart", started_at="2026-01-31T13:00:00Z", ended_at="2026-01-31T13:01:00Z")
    assert post(server, "/api/v1/runs", later, tenant).status_code == 201
    listed = server.call("GET", "/api/v1/runs", tenant).json()["runs"]
    assert [one["name"] for one in listed] == ["cart", "checkout"]
    assert "timeline" not in listed[1] and "buckets" not in listed[1]["total"]["latency"]
    for parameters, names in [
        ({"name": "CHECK"}, ["checkout"]), ({"from": "2026-01-31T12:30:00Z"}, ["cart"]),
        ({"to": "2026-01-31T12:30:00Z"}, ["checkout"]), ({"limit": 1}, ["cart"]),
    ]:
        listed = server.call("GET", "/api/v1/runs", tenant, params=parameters).json()["runs"]
        assert [one["name"] for one in listed] == names, parameters
    assert server.call("DELETE", path, tenant).status_code == 204
    assert server.call("GET", path, tenant).status_code == 404


def test_what_is_no_run_is_refused_by_name(server, tenant):
    for change, part in [
        ({"name": ""}, "name"), ({"ended_at": None}, "ended_at"), ({"started_at": "soon"}, "started_at"),
        ({"extra": 1}, "extra"), ({"total": {"requests": 1, "errors": 2}}, "errors"),
        ({"total": {"requests": 1, "latency": {"buckets": [[2, 1], [1, 0]]}}}, "ascend"),
    ]:
        answer = post(server, "/api/v1/runs", run(**change), tenant)
        assert answer.status_code == 400 and part in answer.json()["error"]["message"], (change, answer.text)


def test_documents_survive_a_crash(new_server):
    server = new_server()
    board_id = post(server, "/api/v1/dashboards", board("Kept")).json()["id"]
    run_id = post(server, "/api/v1/runs", run()).json()["id"]
    server.kill()
    server.start()
    assert server.call("GET", f"/api/v1/dashboards/{board_id}").json()["dashboard"]["title"] == "Kept"
    assert server.call("GET", f"/api/v1/runs/{run_id}").json()["total"]["requests"] == 1000
    assert server.call("GET", "/api/v1/runs").json()["runs"][0]["id"] == run_id
