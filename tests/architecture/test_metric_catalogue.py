import re

import pytest

from services.runtime import telemetry
from services.runtime.telemetry import Metric
from tests.architecture.source_tree import ROOT, modules

CATALOGUE = {name: value for name, value in vars(telemetry).items() if isinstance(value, Metric)}
PRIVATE_LABELS = {"caller", "phone", "number", "patient", "name", "intent_text", "said", "contact", "contact_id"}


@pytest.mark.parametrize("constant", sorted(CATALOGUE))
def test_a_declared_metric_is_used(constant: str) -> None:
    own = ROOT / "services" / "runtime" / "telemetry.py"
    users = [path for path in modules(["services"]) if path != own]
    word = re.compile(rf"\b{constant}\b")
    used_here = len(word.findall(own.read_text())) > 1
    assert used_here or any(word.search(path.read_text()) for path in users)


def test_names_are_of_one_kind() -> None:
    assert [
        metric.name for metric in CATALOGUE.values() if not re.fullmatch(r"frontdoor_[a-z0-9_]+", metric.name)
    ] == []
    counters = [metric for metric in CATALOGUE.values() if metric.kind in {"counter", "total"}]
    assert [metric.name for metric in counters if not metric.name.endswith("_total")] == []
    assert [metric.name for metric in CATALOGUE.values() if not metric.help] == []


def test_no_name_is_declared_twice() -> None:
    names = [metric.name for metric in CATALOGUE.values()]
    assert sorted(names) == sorted(set(names))


def test_no_label_can_carry_a_person() -> None:
    assert [metric.name for metric in CATALOGUE.values() if PRIVATE_LABELS & set(metric.labels)] == []
