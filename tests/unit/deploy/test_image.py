"""The image and the compose file, as far as can be told without Docker."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from services import cli
from services.demo import main as demo
from services.runtime.settings import load_settings, setting_rows

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("frontdoor:")}
PODS = {name: service for name, service in OURS.items() if service["command"][0] == "serve"}
KNOWN = {  # of the compose specification, as far as it is used
    "image", "build", "command", "entrypoint", "environment", "depends_on", "volumes", "tmpfs", "read_only", "cap_drop",
    "security_opt", "restart", "stop_grace_period", "healthcheck", "ports", "network_mode",
}  # fmt: skip


def test_hadolint_finds_nothing():
    linter = Path(sys.executable).with_name("hadolint")
    checked = subprocess.run([linter, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_image_is_locked_and_runs_as_nobody():
    text = DOCKERFILE.read_text()
    assert "--require-hashes" in text
    last = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "\nRUN " not in last
    assert all(line.partition(" ")[2].startswith("[") for line in last.splitlines() if re.match(r"(CMD|ENTRY)", line))


def test_the_image_holds_every_package():
    copied = set(re.findall(r"^COPY (\w+) \w+$", DOCKERFILE.read_text(), re.MULTILINE))
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = {"schemas", "router", "ivr", "agent_gateway", "services"}
    assert copied == packages
    assert packages <= allowed


def test_there_are_two_of_each_process():
    assert sorted(PODS) == sorted(f"{process}-{n}" for process in cli.PROCESSES for n in range(2))
    assert {name: service["command"][1] for name, service in PODS.items()} == {
        name: name.rpartition("-")[0] for name in PODS
    }


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_of_the_known_shape(name):
    service = SERVICES[name]
    assert service.keys() <= KNOWN
    assert not service["image"].endswith(":latest")
    for other, how in service.get("depends_on", {}).items():
        assert how["condition"] in {"service_started", "service_healthy", "service_completed_successfully"}
        assert other in SERVICES
    for volume in service.get("volumes", ()):
        source = volume.partition(":")[0]
        assert source in COMPOSE["volumes"] or (ROOT / "deploy" / source).is_file()
    for port in service.get("ports", ()):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_real_commands_with_real_settings(name, monkeypatch):
    service = OURS[name]
    if name == "load":
        demo._parser().parse_args(service["command"])
    else:
        cli._parser().parse_args(service["command"])
    given = {variable: filled(value) for variable, value in service["environment"].items()}
    for row in setting_rows():
        monkeypatch.delenv(row.variable, raising=False)
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    assert settings.bus == ("kafka" if name in PODS else "embedded")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


def test_the_front_knows_every_pod_that_is_asked_from_outside():
    asked = {
        value.partition(":")[0] for name, value in SERVICES["front"]["environment"].items() if name != "FRONT_BIND"
    }
    assert asked == {f"{process}-{n}" for process in ("webhooks", "desktop", "console") for n in range(2)}
    assert asked == set(SERVICES["front"]["depends_on"])


def test_routers_have_ordinals():
    ordinals = {name: PODS[name]["environment"]["FRONTDOOR_ROUTING_ORDINAL"] for name in PODS if "routing" in name}
    assert ordinals == {"routing-0": "0", "routing-1": "1"}


def test_secrets_are_asked_for_and_not_written_down():
    text = (ROOT / "deploy" / "compose.yaml").read_text()
    for line in text.splitlines():
        if re.search(r"(PASSWORD|SECRET_\w+): ", line):
            assert ":?" in line, line


def filled(value):
    """Return a value with its variables filled in, as compose would."""
    return re.sub(r"\$\{\w+:\?[^}]*\}", "given", value)
