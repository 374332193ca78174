"""What a step of the dialog is given and what it returns, and the hand-off to a person that many steps end in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Final, Literal, NamedTuple

from pydantic import JsonValue

from ivr.flow import Flow
from ivr.session import FLAGS_MAX, WAITING, Session
from ivr.speech import Prompts, answer_by_s, spoken
from schemas.contacts import ContactArrived, DialogTurned, HandedOff, SelfServed, UrgencyRaised
from schemas.dialog import Gather, Instruction, Play, Say
from schemas.routing import Urgency
from schemas.tenant_config import TenantConfig

UrgencyBy = Literal["red_flag", "menu", "keyword", "default", "dialog_lost"]
Reason = Literal["asked", "intent", "red_flag", "misunderstood", "silence", "dialog_lost", "agent_leg_lost"]
FactData = ContactArrived | DialogTurned | HandedOff | UrgencyRaised | SelfServed

ANSWER_S: Final = 6.0  # of silence after a question
HOLD_ANSWER_S: Final = 3.0  # of silence after a stretch of hold music, before it plays on
OPENING_DAYS: Final = 14  # how far ahead an opening is told
_MINUTE_S: Final = 60
_MUSIC: Final = Play(sound="hold_music")
_LONG_WAIT_MIN: Final = 30


@dataclass(frozen=True, slots=True)
class Wait:
    """What is known of the wait in a caller's queue."""

    expected_s: float


class Opening(NamedTuple):
    """The state of the facility's doors at one moment, by its own clock."""

    is_open: bool
    until: tuple[date, time] | None  # when that changes; None: not within `OPENING_DAYS`


@dataclass(frozen=True, slots=True)
class DialogFact:
    """A fact for `intake`.

    `name` is stable: the same input of the same call gives it again, so that services makes
    the same event id. `private` is patient data, to be sealed into `data.sealed`; empty means nothing to seal.
    """

    name: str
    data: FactData = field(repr=False)
    private: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """What one input led to: the session of the next turn, what the caller hears, and what the log should know."""

    session: Session
    instructions: tuple[Instruction, ...]
    facts: tuple[DialogFact, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """Everything around a step that is not the call itself."""

    flow: Flow
    prompts: Prompts
    tenant: TenantConfig
    now: datetime
    wait: Wait | None
    opening: Opening | None

    def say(self, prompt: str, session: Session, /, **values: object) -> Say:
        """Return a prompt in the caller's language."""
        return self.prompts.say(prompt, session.language, **values)

    def notice(self, session: Session) -> Say:
        """Return the tenant's emergency notice in the caller's language, else in any."""
        return notice(self.tenant, session.language)


def notice(tenant: TenantConfig, language: str) -> Say:
    """Return the tenant's emergency notice in a language, or in the first one that it is written in."""
    texts = tenant.emergency.notice
    known = language if language in texts else next(iter(texts))
    return spoken(texts[known], known)


def hold(session: Session, *said: Say) -> Gather:
    """Return one stretch of the waiting loop: a few words, music, and an ear for the caller all the time."""
    return Gather(prompts=(*said, _MUSIC), timeout_s=HOLD_ANSWER_S, language=session.language)


def expected_wait(session: Session, setting: Setting) -> tuple[Say, ...]:
    """Return what is said of the wait: nothing if it is unknown, never a promise."""
    if setting.wait is None:
        return ()
    minutes = -(-max(setting.wait.expected_s, 0.0) // _MINUTE_S)  # rounded up
    if minutes <= 1:
        return (setting.say("wait_soon", session),)
    if minutes > _LONG_WAIT_MIN:
        return (setting.say("wait_long", session),)
    return (setting.say("wait_minutes", session, minutes=int(minutes)),)


def fact_name(what: str, session: Session) -> str:
    """Name a fact after the turn that it came from; the ordinal keeps a second return apart from the first."""
    return f"{what}:{session.turn}" + (f":{session.ordinal}" if session.ordinal else "")


def gravest(*groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return the flags of all groups once each, the first ones first, as many as a session carries."""
    return tuple(dict.fromkeys(flag for group in groups for flag in group))[:FLAGS_MAX]


def screen_pop(session: Session) -> dict[str, JsonValue]:
    """Return what the agent should see first. Patient data."""
    pop: dict[str, JsonValue] = {
        "said": list(session.said), "intent": session.intent, "red_flags": list(session.red_flags),
    }  # fmt: skip
    return pop | ({"caller_number": session.caller} if session.caller else {})


def handed_off(
    before: Session, after: Session, *, reason: Reason, urgency_by: UrgencyBy, returning: bool = False
) -> DialogFact:
    """Return the fact that `after` waits for a person, named after the turn of `before`."""
    data = HandedOff(
        contact_id=after.contact_id,
        intent=after.intent or "agent.request",
        urgency=after.urgency,
        urgency_by=urgency_by,
        language=after.language,
        reason=reason,
        returning=returning,
    )
    return DialogFact(fact_name("handed_off", before), data, screen_pop(after))


def turned(
    before: Session, after: Session, instructions: tuple[Instruction, ...], *,
    by: Literal["digit", "speech", "silence", "none"], text: str = "",
) -> DialogFact:  # fmt: skip
    """Return the fact that the dialog went on; `text` is what was said or pressed."""
    data = DialogTurned(
        contact_id=after.contact_id,
        turn=before.turn,
        node=after.node,
        intent=after.intent,
        urgency=after.urgency if after.urgency is not Urgency.ROUTINE else None,
        understood_by=by,
        answer_by_s=answer_by_s(instructions),
    )
    return DialogFact(fact_name("turned", before), data, {"said": text} if text else {})


def to_a_person(
    before: Session, after: Session, setting: Setting, *, reason: Reason, urgency_by: UrgencyBy, prompt: str,
    heard_as: Literal["digit", "speech", "silence"], text: str = "",
) -> Step:  # fmt: skip
    """End the dialog in favour of a person: the caller is told, and goes into the waiting loop."""
    session = after.with_(node=WAITING, turn=before.turn + 1, misunderstood=0, silent=0, waits=0)
    emergent = session.urgency is Urgency.EMERGENT
    opening = (setting.notice(session),) if emergent else ()
    waiting = () if emergent else expected_wait(session, setting)
    told = (*opening, setting.say("hand_off_nurse" if emergent else prompt, session), *waiting)
    instructions = (hold(session, *told, setting.say("waiting_tell", session)),)
    facts = (
        turned(before, session, instructions, by=heard_as, text=text),
        handed_off(before, session, reason=reason, urgency_by=urgency_by),
    )
    return Step(session, instructions, facts)
