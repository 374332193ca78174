"""How to tell whether a member is ready, as an orchestrator would: from outside, with a bound on every wait."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg  # type: ignore[import-untyped]  # it ships no types

PROBE_S: Final = 1.0
Ready = Callable[[], Awaitable[bool]]


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers_http(port: int, path: str, host: str = "127.0.0.1") -> Ready:
    """Return a probe that says yes once GET `path` is answered with 200."""

    async def probe() -> bool:
        return await http_status(port, path, host) == 200  # noqa: PLR2004

    return probe


async def http_status(port: int, path: str, host: str = "127.0.0.1") -> int | None:
    """GET `path` and return the status, or None without an answer within a second."""
    try:
        async with asyncio.timeout(PROBE_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
                return int((await reader.readline()).split()[1])
            finally:
                writer.close()
    except (OSError, TimeoutError, IndexError, ValueError):
        return None


def accepts(port: int) -> Ready:
    """Return a probe that says yes once connections are accepted."""

    async def probe() -> bool:
        try:
            async with asyncio.timeout(PROBE_S):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    return probe


def answers_sql(port: int, user: str) -> Ready:
    """Return a probe that says yes once PostgreSQL answers a query."""

    async def probe() -> bool:
        try:
            async with asyncio.timeout(PROBE_S):
                connection = await asyncpg.connect(host="127.0.0.1", port=port, user=user, database="postgres")
                await connection.execute("SELECT 1")
                await connection.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        return True

    return probe
