"""Words shared by facts and decisions."""

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.decisions import DECISIONS_PER_STEP_MAX, position
from schemas.routing import Requirement, SkillLevel, Urgency, UrgencyWord

URGENCY = TypeAdapter(UrgencyWord)


@pytest.mark.parametrize("urgency", Urgency)
def test_an_urgency_is_written_as_a_word_and_read_back(urgency):
    assert URGENCY.dump_python(urgency) == urgency.word == urgency.name.lower()
    assert URGENCY.validate_python(urgency.word) is urgency
    assert URGENCY.validate_python(urgency) is urgency


@pytest.mark.parametrize("value", ["soon", "", None, 0])
def test_another_word_is_no_urgency(value):
    with pytest.raises(ValidationError, match="urgency is emergent, urgent or routine"):
        URGENCY.validate_python(value)


def test_the_more_urgent_sorts_first():
    assert sorted(Urgency) == [Urgency.EMERGENT, Urgency.URGENT, Urgency.ROUTINE]


@pytest.mark.parametrize("level", [-0.1, 1.1])
def test_a_proficiency_is_between_0_and_1(level):
    with pytest.raises(ValidationError):
        SkillLevel(skill="nurse", level=level)
    with pytest.raises(ValidationError):
        Requirement(skill="nurse", level_min=level)


def test_a_requirement_is_hard_and_weighs_something_unless_said_otherwise():
    assert (Requirement(skill="nurse").hard, Requirement(skill="nurse").weight) == (True, 1.0)
    with pytest.raises(ValidationError):
        Requirement(skill="nurse", weight=0)


def test_positions_grow_along_the_log_and_stay_exact_in_a_browser():
    assert position(7, 3) < position(7, 4) < position(8, 0)
    assert position(7, DECISIONS_PER_STEP_MAX - 1) + 1 == position(8, 0)
    assert position(2**40, 0) < 2**53
