import threading

import pytest

from schemas.errors import ConfigurationError
from services.carriers.accounts import KEPT_S, Accounts
from services.runtime.clock import ManualClock
from services.runtime.secrets_store import Secrets
from services.runtime.tenants import Tenants
from tests.carrier_cases import tenant


def line(*secrets):
    return [{"carrier": "twilio", "account": "AC1", "secrets": secrets}]


@pytest.fixture
def environ():
    return {"FRONTDOOR_SECRET_A": "sa", "FRONTDOOR_SECRET_B": "sb"}


@pytest.fixture
def clock():
    return ManualClock()


def accounts(tmp_path, environ, clock, *configs):
    tenants = Tenants()
    for config in configs:
        tenants.apply(config)
    return Accounts(tenants, Secrets(tmp_path, environ=environ), clock)


def test_two_during_a_rotation_the_newest_first(tmp_path, environ, clock):
    assert accounts(tmp_path, environ, clock, tenant(carriers=line("a", "b"))).secrets("twilio", "AC1") == ("sa", "sb")


def test_tenants_may_share_an_account(tmp_path, environ, clock):
    other = tenant(tenant="other", numbers=["+15005550101"], agents=[], carriers=line("b", "a"))
    found = accounts(tmp_path, environ, clock, tenant(carriers=line("a")), other)
    assert found.secrets("twilio", "AC1") == ("sa", "sb")


def test_a_stranger_has_none(tmp_path, environ, clock):
    found = accounts(tmp_path, environ, clock, tenant(carriers=line("a")))
    assert found.secrets("twilio", "AC2") == ()
    assert found.secrets("telnyx", "AC1") == ()


async def test_a_changed_secret_counts_after_a_few_seconds(tmp_path, environ, clock):
    found = accounts(tmp_path, environ, clock, tenant(carriers=line("a")))
    assert found.secrets("twilio", "AC1") == ("sa",)
    environ["FRONTDOOR_SECRET_A"] = "changed"
    assert found.secrets("twilio", "AC1") == ("sa",)
    clock.advance(KEPT_S)
    found.secrets("twilio", "AC1")
    await found.refreshed()
    assert found.secrets("twilio", "AC1") == ("changed",)


async def test_the_event_loop_does_not_wait_for_the_file(tmp_path, environ, clock):
    threads = []

    class Slow(Secrets):
        def get(self, name):
            threads.append(threading.current_thread())
            return super().get(name)

    tenants = Tenants()
    tenants.apply(tenant(carriers=line("a")))
    found = Accounts(tenants, Slow(tmp_path, environ=environ), clock)
    found.secrets("twilio", "AC1")  # nothing is known yet
    clock.advance(KEPT_S)
    for _ in range(3):  # webhooks that come while it is read
        assert found.secrets("twilio", "AC1") == ("sa",)
    await found.refreshed()
    first, *later = threads
    assert first is threading.main_thread()
    assert len(later) == 1
    assert later[0] is not threading.main_thread()


async def test_a_secret_that_is_gone_is_told_by_the_next_look(tmp_path, environ, clock):
    found = accounts(tmp_path, environ, clock, tenant(carriers=line("a")))
    found.secrets("twilio", "AC1")
    del environ["FRONTDOOR_SECRET_A"]
    clock.advance(KEPT_S)
    assert found.secrets("twilio", "AC1") == ("sa",)
    await found.refreshed()
    with pytest.raises(ConfigurationError, match="missing"):
        found.secrets("twilio", "AC1")


async def test_a_new_version_may_name_another_secret(tmp_path, environ, clock):
    tenants = Tenants()
    tenants.apply(tenant(carriers=line("a")))
    found = Accounts(tenants, Secrets(tmp_path, environ=environ), clock)
    found.secrets("twilio", "AC1")
    tenants.apply(tenant(version=2, carriers=line("b")))
    clock.advance(KEPT_S)
    found.secrets("twilio", "AC1")
    await found.refreshed()
    assert found.secrets("twilio", "AC1") == ("sb",)


def test_a_missing_secret_is_told(tmp_path, environ, clock):
    with pytest.raises(ConfigurationError, match="missing"):
        accounts(tmp_path, environ, clock, tenant(carriers=line("none"))).secrets("twilio", "AC1")


def test_no_secret_is_shown(tmp_path, environ, clock):
    found = accounts(tmp_path, environ, clock, tenant(carriers=line("a")))
    found.secrets("twilio", "AC1")
    assert "sa" not in repr(found)
