"""The front's routes: they are those of the Ingresses, and haproxy reads the file without a warning."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.manifests.render import render

ROOT = Path(__file__).resolve().parents[3]
CONFIGURATION = ROOT / "deploy" / "front" / "haproxy.cfg"
PATHS = {
    "/v1/carriers/twilio/voice": "webhooks",
    "/v1/carriers/twilio/turn": "webhooks",
    "/v1/agents/ws": "desktop",
    "/v1/agents/ticket": "desktop",
    "/v1/agents": "console",
    "/v1/kpis": "console",
    "/v1/tenants/demo": "console",
    "/v1/wallboard/stream": "console",
    "/": "console",
    "/desktop/": "console",
    "/desktop/main.js": "console",
    "/wallboard/": "console",
    "/assets/base.css": "console",
    "/openapi.json": "console",
    "/metrics": None,
}


def by_haproxy(path: str) -> str | None:
    """Return the backend that the configuration's rules give a path, read in order."""
    text = CONFIGURATION.read_text()
    if path in re.findall(r"http-request deny .* if \{ path (\S+) \}", text):
        return None
    for backend, how, values in re.findall(r"use_backend (\S+) if \{ (path|path_beg) ([^}]+) \}", text):
        if any(path == value if how == "path" else path.startswith(value) for value in values.split()):
            return backend
    return re.search(r"default_backend (\S+)", text)[1]


def ingresses() -> dict[str, Any]:
    """Return the Ingresses by name; the controller serves one host by all of them together."""
    documents = render(ROOT / "k8s" / "overlays" / "small")
    return {found["metadata"]["name"]: found for found in documents if found["kind"] == "Ingress"}


def by_ingress(path: str) -> str | None:
    """Return the Service that the Ingresses give a path: an exact one first, then the longest prefix of whole parts."""
    entries = [
        entry for one in ingresses().values() for rule in one["spec"]["rules"] for entry in rule["http"]["paths"]
    ]
    fits = [entry for entry in entries if entry["pathType"] == "Exact" and entry["path"] == path] or sorted(
        (entry for entry in entries if entry["pathType"] == "Prefix" and _is_prefix(entry["path"], path)),
        key=lambda entry: len(entry["path"]),
    )
    return fits[-1]["backend"]["service"]["name"] if fits else None


def _is_prefix(prefix: str, path: str) -> bool:
    return path.startswith(prefix.rstrip("/") + "/") or path == prefix.rstrip("/")


@pytest.mark.parametrize(("path", "expected"), PATHS.items())
def test_front_and_ingress_lead_to_the_same(path, expected):
    assert (by_haproxy(path), by_ingress(path)) == (expected, expected)


def test_a_webhooks_pod_that_froze_is_given_up_by_both_after_the_same_time():
    backend = re.search(
        r"^backend webhooks\n(.*?)(?=^backend|\Z)", CONFIGURATION.read_text(), re.MULTILINE | re.DOTALL
    )[1]
    read_s = ingresses()["webhooks"]["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-read-timeout"]
    assert re.findall(r"timeout server (\S+)", backend) == [f"{read_s}s"]


def test_the_front_asks_for_readiness_and_not_for_life():
    assert "http-check send meth GET uri /readyz" in CONFIGURATION.read_text()


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")
@pytest.mark.parametrize("count", [1, 2])
def test_haproxy_reads_it_without_a_warning(count):
    pods = {f"{name}_{n}": f"127.0.0.1:{80 + n}" for name in ("WEBHOOKS", "DESKTOP", "CONSOLE") for n in range(count)}
    environ = {"PATH": os.environ["PATH"], "FRONT_BIND": "127.0.0.1:8080"} | pods
    command = ["haproxy", "-c", "-f", CONFIGURATION]
    checked = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr
