"""/metrics of running processes after a call: sound to Prometheus, declared, and enough for alerts and dashboard."""

import asyncio
import json
import re
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import yaml
from prometheus_client.parser import text_string_to_metric_families

from services.cli import PROCESSES
from services.demo.carrier import SimulatedCarrier
from services.demo.carrier_server import carrier_app, serving
from tests.integration.system import FRONTDOOR, PATIENCE_S, SECRET, System, _apply, _process, document, running
from tests.promtool import catalogue, metrics_named

DEPLOY = Path(__file__).parents[2] / "deploy"
READERS = ("routing", "desktop", "call-control", "records")
# These begin with what they count, or with a caller who is there while one looks.
ON_OCCASION = {
    "frontdoor_dead_letters_total",
    "frontdoor_records_unfolded_total",
    "frontdoor_spool_facts_total",
    "frontdoor_items_unmatched",
    "frontdoor_abandoned_total",
    "frontdoor_abandoned_late_total",
    "frontdoor_self_served_total",
}


def watched():
    """Every metric that an alert or a panel of the dashboard names."""
    groups = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"]
    panels = json.loads((DEPLOY / "grafana" / "frontdoor.json").read_text())["panels"]
    exprs = [rule["expr"] for group in groups for rule in group["rules"]]
    exprs += [target["expr"] for panel in panels for target in panel["targets"]]
    return {name for expr in exprs for name in metrics_named(expr)}


def parsed(text):
    """Return the series of /metrics: by declared name, the label sets (without a histogram's own)."""
    found = {}
    for family in text_string_to_metric_families(text):
        name = family.name + "_total" if family.type == "counter" else family.name
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                labels = {label: value for label, value in sample.labels.items() if label != "le"}
                found.setdefault(name.removesuffix("_created"), []).append(labels)
    return found


def wrong_labels(series):
    """Return which series differ from what is declared."""
    known = catalogue()
    undeclared = [name for name in series if name not in known]
    return undeclared + [
        name
        for name, found in series.items()
        if name in known and any(set(labels) != set(known[name].labels) for labels in found)
    ]


async def metrics_of(client, until):
    """Return the text of /metrics once `until` holds for its series; gauges follow within seconds."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            text = (await client.get("/metrics")).raise_for_status().text
            if until(parsed(text)):
                return text
            await asyncio.sleep(0.05)


async def one_call(system):
    """Serve a call to its end, as the records know it; then one caller waits, and another talks to the dialog."""
    agent = await system.agent("agent-finn")
    phone = await system.waiting_call()
    offer = await agent.offer()
    await agent.accept(offer)
    async with asyncio.timeout(PATIENCE_S):
        await phone.wait_until("connected")
    await agent.expect("call.updated", state="connected")
    await phone.hang_up()
    await agent.expect("call.updated", state="wrapping")
    await system.contact(offer["contact_id"], lambda contact: contact["state"] == "ended")
    await system.waiting_call()
    talking = await system.call()
    await talking.wait_until("listening")


def has(*names):
    return lambda series: set(names) <= set(series)


def readers(series):
    """Return which processes show how far they are behind the log; each looks every few seconds."""
    return {labels["process"] for labels in series.get("frontdoor_log_behind_seconds", ())}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def text(tmp_path_factory):
    """What everything in one process shows, on the embedded bus."""
    async with running(tmp_path_factory.mktemp("metrics")) as system:
        await one_call(system)
        all_there = has(*(watched() - ON_OCCASION))
        yield await metrics_of(system.http, lambda series: all_there(series) and readers(series) == set(READERS))


def test_promtool_has_nothing_to_say(text, promtool):
    assert promtool("check", "metrics", stdin=text.encode()) == ""


def test_every_series_is_declared_with_its_labels(text):
    ours = {name: found for name, found in parsed(text).items() if name.startswith("frontdoor_")}
    assert wrong_labels(ours) == []
    assert set(parsed(text)) == set(ours)


def test_the_call_is_there(text):
    series = parsed(text)
    assert {"tenant": "demo", "queue": "refills"} in series["frontdoor_answered_total"]
    assert {"tenant": "demo", "queue": "refills"} in series["frontdoor_answered_in_time_total"]
    assert {labels["urgency"] for labels in series["frontdoor_longest_wait_seconds"]} == {"routine"}
    assert {"tenant": "demo", "status": "available", "state": "wrapping"} in series["frontdoor_agents"]


def test_each_reader_of_the_log_shows_its_lag(text):
    assert readers(parsed(text)) == set(READERS)


def test_no_label_quotes_a_caller(text):
    assert not re.search(r"\+1500555|CA[0-9a-f]{32}", text)


class Apart(System):
    """Processes of their own, each on its port: desktops at `base`, pages and reading at `http`."""

    async def ticket(self, agent_id):
        answer = await self.http.post(f"{self.base}/v1/agents/ticket", headers=self.headers("agent", agent_id))
        return answer.raise_for_status().json()["ticket"]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def _make_keys(data):
    (data / "secrets.json").write_text(json.dumps({"demo-twilio-token": SECRET}))
    (data / "secrets.json").chmod(0o600)
    made = await asyncio.create_subprocess_exec(
        FRONTDOOR, "keys", "--data", str(data), stdout=asyncio.subprocess.DEVNULL
    )
    assert await made.wait() == 0


@asynccontextmanager
async def running_apart(data, environ):
    """Start each process alone; yields the system, and a client for each process."""
    await _make_keys(data)
    bases = {name: f"http://127.0.0.1:{free_port()}" for name in PROCESSES}
    environ = environ | {"FRONTDOOR_PUBLIC_URL": bases["webhooks"]}
    async with AsyncExitStack() as stack:
        carrier_client = await stack.enter_async_context(httpx.AsyncClient(timeout=20, trust_env=False))
        config = document()
        carrier = SimulatedCarrier(
            base_url=bases["webhooks"], account=config.carriers[0].account, secret=SECRET, client=carrier_client
        )
        environ["FRONTDOOR_TWILIO_API_BASE"] = await stack.enter_async_context(serving(carrier_app(carrier)))
        for name in PROCESSES:
            own = {"FRONTDOOR_PORT": bases[name].rpartition(":")[2]}
            await stack.enter_async_context(_process(data, ("serve", name), environ | own))
        clients = {
            name: await stack.enter_async_context(httpx.AsyncClient(base_url=base, timeout=20, trust_env=False))
            for name, base in bases.items()
        }
        system = Apart(bases["desktop"], data, carrier, clients["console"], None)
        await _apply(system, config)
        yield system, clients
        await carrier.close()


@pytest.mark.cluster
@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.timeout(240)
async def test_each_process_alone_shows_what_is_its_own(tmp_path, kafka_bootstrap, fresh_postgres_url, promtool):
    environ = {
        "FRONTDOOR_BUS": "kafka",
        "FRONTDOOR_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "FRONTDOOR_KAFKA_PREFIX": f"{tmp_path.name}.",
        "FRONTDOOR_DATABASE_URL": fresh_postgres_url,
    }
    expected = {
        "routing": {  # first: who talks to the dialog and says nothing is soon sent to a person
            "frontdoor_partition_owned", "frontdoor_items", "frontdoor_longest_wait_seconds", "frontdoor_agents",
            "frontdoor_contacts_in_dialog", "frontdoor_step_seconds",
        },
        "webhooks": {"frontdoor_webhooks_total", "frontdoor_webhook_seconds", "frontdoor_publish_seconds"},
        "desktop": {"frontdoor_desktop_sessions", "frontdoor_publish_seconds"},
        "call-control": {"frontdoor_carrier_acts_total"},
        "records": {"frontdoor_answered_total", "frontdoor_contacts_arrived_total", "frontdoor_records_next_offset"},
        "console": {"frontdoor_tenant_version"},
    }  # fmt: skip
    async with running_apart(tmp_path, environ) as (system, clients):
        await one_call(system)
        shown = set()
        for name, own in expected.items():
            lag = {"frontdoor_log_behind_seconds"} if name in READERS else set()
            text = await metrics_of(clients[name], has(*own, *lag))
            assert promtool("check", "metrics", stdin=text.encode()) == ""
            series = parsed(text)
            assert wrong_labels({key: found for key, found in series.items() if key.startswith("frontdoor_")}) == []
            assert {labels["process"] for labels in series.get("frontdoor_log_behind_seconds", ())} == (
                {name} if lag else set()
            )
            shown |= set(series)
        assert watched() - ON_OCCASION <= shown
