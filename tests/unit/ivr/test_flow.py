import pytest

from ivr.flow import load_flow
from schemas.errors import ConfigurationError

MENU = {"prompt": "menu", "again": "menu_again"}
GOOD = {"name": "x", "start": "a", "after_task": "a", "nodes": {"a": MENU}}


def test_the_flow_that_we_ship_is_good(flow) -> None:
    assert flow.name == "main"
    assert {"menu", "menu_again"} <= flow.prompts_used


def with_key(**key):
    return {**GOOD, "nodes": {"a": {**MENU, "keys": {"1": key}}}}


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ({**GOOD, "start": "b"}, "no node is called 'b'"),
        ({**GOOD, "after_task": "b"}, "no node is called 'b'"),
        ({**GOOD, "surprise": 1}, "surprise"),
        ({**GOOD, "nodes": {}}, "nodes"),
        ({**GOOD, "nodes": {"a": MENU, "waiting": MENU}}, "may not be called 'waiting'"),
        ({**GOOD, "self_service": {"magic": "facility.hours"}}, "no intent is called 'magic'"),
        ({**GOOD, "self_service": {"triage.symptom": "facility.hours"}}, "never served without a person"),
        ({**GOOD, "self_service": {"facility.info": "magic"}}, "self_service"),
        (with_key(), "exactly one"),
        (with_key(intent="facility.info", end=True), "exactly one"),
        (with_key(intent="magic"), "no intent is called 'magic'"),
        (with_key(node="b"), "no node is called 'b'"),
        ({**GOOD, "nodes": {"a": {**MENU, "keys": {"0": {"end": True}}}}}, "0 is a person"),
    ],
)
def test_a_broken_flow_is_one_line_with_the_place(document, part) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_flow(document)
    assert part in caught.value.problem
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
