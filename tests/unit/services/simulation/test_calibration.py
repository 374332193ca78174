"""The figures that were measured, computed again where the log they come from is at hand."""

import csv
from collections import Counter, defaultdict
from datetime import datetime
from math import log
from statistics import fmean, median, quantiles, stdev, variance

import pytest

from services.simulation import calibration
from tests.shared_data import path_of

LOG = "gp_calls_2021/inbound_calls.csv"
BUSY_HOURS = (9, 10, 11, 12, 14, 15, 16)


@pytest.fixture(scope="module")
def calls() -> list[dict]:
    with path_of(LOG).open(newline="") as file:
        return list(csv.DictReader(file))


def test_dispersion(calls) -> None:
    working = [call for call in calls if call["weekday"] not in {"Sat", "Sun"}]
    per_day = Counter(call["date"] for call in working)
    days = [day for day, number in per_day.items() if number >= 60]
    per_hour = Counter((call["date"], int(call["time"][11:13])) for call in working)
    ratios = []
    for hour in BUSY_HOURS:
        numbers = [per_hour[day, hour] for day in days]
        ratios.append(variance(numbers) / fmean(numbers))
    assert len(days) == 150
    assert min(ratios) > 3.5
    assert fmean(ratios) == pytest.approx(calibration.DISPERSION, abs=0.05)


def test_redials(calls) -> None:
    by_caller = defaultdict(list)
    for call in calls:
        by_caller[call["caller"]].append((datetime.fromisoformat(call["time"]), call["status"] == "ANSWERED"))
    missed, gaps = 0, []
    for theirs in by_caller.values():
        theirs.sort()
        for index, (at, answered) in enumerate(theirs):
            missed += not answered
            gap_s = (theirs[index + 1][0] - at).total_seconds() if index + 1 < len(theirs) else 1e9
            if not answered and gap_s <= 3600:
                gaps.append(gap_s)
    assert len(gaps) / missed == pytest.approx(calibration.REDIAL_SHARE, abs=0.005)
    assert median(gaps) == pytest.approx(calibration.REDIAL_AFTER_S[5], abs=2)
    assert quantiles(gaps, n=10) == pytest.approx(calibration.REDIAL_AFTER_S[1:-1], rel=0.02)


def test_talk_spread(calls) -> None:
    talks = [float(call["talk_s"]) for call in calls if call["status"] == "ANSWERED" and float(call["talk_s"]) > 0]
    assert stdev(map(log, talks)) == pytest.approx(calibration.TALK_SPREAD, abs=0.01)
