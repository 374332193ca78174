import pytest

from schemas.errors import MalformedInput, Unsealable
from services.carriers.addresses import AgentLeg, CarrierAddresses, Returning, returning_of
from services.runtime.crypto import UrlSeal, load_root_keys

LEG = AgentLeg(contact="c-1", tenant="demo", cell="demo", reservation="r-1")
BACK = Returning(contact="c-1", tenant="demo", cell="demo", account="AC1", call="CA1", number="+15005550100", ordinal=3)


@pytest.fixture
def addresses(tmp_path):
    return CarrierAddresses("https://x.example", UrlSeal(load_root_keys(tmp_path)))


def token(url):
    return url.partition("?")[2].split("=", 1)[1]


def test_a_turn_opens_for_its_own_call_only(addresses):
    url = addresses.turn(b"session", account="AC1", call="CA1")
    assert url.startswith("https://x.example/v1/carriers/twilio/turn?s=")
    assert addresses.open_turn(token(url), account="AC1", call="CA1") == b"session"
    for account, call in (("AC1", "CA2"), ("AC2", "CA1")):
        with pytest.raises(Unsealable):
            addresses.open_turn(token(url), account=account, call=call)


def test_the_same_session_has_the_same_address(addresses):
    assert addresses.turn(b"s", account="AC1", call="CA1") == addresses.turn(b"s", account="AC1", call="CA1")


CHANGES = [
    lambda t: t[:-1],
    lambda t: t[:10],
    lambda t: ("B" if t[0] == "A" else "A") + t[1:],
    lambda _: "",
    lambda t: t + "A",
    lambda t: t * 200,
    lambda _: "ä",
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_cut_or_changed_does_not_open(addresses, change):
    sealed = token(addresses.turn(b"session", account="AC1", call="CA1"))
    with pytest.raises(Unsealable):
        addresses.open_turn(change(sealed), account="AC1", call="CA1")


def test_tokens_of_one_purpose_do_not_serve_another(addresses):
    sealed = token(addresses.turn(b"{}", account="AC1", call="CA1"))
    with pytest.raises(MalformedInput):
        addresses.open_agent_status(sealed)
    with pytest.raises(MalformedInput):
        addresses.open_heard(sealed, account="AC1", call="CA1")


def test_an_agents_leg(addresses):
    url = addresses.agent_status(LEG)
    assert url.startswith("https://x.example/v1/carriers/twilio/status?s=")
    assert addresses.open_agent_status(token(url)) == LEG


def test_a_token_that_names_no_leg(addresses):
    with pytest.raises(MalformedInput):
        addresses.open_agent_status(addresses.seal.seal(b"[]", bound_to="status"))


def test_who_comes_back_is_told_from_a_session(addresses):
    url = addresses.returning(BACK)
    assert returning_of(addresses.open_turn(token(url), account="AC1", call="CA1")) == BACK
    assert returning_of(b'{"c": "c-1", "t": "demo"}') is None
    assert returning_of(b"\xff") is None


def test_what_was_heard_goes_behind_the_other_parameters(addresses):
    again = addresses.again("https://x.example/turn?s=A", b"x", account="AC1", call="CA1")
    assert again.startswith("https://x.example/turn?s=A&h=")
    assert addresses.open_heard(again.rpartition("=")[2], account="AC1", call="CA1") == b"x"
    assert "?h=" in addresses.again("https://x.example/voice", b"x", account="AC1", call="CA1")
