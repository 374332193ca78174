"""The simulated carrier's own server: its REST API, and the practice phone's websocket."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any, Final, Literal

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.middleware.cors import CORSMiddleware
from pydantic import Field, TypeAdapter, ValidationError

from schemas.routing import EdgeModel
from services.demo.carrier import SimulatedCarrier
from services.demo.carrier_rest import rest_app
from services.demo.phone import CallEnded, Phone

FRAME_CHARS_MAX: Final = 4096
LISTEN_BACKLOG: Final = 512
PHONES_MAX: Final = 20  # of people at practice phones, at a time
_LOOPBACK: Final = re.compile(r"^https?://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$")
POLICY_VIOLATION: Final = 1008
TRY_LATER: Final = 1013


class Speak(EdgeModel):
    """The person says something."""

    type: Literal["speak"]
    text: str = Field(min_length=1, max_length=1000, repr=False)


class Press(EdgeModel):
    """The person presses a key."""

    type: Literal["press"]
    digit: str = Field(pattern=r"^[0-9*#]$", repr=False)


class HangUp(EdgeModel):
    """The person hangs up."""

    type: Literal["hang_up"]


_FRAMES: TypeAdapter[Speak | Press | HangUp] = TypeAdapter(
    Annotated[Speak | Press | HangUp, Field(discriminator="type")]
)


def carrier_app(carrier: SimulatedCarrier, *, origins: tuple[str, ...] = (), numbers: tuple[str, ...] = ()) -> FastAPI:
    """Return the whole application. Pages may use it from `origins` and from this machine; `numbers` may be called."""
    app = rest_app(carrier)
    app.add_middleware(CORSMiddleware, allow_origins=list(origins), allow_origin_regex=_LOOPBACK.pattern)
    open_phones: set[WebSocket] = set()

    @app.get("/healthz")
    async def healthz() -> dict[str, Any]:
        return {"status": "ok", "calls": carrier.calls_live}

    @app.websocket("/phone")
    async def phone(socket: WebSocket, number: str) -> None:
        origin = socket.headers.get("origin")
        if (origin and origin not in origins and not _LOOPBACK.match(origin)) or (numbers and number not in numbers):
            await socket.close(POLICY_VIOLATION)
            return
        await socket.accept()
        if len(open_phones) >= PHONES_MAX:
            await socket.close(TRY_LATER)
            return
        open_phones.add(socket)
        try:
            await _converse(socket, await carrier.place_call(to=number))
        finally:
            open_phones.discard(socket)

    return app


async def _converse(socket: WebSocket, phone: Phone) -> None:
    """Carry a practice call until it ends or the page goes away."""
    sending = asyncio.create_task(_send_events(socket, phone))
    receiving = asyncio.create_task(_receive_inputs(socket, phone))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        await phone.hang_up()  # harmless if the call has ended; else the page is gone
        if not receiving.done():
            await sending
            await socket.close()
    finally:
        for task in (sending, receiving):
            task.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)


async def _send_events(socket: WebSocket, phone: Phone) -> None:
    number = 0
    try:
        while True:
            event = await phone.event(number)
            await socket.send_json(event.frame())
            number += 1
    except CallEnded:
        return  # every event has been sent, the last one told the end


async def _receive_inputs(socket: WebSocket, phone: Phone) -> None:
    try:
        while True:
            await _take(await socket.receive_text(), socket, phone)
    except WebSocketDisconnect:
        return


async def _take(text: str, socket: WebSocket, phone: Phone) -> None:
    try:
        frame = _FRAMES.validate_json(text[: FRAME_CHARS_MAX + 1]) if len(text) <= FRAME_CHARS_MAX else None
    except ValidationError:
        frame = None
    match frame:
        case Speak(text=said):
            phone.say(said)
        case Press(digit=digit):
            phone.press(digit)
        case HangUp():
            await phone.hang_up()
        case None:
            await socket.send_text(json.dumps({"type": "error", "message": "speak, press or hang_up"}))


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: FastAPI, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve an application inside this event loop; yields its address. Port 0 takes a free one.

    Raises:
        OSError: the port is in use.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(LISTEN_BACKLOG)  # now, so that whoever gets the address may connect at once
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=4 * FRAME_CHARS_MAX,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running
