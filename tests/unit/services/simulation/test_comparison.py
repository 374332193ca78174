"""Policies side by side, as data, as text and as a picture."""

import json
from math import isnan
from xml.etree import ElementTree as ET

import pytest

from services.simulation import plot, table
from services.simulation.comparison import Comparison, compare
from services.simulation.measures import MEASURES
from tests.unit.services.simulation.small import center

NAMES = ("priority_longest_idle", "longest_idle")


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(center(), NAMES, range(1, 4), load=1.0, progress=lambda done, days: None)


def made_up(**figures) -> Comparison:
    days = {policy: [dict.fromkeys(MEASURES, value) for value in values] for policy, values in figures.items()}
    return Comparison(1.0, (1, 2, 3), days)


def test_progress_is_told_from_none_to_all() -> None:
    told = []
    compare(center(), NAMES, (1,), load=1.0, progress=lambda done, days: told.append((done, days)))
    assert told == [(0, 2), (1, 2), (2, 2)]


def test_differences_are_paired(comparison) -> None:
    of = comparison.difference("longest_idle", "transfers")
    means = [comparison.mean(policy, "transfers").mean for policy in NAMES]
    assert of.mean == pytest.approx(means[1] - means[0])
    assert comparison.difference(comparison.baseline, "asa_s").mean == 0.0


def test_json_is_whole_and_knows_no_nan(comparison) -> None:
    data = json.loads(json.dumps(comparison.as_json(), allow_nan=False))
    assert (data["baseline"], data["seeds"], data["load"]) == (NAMES[0], [1, 2, 3], 1.0)
    assert set(data["policies"]) == set(NAMES)
    assert set(data["policies"][NAMES[1]]["difference"]) == set(MEASURES)
    assert len(data["policies"][NAMES[0]]["by_seed"]) == 3
    single = Comparison(1.0, (1,), {"p": [dict.fromkeys(MEASURES, 1.0)]})
    assert single.as_json()["policies"]["p"]["mean"]["asa_s"] == {"mean": 1.0, "low": None, "high": None}
    assert isnan(single.mean("p", "asa_s").half)


def test_the_table_is_aligned_and_stars_what_differs() -> None:
    text = table.render(made_up(base=(1.0, 2.0, 3.0), more=(2.0, 3.0, 4.001), like=(1.1, 1.9, 3.0)))
    means, differences = text.split("\n\n")[1], text.split("\n\n")[3]
    for part in (means, differences):
        assert len({len(line) for line in part.splitlines()}) == 1
    assert "+1.0 ±0.0*" in differences
    assert "+0.0 ±0.2 " in differences
    assert "2.0 ±2.5" in means


def test_the_table_of_one_day_and_of_nothing() -> None:
    one = Comparison(1.0, (7,), {"a": [dict.fromkeys(MEASURES, 1.0)], "b": [dict.fromkeys(MEASURES, float("nan"))]})
    text = table.render(one)
    assert "seed 7," in text
    assert "±" not in text
    assert " - " in text or text.endswith("-")
    assert "Difference" not in table.render(Comparison(1.0, (7,), {"a": one.figures["a"]}))


def test_the_picture_is_well_formed_and_has_a_bar_for_each(comparison) -> None:
    root = ET.fromstring(plot.draw(comparison))
    space = "{http://www.w3.org/2000/svg}"
    panels = root.findall(f"{space}g")
    assert len(panels) == len(plot.PANELS)
    for panel in panels:
        names = [text.text for text in panel.findall(f"{space}text")]
        assert set(NAMES) <= set(names)
        assert all(float(bar.get("width")) >= 0 for bar in panel.findall(f"{space}rect"))


def test_the_picture_leaves_out_what_is_not_known() -> None:
    unknown = Comparison(1.0, (1,), {"a": [dict.fromkeys(MEASURES, float("nan"))], "b": [dict.fromkeys(MEASURES, 0.0)]})
    panel = ET.fromstring(plot.draw(unknown))[2]
    assert len(panel.findall("{http://www.w3.org/2000/svg}rect")) == 1
