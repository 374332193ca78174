"""What a process is made of, so that one composition root can start one of them or all of them."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request, Response

Endpoint = Callable[[Request], Awaitable[Response]]


def _always_ready() -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Process:
    """One process: routes to serve and loops to run.

    `loops` run until cancelled. Of a `vital` process calls depend: an exception from one of its loops ends the whole
    process, so each handles what it can survive; the loops of any other are started again.
    `posts` are endpoints by path that take their POST requests without the layers of the web framework, which would
    cost more than what they do themselves; `routes` has them too, for the description of the API and other methods.
    `not_ready` returns why the process should get no traffic, or None when it should.
    At the end each of these is called once, and returns within a few seconds: `drain` while everything still works,
    `settle` when the server has ended, so that no request comes any more, and `finish` after the loops have ended.
    """

    name: str
    vital: bool = True
    routes: tuple[APIRouter, ...] = ()
    posts: Mapping[str, Endpoint] = field(default_factory=dict)
    loops: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = ()
    not_ready: Callable[[], str | None] = field(default=_always_ready)
    drain: Callable[[], Awaitable[None]] | None = None
    settle: Callable[[], Awaitable[None]] | None = None
    finish: Callable[[], Awaitable[None]] | None = None
