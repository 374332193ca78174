"""A member's life, with small programs in place of servers."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from deploy.cluster.cluster import Cluster
from deploy.cluster.member import ClusterError, Member, MemberEnded, Spec, descendants
from deploy.cluster.probes import accepts, free_port, http_status

PATIENCE_S = 25.0  # a bound for a test that would wait for ever
SERVER = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
while True:
    listener.accept()[0].close()
"""
CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[2], sys.argv[1]])"


def member(tmp_path: Path, *program: str, **options) -> Member:
    port = free_port()
    command = (sys.executable, "-c", program[0], str(port), *program[1:])
    spec = Spec("one", command, port, options.pop("ready", accepts(port)), **options)
    return Member(spec, tmp_path / "logs" / "one.log")


async def test_it_starts_ends_and_starts_again_on_its_port(tmp_path):
    one = member(tmp_path, SERVER)
    await one.start()
    assert one.running
    first = one.pid
    await one.restart()
    assert one.pid != first
    assert one.last_words() == "listening\nlistening"
    await one.stop()
    assert not one.running
    assert not await accepts(one.port)()
    with pytest.raises(ClusterError, match="one is not running"):
        _ = one.pid


async def test_kill_takes_children_along(tmp_path):
    one = member(tmp_path, CHILD, SERVER)
    await one.start()
    (child,) = descendants(one.pid)
    await one.kill()
    assert not one.running
    assert not await accepts(one.port)()
    assert _state(child) in {None, "Z"}


async def test_a_frozen_one_holds_its_port_and_can_be_ended(tmp_path):
    one = member(tmp_path, SERVER)
    await one.start()
    one.freeze()
    await until(lambda: _state(one.pid) == "T")
    assert await http_status(one.port, "/") is None
    one.thaw()
    await until(lambda: _state(one.pid) != "T")
    one.freeze()
    await one.stop()
    assert not one.running


async def test_one_that_does_not_want_to_end_is_killed(tmp_path):
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVER
    one = member(tmp_path, stubborn, stop_s=0.1)
    await one.start()
    await one.stop()
    assert not one.running


async def test_who_ends_by_itself_is_told_with_its_last_words(tmp_path):
    one = member(tmp_path, SERVER)
    await one.start()
    os.kill(one.pid, signal.SIGKILL)
    told = await one.fell()
    assert isinstance(told, MemberEnded)
    assert str(told) == "one has ended with status -9. The end of its log:\nlistening"


async def test_who_never_starts_is_told_with_its_last_words(tmp_path):
    one = member(tmp_path, "raise SystemExit('no disk')")
    with pytest.raises(MemberEnded, match=r"one has ended with status 1\. The end of its log:\nno disk"):
        await one.start()


async def test_who_is_never_ready_is_told(tmp_path):
    one = member(tmp_path, SERVER)
    await one.start(wait=False)
    never = Member(Spec("never", (), 1, accepts(free_port())), tmp_path / "never.log")
    never._process = one._process
    with pytest.raises(MemberEnded, match="never is not ready after 0 s"):
        await never.ready(within_s=0)
    await one.kill()


async def test_settings_of_the_shell_do_not_reach_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FRONTDOOR_PORT", "1")
    shows = "import os; raise SystemExit(str(sorted(name for name in os.environ if name.startswith('FRONTDOOR_'))))"
    one = member(tmp_path, shows, environ={"FRONTDOOR_BUS": "kafka"})
    with pytest.raises(MemberEnded, match=r"\['FRONTDOOR_BUS'\]"):
        await one.start()


async def test_a_port_in_use_is_told_before_anything_starts(tmp_path):
    taken = member(tmp_path, SERVER)
    await taken.start()
    with pytest.raises(ClusterError, match=f"port {taken.port} cannot be had .*--port"):
        async with Cluster(tmp_path / "cluster", port=taken.port):
            pass
    assert not (tmp_path / "cluster").exists()
    await taken.kill()


@pytest.mark.parametrize(("missing", "remedy"), [("haproxy", "apt-get install haproxy"), ("java", "openjdk-17")])
async def test_what_the_machine_lacks_is_told_in_one_line(tmp_path, monkeypatch, missing, remedy):
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **options: None if name == missing else found(name, **options))
    with pytest.raises(ClusterError, match=remedy) as caught:
        async with Cluster(tmp_path):
            pass
    assert "\n" not in str(caught.value)


async def test_two_clusters_do_not_share_a_folder(tmp_path):
    first, second = Cluster(tmp_path), Cluster(tmp_path)
    first._prepare_folder()
    with pytest.raises(ClusterError, match="another cluster uses"):
        await second.__aenter__()
    await first._end()


async def until(holds):
    """Wait until something holds that the kernel does in its own time."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)


def _state(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return None
