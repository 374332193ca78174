from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest
import yaml

import ivr
from ivr.dialog import opened, step
from ivr.flow import Flow, load_flow
from ivr.session import Session
from ivr.speech import Prompts, load_prompts
from ivr.steps import Opening, Step, Wait
from schemas.dialog import Heard, Understood
from schemas.ids import contact_id
from schemas.tenant_config import TenantConfig

NOON = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)  # a Monday, 12:00 in New York
DOCUMENT: dict[str, Any] = {
    "tenant": "demo",
    "cell": "demo",
    "languages": ["en", "es"],
    "carriers": [{"carrier": "twilio", "account": "AC1", "secrets": ["twilio"]}],
    "numbers": ["+15005550100"],
    "facility": {
        "name": {"en": "Riverside Health", "es": "Clínica Riverside"},
        "address": {"en": "12 River Street", "es": "Calle River 12"},
        "directions": {"en": "Take bus 5.", "es": "Tome el autobús 5."},
        "hours": {
            "zone": "America/New_York",
            "week": {day: [{"opens": "08:00", "closes": "17:00"}] for day in ("mon", "tue", "wed", "thu", "fri")},
        },
    },
    "emergency": {
        "notice": {"en": "NOTICE", "es": "AVISO"},
        "queue": "nurse",
        "fallback_number": "+15005550199",
    },
    "default_queue": "nurse",
    "queues": [{"name": "nurse", "requires": [{"skill": "triage"}]}],
}

DATA = Path(ivr.__file__).parent


def _tenant(**changes: Any) -> TenantConfig:
    return TenantConfig.model_validate({**DOCUMENT, **changes})


@pytest.fixture(scope="session")
def flow() -> Flow:
    return load_flow(yaml.safe_load((DATA / "flows" / "main.yaml").read_text("utf-8")))


@pytest.fixture(scope="session")
def prompts(flow: Flow) -> Prompts:
    documents = {lang: yaml.safe_load((DATA / "prompts" / f"{lang}.yaml").read_text("utf-8")) for lang in ("en", "es")}
    return load_prompts(documents, used=flow.prompts_used)


@pytest.fixture(scope="session")
def tenant() -> TenantConfig:
    return _tenant()


@pytest.fixture(scope="session")
def make_tenant():
    return _tenant


class Call:
    """One call, driven turn by turn; remembers the last step."""

    def __init__(self, flow: Flow, prompts: Prompts, tenant: TenantConfig) -> None:
        self.world = {"flow": flow, "prompts": prompts, "tenant": tenant, "now": NOON}
        self.session: Session = opened(
            contact_id=contact_id("twilio", "AC1", "CA1"), tenant=tenant, account="AC1", call="CA1",
            number="+15005550100", caller="+15005550123",
        )  # fmt: skip
        self.wait: Wait | None = None
        self.opening = Opening(is_open=True, until=(NOON.date(), time(17)))  # of the tenant's Monday
        self.last: Step

    def hears(self, kind: str, text: str = "", understood: Understood | None = None) -> Step:
        heard = Heard(kind=kind, text=text, understood=understood)  # type: ignore[arg-type]
        self.last = step(self.session, heard, **self.world, wait=self.wait, opening=self.opening)  # type: ignore[arg-type]
        self.session = self.last.session
        return self.last

    def starts(self) -> Step:
        return self.hears("start")

    def says(self, text: str, understood: Understood | None = None) -> Step:
        return self.hears("speech", text, understood)

    def presses(self, digits: str) -> Step:
        return self.hears("digits", digits)

    def is_silent(self) -> Step:
        return self.hears("silence")

    @property
    def spoken(self) -> list[str]:
        out = []
        for instruction in self.last.instructions:
            prompts = getattr(instruction, "prompts", (instruction,))
            out += [prompt.text if prompt.kind == "say" else prompt.kind for prompt in prompts]
        return out

    def fact(self, kind: str):
        return next((fact for fact in self.last.facts if fact.data.type == kind), None)


@pytest.fixture
def call(flow: Flow, prompts: Prompts, tenant: TenantConfig) -> Call:
    return Call(flow, prompts, tenant)


@pytest.fixture
def make_call(flow: Flow, prompts: Prompts):
    return lambda tenant: Call(flow, prompts, tenant)
