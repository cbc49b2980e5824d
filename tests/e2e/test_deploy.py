"""What is in `deploy/` fits the server: its settings exist, its ports and probes are the server's, its names fit each other."""

import json
import os
import re
import shutil
import subprocess
import tomllib

import pytest
import requests
import yaml

from binnacle import ROOT, binary
from pages import blocks

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
#: What these files may use; served by Kubernetes since 1.19, or by kustomize.
KINDS = {
    "ConfigMap": "v1",
    "Service": "v1",
    "StatefulSet": "apps/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Kustomization": "kustomize.config.k8s.io/v1beta1",
}
API, GRPC, HTTP = 7070, 4317, 4318


def load(path):
    return list(yaml.safe_load_all(path.read_text()))


def check(arguments=(), environment=None):
    """`binnacle config check` with nothing but these settings."""
    command = [binary(), "config", "check", *arguments]
    return subprocess.run(command, env=environment or {}, capture_output=True, text=True, timeout=60)


def settings(arguments=(), environment=None):
    """What the server makes of them."""
    command = [binary(), "config", "print", *arguments]
    printed = subprocess.run(command, env=environment or {}, capture_output=True, text=True, check=True)
    return tomllib.loads(printed.stdout)


def image():
    """The image's working directory, and the arguments of `serve`."""
    text = (DEPLOY / "Dockerfile").read_text()
    serve, *arguments = json.loads(re.search(r"^CMD (\[.*\])$", text, re.M)[1])
    assert serve == "serve"
    return re.findall(r"^WORKDIR (\S+)$", text, re.M)[-1], arguments


@pytest.mark.parametrize("path", sorted([*DEPLOY.rglob("*.yaml"), *DEPLOY.rglob("*.yml")]), ids=lambda path: path.name)
def test_yaml_parses(path):
    assert all(isinstance(document, dict) for document in load(path))


def test_the_image_refuses_to_serve_anyone_unless_told_to():
    _, arguments = image()
    refused = check(arguments)
    assert refused.returncode == 2 and "--allow-anonymous" in refused.stderr
    assert check(arguments, {"BINNACLE_SERVER_ALLOW_ANONYMOUS": "true"}).returncode == 0
    assert check([*arguments, "--allow-anonymous"]).returncode == 0


def test_the_image_copies_what_is_there():
    text = (DEPLOY / "Dockerfile").read_text()
    for line in re.findall(r"^COPY ((?!--from).+)$", text, re.M):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), line
    assert set(map(int, re.search(r"^EXPOSE (.*)$", text, re.M)[1].split())) == {API, GRPC, HTTP}
    # The health check's words are a command line of the binary.
    words = re.search(r'CMD \["/usr/local/bin/binnacle", (.*)\]\n', text)[1].replace('"', "").split(", ")
    assert words == ["sql", "SELECT 1"]


def test_the_health_check_says_whether_it_answers(server):
    asked = lambda url: subprocess.run([binary(), "sql", "--url", url, "SELECT 1"], capture_output=True, timeout=60).returncode
    assert asked(server.api) == 0
    assert asked("http://127.0.0.1:9") == 1


def test_compose_fits_the_server():
    [compose] = load(DEPLOY / "compose.yaml")
    service = compose["services"]["binnacle"]
    directory, arguments = image()
    checked = check(arguments, service["environment"])
    assert checked.returncode == 0, checked.stderr
    made = settings(arguments, service["environment"])
    assert made["server"]["allow_anonymous"] is True
    # Nobody from elsewhere reaches a port.
    for one in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in one["ports"])
    assert {int(port.split(":")[-1]) for port in service["ports"]} == {API, GRPC, HTTP}
    [volume] = service["volumes"]
    name, path = volume.split(":")
    assert name in compose["volumes"] and path == directory
    assert made["storage"]["path"] == "data"
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    for mounted in compose["services"]["grafana"]["volumes"]:
        assert (DEPLOY / mounted.split(":")[0]).is_file()
    assert int(service["stop_grace_period"].rstrip("s")) > 30


def test_grafana_has_the_data_sources_of_its_page():
    [page] = [block.text for block in blocks(ROOT / "docs" / "grafana.md") if block.said == "datasources.yaml"]
    [ours] = load(DEPLOY / "grafana-datasources.yaml")
    assert ours == yaml.safe_load(page.replace("//127.0.0.1:", "//binnacle:"))


def test_kinds_are_of_versions_that_are_served():
    kinds = {}
    for path in KUBERNETES.glob("*.yaml"):
        for document in load(path):
            kinds[document["kind"]] = document["apiVersion"]
            assert document["kind"] == "Kustomization" or document["metadata"]["name"] == "binnacle"
    assert kinds == KINDS
    [kustomization] = load(KUBERNETES / "kustomization.yaml")
    others = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == others


def test_manifests_fit_the_server_and_each_other(server, tmp_path):
    [config], [service], [stateful], [policy] = (
        load(KUBERNETES / f"{name}.yaml") for name in ("configmap", "service", "statefulset", "networkpolicy")
    )
    file = tmp_path / "binnacle.toml"
    file.write_text(config["data"]["binnacle.toml"])
    checked = check(["--config", str(file)])
    assert checked.returncode == 0, checked.stderr
    made = tomllib.loads(file.read_text())

    spec = stateful["spec"]
    labels = spec["template"]["metadata"]["labels"]
    for selector in (spec["selector"]["matchLabels"], service["spec"]["selector"], policy["spec"]["podSelector"]["matchLabels"]):
        assert selector.items() <= labels.items()
    assert spec["serviceName"] == service["metadata"]["name"] and spec["replicas"] == 1
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"api": API, "otlp-grpc": GRPC, "otlp-http": HTTP}
    assert made["api"]["address"].endswith(f":{API}")
    assert {port["port"]: ports[port["targetPort"]] for port in service["spec"]["ports"]} == {p: p for p in ports.values()}
    assert {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]} == set(ports.values())

    claims = {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert set(mounts) == claims | set(volumes)
    assert made["storage"]["path"] == f"{mounts['data']}/data"
    assert volumes["config"]["configMap"]["name"] == config["metadata"]["name"]
    assert container["args"] == ["serve", "--config", f"{mounts['config']}/{file.name}"]
    assert pod["terminationGracePeriodSeconds"] > 30

    for probe in ("livenessProbe", "readinessProbe"):
        get = container[probe]["httpGet"]
        assert get["port"] == "api"
        assert requests.get(f"{server.api}{get['path']}", timeout=10).status_code == 200


def test_rules_pass_their_unit_tests_and_name_metrics_that_are_there(server):
    for arguments in (["check", DEPLOY / "rules.yml"], ["test", DEPLOY / "rules_test.yml"]):
        done = subprocess.run([binary(), "rules", *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    [rules] = load(DEPLOY / "rules.yml")
    expressions = " ".join(rule["expr"] for group in rules["groups"] for rule in group["rules"])
    named = set(re.findall(r"\bbinnacle_\w+", expressions))
    there = set(re.findall(r"^# HELP (\S+)", requests.get(f"{server.api}/metrics", timeout=10).text, re.M))
    assert named and named <= there, named - there


def test_the_unit_is_one_that_systemd_accepts(tmp_path):
    text = (DEPLOY / "binnacle.service").read_text()
    # It sets nothing, so it listens on loopback and keeps its data below where it is started.
    assert not re.search(r"^Environment=", text, re.M) and settings()["storage"]["path"] == "data"
    assert re.search(r"^WorkingDirectory=/var/lib/(\w+)$", text, re.M)[1] == re.search(r"^StateDirectory=(\w+)$", text, re.M)[1]
    [command] = re.findall(r"^ExecStart=(\S+) serve$", text, re.M)
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "binnacle.service"
    unit.write_text(text.replace(command, os.path.abspath(shutil.which(binary()) or binary())))
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    assert verified.returncode == 0 and verified.stderr == "", verified.stderr
