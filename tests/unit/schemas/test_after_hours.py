import pytest
from pydantic import ValidationError

from schemas.after_hours import AfterHours


@pytest.mark.parametrize("then", ["call_back", "message"])
def test_what_is_offered_needs_no_queue(then):
    assert AfterHours(then=then).queue is None


def test_on_call_names_the_queue():
    assert AfterHours(then="on_call", queue="nurses").queue == "nurses"
    with pytest.raises(ValidationError, match="on_call names no queue"):
        AfterHours(then="on_call")


def test_other_ways_are_not_known():
    with pytest.raises(ValidationError):
        AfterHours(then="hang_up")
