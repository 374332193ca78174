"""A keep-alive HTTP client as small as can be: what loads the system should cost little itself."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class HttpFailed(RuntimeError):
    """No answer, or one that is not 2xx."""


@dataclass(slots=True)
class Connection:
    """One open connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class HttpClient:
    """POSTs to one host over as many connections as are needed at a time."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._idle: list[Connection] = []
        self.posted = 0

    async def post(self, path: str, body: bytes = b"", headers: Mapping[str, str] = FORM) -> bytes:
        """Return the answer's body; raises `HttpFailed` unless it is a success."""
        self.posted += 1
        lines = [f"POST {path} HTTP/1.1", f"Host: {self._host}:{self._port}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        request = "\r\n".join([*lines, "", ""]).encode() + body
        while self._idle:  # a connection that was idle may have been closed from the other side
            connection = self._idle.pop()
            try:
                return await self._exchange(connection, request)
            except (OSError, asyncio.IncompleteReadError):
                connection.writer.close()
        connection = Connection(*await asyncio.open_connection(self._host, self._port))
        try:
            return await self._exchange(connection, request)
        except (OSError, asyncio.IncompleteReadError) as error:
            connection.writer.close()
            raise HttpFailed(f"{path.partition('?')[0]}: {type(error).__name__}") from error

    async def _exchange(self, connection: Connection, request: bytes) -> bytes:
        connection.writer.write(request)
        head = (await connection.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        body = await connection.reader.readexactly(int(fields.get("content-length", 0)))
        self._idle.append(connection)
        status = head[0].split(" ")[1]
        if not status.startswith("2"):
            raise HttpFailed(
                f"{request.split(b' ', 2)[1].partition(b'?')[0].decode()} answered {status}: {body[:200]!r}"
            )
        return body

    def close(self) -> None:
        """Close what is idle."""
        for connection in self._idle:
            connection.writer.close()
        self._idle.clear()
