from types import SimpleNamespace

import pytest

from services.carriers.addresses import CarrierAddresses
from services.runtime.clock import ManualClock
from services.runtime.crypto import UrlSeal, Vault, load_root_keys
from services.runtime.limits import Limits
from services.runtime.secrets_store import Secrets
from services.runtime.telemetry import WEBHOOKS, Metrics
from services.runtime.tenants import Tenants
from services.webhooks import process
from tests.carrier_cases import PUBLIC, SECRET, Carrier, RecordingBus, tenant


@pytest.fixture
async def world(tmp_path):
    """The webhooks process over a bus that a test can break, and a carrier that posts to it."""
    keys = load_root_keys(tmp_path)
    world = SimpleNamespace(
        bus=RecordingBus(),
        clock=ManualClock(),
        metrics=Metrics(),
        tenants=Tenants(),
        vault=Vault(keys),
        environ={"FRONTDOOR_SECRET_TWILIO": SECRET},
        addresses=CarrierAddresses(PUBLIC, UrlSeal(keys)),
        limits=Limits(publish_timeout_s=0.05, webhook_answer_s=0.5, status_pause_s=0.0),
    )
    world.tenants.apply(tenant())

    def build(**more):
        return process.build(
            bus=world.bus,
            clock=world.clock,
            tenants=world.tenants,
            secrets=Secrets(tmp_path, environ=world.environ),
            vault=world.vault,
            seal=UrlSeal(keys),
            limits=world.limits,
            metrics=world.metrics,
            public_url=PUBLIC,
            **more,
        )

    world.build = build
    world.rebuild = lambda **more: Carrier(build(**more))
    world.carrier = world.rebuild()
    world.counted = lambda kind, outcome: world.metrics.value(WEBHOOKS, kind=kind, outcome=outcome)
    return world
