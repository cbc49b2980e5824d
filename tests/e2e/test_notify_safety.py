"""Receivers and secrets: sent where it may be, shown to nobody."""

import json

import requests

from receivers import alert, at, deliveries, new_hook, notifying, post, to_hook, wait_until  # noqa: F401


def test_hosts_that_are_not_allowed_are_not_sent_to(notifying, new_hook):
    hook = new_hook()
    server = notifying(to_hook(hook), **{"alerting.notify_hosts": "*.example.com,example.com"})
    post(server.alertmanager, alert(end=at(600)))
    [refused] = wait_until(lambda: deliveries(server, state="refused"))
    assert "notify_hosts" in refused["error"] and hook.url not in json.dumps(refused)
    assert hook.requests == []


def test_a_redirect_leads_to_no_other_host(notifying, new_hook):
    inside = new_hook()
    hook = new_hook(answer=lambda _: (307, {"Location": inside.url.replace("127.0.0.1", "localhost")}))
    server = notifying(to_hook(hook))
    post(server.alertmanager, alert())
    [refused] = wait_until(lambda: deliveries(server, state="refused"))
    assert "redirects to another host" in refused["error"]
    assert inside.requests == [] and "localhost" not in refused["error"]


def test_a_redirect_on_the_same_host_is_followed_without_credentials(notifying, new_hook):
    target = new_hook()
    hook = new_hook(answer=lambda _: (308, {"Location": f"{target.url}/moved"}))
    user = hook.url.replace("http://", "http://me:p%40ss@")
    http = {"http_headers": {"X-Key": {"secrets": ["k"]}}}
    server = notifying(to_hook(hook, url=f"{user}/first", http_config=http))
    post(server.alertmanager, alert())
    [moved] = wait_until(target.taken)
    assert moved["path"] == "/moved" and moved["key"]
    assert "authorization" not in moved["headers"] and "x-key" not in moved["headers"]
    [first] = hook.requests
    assert first["headers"]["authorization"] == "Basic bWU6cEBzcw=="
    assert first["headers"]["x-key"] == "k" and "@" not in first["headers"]["host"]
    [delivered] = wait_until(lambda: deliveries(server, state="delivered"))
    assert "p%40ss" not in json.dumps(delivered)


SECRETS = """
global:
  slack_api_url: 'HOOK/slack/s3cret-1'
  http_config: {authorization: {credentials: s3cret-2}}
route: {receiver: all, group_wait: 100ms, group_interval: 1s}
receivers:
- name: all
  webhook_configs:
  - {url: 'http://u:s3cret-3@HOST/s3cret-4', hmac_secret: s3cret-5}
  - {url_file: url.txt, hmac_secret_file: hmac.txt, http_config: {basic_auth: {username: u, password: s3cret-6}}}
  - {url: 'HOOK/s3cret-7?s3cret-8', http_config: {bearer_token: s3cret-9, http_headers: {X-Key: {values: [s3cret-10]}}}}
  - {url: 'http://127.0.0.1:1/s3cret-11', timeout: 1s}
  slack_configs: [{channel: '#c'}]
  email_configs:
  - {to: a@b.c, from: f@b.c, smarthost: '127.0.0.1:1', auth_username: u, auth_password: s3cret-17, require_tls: false}
  pagerduty_configs: [{url: 'HOOK/duty/s3cret-12', routing_key: s3cret-13}]
"""


def test_no_secret_is_shown(notifying, new_hook, tmp_path):
    """Neither where all is well nor in what failed, was refused, or stands in the log and on disk."""
    hook = new_hook(answer=lambda r: 400 if r["path"].startswith("/duty") else 200)
    (tmp_path / "url.txt").write_text(f"{hook.url}/s3cret-14\n")
    (tmp_path / "hmac.txt").write_text("s3cret-15")
    text = SECRETS.replace("HOOK", hook.url).replace("HOST", hook.url.removeprefix("http://"))
    forward = f"http://me:s3cret-16@127.0.0.1:{hook.port}/am"
    server = notifying(text, **{"alerting.alertmanagers": forward, "alerting.reload_interval": "200ms"})
    post(server.alertmanager, alert())
    wait_until(lambda: len(hook.requests) >= 5)
    wait_until(lambda: [d for d in deliveries(server) if d["attempt_count"] >= 3 and d["error"]])
    (tmp_path / "notify.yml").write_text(text.replace("receiver: all", "receiver: none"))
    wait_until(lambda: "there is no receiver 'none'" in server.log_text())
    said = [
        requests.get(f"{server.alertmanager}/api/v2/status", timeout=10).text,
        requests.post(f"{server.alertmanager}/-/reload", timeout=10).text,
        requests.get(f"{server.api}/metrics", timeout=10).text,
        json.dumps(server.prometheus("alertmanagers")),
        json.dumps(deliveries(server)),
        json.dumps(server.query("SELECT * FROM deliveries")),
        json.dumps(server.query("SELECT * FROM delivery_attempts")),
        server.log_text(),
    ]
    assert all(said)
    assert [text for text in said if "s3cret" in text] == []
    server.stop()
    files = [path for path in server.data.rglob("*") if path.is_file()]
    assert any(path.name == "alerting.sqlite" for path in files)
    assert [path for path in files if b"s3cret" in path.read_bytes()] == []
