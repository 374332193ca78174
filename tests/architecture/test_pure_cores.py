"""The cores decide and do nothing else: no input or output, no clock, no chance, no logging, no waiting."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source_tree import CORES, modules, shown, tree

# An allow-list: whatever of the standard library is not here can reach the world, or wait.
ALLOWED = {
    "abc", "base64", "bisect", "collections", "contextlib", "copy", "dataclasses", "datetime", "decimal", "enum",
    "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "re", "statistics", "string",
    "struct", "types", "typing", "unicodedata", "zlib", "zoneinfo", "pydantic", "pydantic_core", "annotated_types",
    "schemas",
}  # fmt: skip
FORBIDDEN_CALLS = {
    "open", "print", "input", "exec", "eval", "compile", "breakpoint", "__import__", "globals",
    "hash",  # of a text it differs in every process
    "id",
}  # fmt: skip
FORBIDDEN_ATTRIBUTES = {
    "now", "utcnow", "today",  # of datetime and date
    "uuid1", "uuid4", "uuid6", "uuid7", "getLogger", "get_logger", "read_text", "write_text", "read_bytes",
}  # fmt: skip
CLOCK_OWNERS = {"datetime", "date", "dt", "time"}


def offences(path: Path, source: ast.Module) -> Iterator[str]:
    package = path.parts[-2] if path.parts else ""
    for node in ast.walk(source):
        yield from (f"{shown_line(path, node)} {what}" for what in _offence(node, package, path))


def shown_line(path: Path, node: ast.AST) -> str:
    return shown(path, getattr(node, "lineno", 0)) if path.is_absolute() else str(path)


def _offence(node: ast.AST, package: str, path: Path) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (f"imports {name.name}" for name in node.names if not _may_import(name.name, path))
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and not _may_import(node.module or "", path):
        yield f"imports {node.module}"
    elif isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
        yield "waits"
    elif isinstance(node, ast.Call):
        yield from _call(node.func)


def _may_import(name: str, path: Path) -> bool:
    top = name.partition(".")[0]
    return top in ALLOWED or (top in CORES and top in path.parts)


def _call(function: ast.expr) -> Iterator[str]:
    if isinstance(function, ast.Name) and function.id in FORBIDDEN_CALLS | {"uuid4", "uuid1"}:
        yield f"calls {function.id}()"
    elif isinstance(function, ast.Attribute) and function.attr in FORBIDDEN_ATTRIBUTES:
        owner = function.value
        name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
        if function.attr not in {"now", "utcnow", "today"} or name in CLOCK_OWNERS:
            yield f"calls {name}.{function.attr}()"


def test_the_cores_do_nothing_but_decide() -> None:
    found = [offence for path in modules(CORES) for offence in offences(path, tree(path))]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "import time",
        "import random",
        "import os.path",
        "import yaml",
        "from uuid import uuid4",
        "import services.runtime.clock",
        "from logging import getLogger",
        "from ivr.flow import Flow",
        "x = datetime.now(UTC)",
        "x = datetime.datetime.now()",
        "x = date.today()",
        "x = open('x')",
        "print(1)",
        "x = hash('x')",
        "async def f(): pass",
    ],
)
def test_the_walk_sees(line: str) -> None:
    assert list(offences(Path("router/x.py"), ast.parse(line)))


@pytest.mark.parametrize("line", ["from router.engine import Engine", "x = engine.now(1)", "from schemas import ids"])
def test_the_walk_lets_pass(line: str) -> None:
    assert list(offences(Path("router/x.py"), ast.parse(line))) == []
