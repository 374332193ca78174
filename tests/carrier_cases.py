"""What tests of webhooks and call control share: a tenant, a bus that a test can break, and signed requests."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI
from twilio.request_validator import RequestValidator

from schemas.decisions import Claim, Step
from schemas.envelope import Envelope
from schemas.errors import BusUnavailable
from schemas.tenant_config import TenantConfig
from schemas.topics import DECISIONS
from services.runtime.bus import Message
from services.runtime.codec import decode_fact, encode
from services.runtime.direct import Direct

NOW = datetime(2030, 1, 7, 9, 2, tzinfo=UTC)
PUBLIC = "https://clinic.example"
NUMBER = "+15005550100"
CALLER = "+15005550006"
ACCOUNT = "AC1"
CALL = "CA1"
SECRET = "token-of-tests"


def tenant(**changes):
    """Return a tenant that speaks English and Spanish."""
    document = {
        "tenant": "demo",
        "cell": "pool",
        "languages": ["en", "es"],
        "carriers": [{"carrier": "twilio", "account": ACCOUNT, "secrets": ["twilio"]}],
        "numbers": [NUMBER],
        "facility": {
            "name": {"en": "Clinic", "es": "Clínica"},
            "address": {"en": "1 Road", "es": "calle 1"},
            "hours": {"zone": "UTC", "week": {"mon": [{"opens": "08:00", "closes": "18:00"}]}},
        },
        "emergency": {"notice": {"en": "Dial 911.", "es": "Marque el 911."}, "queue": "nurses"},
        "default_queue": "desk",
        "queues": [
            {"name": "nurses", "requires": [{"skill": "nurse"}], "intents": ["triage.symptom"]},
            {"name": "desk", "requires": [{"skill": "desk"}], "intents": ["refill.request"]},
        ],
    }
    return TenantConfig.model_validate(document | changes)


class RecordingBus:
    """Keeps what is published; `broken` makes it refuse, `hook` is awaited first."""

    partitions = 2

    def __init__(self):
        self.records = []
        self.broken = False
        self.hook = None

    async def publish(self, topic, partition, messages):
        if self.hook is not None:
            await self.hook()
        if self.broken:
            raise BusUnavailable("broken by a test")
        self.records += [(topic, partition, message) for message in messages]
        return list(range(len(messages)))

    @property
    def facts(self):
        """All facts in order."""
        return [decode_fact(message.value) for _, _, message in self.records]

    def kinds(self):
        """The types of all facts."""
        return [fact.type for fact in self.facts]


class Carrier:
    """Posts webhooks to a process as the carrier would, signed by its own library."""

    def __init__(self, process):
        app = FastAPI()
        for route in process.routes:
            app.include_router(route)
        app = Direct(app, process.posts)
        # Another host than the public one, as behind a proxy.
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://10.0.0.7:9000")

    async def post(self, path, secret=SECRET, call=CALL, account=ACCOUNT, to=NUMBER, **fields):
        """Post a signed form; `path` may be a whole public address."""
        form = {"AccountSid": account, "CallSid": call, "From": CALLER, "To": to, "CallStatus": "in-progress"} | fields
        url = path if path.startswith(PUBLIC) else PUBLIC + path
        signature = RequestValidator(secret).compute_signature(url, form)
        return await self.raw(url.removeprefix(PUBLIC), urlencode(form), **{"X-Twilio-Signature": signature})

    async def raw(self, path, content, **headers):
        """Post whatever."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | headers
        return await self.client.post(path, content=content, headers=headers)


class DecisionsLog:
    """Appends steps as a router does."""

    def __init__(self, bus, partition):
        self._bus = bus
        self._partition = partition
        self._epoch = None
        self._seq = 0

    async def decide(self, *decided, at=NOW):
        if self._epoch is None:
            self._epoch = await self._append(Claim(owner="test", versions={}), at)
        self._seq += 1
        await self._append(
            Step(epoch=self._epoch, seq=self._seq, cell="pool", cause=-1, decided_at=at, decisions=decided), at
        )

    async def _append(self, data, at):
        envelope = Envelope[Claim | Step].around(
            data, id=f"d-{self._seq}", source="/routing/0", subject="pool", cell="pool", time=at
        )
        (offset,) = await self._bus.publish(DECISIONS.name, self._partition, [Message(encode(envelope), key="pool")])
        return offset
