"""What a caller hears when something behind the dialog fails: fixed words that need no file, no flow and no log."""

from typing import Final

from ivr.steps import HOLD_ANSWER_S
from schemas.dialog import Dial, Gather, HangUp, Instruction, Play, Say
from schemas.tenant_config import TenantConfig

_NOTICE: Final = {
    "en": "If this is an emergency, please hang up and dial 9 1 1.",
    "es": "Si esto es una emergencia, cuelgue y marque el 9 1 1.",
}
_HOLD: Final = {
    "en": "We are having some trouble on our side. Please stay on the line.",
    "es": "Tenemos un problema de nuestro lado. Por favor, no cuelgue.",
}
_DIAL: Final = {
    "en": "We are having some trouble on our side. I am passing your call on now.",
    "es": "Tenemos un problema de nuestro lado. Voy a pasar su llamada ahora.",
}
_UNKNOWN: Final = {
    "en": "We're sorry. This number is not in use at the moment. " + _NOTICE["en"] + " Goodbye.",
    "es": "Lo sentimos. Este número no está en uso por ahora. " + _NOTICE["es"] + " Adiós.",
}


def safe_instructions(tenant: TenantConfig | None) -> tuple[Instruction, ...]:
    """Return the emergency notice, then the tenant's fallback number if it has one, else hold music and an ear.

    The gather at the end brings the caller back with the session that services puts into its URL, so that the same
    turn is tried again; nobody is hung up on.
    """
    languages = tenant.languages if tenant else ("en", "es")
    notices = tenant.emergency.notice if tenant else _NOTICE
    said = [Say(text=notices.get(lang) or _NOTICE[lang], language=lang) for lang in languages]
    fallback = tenant.emergency.fallback_number if tenant else None
    said += [Say(text=(_DIAL if fallback else _HOLD)[lang], language=lang) for lang in languages]
    if fallback:
        return (*said, Dial(number=fallback))
    hold = Gather(prompts=(*said, Play(sound="hold_music")), timeout_s=HOLD_ANSWER_S, language=languages[0])
    return (hold,)


def unknown_number() -> tuple[Instruction, ...]:
    """Return a polite refusal, for a number that belongs to no tenant."""
    return (*(Say(text=text, language=language) for language, text in _UNKNOWN.items()), HangUp())
