"""The waiting loop: hold music and an ear for the caller, until a person answers.

Nothing that happens here makes a fact unless something changed: the caller got worse, or said something that needs a
person sooner. Saying it again changes nothing, so it is safe to say as often as one likes.
"""

from typing import Final

from ivr.emergency import urgency_of
from ivr.intents import combined, is_worse, understand
from ivr.session import Session
from ivr.steps import DialogFact, Setting, Step, expected_wait, fact_name, gravest, hold, screen_pop
from ivr.utterance import normalise
from schemas.contacts import UrgencyRaised
from schemas.dialog import Heard, Say, Understood
from schemas.routing import Urgency

WORSE_KEY: Final = "1"
SPEAK_EVERY: Final = 2  # stretches of music


def turn(session: Session, heard: Heard, setting: Setting) -> Step:
    """Take one input of a caller who waits. Silence is the usual one."""
    if heard.kind == "silence":
        return _plays_on(session, setting)
    if heard.kind == "digits":
        return _worse(session, setting) if heard.text == WORSE_KEY else _still_here(session, setting, "waiting_still")
    understood = combined(understand(heard.text), heard.understood)
    remembered = session.remembering(heard.text)
    if understood.red_flags or understood.urgency is Urgency.EMERGENT:
        return _flagged(session, remembered, understood, setting)
    if is_worse(normalise(heard.text)):
        return _worse(session, setting, remembered)
    if understood.urgency < session.urgency:
        return _raised(session, remembered.with_(urgency=understood.urgency, intent=understood.intent), setting)
    asked = understood.intent == "agent.request"
    return _still_here(session, setting, "waiting_still" if asked else "waiting_heard", remembered)


def _next(session: Session, **changes: object) -> Session:
    return session.with_(turn=session.turn + 1, waits=session.waits + 1, **changes)


def _plays_on(session: Session, setting: Setting) -> Step:
    after = _next(session)
    speaks = after.waits % SPEAK_EVERY == 0
    said = (setting.say("waiting_still", after), *_outlook(after, setting)) if speaks else ()
    return Step(after, (hold(after, *said),))


def _outlook(session: Session, setting: Setting) -> tuple[Say, ...]:
    """Say how long it may take, though not to those who come first, and how to tell us that it is worse."""
    wait = () if session.urgency is Urgency.EMERGENT else expected_wait(session, setting)
    return (*wait, setting.say("waiting_tell", session))


def _still_here(session: Session, setting: Setting, prompt: str, remembered: Session | None = None) -> Step:
    after = _next(remembered or session)
    return Step(after, (hold(after, setting.say(prompt, after), *_outlook(after, setting)),))


def _worse(session: Session, setting: Setting, remembered: Session | None = None) -> Step:
    """Raise the urgency by one class. It is a symptom now, whatever the call was about."""
    higher = Urgency(max(session.urgency - 1, Urgency.EMERGENT))
    return _raised(session, (remembered or session).with_(urgency=higher, intent="triage.symptom"), setting)


def _flagged(session: Session, remembered: Session, understood: Understood, setting: Setting) -> Step:
    urgency = min(session.urgency, understood.urgency, urgency_of(understood.red_flags))
    flags = gravest(session.red_flags, understood.red_flags)
    return _raised(session, remembered.with_(urgency=urgency, red_flags=flags, intent="triage.symptom"), setting)


def _raised(session: Session, changed: Session, setting: Setting) -> Step:
    """Tell the caller, and tell the log if anything is new."""
    after = _next(changed)
    emergent = after.urgency is Urgency.EMERGENT
    told = (setting.notice(after), setting.say("hand_off_nurse", after)) if emergent else ()
    told = told or (setting.say("waiting_raised", after), setting.say("waiting_tell", after))
    news = after.urgency < session.urgency or set(after.red_flags) - set(session.red_flags)
    facts = (_fact(session, after),) if news else ()
    return Step(after, (hold(after, *told),), facts)


def _fact(before: Session, after: Session) -> DialogFact:
    data = UrgencyRaised(contact_id=after.contact_id, urgency=after.urgency, intent=after.intent)
    return DialogFact(fact_name("urgency_raised", before), data, screen_pop(after))
