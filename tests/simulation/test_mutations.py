"""Each rule that is broken is noticed, and whole again afterwards."""

import pytest

from tests.simulation.mutations import MUTATIONS, noticed
from tests.simulation.run import simulate


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.breaks.__name__.strip("_"))
def test_a_broken_rule_is_noticed(mutation) -> None:
    found = noticed(mutation)
    assert found is not None, f"no seed notices that this is broken: {mutation.rule}"


def test_a_rule_is_whole_again() -> None:
    for mutation in MUTATIONS[:3]:
        noticed(mutation, 1)
    assert simulate(1).endings
