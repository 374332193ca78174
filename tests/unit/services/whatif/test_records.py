from datetime import timedelta

import pytest

from services.whatif.records import Left
from tests.unit.services.whatif.examples import NINE, call, hang_up


@pytest.mark.parametrize("left", list(Left))
def test_whoever_reached_an_agent_was_answered(left: Left) -> None:
    reached = {Left.ANSWERED, Left.TRANSFERRED, Left.DROPPED}
    assert hang_up(left=left).answered is (left in reached)
    assert call(left=left).answered  # the agent is named


def test_a_call_holds_its_agent_for_talk_and_wrap_up() -> None:
    one = call(waited_s=5.0, talked_s=60.0, wrap_up_s=15.0)
    assert one.handled_s == 75
    assert one.answered_at == NINE + timedelta(seconds=5)
    assert one.released_at == NINE + timedelta(seconds=80)


def test_what_is_not_told_counts_as_nothing() -> None:
    assert call(talked_s=None).handled_s == 0
    assert hang_up(waited_s=30.0).released_at == NINE + timedelta(seconds=30)
