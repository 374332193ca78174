"""The dashboard: the file is what the code says, the model is sound, and every expression is about what exists."""

import ast
import importlib.util
import json
import sys
from pathlib import Path

import pytest
import yaml

from tests.promtool import metrics_named, undeclared

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "grafana"


def _load():
    spec = importlib.util.spec_from_file_location("frontdoor_dashboard", FOLDER / "dashboard.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for their module there
    spec.loader.exec_module(module)
    return module


CODE = _load()
DASHBOARD = json.loads((FOLDER / "frontdoor.json").read_text())
PANELS = DASHBOARD["panels"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
KINDS = {"stat", "timeseries", "state-timeline"}
UNITS = {"short", "s", "percentunit", "reqps"}
SHOWN = {
    "frontdoor_items", "frontdoor_longest_wait_seconds", "frontdoor_contacts_in_dialog", "frontdoor_answered_total",
    "frontdoor_abandoned_total", "frontdoor_self_served_total", "frontdoor_answered_in_time_total",
    "frontdoor_abandoned_late_total", "frontdoor_agents", "frontdoor_webhook_seconds", "frontdoor_webhooks_total",
    "frontdoor_step_seconds", "frontdoor_publish_seconds", "frontdoor_log_behind_seconds", "frontdoor_spooled_facts",
    "frontdoor_dead_letters_total", "frontdoor_partition_owned",
}  # fmt: skip


def cells(panel):
    place = panel["gridPos"]
    return {
        (x, y)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    }  # fmt: skip


def test_the_file_is_what_the_code_says():
    assert (FOLDER / "frontdoor.json").read_text() == CODE.text(), "run: deploy/grafana/dashboard.py"


def test_the_model_has_what_grafana_asks_for():
    assert (DASHBOARD["uid"], DASHBOARD["title"], DASHBOARD["schemaVersion"]) == ("frontdoor", "Frontdoor", 39)
    assert "id" not in DASHBOARD, "the id is given by the Grafana that imports it"
    variables = {variable["name"]: variable["type"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {"source": "datasource"}
    for panel in PANELS:
        assert panel["type"] in KINDS
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["fieldConfig"]["overrides"] == []
        assert panel["datasource"] == {"type": "prometheus", "uid": "${source}"}
        assert panel["title"]
        assert panel["description"].endswith((".", "FrontdoorDeadLetters."))


def test_ids_titles_and_names_of_queries_are_unique():
    for values in ([panel["id"] for panel in PANELS], [panel["title"] for panel in PANELS]):
        assert len(values) == len(set(values))
    for panel in PANELS:
        names = [target["refId"] for target in panel["targets"]]
        assert len(names) == len(set(names)) > 0
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


def test_thresholds_begin_without_a_value_and_rise():
    for panel in PANELS:
        first, *rest = (step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"])
        assert first is None
        assert rest == sorted(rest)


def test_the_grid_is_full_without_overlap_and_fits_one_screen():
    taken = [cell for panel in PANELS for cell in cells(panel)]
    assert len(taken) == len(set(taken))
    height = max(y for _, y in taken) + 1
    assert set(taken) == {(x, y) for x in range(24) for y in range(height)}
    assert height <= 24


def test_what_operators_ask_for_is_there():
    assert {name for _, expr in QUERIES for name in metrics_named(expr)} >= SHOWN


@pytest.mark.parametrize(("title", "expr"), QUERIES)
def test_an_expression_is_about_declared_metrics_and_labels(title, expr):
    assert metrics_named(expr)
    assert undeclared(expr) == set()


def test_every_expression_parses(promtool, tmp_path):
    exprs = [expr for _, expr in QUERIES] + [query["expr"] for query in DASHBOARD["annotations"]["list"]]
    rules = [{"record": f"dashboard:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(exprs)} rules found" in promtool("check", "rules", "rules.yaml", cwd=tmp_path)


def test_a_broken_expression_is_found(promtool, tmp_path):
    rules = [{"record": "dashboard:0", "expr": "sum(frontdoor_items"}]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    with pytest.raises(AssertionError, match="unclosed left parenthesis"):
        promtool("check", "rules", "rules.yaml", cwd=tmp_path)


def test_business_counters_are_taken_once_however_many_processes_export_them():
    """They are absolute values of the database: of several exporters, each shows the whole."""
    totals = {"frontdoor_answered_total", "frontdoor_abandoned_total", "frontdoor_self_served_total"}
    for _, expr in QUERIES:
        if metrics_named(expr) & totals:
            assert "max without (instance, pod, job)" in expr


def test_the_refused_webhooks_are_all_that_webhooks_refuse():
    refused = set()
    for path in (ROOT / "services" / "webhooks").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Rejected":
                refused.add(node.args[1].value)
    assert set(CODE.REFUSED) == refused
