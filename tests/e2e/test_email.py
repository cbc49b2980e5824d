"""Mail about alerts, as a real SMTP server receives it."""

import email
import email.policy
import json
import ssl
import subprocess

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from binnacle import free_ports
from receivers import alert, at, deliveries, notifying, post, wait_until  # noqa: F401


class Relay:
    """An SMTP server on loopback, and what it took."""

    def __init__(self, port=None, answer="250 taken", **options):
        self.port = port or free_ports(1)[0]
        self.answer = answer
        self.mails = []
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)
        self.controller.start()

    async def handle_DATA(self, server, session, envelope):
        if self.answer.startswith("250"):
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            self.mails.append((envelope.mail_from, envelope.rcpt_tos, message, session))
        return self.answer

    def stop(self):
        if self.controller:
            self.controller.stop()
        self.controller = None


@pytest.fixture
def new_relay():
    relays = []

    def start(**options):
        relays.append(Relay(**options))
        return relays[-1]

    yield start
    for relay in relays:
        relay.stop()


@pytest.fixture
def certificate(tmp_path):
    """Path of a certificate, and what a server shows it with."""
    certificate, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=relay", "-keyout", key, "-out", certificate]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


def mailing(port, more="", **options):
    options = {"to": "duty@example.org, Team <team@example.org>", "send_resolved": True} | options
    return f"""
global: {{smtp_smarthost: '127.0.0.1:{port}', smtp_from: 'Binnacle <alerts@example.org>'{more}}}
route: {{receiver: mail, group_by: [alertname], group_wait: 200ms, group_interval: 1s}}
receivers:
- name: mail
  email_configs: [{json.dumps(options)}]
"""


def test_mail_says_what_fires_and_what_is_over(notifying, new_relay):
    relay = new_relay()
    text = "{{ range .Alerts }}{{ .Labels.job }} {{ .Status }}\n{{ end }}"
    headers = {"X-Team": "{{ .CommonLabels.job }}", "Reply-To": "nobody@example.org"}
    server = notifying(mailing(relay.port, require_tls=False, text=text, headers=headers))
    note = {"summary": "<b>Größe & more</b>"}
    post(server.alertmanager, alert(end=at(600), annotations=note, job="api\r\nBcc: x@example.org"))
    [(sender, recipients, mail, session)] = wait_until(lambda: relay.mails)
    assert sender == "alerts@example.org"
    assert recipients == ["duty@example.org", "team@example.org"]
    assert session.host_name == "localhost"
    assert mail["From"] == "Binnacle <alerts@example.org>"
    assert [a.addr_spec for a in mail["To"].addresses] == recipients
    assert mail["Subject"] == "[FIRING:1] Slow (api  Bcc: x@example.org)"
    assert mail["X-Team"] == "api  Bcc: x@example.org" and mail["Reply-To"] and mail["Date"]
    assert mail["Bcc"] is None
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = (mail.get_body([kind]).get_content() for kind in ("plain", "html"))
    assert "Bcc: x@example.org firing" in plain
    assert "&lt;b&gt;Größe &amp; more&lt;/b&gt;" in html and "<b>Gr" not in html
    [delivered] = wait_until(lambda: deliveries(server, state="delivered"))
    assert delivered["attempts"][-1]["status"] == 250
    assert mail["Message-ID"] == f"<{delivered['idempotency_key']}@example.org>"
    post(server.alertmanager, alert(start=at(-60), end=at(-1), job="api\r\nBcc: x@example.org"))
    wait_until(lambda: len(relay.mails) == 2)
    assert relay.mails[1][2]["Subject"].startswith("[RESOLVED] Slow")


def login(server, session, envelope, mechanism, data):
    is_right = (data.login, data.password) == (b"me", b"s3cret")
    return AuthResult(success=is_right, handled=False)


def test_mail_is_sent_over_tls_with_a_password(notifying, new_relay, certificate, tmp_path):
    path, context = certificate
    options = {"tls_context": context, "require_starttls": True}
    relay = new_relay(**options, authenticator=login, auth_required=True)
    password = tmp_path / "password"
    password.write_text("wrong\n")
    more = f", smtp_auth_username: me, smtp_auth_password_file: '{password}', smtp_tls_config: {{ca_file: '{path}'}}"
    server = notifying(mailing(relay.port, more))
    post(server.alertmanager, alert(end=at(600)))
    failed = lambda: [d for d in deliveries(server, state="waiting") if d["attempt_count"]]
    [waiting] = wait_until(failed)
    assert waiting["attempts"][0]["status"] == 535, waiting
    password.write_text("s3cret\n")
    [(_, _, _, session)] = wait_until(lambda: relay.mails)
    assert session.ssl and session.authenticated
    assert "s3cret" not in server.log_text() + json.dumps(deliveries(server))


def test_tls_from_the_first_byte(notifying, new_relay, certificate):
    path, context = certificate
    relay = new_relay(ssl_context=context)
    tls = f", smtp_force_implicit_tls: true, smtp_tls_config: {{ca_file: '{path}'}}"
    server = notifying(mailing(relay.port, tls))
    post(server.alertmanager, alert(end=at(600)))
    wait_until(lambda: relay.mails)


def test_nothing_is_sent_in_the_clear_or_to_a_stranger(notifying, new_relay, certificate):
    plain = new_relay()
    server = notifying(mailing(plain.port))
    post(server.alertmanager, alert(end=at(600)))
    failed = lambda: [d for d in deliveries(server, state="waiting") if d["attempt_count"]]
    [waiting] = wait_until(failed)
    assert "STARTTLS is not supported" in waiting["error"]
    stranger = new_relay(tls_context=certificate[1])
    server.file.write_text(mailing(stranger.port))
    wait_until(lambda: "certificate" in deliveries(server)[0]["error"])
    assert plain.mails == stranger.mails == []
    server.file.write_text(mailing(stranger.port, require_tls=False))
    wait_until(lambda: stranger.mails)


@pytest.mark.parametrize("trouble", ["451 later", "down"])
def test_a_relay_in_trouble_gets_every_mail_once_it_is_back(notifying, new_relay, trouble):
    relay = new_relay(answer=trouble)
    if trouble == "down":
        relay.stop()
    server = notifying(mailing(relay.port, require_tls=False, headers={"Subject": "{{ len .Alerts }}"}))
    for n in range(3):
        post(server.alertmanager, alert(end=at(600), n=str(n)))
        wait_until(lambda: len(deliveries(server, state="waiting")) == n + 1)
    if trouble == "down":
        relay = new_relay(port=relay.port)
    relay.answer = "250 taken"
    wait_until(lambda: len(relay.mails) == 3)
    assert [mail["Subject"] for _, _, mail, _ in relay.mails] == ["1", "2", "3"]
    assert len({mail["Message-ID"] for _, _, mail, _ in relay.mails}) == 3


def test_what_a_relay_refuses_is_not_sent_again(notifying, new_relay):
    relay = new_relay(answer="554 no spam")
    server = notifying(mailing(relay.port, require_tls=False))
    post(server.alertmanager, alert(end=at(600)))
    [refused] = wait_until(lambda: deliveries(server, state="refused"))
    assert refused["attempts"][0]["status"] == 554 and "no spam" in refused["error"]
