"""The tree tests itself: sizes, words, leftovers."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGES, ROOT, files, modules, shown, tree

FILE_LINES_MAX = 600
SAY_WHY_LINES = 400
SAYS_WHY = re.compile(r"\bone (?:module|concept|table|machine|file)\b|\blong\b")
FUNCTION_LINES_MAX = 70
TEXT = {".py", ".md", ".yaml", ".yml", ".toml", ".js", ".css", ".html", ".sh", ".json", ".mako", ".java", ".xml", ""}
LOCKS = ROOT / "requirements"
# Written in parts, so that this file may be checked too.
FORBIDDEN = {
    re.compile("black" + "list|white" + "list", re.IGNORECASE): "say deny-list and allow-list",
    re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b(?!\(#\d+\))"): "name the issue: (#12)",
    re.compile(r"\bbreak" + r"point\(\)|\bpdb\.set" + r"_trace"): "left over from debugging",
    re.compile(r"python" + r"hosted\.org|pypi" + r"\.org|registry\.np" + r"mjs|repo[0-9]*\.maven"): "no package host",
    re.compile("^(?:<{7}|>{7}) ", re.MULTILINE): "an unfinished merge",
    re.compile(r"(?i)\b(?:chat" + r"gpt|clau" + r"de|copi" + r"lot|lang" + r"uage model)\b"): "not about this project",
}


def texts() -> list[Path]:
    theirs = {ROOT / "LICENSE"}  # word for word as it was published
    return [path for path in files() if path.suffix in TEXT and LOCKS not in path.parents and path not in theirs]


def problems(path: Path, text: str) -> list[str]:
    found = [f"{shown(path)}: {why}: {match[0]!r}" for rule, why in FORBIDDEN.items() for match in rule.finditer(text)]
    if text and not text.endswith("\n"):
        found.append(f"{shown(path)}: no newline at its end")
    return found


def test_no_file_holds_what_does_not_belong_there() -> None:
    assert [problem for path in texts() for problem in problems(path, path.read_text())] == []


def test_python_files_are_short() -> None:
    found = []
    for path in (path for path in files() if path.suffix == ".py"):
        lines = path.read_text().splitlines()
        if len(lines) > FILE_LINES_MAX:
            found.append(f"{shown(path)} has {len(lines)} lines; {FILE_LINES_MAX} at most")
    assert found == []


def test_whoever_lets_a_rule_pass_for_a_whole_file_says_why() -> None:
    """Ruff holds the length of lines and the rest; a table of patterns may ask for an exception, with its reason."""
    bare = re.compile(r"^# ruff: noqa(?::[ A-Z0-9,]*)?$", re.MULTILINE)
    excused = [path for path in files() if path.suffix == ".py" and bare.search(path.read_text())]
    assert [shown(path) for path in excused if not _explained(path.read_text(), bare)] == []


def _explained(text: str, bare: re.Pattern[str]) -> bool:
    """Tell whether a comment with the reason follows on the next line."""
    return all(text[match.end() :].lstrip("\n").startswith("# ") for match in bare.finditer(text))


def test_functions_are_short() -> None:
    found = []
    for path in modules([*PACKAGES, "deploy"]):
        if path.parent.name == "versions":  # a migration is one list of what changes
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    found.append(f"{shown(path, node.lineno)} {node.name} has {length} lines")
    assert found == []


def test_a_long_module_says_why() -> None:
    long = [path for path in modules(PACKAGES) if len(path.read_text().splitlines()) > SAY_WHY_LINES]
    silent = [shown(path) for path in long if not SAYS_WHY.search(ast.get_docstring(tree(path)) or "")]
    assert silent == [], f"a module above {SAY_WHY_LINES} lines says in its docstring why it is one module"


def test_python_is_in_known_folders_only() -> None:
    unknown = {path.relative_to(ROOT).parts[0] for path in files() if path.suffix == ".py"} - {
        *PACKAGES, "tests", "deploy", "docs", "examples",
    }  # fmt: skip
    assert unknown == set()


@pytest.mark.parametrize("text", ["white" + "list\n", "x  # TO" + "DO: later\n", "x", "<<<<" + "<<< HEAD\n"])
def test_the_rules_see(text: str) -> None:
    assert problems(ROOT / "x.py", text)


@pytest.mark.parametrize("text", ["x  # TO" + "DO(#12): later\n", "the master's list\n", ""])
def test_the_rules_let_pass(text: str) -> None:
    assert problems(ROOT / "x.py", text) == []
