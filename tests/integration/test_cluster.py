"""Every process by itself, two of each, on a real Kafka and PostgreSQL behind one front; and the command for it."""

import asyncio
import os
import signal
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from deploy.cluster import Cluster
from deploy.cluster.member import descendants
from deploy.cluster.probes import free_port
from services.demo.carrier import SimulatedCarrier
from services.demo.carrier_server import carrier_app, serving
from tests.integration.system import PATIENCE_S, System, served

pytestmark = [pytest.mark.cluster, pytest.mark.kafka, pytest.mark.postgres, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
END_S = 30.0  # a bound for a test that would wait for ever


@pytest.fixture
def folder():
    # Not below pytest's own folders: PostgreSQL's user has to reach it.
    with tempfile.TemporaryDirectory(prefix="frontdoor-cluster-", ignore_cleanup_errors=True) as made:
        yield Path(made)


@asynccontextmanager
async def driven(cluster):
    """Drive a running cluster with a carrier and agents of the test, through the front."""
    known = cluster.credentials.twilio
    async with (
        httpx.AsyncClient(timeout=20, trust_env=False) as carrier_client,
        httpx.AsyncClient(base_url=cluster.base_url, timeout=20, trust_env=False) as client,
    ):
        carrier = SimulatedCarrier(
            base_url=cluster.base_url, account=known.account, secret=known.secret, client=carrier_client
        )
        async with serving(carrier_app(carrier), port=cluster.carrier_port):
            yield System(cluster.base_url, cluster.folder, carrier, client, None)
            await carrier.close()


async def test_calls_go_through_and_each_counts_once_whoever_is_killed(folder):
    async with Cluster(folder) as cluster, driven(cluster) as system:
        agent = await system.agent("agent-finn")
        ended = [await served(system, agent)]
        for name in ("webhooks-0", "routing-0", "desktop-0", "call-control-0", "records-0", "console-0"):
            await cluster[name].kill()
        await agent.leave()
        agent = await system.agent("agent-finn")
        ended.append(await served(system, agent))
        await cluster["webhooks-0"].start()
        cluster["webhooks-1"].freeze()
        ended.append(await served(system, agent))
        cluster["webhooks-1"].thaw()
        await agent.leave()
        assert [contact["end_reason"] for contact in ended] == ["completed"] * 3
        assert (await system.kpis())["answered"] == 3
        assert "Frontdoor is ready" in cluster["webhooks-0"].last_words(1000)
        watching = asyncio.create_task(cluster.watch())
        os.kill(cluster["records-1"].pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(Exception, match="records-1 has ended with status -9"):
                await watching
        left = [member.pid for member in cluster.members.values() if member.running]
    assert left
    assert [pid for pid in left if _is_running(pid)] == []


async def test_the_command_ends_everything_on_ctrl_c(folder):
    async with commanded(folder) as process:
        await line_with(process.stdout, "kafka")
        started = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(END_S):
            assert await process.wait() == 0
    assert started
    assert [pid for pid in started if _is_running(pid)] == []


async def test_the_command_says_who_has_ended_and_ends_the_rest(folder):
    async with commanded(folder, "--rate", "60") as process:
        await line_with(process.stdout, "Callers and agents are at work")
        started = descendants(process.pid)
        (records,) = [pid for pid in started if b"records" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(records, signal.SIGKILL)
        async with asyncio.timeout(END_S):
            told = (await process.stderr.read()).decode()
            assert await process.wait() == 1
    assert told.startswith("cluster: records-0 has ended with status -9. The end of its log:\n")
    assert [pid for pid in started if _is_running(pid)] == []


@asynccontextmanager
async def commanded(folder, *options):
    """Run `python -m deploy.cluster` with one of each process."""
    command = ("-m", "deploy.cluster", "--each", "1", "--port", str(free_port()), "--data", str(folder), *options)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDOOR_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, env=kept, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def line_with(stream, words):
    """Read until a line has these words."""
    async with asyncio.timeout(120):
        while line := (await stream.readline()).decode():
            if words in line:
                return line
    raise AssertionError(f"it ended without saying {words!r}")


def _is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
