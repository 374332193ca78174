"""What holds for every test: no network beyond this machine, no skip that hides, the same examples every time."""

import ipaddress
import os
import socket
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings

from tests.shared_data import is_of_absence

pytest_plugins = ("tests.kafka_broker", "tests.postgres_server", "tests.promtool")

# The same examples every time, however slow the machine; seeds far and wide are for `make simulate` and `make explore`.
settings.register_profile("same", deadline=None, derandomize=True)
settings.load_profile("same")

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex


def _require_local(address: Any) -> None:
    if isinstance(address, tuple) and not _is_local(str(address[0])):
        raise AssertionError(f"a test reached for the network: {address[0]}")


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guarded_connect(self: socket.socket, address: Any) -> None:
    _require_local(address)
    _connect(self, address)


def _guarded_connect_ex(self: socket.socket, address: Any) -> int:
    _require_local(address)
    return _connect_ex(self, address)


def pytest_configure() -> None:
    socket.socket.connect = _guarded_connect
    socket.socket.connect_ex = _guarded_connect_ex


def _skips(config: pytest.Config) -> Counter[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    return Counter(_reason(report) for report in reports)


def _reason(report: Any) -> str:
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(told).removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for reason, count in sorted(_skips(config).items()):
        line = f"!!! {count} test{'s' if count > 1 else ''} SKIPPED: {reason}"
        terminalreporter.write_line(line, red=True, bold=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """With CI=true nothing may be skipped, but for what needs data that is no part of the repository."""
    on_controller = not hasattr(session.config, "workerinput")
    hiding = [reason for reason in _skips(session.config) if not is_of_absence(reason)]
    if on_controller and os.environ.get("CI") == "true" and hiding:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
