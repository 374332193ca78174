"""The bounded run of every change: each kind of fault once, on real processes, a real Kafka and a real PostgreSQL.

Its seed is fixed; `make nemesis` draws others, and goes on for as long as one likes.
"""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.nemesis.faults import EACH_ONCE
from tests.nemesis.run import Plan, run

SEED = 4
FAULTS = len(EACH_ONCE)
LIVED = ("calls", "facts promised", "items answered", "contacts completed", "replayed at the end", "zombies noticed")

pytestmark = [pytest.mark.cluster, pytest.mark.kafka, pytest.mark.postgres, pytest.mark.timeout(900)]


async def test_nothing_is_lost_doubled_or_stuck_whatever_breaks() -> None:
    assert FAULTS >= 20
    folder = Path(tempfile.mkdtemp(prefix=f"frontdoor-nemesis-{SEED}-"))  # kept if the test fails
    folder.chmod(0o711)
    verdict = await run(Plan(seed=SEED, faults=FAULTS, rate=40), folder, print)
    again = f"make nemesis SEED={SEED} FAULTS={FAULTS} RATE=40; ledger and logs: {folder}"
    assert verdict.sound, f"{(*verdict.crashes, *verdict.violations)[:5]}; {again}"
    assert sum(verdict.faults.values()) >= FAULTS
    for name in LIVED:
        assert verdict.figures[name] > 0, f"{name}: 0, so that little was tried; {again}"
    assert verdict.takeovers, f"nobody took over; {again}"
    shutil.rmtree(folder, ignore_errors=True)
