"""The machine: one input of a caller in; the next session, what the caller hears, and facts out.

Pure, so the same input gives the same answer wherever and however often it is processed: a webhook that arrives twice
is harmless. The ways through a call::

    start ──> menu <──> other menus ──> task ──> "anything else?" ──> ended
                │            │            │             │
                └────────────┴─────┬──────┴─────────────┘   0, "agent", two silences, two misunderstandings,
                                   v                        an intent that needs a person, any red flag
                                waiting <── returned        (the agent was lost)

A red flag is looked for in everything that is said, wherever the caller stands.
"""

import re
from datetime import datetime
from typing import Final, Literal

from ivr import waiting
from ivr.flow import LANGUAGE_KEY, PERSON_KEY, Flow, Key, Menu, TaskName
from ivr.intents import CONFIDENCE_MIN, NOT_UNDERSTOOD, combined, understand
from ivr.safe import safe_instructions, unknown_number
from ivr.session import ENDED, START, WAITING, Session
from ivr.speech import Prompts, answer_by_s
from ivr.steps import (
    ANSWER_S,
    DialogFact,
    Opening,
    Setting,
    Step,
    UrgencyBy,
    Wait,
    fact_name,
    gravest,
    handed_off,
    hold,
    to_a_person,
    turned,
)
from ivr.tasks import facility
from ivr.utterance import normalise
from schemas.contacts import ContactArrived, SelfServed
from schemas.dialog import Gather, HangUp, Heard, Instruction, Say, Understood
from schemas.ids import ContactId
from schemas.routing import Urgency
from schemas.tenant_config import TenantConfig

By = Literal["digit", "speech", "silence"]

TRIES_MAX: Final = 2  # silences or misunderstandings in a row; then a person
LOST_TURN: Final = 1000  # where a session that replaces a lost one starts, so that its facts have names of their own
# Possessive, so that words are read in one way only; of phrases that begin alike, the longer stands first.
_NO: Final = re.compile(
    r"(?:[,. ]*+(?:nope|nah|no thank you|no thanks|no gracias|no|that is (?:all|it|everything)|nothing else|nothing"
    r"|i am (?:good|fine|done|all set)|all set|bye|goodbye|nada mas|nada|es todo|eso es todo|adios"
    r"|thank you|thanks|gracias)\b)++[,. ]*+"
)
_YES: Final = re.compile(r"(?:[,. ]*+(?:yes|yeah|yep|sure|please|si|claro|por favor)\b)++[,. ]*+")
_LANGUAGE: Final = {
    "es": re.compile(r"\b(?:espanol|spanish|en espanol|castellano)\b"),
    "en": re.compile(r"\b(?:english|ingles)\b"),
}


def opened(
    *, contact_id: ContactId, tenant: TenantConfig, account: str, call: str, number: str, caller: str | None = None,
    carrier: str = "twilio",
) -> Session:  # fmt: skip
    """Return the session of a call that has just arrived; give it to `step` with `Heard(kind="start")`."""
    return Session(
        contact_id=contact_id, tenant=tenant.tenant, cell=tenant.cell, carrier=carrier, account=account, call=call,
        number=number, caller=caller, language=tenant.languages[0],
    )  # fmt: skip


def step(
    session: Session, heard: Heard, *, flow: Flow, prompts: Prompts, tenant: TenantConfig, now: datetime,
    wait: Wait | None = None, opening: Opening | None = None,
) -> Step:  # fmt: skip
    """Take one input. `wait` is what is known of the caller's queue, `opening` of the facility's doors, if anything.

    `now` matters to how a date is said, and to nothing else.
    Never raises for anything that a caller says or presses; a node that the flow no longer has is its start.
    """
    setting = Setting(flow, prompts, tenant, now, wait, opening)
    if heard.kind == "start":
        return _greet(session, setting)
    if heard.kind == "returned":
        return _come_back(session, setting)
    if session.node == WAITING:
        return waiting.turn(session, heard, setting)
    if heard.kind == "silence":
        return _silent(session, setting)
    if heard.kind == "digits":
        return _pressed(session, heard.text, setting)
    return _spoken(session, heard, setting)


def lost(
    *, contact_id: ContactId, tenant: TenantConfig, prompts: Prompts, account: str, call: str, number: str,
    caller: str | None = None, carrier: str = "twilio",
) -> Step:  # fmt: skip
    """Return what becomes of a call whose session cannot be opened: the emergency notice, and a person.

    What the caller had said is unknown, so the call counts as urgent; the fact has one name however often it is lost.
    The arrival is told once more, under its own name: if the first did not reach the log, nobody would know which leg
    to connect.
    """
    new = opened(
        contact_id=contact_id, tenant=tenant, account=account, call=call, number=number, caller=caller, carrier=carrier
    )
    before = new.with_(turn=LOST_TURN, urgency=Urgency.URGENT)
    after = before.with_(node=WAITING, turn=LOST_TURN + 1)
    say = [prompts.say(name, after.language) for name in ("hand_off_lost", "waiting_tell")]
    told = (hold(after, *_notices(tenant, after), *say),)
    fact = handed_off(before, after, reason="dialog_lost", urgency_by="dialog_lost")
    return Step(after, told, (_arrived(new, told), fact))


def _notices(tenant: TenantConfig, session: Session) -> tuple[Say, ...]:
    """Return the notice in every language of the tenant, the caller's first: nobody knows yet what they speak."""
    languages = sorted(tenant.languages, key=lambda language: language != session.language)
    return tuple(Say(text=tenant.emergency.notice[language], language=language) for language in languages)


# ---- the first turn, and the one after an agent was lost


def _greet(session: Session, setting: Setting) -> Step:
    after = session.with_(turn=session.turn + 1, node=setting.flow.start)
    name = setting.tenant.facility.name[session.language]
    opening = (setting.notice(after), *_language_offer(after, setting), setting.say("greeting", after, name=name))
    asked = _ask(after, setting, *opening)
    return Step(after, (asked,), (_arrived(session, (asked,)),))


def _arrived(session: Session, instructions: tuple[Instruction, ...]) -> DialogFact:
    data = ContactArrived(
        contact_id=session.contact_id, carrier=session.carrier, account=session.account, call=session.call,
        number=session.number, language=session.language, answer_by_s=answer_by_s(instructions),
    )  # fmt: skip
    private = {"caller_number": session.caller} if session.caller else {}
    return DialogFact(fact_name("arrived", session), data, private)


def _language_offer(session: Session, setting: Setting) -> tuple[Say, ...]:
    other = _other_language(session, setting)
    return (setting.prompts.say("language_offer", other),) if other else ()


def _other_language(session: Session, setting: Setting) -> str | None:
    return next((language for language in setting.tenant.languages if language != session.language), None)


def _come_back(session: Session, setting: Setting) -> Step:
    """The agent is gone and the caller is still there: sorry, and a person again, ahead of the others."""
    after = session.with_(node=WAITING, turn=session.turn + 1, ordinal=session.ordinal + 1, waits=0, silent=0)
    emergent = after.urgency is Urgency.EMERGENT
    opening = (setting.notice(after),) if emergent else ()
    told = (*opening, setting.say("hand_off_returned", after), setting.say("waiting_tell", after))
    urgency_by: UrgencyBy = "red_flag" if after.red_flags else "default"
    fact = handed_off(session, after, reason="agent_leg_lost", urgency_by=urgency_by, returning=True)
    return Step(after, (hold(after, *told),), (fact,))


# ---- silence and keys


def _silent(session: Session, setting: Setting) -> Step:
    silent = session.silent + 1
    if silent < TRIES_MAX:
        return _again(session, session.with_(silent=silent), setting, "not_heard", by="silence")
    return to_a_person(
        session, session, setting, reason="silence", urgency_by="default", prompt="hand_off_trouble", heard_as="silence"
    )


def _pressed(session: Session, digits: str, setting: Setting) -> Step:
    if digits == PERSON_KEY:
        return to_a_person(
            session, session.with_(intent=session.intent or "agent.request"), setting, reason="asked",
            urgency_by="default", prompt="hand_off_asked", heard_as="digit", text=digits,
        )  # fmt: skip
    other = _other_language(session, setting)
    if digits == LANGUAGE_KEY and other:
        return _switched(session, other, setting, by="digit", text=digits)
    key = _menu(session, setting).keys.get(digits)
    if key is None:
        return _misunderstood(session, session, setting, by="digit", text=digits)
    return _follow(session, key, digits, setting)


def _follow(session: Session, key: Key, digits: str, setting: Setting) -> Step:
    if key.end:
        return _goodbye(session, setting, by="digit", text=digits)
    if key.node is not None:
        return _moved(session, key.node, setting, by="digit", text=digits)
    task = key.task or setting.flow.self_service.get(key.intent or "")
    if task is not None:
        return _serve(
            session.with_(intent=key.intent or "facility.info"), session, task, setting, by="digit", text=digits
        )
    urgency = session.urgency if key.urgency is None else min(session.urgency, key.urgency)
    by: UrgencyBy = "menu" if urgency < session.urgency else "default"
    after = session.with_(intent=key.intent, urgency=urgency)
    return to_a_person(
        session, after, setting, reason="intent", urgency_by=by, prompt="hand_off", heard_as="digit", text=digits
    )


# ---- speech


def _spoken(session: Session, heard: Heard, setting: Setting) -> Step:
    understood = combined(understand(heard.text), heard.understood)
    remembered = session.remembering(heard.text)
    if understood.red_flags or understood.urgency is not Urgency.ROUTINE:
        return _needs_soon(session, remembered, understood, heard.text, setting)
    normal = normalise(heard.text).rstrip(" .")
    if len(normal) == 1 and normal.isdigit():  # "two", for the key
        return _pressed(session, normal, setting)
    other = _other_language(session, setting)
    if other and _LANGUAGE[other].search(normal):
        return _switched(session, other, setting, by="speech", text=heard.text)
    if session.node == setting.flow.after_task and normal:
        if _NO.fullmatch(normal):
            return _goodbye(session, setting, by="speech", text=heard.text)
        if _YES.fullmatch(normal):
            return _moved(session, setting.flow.start, setting, by="speech", text=heard.text)
    if understood.confidence < CONFIDENCE_MIN or understood.intent == NOT_UNDERSTOOD:
        return _misunderstood(session, remembered, setting, by="speech", text=heard.text)
    return _wanted(session, remembered.with_(intent=understood.intent), heard.text, setting)


def _needs_soon(session: Session, remembered: Session, understood: Understood, text: str, setting: Setting) -> Step:
    flagged = bool(understood.red_flags)
    after = remembered.with_(
        intent=understood.intent if understood.intent != NOT_UNDERSTOOD else "triage.symptom",
        urgency=min(session.urgency, understood.urgency),
        red_flags=gravest(session.red_flags, understood.red_flags),
    )
    emergent = after.urgency is Urgency.EMERGENT
    return to_a_person(
        session, after, setting, reason="red_flag" if flagged or emergent else "intent",
        urgency_by="red_flag" if flagged else "keyword", prompt="hand_off", heard_as="speech", text=text,
    )  # fmt: skip


def _wanted(session: Session, after: Session, text: str, setting: Setting) -> Step:
    if after.intent in setting.flow.self_service:
        return _serve(after, session, facility.task_for(text), setting, by="speech", text=text)
    asked = after.intent == "agent.request"
    return to_a_person(
        session, after, setting, reason="asked" if asked else "intent", urgency_by="default",
        prompt="hand_off_asked" if asked else "hand_off", heard_as="speech", text=text,
    )  # fmt: skip


# ---- what is not a hand-off


def _menu(session: Session, setting: Setting) -> Menu:
    """Return where the caller stands; a rolling deploy may have taken a node away, then it is the start."""
    return setting.flow.nodes.get(session.node) or setting.flow.nodes[setting.flow.start]


def _ask(session: Session, setting: Setting, *opening: Say, again: bool = False) -> Gather:
    menu = _menu(session, setting)
    question = setting.say(menu.again if again else menu.prompt, session)
    return Gather(prompts=(*opening, question), timeout_s=ANSWER_S, language=session.language)


def _misunderstood(session: Session, after: Session, setting: Setting, *, by: By, text: str) -> Step:
    misunderstood = session.misunderstood + 1
    if misunderstood < TRIES_MAX:
        return _again(session, after.with_(misunderstood=misunderstood), setting, by=by, text=text)
    return to_a_person(
        session, after, setting, reason="misunderstood", urgency_by="default", prompt="hand_off_trouble",
        heard_as=by, text=text,
    )  # fmt: skip


def _again(
    session: Session, changed: Session, setting: Setting, prompt: str | None = None, *, by: By, text: str = ""
) -> Step:
    after = changed.with_(turn=session.turn + 1)
    opening = (setting.say(prompt, after),) if prompt else ()
    asked = (_ask(after, setting, *opening, again=True),)
    return Step(after, asked, (turned(session, after, asked, by=by, text=text),))


def _moved(session: Session, node: str, setting: Setting, *, by: By, text: str, opening: tuple[Say, ...] = ()) -> Step:
    """Go to another menu; whatever was not understood before is forgotten."""
    after = session.with_(turn=session.turn + 1, node=node, misunderstood=0, silent=0)
    asked = (_ask(after, setting, *opening),)
    return Step(after, asked, (turned(session, after, asked, by=by, text=text),))


def _switched(session: Session, language: str, setting: Setting, *, by: By, text: str) -> Step:
    """Go on in the other language: the notice again, since it was not understood before, and the same question."""
    spoken = session.with_(language=language)
    node = session.node if session.node in setting.flow.nodes else setting.flow.start
    return _moved(spoken, node, setting, by=by, text=text, opening=(setting.notice(spoken),))


def _serve(changed: Session, session: Session, task: TaskName, setting: Setting, *, by: By, text: str) -> Step:
    place, language = setting.tenant.facility, session.language
    told = facility.answer(task, place, setting.prompts, language, now=setting.now, opening=setting.opening)
    moved = _moved(changed, setting.flow.after_task, setting, by=by, text=text, opening=told)
    served = SelfServed(contact_id=session.contact_id, task=task)
    return Step(
        moved.session, moved.instructions, (*moved.facts, DialogFact(fact_name("self_served", session), served))
    )


def _goodbye(session: Session, setting: Setting, *, by: By, text: str) -> Step:
    after = session.with_(turn=session.turn + 1, node=ENDED)
    told = (setting.say("goodbye", after), HangUp())
    return Step(after, told, (turned(session, after, told, by=by, text=text),))


__all__ = [
    "LOST_TURN", "START", "DialogFact", "Opening", "Session", "Step", "Wait", "lost", "opened", "safe_instructions",
    "step", "unknown_number",
]  # fmt: skip
