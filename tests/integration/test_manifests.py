"""Every manifest's command, environment and probes as a local process on a real Kafka and PostgreSQL, and one call.

There is no cluster: this file does the part of the kubelet. A pod gets an address of its own on the loopback, so that
ports and probes are used as they are written; only hosts, folders and secrets are those of this machine.
"""

import asyncio
import json
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from deploy.cluster import servers
from deploy.cluster.layout import PROGRAM
from deploy.cluster.member import Member, Spec
from deploy.cluster.probes import free_port, http_status
from deploy.manifests.render import render, workloads
from services.cli import main as frontdoor
from services.demo.carrier import SimulatedCarrier
from services.demo.carrier_server import carrier_app, serving
from tests.integration.system import SECRET, System, _apply, document, served

pytestmark = [pytest.mark.cluster, pytest.mark.kafka, pytest.mark.postgres, pytest.mark.timeout(300)]
SMALL = Path(__file__).resolve().parents[2] / "k8s" / "overlays" / "small"
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


@dataclass(frozen=True)
class Site:
    """What stands for the cluster: hosts and what is in its Secrets."""

    documents: list
    folder: Path
    base_url: str
    kafka: str
    carrier: str
    secrets: dict

    def one(self, kind, name):
        (found,) = [
            document for document in self.documents if (document["kind"], document["metadata"]["name"]) == (kind, name)
        ]
        return found


async def test_each_manifest_starts_as_written_and_a_call_goes_through(tmp_path, kafka_bootstrap, fresh_postgres_url):
    front_port, carrier_port = free_port(), free_port()
    site = Site(
        documents=render(SMALL),
        folder=tmp_path,
        base_url=f"http://127.0.0.1:{front_port}",
        kafka=kafka_bootstrap,
        carrier=f"http://127.0.0.1:{carrier_port}",
        secrets={
            "frontdoor-carriers": {"FRONTDOOR_SECRET_DEMO_TWILIO_TOKEN": SECRET},
            "frontdoor-database": {"url": fresh_postgres_url},
        },
    )
    assert frontdoor(["keys", "--data", str(tmp_path)]) == 0
    async with AsyncExitStack() as stack:
        pods = {}
        for number, workload in enumerate(workloads(site.documents), start=1):
            member = pod_of(site, workload, address=f"127.77.{os.getpid() % 250}.{number}")
            stack.push_async_callback(member.stop)
            await member.start(wait=False)
            pods[member.name] = member
        await asyncio.gather(*(member.ready() for member in pods.values()))
        front = Member(front_of(site, front_port, workloads(site.documents)), tmp_path / "logs" / "front.log")
        stack.push_async_callback(front.stop)
        await front.start()
        system = await stack.enter_async_context(driven(site, carrier_port))
        await a_call_goes_through(system)
        await asyncio.gather(*(member.stop() for member in pods.values()))
        assert {name: member.status for name, member in pods.items()} == dict.fromkeys(pods, 0)


def pod_of(site, workload, *, address):
    """Return a workload's only container as a member: its arguments, its environment, its probes."""
    name = workload["metadata"]["name"]
    template = workload["spec"]["template"]
    (container,) = template["spec"]["containers"]
    template["address"] = address
    (port,) = container["ports"]
    environ = environment_of(site, container, template | {"ordinal": "0"})
    environ |= here(site, environ, address, mounted(site, name, container, template))

    async def ready():
        answers = [await probed(container[probe]["httpGet"], port, address) for probe in PROBES]
        return answers == [200, 200, 200]

    spec = Spec(name, (str(PROGRAM), *container["args"]), port["containerPort"], ready, environ)
    return Member(spec, site.folder / "logs" / f"{name}.log")


async def probed(get, port, address):
    assert get["port"] == port["name"]
    return await http_status(port["containerPort"], get["path"], address)


def environment_of(site, container, template):
    """Resolve what the kubelet resolves."""
    environ = {}
    for source in container["envFrom"]:
        if "configMapRef" in source:
            environ |= site.one("ConfigMap", source["configMapRef"]["name"])["data"]
        else:
            environ |= site.secrets[source["secretRef"]["name"]]
    for entry in container.get("env", ()):
        source = entry.get("valueFrom", {})
        if "secretKeyRef" in source:
            environ[entry["name"]] = site.secrets[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
        elif "fieldRef" in source:
            assert "pod-index" in source["fieldRef"]["fieldPath"]
            environ[entry["name"]] = template["ordinal"]
        else:
            environ[entry["name"]] = entry["value"]
    return environ


def mounted(site, name, container, template):
    """Make the volumes; return where each path of the container is on this machine."""
    secrets = {volume["name"] for volume in template["spec"]["volumes"] if "secret" in volume}
    places = {}
    for mount in sorted(container["volumeMounts"], key=lambda mount: mount["mountPath"]):
        path, volume = mount["mountPath"], site.folder / "pods" / name / mount["name"]
        if mount["name"] in secrets:
            volume = site.folder / "keys"
        else:
            volume.mkdir(parents=True)
        parent = next((outer for outer in places if path.startswith(f"{outer}/")), None)
        if parent is not None:
            (places[parent] / path.removeprefix(f"{parent}/")).symlink_to(volume, target_is_directory=True)
        places[path] = volume
    return places


def here(site, environ, address, places):
    """Return what is otherwise on this machine: hosts, folders, and a corner of the tests' broker."""
    assert environ["FRONTDOOR_HOST"] == "0.0.0.0"
    return {
        "FRONTDOOR_HOST": address,
        "FRONTDOOR_DATA_DIR": str(places[environ["FRONTDOOR_DATA_DIR"]]),
        "TMPDIR": str(places["/tmp"]),
        "FRONTDOOR_KAFKA_BOOTSTRAP": site.kafka,
        "FRONTDOOR_KAFKA_PREFIX": f"{site.folder.name}.",
        "FRONTDOOR_PUBLIC_URL": site.base_url,
        "FRONTDOOR_TWILIO_API_BASE": site.carrier,
    }


def front_of(site, port, found):
    """Return haproxy in the Ingress' place, before the pods that the Services of the Ingress select."""
    ingresses = [document for document in site.documents if document["kind"] == "Ingress"]
    paths = [path for one in ingresses for rule in one["spec"]["rules"] for path in rule["http"]["paths"]]
    environ = {}
    for path in paths:
        name = path["backend"]["service"]["name"]
        service = site.one("Service", name)["spec"]
        (exposed,) = [
            exposed for exposed in service["ports"] if exposed["name"] == path["backend"]["service"]["port"]["name"]
        ]
        (template,) = [
            workload["spec"]["template"]
            for workload in found
            if service["selector"].items() <= workload["spec"]["template"]["metadata"]["labels"].items()
        ]
        ports = {opened["name"]: opened for opened in template["spec"]["containers"][0]["ports"]}
        address = f"{template['address']}:{ports[exposed['targetPort']]['containerPort']}"
        environ[f"{name.upper()}_0"] = address
    return replace(servers.front(port, {}), environ=environ | {"FRONT_BIND": f"127.0.0.1:{port}"})


class driven:  # noqa: N801  read as a verb
    """A carrier and a client of the test, on the running pods."""

    def __init__(self, site, carrier_port):
        self._site, self._port, self._stack = site, carrier_port, AsyncExitStack()

    async def __aenter__(self):
        stack, site, config = self._stack, self._site, document()
        carrier_client = await stack.enter_async_context(httpx.AsyncClient(timeout=20, trust_env=False))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=site.base_url, timeout=20, trust_env=False))
        carrier = SimulatedCarrier(
            base_url=site.base_url, account=config.carriers[0].account, secret=SECRET, client=carrier_client
        )
        await stack.enter_async_context(serving(carrier_app(carrier), port=self._port))
        stack.push_async_callback(carrier.close)
        system = System(site.base_url, site.folder, carrier, client, None)
        await _apply(system, config)
        return system

    async def __aexit__(self, *details):
        await self._stack.aclose()


async def a_call_goes_through(system):
    agent = await system.agent("agent-finn")
    ended = await served(system, agent)
    assert ended["end_reason"] == "completed", json.dumps(ended)
    await agent.leave()
