"""The command line: it reads well, checks its configuration, and refuses what is dangerous."""

import subprocess
import tomllib

import pytest

from binnacle import binary, free_ports
from everything import traces


def run(*arguments, **more):
    return subprocess.run(
        [binary(), *arguments], capture_output=True, text=True, timeout=60, **more
    )


def test_help_reads_well():
    answer = run("--help")
    assert answer.returncode == 0
    for word in ("serve", "sql", "config", "OpenTelemetry"):
        assert word in answer.stdout
    for command in ("serve", "sql", "config"):
        answer = run(command, "--help")
        assert answer.returncode == 0 and "Usage:" in answer.stdout
    assert run("--version").stdout.startswith("binnacle ")


def test_wrong_usage_is_exit_code_two():
    for arguments in ([], ["serv"], ["serve", "--no-such-flag"], ["serve", "--set", "storage.pth=x"]):
        answer = run(*arguments)
        assert answer.returncode == 2 and answer.stderr, arguments
    assert "mean 'storage.path'" in run("serve", "--set", "storage.pth=x").stderr


def test_the_printed_configuration_is_accepted_as_it_is(tmp_path):
    printed = run("config", "print").stdout
    settings = tomllib.loads(printed)
    assert {"storage", "query", "api"} <= set(settings)
    file = tmp_path / "binnacle.toml"
    file.write_text(printed)
    assert run("config", "check", "--config", str(file)).returncode == 0
    again = run("config", "print", "--config", str(file))
    assert tomllib.loads(again.stdout) == settings


@pytest.mark.parametrize(
    "text, said",
    [
        ("[storage]\npth = 'x'\n", "pth"),
        ("[storage]\nflush_interval = 'soon'\n", "flush_interval"),
        ("[nothing]\n", "nothing"),
        ("[storage\n", "1"),
        ("[api]\naddress = '0.0.0.0:7070'\n", "loopback"),
    ],
)
def test_a_wrong_configuration_is_named(tmp_path, text, said):
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    answer = run("config", "check", "--config", str(file))
    assert answer.returncode == 2 and said in answer.stderr, answer.stderr


@pytest.mark.parametrize("flag", ["--api", "--otlp-grpc", "--otlp-http"])
def test_other_addresses_than_loopback_need_saying_so(tmp_path, flag):
    [port] = free_ports(1)
    answer = run("serve", "--data", str(tmp_path / "data"), flag, f"0.0.0.0:{port}")
    assert answer.returncode != 0
    assert "--allow-anonymous" in answer.stderr
    assert not (tmp_path / "data").exists()


def test_a_port_in_use_is_said_plainly(server, tmp_path):
    answer = run("serve", "--data", str(tmp_path / "data"), "--api", f"127.0.0.1:{server.api_port}")
    assert answer.returncode != 0
    assert "in use" in answer.stderr and str(server.api_port) in answer.stderr


def test_a_directory_in_use_is_refused(server):
    ports = free_ports(3)
    flags = ["--api", "--otlp-grpc", "--otlp-http"]
    listen = [part for flag, port in zip(flags, ports) for part in (flag, f"127.0.0.1:{port}")]
    answer = run("serve", "--data", str(server.data), *listen)
    assert answer.returncode != 0 and str(server.data) in answer.stderr


def test_sql_answers_on_the_command_line(server):
    server.send("traces", traces())
    answer = run("sql", "--url", server.api, "--format", "csv", "SELECT count(*) AS n FROM spans")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == ["n", "8"]
    table = run("sql", "--url", server.api, "SELECT name FROM spans ORDER BY name LIMIT 1")
    assert table.returncode == 0 and "name" in table.stdout
    wrong = run("sql", "--url", server.api, "SELECT * FROM spams")
    assert wrong.returncode == 1 and "spams" in wrong.stderr
    nobody = run("sql", "--url", f"http://127.0.0.1:{free_ports(1)[0]}", "SELECT 1")
    assert nobody.returncode == 1 and "127.0.0.1" in nobody.stderr


def test_start_says_where_it_listens(new_server):
    server = new_server()
    log = server.log_text()
    for port in (server.api_port, server.otlp_port, server.grpc_port):
        assert str(port) in log
    server.stop()
