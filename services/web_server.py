"""The web server as all processes use it: quiet, without signals of its own, and with a door that is wide in a rush."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

LOOK_S: Final = 0.05  # between looks for those who stand outside
LET_IN_MAX: Final = 256  # at each look, so that those who are inside are served too


class WebServer(uvicorn.Server):
    """Serves `app` until `should_exit` is set. Signals are left to us, since it is not the only thing to end.

    uvloop lets in one new connection at each round of the event loop (libuv's pull request 3696). In a rush a round
    serves everybody who is inside, again and again, and those outside waited for seconds. So every other moment all who
    wait are let in, which costs nothing while nobody does.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                proxy_headers=False,  # our public address is a setting; headers that a client may write decide nothing
                lifespan="off",
                loop="none",
                ws="websockets-sansio",
                ws_max_size=1 << 20,  # the gateway closes a frame over its own limit itself, with a reason
                ws_per_message_deflate=False,  # a context costs more memory than a socket (short frames gain nothing)
                ws_ping_interval=None,  # the gateway pings by frames that a page can answer
                timeout_graceful_shutdown=1,
                server_header=False,
            )
        )
        self._doormen: list[asyncio.Task[None]] = []
        self._entering: set[asyncio.Task[None]] = set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen on `sockets`."""
        await super().startup(sockets)
        self._doormen = [asyncio.create_task(self._keep_letting_in(listener)) for listener in sockets or ()]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in any more, and see those who are inside to their end."""
        for doorman in self._doormen:
            doorman.cancel()
        await asyncio.gather(*self._doormen, *self._entering, return_exceptions=True)
        await super().shutdown(sockets)

    async def _keep_letting_in(self, listener: socket.socket) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self._let_in(listener)

    def _let_in(self, listener: socket.socket) -> None:
        for _ in range(LET_IN_MAX):
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # nobody waits, or left again; of anything else uvloop tells, who looks as well
            entering = asyncio.create_task(self._enter(connection))
            self._entering.add(entering)
            entering.add_done_callback(self._entering.discard)

    async def _enter(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        except OSError:  # they left again
            connection.close()

    def _protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg] # all of uvicorn's own take these
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
