"""promtool, which is Prometheus' own check of rules, expressions and exposition (Debian: the package prometheus).

Ask for the fixture `promtool`, a callable. Without the command these tests are skipped with one reason, which
`tests/conftest.py` prints as one loud line; with CI=true they fail instead. Also: what an expression names, to hold it
against the catalogue in `services/runtime/telemetry.py`.
"""

import os
import re
import shutil
import subprocess

import pytest

from services.runtime import telemetry
from services.runtime.telemetry import Metric

PROMETHEUS_LABELS = {"instance", "job", "pod"}  # what a scrape adds
_SUFFIXES = ("_bucket", "_count", "_sum")
_SELECTOR = re.compile(r"(frontdoor_[a-z0-9_]+)(?:\{([^}]*)\})?")
_BY = re.compile(r"\b(?:by|on|without)\s*\(([^)]*)\)")
_MATCHER = re.compile(r"([a-z_]+)\s*(?:=~|!=|!~|=)")


class Promtool:
    """Runs promtool."""

    def __init__(self, command):
        self._command = command

    def __call__(self, *arguments, cwd=None, stdin=None):
        """Run it and return what it printed; a finding, also one that it only warns of, fails the test."""
        done = subprocess.run(
            [self._command, *arguments], cwd=cwd, input=stdin, capture_output=True, check=False, timeout=60
        )
        printed = (done.stdout + done.stderr).decode()
        assert done.returncode == 0, printed
        return printed


@pytest.fixture(scope="session")
def promtool():
    """promtool, ready to be called."""
    command = shutil.which("promtool")
    if command is None:
        reason = "no promtool: install the package prometheus"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"these tests have to run where CI=true: {reason}", pytrace=False)
        pytest.skip(reason)
    return Promtool(command)


def catalogue():
    """Return every declared metric by its name."""
    return {metric.name: metric for metric in vars(telemetry).values() if isinstance(metric, Metric)}


def metrics_named(expr):
    """Return the names of our metrics in an expression, as they are declared."""
    return {_declared(name) for name, _ in _SELECTOR.findall(expr)}


def undeclared(expr):
    """Return what an expression names that no metric has: metrics, and labels in matchers and groupings."""
    known = catalogue()
    found = {name for name, _ in _SELECTOR.findall(expr) if _declared(name) not in known}
    labels = set()
    for name, matchers in _SELECTOR.findall(expr):
        metric = known.get(_declared(name))
        if metric is not None:
            own = set(metric.labels)
            labels |= own | ({"le"} if name.endswith("_bucket") else set())
            asked = {label for label in _MATCHER.findall(matchers) if label not in PROMETHEUS_LABELS}
            found |= {f"{name}{{{label}}}" for label in asked - own}
    grouped = {label.strip() for labels_of in _BY.findall(expr) for label in labels_of.split(",") if label.strip()}
    return found | {f"by {label}" for label in grouped - labels - PROMETHEUS_LABELS}


def _declared(name):
    """Return the declared name of a series: a histogram has three."""
    known = catalogue()
    for suffix in _SUFFIXES:
        base = name.removesuffix(suffix)
        if name.endswith(suffix) and base in known and known[base].kind == "histogram":
            return base
    return name
