import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import parse_qs

import httpx
import pytest

from schemas import decisions, ids
from schemas.routing import Urgency
from services.call_control.followed import Followed
from services.call_control.patience import Patience
from services.call_control.performer import Performer
from services.call_control.reconciler import Reconciler
from services.call_control.teller import Teller
from services.carriers.addresses import CarrierAddresses
from services.carriers.twilio_rest import TwilioRest
from services.runtime.clock import ManualClock
from services.runtime.crypto import UrlSeal, load_root_keys
from services.runtime.facts import FactPublisher
from services.runtime.limits import Limits
from services.runtime.telemetry import CARRIER_ACTS, Metrics
from services.runtime.tenants import Tenants
from tests.carrier_cases import ACCOUNT, CALL, NOW, NUMBER, PUBLIC, SECRET, RecordingBus, tenant

API = "https://api.example"
CONTACT = ids.contact_id("twilio", ACCOUNT, CALL)


class FakeTwilio(httpx.MockTransport):
    """Keeps calls and conferences, and fails when a test says so.

    `faults` are answered one by one to requests that have `only` in "METHOD path"; an integer is a status, an exception
    is raised. With `lost`, the request has its effect all the same.
    """

    def __init__(self):
        super().__init__(self._answer)
        self.calls = {CALL: "in-progress"}
        self.rooms = {}
        self.requests = []
        self.faults = []
        self.only = ""
        self.lost = False
        self.hook = None
        self.listed = None  # what the list of calls is answered with; None: the calls

    def posts(self, word=""):
        return [form for method, path, form in self.requests if method == "POST" and word in path]

    def join(self, call, label=None, room=CONTACT):
        self.calls[call] = "in-progress"
        self.rooms.setdefault(room, []).append((call, label))

    async def _answer(self, request):
        path = request.url.path.removeprefix(f"/2010-04-01/Accounts/{ACCOUNT}")
        form = {key: values[0] for key, values in parse_qs(request.content.decode()).items()}
        self.requests.append((request.method, path, form))
        if self.hook is not None:
            await self.hook(request.method, path)
        fault = self.faults.pop(0) if self.faults and self.only in f"{request.method} {path}" else None
        if fault is None or self.lost:
            status, body = self._act(request, path, form)
        if isinstance(fault, Exception):
            raise fault
        return httpx.Response(fault, json={}) if fault else httpx.Response(status, json=body)

    def _act(self, request, path, form):
        if path.startswith("/2010-04-01"):
            return 404, {"code": 20404}  # another account
        name = path.split("/")[2] if path.count("/") > 2 else ""
        match request.method, path.split("/")[-1]:
            case "GET", "Conferences.json":
                wanted = request.url.params["FriendlyName"]
                return 200, {"conferences": [{"sid": wanted, "status": "in-progress"}] if wanted in self.rooms else []}
            case "GET", "Participants.json":
                members = [{"call_sid": call, "label": label} for call, label in self.rooms.get(name, [])]
                return 200, {"participants": members}
            case "POST", "Participants.json":
                if form["Label"] in {label for _, label in self.rooms.get(name, [])}:
                    return 400, {"code": 16025}
                call = f"CA-agent-{len(self.calls)}"
                self.join(call, form["Label"], name)
                return 201, {"call_sid": call}
            case "GET", "Calls.json":
                live = [sid for sid, status in self.calls.items() if status == "in-progress"]
                return 200, self.listed or {"calls": [{"sid": sid} for sid in live], "next_page_uri": None}
            case "POST", _:
                return self._change(path.split("/")[-1].removesuffix(".json"), form)
        return 404, {"code": 20404}

    def _change(self, call, form):
        if call not in self.calls:
            return 404, {"code": 20404}
        if self.calls[call] != "in-progress":
            return 400, {"code": 21220}
        if form.get("Status") == "completed":
            self.calls[call] = "completed"
        return 200, {"sid": call}


@pytest.fixture
async def world(tmp_path):
    """A performer and a reconciler over a fake carrier, a bus that a test can break, and time that obeys."""
    clock = ManualClock()
    world = SimpleNamespace(
        clock=clock,
        twilio=FakeTwilio(),
        bus=RecordingBus(),
        metrics=Metrics(),
        limits=Limits(),
        followed=Followed(1000),
        tenants=Tenants(),
        addresses=CarrierAddresses(PUBLIC, UrlSeal(load_root_keys(tmp_path))),
        pauses=[],
    )
    world.tenants.apply(tenant())

    async def pause(seconds):
        world.pauses.append(seconds)
        clock.advance(seconds)
        world.bus.broken = False  # a pause is long enough for a bus

    world.pause = pause

    def rebuild():
        """Start again with an empty memory, but for what is followed."""
        carrier = TwilioRest(world.twilio, base_url=API, secrets_of=lambda _: (SECRET,), timeout_s=5.0)
        shared = {
            "followed": world.followed,
            "patience": Patience(clock, world.limits, world.metrics, pause=pause),
            "teller": Teller(FactPublisher(world.bus, clock), clock, pause=pause),
            "tenants": world.tenants,
            "limits": world.limits,
            "metrics": world.metrics,
        }
        world.performer = Performer(carrier, addresses=world.addresses, clock=clock, **shared)
        world.reconciler = Reconciler(carrier, pause=pause, **shared)

    async def perform(*acts):
        for act in acts:
            world.followed.follow("pool", act)
        for act in acts:
            await world.performer.perform(act, "pool")

    world.rebuild = rebuild
    world.perform = perform
    world.outcome = lambda act, outcome: world.metrics.value(CARRIER_ACTS, act=act, outcome=outcome)
    rebuild()
    return world


def connecting(reservation="r-1", fence=1, *, within_s=30.0, contact=CONTACT, **changes):
    return decisions.ItemConnecting(
        **{
            "item_id": "i-1", "contact_id": contact, "reservation_id": reservation, "fence": fence,
            "agent_id": "nora", "tenant": "demo", "carrier": "twilio", "account": ACCOUNT, "call": CALL,
            "number": NUMBER, "endpoint": "client:nora", "expires_at": NOW + timedelta(seconds=within_s),
        } | changes
    )  # fmt: skip


def joining(reservation="r-1", fence=1, contact=CONTACT):
    return decisions.CallerJoining(
        item_id="i-1", contact_id=contact, reservation_id=reservation, fence=fence, agent_id="nora",
        tenant="demo", carrier="twilio", account=ACCOUNT, call=CALL,
    )  # fmt: skip


def released(leg="agent", reservation="r-1", contact=CONTACT):
    return decisions.LegReleased(
        contact_id=contact, leg=leg, reservation_id=reservation if leg == "agent" else None,
        tenant="demo", carrier="twilio", account=ACCOUNT, call=CALL,
    )  # fmt: skip


def rescinded(reservation="r-1", contact=CONTACT):
    return decisions.ReservationRescinded(
        reservation_id=reservation, item_id="i-1", contact_id=contact, agent_id="nora", reason="rejected"
    )


def canceled(reservation="r-1", contact=CONTACT):
    return decisions.ReservationCanceled(reservation_id=reservation, item_id="i-1", contact_id=contact, agent_id="nora")


def lapsed(reservation="r-1", contact=CONTACT):
    return decisions.ReservationLapsed(
        reservation_id=reservation, item_id="i-1", contact_id=contact, agent_id="nora", reachable=True
    )


def queued(contact=CONTACT, **changes):
    return decisions.ItemQueued(
        **{
            "item_id": "i-1", "contact_id": contact, "tenant": "demo", "queue": "desk", "intent": "refill.request",
            "urgency": Urgency.ROUTINE, "language": "es", "requirements": (), "queued_at": NOW, "why": "test",
        } | changes
    )  # fmt: skip


def raised(urgency, contact=CONTACT):
    return decisions.UrgencyChanged(
        item_id="i-1", contact_id=contact, queue="nurses", urgency=urgency, requirements=(), why="test"
    )


def reserved(reservation="r-1", fence=1, contact=CONTACT):
    return decisions.AgentReserved(
        reservation_id=reservation, fence=fence, item_id="i-1", contact_id=contact, agent_id="nora",
        tenant="demo", queue="desk", intent="refill.request", urgency=Urgency.ROUTINE, language="es",
        queued_at=NOW, expires_at=NOW, why="test",
    )  # fmt: skip


def ended(contact=CONTACT):
    return decisions.ContactEnded(contact_id=contact, tenant="demo", reason="completed")


@pytest.fixture
def words():
    """Constructors of decisions."""
    return SimpleNamespace(
        connecting=connecting, joining=joining, released=released, rescinded=rescinded, canceled=canceled,
        lapsed=lapsed, queued=queued, raised=raised, reserved=reserved, ended=ended, contact=CONTACT, api=API,
    )  # fmt: skip


@pytest.fixture
def running():
    """Return a context that runs a process' loops."""

    @asynccontextmanager
    async def run(process):
        tasks = [asyncio.ensure_future(loop()) for loop in process.loops]
        try:
            yield
        finally:
            if process.drain:
                await process.drain()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if process.finish:
                await process.finish()

    return run
