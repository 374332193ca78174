"""The call control process: two loops, no routes."""

import asyncio
from functools import partial

import httpx

from services.call_control.dispatcher import Dispatcher
from services.call_control.followed import Followed
from services.call_control.patience import Patience, Pause
from services.call_control.performer import Performer
from services.call_control.recollection import Recollection
from services.call_control.reconciler import Reconciler
from services.call_control.teller import Teller
from services.call_control.worker import Worker
from services.carriers.accounts import Accounts
from services.carriers.addresses import CarrierAddresses
from services.carriers.lanes import Lanes
from services.carriers.twilio_rest import TwilioRest
from services.carriers.twilio_webhooks import CARRIER
from services.runtime.bus import Bus
from services.runtime.clock import Clock
from services.runtime.crypto import UrlSeal
from services.runtime.facts import FactPublisher
from services.runtime.limits import Limits
from services.runtime.process import Process
from services.runtime.secrets_store import Secrets
from services.runtime.telemetry import Metrics
from services.runtime.tenants import Tenants


def build(
    *,
    bus: Bus,
    clock: Clock,
    tenants: Tenants,
    secrets: Secrets,
    seal: UrlSeal,
    limits: Limits,
    metrics: Metrics,
    public_url: str,
    twilio_api_base: str,
    transport: httpx.AsyncBaseTransport | None = None,
    pause: Pause = asyncio.sleep,
) -> Process:
    """Return the process. `transport` and `pause` are for tests: a carrier without a network, and time that obeys."""
    transport = transport or Lanes(
        limits.carrier_connections_max, answer_bytes_max=limits.carrier_answer_bytes_max, metrics=metrics
    )
    accounts = Accounts(tenants, secrets, clock)
    carrier = TwilioRest(
        transport,
        base_url=twilio_api_base,
        secrets_of=partial(accounts.secrets, CARRIER),
        timeout_s=limits.carrier_timeout_s,
    )
    followed = Followed(limits.contacts_followed_max)
    patience = Patience(clock, limits, metrics, pause=pause)
    teller = Teller(FactPublisher(bus, clock, limits=limits, metrics=metrics), clock, pause=pause)
    performer = Performer(
        carrier,
        followed=followed,
        patience=patience,
        teller=teller,
        addresses=CarrierAddresses(public_url, seal),
        tenants=tenants,
        clock=clock,
        limits=limits,
        metrics=metrics,
    )
    dispatcher = Dispatcher(
        at_once_max=limits.carrier_acts_at_once_max, pending_max=limits.carrier_acts_pending_max, metrics=metrics
    )
    worker = Worker(
        bus,
        performer=performer,
        followed=followed,
        recollection=Recollection(bus, followed=followed, limits=limits, metrics=metrics),
        dispatcher=dispatcher,
        clock=clock,
        limits=limits,
        pause=pause,
    )
    reconciler = Reconciler(
        carrier,
        followed=followed,
        patience=patience,
        teller=teller,
        tenants=tenants,
        limits=limits,
        metrics=metrics,
        pause=pause,
    )
    return Process(
        name="call-control",
        loops=(worker.run, partial(reconciler.run, worker.caught_up)),
        not_ready=lambda: None if worker.caught_up.is_set() else "call control reads the log",
        drain=worker.drain,
        finish=transport.aclose,
    )
