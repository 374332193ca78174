import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.whatif.callers import CallerKeys
from tests.unit.services.whatif.examples import KEYS


@pytest.mark.parametrize(
    "spelling",
    [
        "15005550101",
        "+1 (500) 555-0101",
        "5005550101",
        "tel:+15005550101",
        "sip:15005550101@example.org",
        "<15005550101>",
    ],
)
def test_one_number_is_one_caller_however_it_is_written(spelling: str) -> None:
    assert KEYS.of(spelling) == KEYS.of("+15005550101")


def test_other_numbers_are_other_callers() -> None:
    assert len({KEYS.of(f"+1500555{number:04}") for number in range(2000)}) == 2000


@pytest.mark.parametrize(
    "withheld", ["", "  ", "anonymous", "Unknown", "<unknown>", "Restricted", "NULL", "sip:anonymous@x"]
)
def test_who_is_withheld_is_nobody(withheld: str) -> None:
    assert KEYS.of(withheld) is None


def test_a_name_is_a_caller_too() -> None:
    assert KEYS.of("client:nora") == KEYS.of("Nora") != KEYS.of("Ann")


def test_another_run_has_other_keys() -> None:
    assert CallerKeys(b"one").of("+15005550101") != CallerKeys(b"two").of("+15005550101")


@given(st.text())
def test_the_key_holds_nothing_of_the_number(caller: str) -> None:
    key = KEYS.of(caller)
    assert key is None or (len(key) == 16 and set(key) <= set("0123456789abcdef"))
