"""A TCP proxy that misbehaves on demand: late, slow, deaf, cut off, or with a bit turned over.

It stands between two processes, or as a front before several of the same kind (it takes the next upstream that
accepts). What it does is set from inside the process at any time, and holds for connections that are open as well::

    proxy = FaultProxy([("127.0.0.1", 9092)])
    await proxy.start()
    proxy.behave(Behaviour(latency_s=0.2))
    proxy.heal()
"""

import asyncio
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final, Literal

CHUNK_BYTES: Final = 16 * 1024
CONNECT_S: Final = 5.0
Address = tuple[str, int] | Path  # TCP, or a socket in the file system
Direction = Literal["up", "down"]  # to the upstream, or back


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a proxy treats bytes. The default passes them on as they come.

    `latency_s` holds each chunk back; `bytes_per_s` throttles each direction of a connection; `half_open` accepts
    connections and never answers, and lets nothing through the open ones; `refuse` resets whoever connects.
    """

    latency_s: float = 0.0
    bytes_per_s: float | None = None
    half_open: bool = False
    refuse: bool = False


class FaultProxy:
    """Listens on a port of the loopback and passes bytes to an upstream. Used from one event loop."""

    def __init__(self, upstreams: Sequence[Address], *, port: int = 0) -> None:
        """`port` 0 takes a free one; it stays the same for the life of the object."""
        assert upstreams, "a proxy stands before somebody"
        self.upstreams = list(upstreams)
        self.port = port
        self.connections = 0  # accepted so far
        self.flipped = 0
        self._behaviour = Behaviour()
        self._turn = count()
        self._flip: tuple[Direction, int] | None = None
        self._passed: dict[Direction, int] = {"up": 0, "down": 0}
        self._open: set[_Connection] = set()
        self._deaf: set[_Connection] = set()  # lost bytes while half open: of no more use
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Where it listens, as host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._open)

    @property
    def passed(self) -> int:
        """How many bytes went through, both ways."""
        return sum(self._passed.values())

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=CHUNK_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and reset what is open."""
        if self._server is not None:
            self._server.close()
        tasks = [connection.task for connection in self._open]
        self.cut()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---- faults

    def behave(self, behaviour: Behaviour) -> None:
        """Treat bytes like this from now on."""
        self._behaviour = behaviour
        if behaviour.half_open:
            self._deaf |= self._open
        self._notify()

    def cut(self) -> int:
        """Reset every open connection, as a cable that is pulled; returns how many there were."""
        cut = list(self._open)
        for connection in cut:
            connection.reset()
        return len(cut)

    def flip(self, *, after: int, direction: Direction = "up") -> None:
        """Turn one bit of the byte that is the `after`-th to pass in a direction from now on, once."""
        self._flip = (direction, self._passed[direction] + after)

    def heal(self) -> None:
        """Pass bytes as they come. Connections that lost some are reset, since they can never be right again."""
        self._behaviour = Behaviour()
        self._flip = None
        for connection in self._deaf & self._open:
            connection.reset()
        self._deaf.clear()
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # ---- connections

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None, "a server's callback runs in a task"
        connection = _Connection(writer, task)
        self._open.add(connection)
        try:
            if self._behaviour.refuse:
                connection.reset()
                return
            if self._behaviour.half_open:
                self._deaf.add(connection)
            await self._while_deaf()
            up_reader, up_writer = await self._connect()
            connection.writers.append(up_writer)
            await self._both_ways((reader, up_writer), (up_reader, writer))
        except (OSError, TimeoutError):
            connection.reset()  # nobody upstream accepts: the client is told at once
        except asyncio.CancelledError:
            connection.reset()  # cut: the end of this task is the end of the connection
        finally:
            connection.close()
            self._open.discard(connection)
            self._deaf.discard(connection)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the next upstream that accepts; raises OSError if none does."""
        first = next(self._turn)
        failure: OSError = ConnectionRefusedError("no upstream accepts")
        for step in range(len(self.upstreams)):
            try:
                return await self._connect_to(self.upstreams[(first + step) % len(self.upstreams)])
            except (OSError, TimeoutError) as error:
                failure = error if isinstance(error, OSError) else failure
        raise failure

    async def _connect_to(self, address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(CONNECT_S):
            if isinstance(address, Path):
                return await asyncio.open_unix_connection(str(address), limit=CHUNK_BYTES)
            return await asyncio.open_connection(*address, limit=CHUNK_BYTES)

    async def _both_ways(
        self,
        up: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        down: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        pumps = [asyncio.create_task(self._pump(*up, "up")), asyncio.create_task(self._pump(*down, "down"))]
        try:
            await asyncio.gather(*pumps)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Direction) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            await self._hold_back(len(chunk))
            await self._while_deaf()
            writer.write(self._perhaps_flipped(chunk, way))
            await writer.drain()
        with suppress(OSError, RuntimeError):
            writer.write_eof()

    async def _hold_back(self, size: int) -> None:
        behaviour = self._behaviour
        delay_s = behaviour.latency_s + (size / behaviour.bytes_per_s if behaviour.bytes_per_s else 0.0)
        if delay_s:
            await asyncio.sleep(delay_s)

    async def _while_deaf(self) -> None:
        while self._behaviour.half_open:
            await self._changed.wait()

    def _perhaps_flipped(self, chunk: bytes, way: Direction) -> bytes:
        before = self._passed[way]
        self._passed[way] += len(chunk)
        if self._flip is None or self._flip[0] != way:
            return chunk
        place = self._flip[1] - before
        if not 0 <= place < len(chunk):
            return chunk
        self._flip = None
        self.flipped += 1
        return chunk[:place] + bytes([chunk[place] ^ 0x04]) + chunk[place + 1 :]


class _Connection:
    """Both sides of one connection, and the task that serves it."""

    def __init__(self, writer: asyncio.StreamWriter, task: "asyncio.Task[None]") -> None:
        self.writers = [writer]
        self.task = task

    def reset(self) -> None:
        """End it without a word: the peers meet a reset, not an orderly end."""
        for writer in self.writers:
            peer = writer.get_extra_info("socket")
            if peer is not None and peer.family != socket.AF_UNIX:
                with suppress(OSError):
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        if self.task is not asyncio.current_task():
            self.task.cancel()

    def close(self) -> None:
        """Close in order what is still open."""
        for writer in self.writers:
            with suppress(OSError, RuntimeError):
                writer.close()
