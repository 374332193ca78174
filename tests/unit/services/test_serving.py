"""The order in which a process ends."""

import asyncio
import socket
from contextlib import closing

import pytest
from fastapi import APIRouter, FastAPI

from services import serving
from services.runtime.limits import Limits
from services.runtime.process import Process
from services.runtime.settings import Settings
from services.runtime.telemetry import Metrics
from services.supervision import Supervisor


class Ending:
    """A process that notes what happens to it; its one request is answered only after the drain."""

    def __init__(self):
        self.noted = []
        self.taken = asyncio.Event()
        self._drained = asyncio.Event()
        router = APIRouter()
        router.get("/slow")(self._answer)
        self.process = Process(
            name="webhooks",
            routes=(router,),
            loops=(self._loop,),
            drain=self._drain,
            settle=self._note("settled"),
            finish=self._note("finished"),
        )

    async def _answer(self) -> str:
        self.taken.set()
        await self._drained.wait()
        self.noted.append("answered")
        return "ok"

    async def _drain(self):
        self.noted.append("drained")
        self._drained.set()

    async def _loop(self):
        try:
            await asyncio.Event().wait()
        finally:
            self.noted.append("loop ended")

    def _note(self, word):
        async def note():
            self.noted.append(word)

        return note


@pytest.fixture
def stop(monkeypatch):
    """What stands for the signal; nothing here may end the whole test run."""
    stop = asyncio.Event()
    monkeypatch.setattr(serving, "_stop_on_signal", lambda: stop)
    monkeypatch.setattr(serving, "_end_at_the_latest", lambda _seconds: None)
    monkeypatch.setattr(serving, "_settle_memory", lambda: None)
    return stop


async def test_what_waits_is_settled_once_nothing_more_can_come_and_the_loops_still_run(stop, tmp_path):
    ending, app = Ending(), FastAPI()
    app.include_router(*ending.process.routes)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        serve = asyncio.create_task(
            serving.serve(
                [ending.process],
                app=app,
                readiness=serving.Readiness([ending.process]),
                supervisor=Supervisor(Metrics()),
                listener=listener,
                settings=Settings(data_dir=tmp_path),
                limits=Limits(),
                demo_clients=False,
            )
        )
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b"GET /slow HTTP/1.1\r\nHost: front\r\nConnection: close\r\n\r\n")
        await ending.taken.wait()
        stop.set()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        await serve
    assert answer.startswith(b"HTTP/1.1 200")
    assert ending.noted == ["drained", "answered", "settled", "loop ended", "finished"]
