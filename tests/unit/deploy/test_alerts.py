"""The alert rules: valid, tested firing and silent, about metrics that exist, and explained to whoever is woken."""

import re
from pathlib import Path

import pytest
import yaml

from tests.promtool import metrics_named, undeclared

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "prometheus"
OPERATIONS = ROOT / "docs" / "operations.md"
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"] for rule in group["rules"]]
ALERTS = sorted({rule["alert"] for rule in RULES})
TESTS = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text())["tests"]
# Every expectation: name of the case, alert, and whether it fires.
CASES = [
    (case["name"], expected["alertname"], bool(expected["exp_alerts"]))
    for case in TESTS
    for expected in case["alert_rule_test"]
]
PARTS = ("**Means.**", "**Callers.**", "**Look.**", "**Do.**", "**Wake someone.**")


def section(alert):
    """What the runbook says under an alert's name."""
    found = re.search(rf"^### {alert}\n(.*?)(?=^##|\Z)", OPERATIONS.read_text(), re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def test_there_is_an_alert_for_each_of_the_six_dangers():
    assert ALERTS == [
        "FrontdoorCallersWaitBesideIdleAgents",
        "FrontdoorDeadLetters",
        "FrontdoorEmergentWaiting",
        "FrontdoorLogLag",
        "FrontdoorPartitionWithoutOwner",
        "FrontdoorSpoolGrowing",
    ]


def test_promtool_finds_the_rules_in_order(promtool):
    assert f"{len(RULES)} rules found" in promtool(
        "check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml", cwd=FOLDER
    )


def test_the_rules_fire_and_are_silent_as_their_tests_say(promtool):
    promtool("test", "rules", "alerts_test.yaml", cwd=FOLDER)


def test_the_example_of_a_configuration_is_valid_and_loads_the_rules(promtool):
    assert "1 rule files found" in promtool("check", "config", "prometheus.yaml", cwd=FOLDER)
    interval = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["global"]
    assert interval == {"scrape_interval": "5s", "evaluation_interval": "5s"}  # as the rules' comments suppose


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_firing_and_a_silent_case(alert):
    assert any(fires for _, name, fires in CASES if name == alert)
    outcomes = {case: set() for case, name, _ in CASES if name == alert}
    for case, name, fires in CASES:
        if name == alert:
            outcomes[case].add(fires)
    assert any(fires == {False} for fires in outcomes.values()), "no case in which it stays silent throughout"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_is_about_declared_metrics_and_labels(rule):
    assert metrics_named(rule["expr"])
    assert undeclared(rule["expr"]) == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_says_what_is_wrong_how_bad_and_where_to_read_on(rule):
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"


@pytest.mark.parametrize("alert", ALERTS)
def test_the_runbook_has_a_section_for_each_alert(alert):
    told = section(alert)
    assert [part for part in PARTS if part not in told] == []
    for expr in re.findall(r"`([^`]*frontdoor_[^`]*)`", told):
        assert undeclared(expr) == set(), expr


def test_every_metric_that_the_runbook_names_exists():
    named = set(re.findall(r"\bfrontdoor_[a-z0-9_]+", OPERATIONS.read_text()))
    assert {name for name in named if undeclared(name)} == set()


def test_the_runbook_has_no_section_for_an_alert_that_is_gone():
    assert set(re.findall(r"^### (Frontdoor\w+)$", OPERATIONS.read_text(), re.MULTILINE)) == set(ALERTS)


@pytest.mark.parametrize(
    ("expr", "wrong"),
    [
        ("frontdoor_nothing > 0", {"frontdoor_nothing"}),
        ('sum by (tenant) (frontdoor_items{color="red"})', {"frontdoor_items{color}"}),
        ("sum by (color) (frontdoor_items)", {"by color"}),
        ("sum by (le, kind) (frontdoor_webhook_seconds_bucket)", set()),
        ("frontdoor_items_count", {"frontdoor_items_count"}),
    ],
)
def test_the_check_of_names_finds_what_is_wrong(expr, wrong):
    assert undeclared(expr) == wrong
