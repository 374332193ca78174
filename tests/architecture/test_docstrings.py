"""Every public name of schemas and the cores says what it is for."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source_tree import CORES, modules, shown, tree

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def undocumented(path: Path) -> Iterator[str]:
    source = tree(path)
    if not ast.get_docstring(source) and source.body:
        yield shown(path, 1)
    yield from _inside(path, source)


def _inside(path: Path, parent: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in parent.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                yield f"{shown(path, node.lineno)} {node.name}"
            if isinstance(node, ast.ClassDef):
                yield from _inside(path, node)


def test_public_names_have_docstrings() -> None:
    assert [name for path in modules(["schemas", *CORES]) for name in undocumented(path)] == []
