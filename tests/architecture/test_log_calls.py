"""A log line is a constant event name and keys of the allow-list: no sentence, no f-string, no patient data."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runtime.telemetry import LOG_KEYS
from tests.architecture.source_tree import modules, shown, tree

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
EVENT = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")


def _is_log_call(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
        return False
    owner = node.func.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return name.lower().strip("_") in {"log", "logger"}


def offences(source: ast.AST) -> Iterator[tuple[int, str]]:
    for node in filter(_is_log_call, ast.walk(source)):
        assert isinstance(node, ast.Call)
        event = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if len(node.args) != 1 or not isinstance(event, str) or not EVENT.fullmatch(event):
            yield node.lineno, "the event is no constant such as call.matched"
        for keyword in node.keywords:
            if keyword.arg not in LOG_KEYS | {"exc_info"}:
                yield node.lineno, f"key {keyword.arg} is not in LOG_KEYS"


def where(path: Path) -> list[str]:
    return [f"{shown(path, line)} {what}" for line, what in offences(tree(path))]


def test_log_calls_name_an_event_and_allowed_keys() -> None:
    assert [found for path in modules(["services"]) for found in where(path)] == []


@pytest.mark.parametrize(
    "line",
    ['log.info(f"call {x}")', 'log.info("call matched")', '_log.error("a.b", x)', 'self._log.info("a.b", phone=x)'],
)
def test_the_walk_sees(line: str) -> None:
    assert list(offences(ast.parse(line)))


def test_the_walk_lets_pass() -> None:
    assert list(offences(ast.parse('log.exception("a.b", contact_id=x, exc_info=error)'))) == []
