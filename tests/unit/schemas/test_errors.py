"""The tree of errors: what each carries, and in which family it is."""

import pytest

from schemas import errors


@pytest.mark.parametrize(
    ("error", "family"),
    [
        (errors.UnknownType("a type of a newer release"), errors.MalformedInput),
        (errors.Unsealable("it was cut"), errors.MalformedInput),
        (errors.BusUnavailable("no acknowledgement in 1.5 s"), errors.Transient),
        (errors.CarrierUnavailable("the carrier did not answer"), errors.Transient),
        (errors.IllegalTransition("item", "queued", "item.completed"), errors.Defect),
        (errors.OffsetGone("offset 7 is gone"), errors.Defect),
        (errors.ConfigurationError("no such queue", remedy="Name one."), errors.FrontdoorError),
    ],
)
def test_an_error_belongs_to_the_family_that_says_what_becomes_of_it(error, family):
    assert isinstance(error, family)
    assert isinstance(error, errors.FrontdoorError)


def test_families_do_not_overlap():
    families = (errors.MalformedInput, errors.Transient, errors.ConfigurationError, errors.Defect)
    assert [one for one in families for other in families if one is not other and issubclass(one, other)] == []


def test_facts_are_attributes():
    assert errors.Unsealable("it was cut").reason == "it was cut"
    assert errors.CarrierUnavailable("refused", status=503).status == 503
    assert errors.CarrierUnavailable("no answer").status is None
    mend = errors.ConfigurationError("port 80 is taken", remedy="Set FRONTDOOR_PORT.")
    assert (mend.problem, mend.remedy) == ("port 80 is taken", "Set FRONTDOOR_PORT.")
    assert str(mend) == "port 80 is taken. Set FRONTDOOR_PORT."
    illegal = errors.IllegalTransition("item", "queued", "item.completed")
    assert str(illegal) == "item in state queued met item.completed"
