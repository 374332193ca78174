"""One open socket and its session. An idle link has no task and no timer of its own; it costs what it remembers."""

import asyncio
from contextlib import suppress
from typing import Final

from pydantic import BaseModel
from starlette.websockets import WebSocket, WebSocketDisconnect

from agent_gateway.frames import encode
from agent_gateway.session import Session
from schemas.gateway_frames import CloseCode
from schemas.ids import CellId, TenantId, fact_id
from schemas.intake import FactEnvelope
from services.runtime.clock import Clock
from services.runtime.facts import fact

_CLOSE_S: Final = 1.0  # how long a desktop that does not read may hold up its own closing


class Link:
    """The socket of one session. Used from the event loop only."""

    __slots__ = (
        "_aborted", "_clock", "_closed", "_count", "_sender", "_socket", "_task", "announced", "cell", "lapsed",
        "overdue", "parted", "session", "tenant",
    )  # fmt: skip

    def __init__(self, socket: WebSocket, session: Session, *, tenant: TenantId, cell: CellId, clock: Clock) -> None:
        self.session = session
        self.tenant = tenant
        self.cell = cell
        self.announced = False  # whether the log knows the session for certain
        self.lapsed = False  # whether its lease may have run out while this process stood still
        self.overdue = False  # whether it was to be closed at the last sweep already
        self.parted = False  # whether the log knows that the socket is gone
        self._clock = clock
        self._socket = socket
        self._task = asyncio.current_task()
        self._sender: asyncio.Task[None] | None = None
        self._aborted = False
        self._closed = False
        self._count = 0

    def envelope(self, data: BaseModel, what: str | None = None) -> FactEnvelope:
        """Wrap a fact of this session: `what` names one that happens once, others are counted."""
        if what is None:
            self._count += 1
            what = str(self._count)
        return fact(
            data,
            id=fact_id("desktop", self.session.session_id, what),
            source="/desktop",
            subject=self.session.agent_id,
            cell=self.cell,
            tenant=self.tenant,
            time=self._clock.now(),
        )

    def pump(self) -> None:
        """Send what the session has to say, in a task that ends when it is said."""
        closing = self.session.close_requested
        if self._sender is not None:
            # A desktop that does not read never lets the sender go on, so nothing in order can reach it any more.
            if closing is not None and closing.code == CloseCode.TOO_SLOW:
                self.abort()
        elif self.session.unsent or (closing is not None and not self._closed):
            self._sender = asyncio.create_task(self._send())

    def abort(self) -> None:
        """Give the socket up without waiting for its peer."""
        if not self._aborted and self._task is not None:
            self._aborted = True
            self._task.cancel()

    @property
    def sending(self) -> asyncio.Task[None] | None:
        """The task that sends, while there is something to send."""
        return self._sender

    async def listen(self) -> str | bytes | None:
        """Return the desktop's next message; None when the socket is closed, by whomever."""
        message = await self._socket.receive()
        if message["type"] != "websocket.receive":
            self._closed = True
            return None
        text: str | bytes | None = message.get("text")
        return message["bytes"] if text is None else text

    def gave_up(self) -> bool:
        """Whether the task was cancelled by `abort` and by nobody else; then the cancellation is over."""
        return self._aborted and self._task is not None and self._task.uncancel() == 0

    async def finish(self) -> None:
        """Stop sending, and close the socket if it is still open."""
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait([self._sender])
        closing = self.session.close_requested
        if closing is not None:
            # A peer that does not read is not waited for: the server drops the connection when the endpoint returns.
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await self._close(closing.code, closing.reason)

    async def _send(self) -> None:
        try:
            while (frame := self.session.next_frame()) is not None:
                await self._socket.send_text(encode(frame))
            closing = self.session.close_requested
            if closing is not None:
                await self._close(closing.code, closing.reason)
        except WebSocketDisconnect:
            self._closed = True  # whoever listens learns it too
        finally:
            self._sender = None

    async def _close(self, code: int, reason: str) -> None:
        if not self._closed:
            self._closed = True
            with suppress(WebSocketDisconnect):
                await self._socket.close(code, reason)
