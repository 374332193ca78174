import dataclasses

import pytest

from schemas.errors import ConfigurationError
from services.runtime.limits import Limits


def test_the_defaults_fit_one_another() -> None:
    assert Limits().checked() == Limits()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("presence_lease_s", 9.0),
        ("publish_timeout_s", 2.0),
        ("frame_bytes_max", 900_000),
        ("ticket_s", 31.0),
        ("spool_after_s", 1.1),
        ("spool_drain_s", 2.0),
    ],
)
def test_limits_that_contradict_each_other_are_named(name: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=f"limit {name} is "):
        dataclasses.replace(Limits(), **{name: value}).checked()


def test_every_limit_is_above_zero() -> None:
    assert all(value > 0 for value in dataclasses.asdict(Limits()).values())
