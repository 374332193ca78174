"""Whether a mention of something bad is in force: not denied, not history, not supposed, not about paperwork.

The rules follow the label guide. They are narrow on purpose: a cue silences a mention only when it clearly governs
it, since the price of a wrong silence is a life and the price of a wrong alarm is a nurse's minute. Who is meant
does not matter: somebody else's symptom counts as the caller's.
"""

# ruff: noqa: E501 - a pattern is easier to read and to compare on one line

import re
from collections.abc import Sequence
from typing import Final

_STOPS: Final = (
    r"(?:but|however|though|although|except|because|so|since|and|then|now|just|still|only|plus|pero|aunque|sino|porque"
    r"|entonces|y|ahora|excepto|todavia|tambien|also|[.;:!?])"
)
_ACTORS: Final = (
    r"(?:i|he|she|we|they|my|me|it|is|am|are|has|have|had|having|can|will|mi|le|se|tengo|tiene|esta|estoy|me|hay|bien)"
)
_WORDS: Final = rf"(?: (?!(?:{_STOPS}|{_ACTORS})(?: |$))\S+)"
_ADVERB: Final = r"(?: (?:really|actually|currently|even|ever|exactly|been|longer))?"

_DENIED: Final = re.compile(
    r"\b(?:"
    rf"(?:no(?! (?:,|1|relief|idea|doubt|matter|me siento|se))|without|denies|denied|deny|neither|nor|never|free of|negative for|sin|ni"
    rf"|ning\w+|nunca|niega|tampoco){_WORDS}{{0,7}}"
    rf"|(?:not|never|nunca){_ADVERB} (?:have|having|had|has|got|get|getting|feel|feeling|felt|experiencing|any|a|an|the|in"
    rf"|seeing|noticed|showing|complaining of|bleeding|like|running|run|take|taking|looks? like|ha tenido|he tenido){_WORDS}{{0,5}}"
    rf"|not{_ADVERB} (?:think|believe)(?: (?!{_STOPS}(?: |$))\S+){{0,6}}"
    rf"|not{_ADVERB}"
    r"|no (?:me |le |nos |te |se )?(?:tengo|tiene|tienen|hay|siento|siente|he tenido|ha tenido|es|sea|sufro|duele|estoy|esta)"
    rf"(?: (?!{_STOPS}(?: |$))[^\s,]+){{0,3}}"
    rf"|no creo que(?: (?!{_STOPS}(?: |$))\S+){{0,5}}"
    r"|no (?:me|le|se|te|es|hay)"
    r") ?$"
)
_LIST: Final = re.compile(r"\b(?:or|nor|ni|o)\b")
_OWN_DENIAL: Final = re.compile(r"\b(?:no|not|without|sin|out of)\b")
_ANSWERED_NO: Final = re.compile(r" ?[?:] (?:no|none|nope)\b")

_LONG_AGO: Final = re.compile(
    r"\b(?:\w+ )?(?:years?|decades?) ago|\blast (?:year|summer|winter|spring|fall)|\bin (?:19|20)\d\d|\bback in|\bhistory of"
    r"|\bin the past|\bused to|\bprevious(?:ly)?|\bsurviv\w+|\brecover(?:ing|ed) from|\bdied (?:of|from)|\bpassed away"
    r"|\bas a (?:child|kid|baby|teen\w*)|\bhace (?:\w+ ){1,2}anos?|\bel ano pasado|\ben (?:19|20)\d\d|\bantecedentes?"
    r"|\bhistorial|\bde (?:nino|nina|chico|chica)\b|\bmurio de|\bfollow up|\bseguimiento|\bhospital(?:ized)? for|\bdischarged"
)
_LATELY: Final = re.compile(
    r"\b(?:weeks?|months?) ago|\blast (?:week|month)|\bhace (?:\w+ ){1,2}(?:semanas?|mes(?:es)?)|\bla semana pasada"
    r"|\bel mes pasado"
)
_PAST: Final = re.compile(
    r"(?<!have )(?<!has )\b(?:had|was|were|got|suffered|went|hit|fell|took|tuve|tuvo|sufri|estuve|fui|bit|missed)\b"
)
_ONGOING: Final = re.compile(
    r"\b(?:since|start(?:ed|s|ing)?|began|begun|been|still|worse|desde|empez\w+|comenz\w+|sigue)\b"
)
_ONCE: Final = re.compile(
    r"\b(?:when (?:i|he|she) (?:was|were) (?:\w+ )?(?:young|little|\d+|a|in|pregnant with)|cuando era)\b"
)
_AFTERMATH: Final = re.compile(
    r"\b(?:since|after|from|following|despues de|desde|de) (?:my|his|her|the|a|mi|su|el|la|un|una) (?:\w+ )?$"
)
_NOW: Final = re.compile(
    r"\b(?:right now|now|again|is back|came back|come back|returned|today|tonight|this (?:morning|afternoon|evening)|just"
    r"|still|happening|at the moment|currently|another|ahora|ahorita|hoy|otra vez|de nuevo|todavia|sigue|anoche"
    r"|esta (?:manana|tarde|noche)|volvio|regreso)\b"
)
_NOW_AFTER: Final = re.compile(
    r"\b(?:it|same|this|lo mismo|igual)\b.*\b(?:now|again|back|today|same|ahora|hoy|happening)\b"
    r"|\b(?:having|have|tengo) (?:it|the same|another|1|otro|otra)\b|\b(?:volvio|regreso)\b"
)

_SUPPOSED: Final = re.compile(
    r"\bif (?:(?:i|he|she|they|you|we|it|someone|anyone|somebody|my \w+|a \w+|the \w+|there) )?(?:ever|were|was to|should|start"
    r"|starts|get|gets|develop|develops|had|would)\b|\bif (?:you|someone|anyone|somebody|a \w+) |\bin case\b|\bin the event"
    r"|\bwhat are the (?:\w+ )?(?:signs|symptoms)|\b(?:signs|symptoms) (?:should|to) (?:i )?(?:watch|look)"
    r"|\b(?:can|could|does|do|might|will|would) (?:\w+ ){1,4}causes?\b|\bside effects?\b|\brisks? of\b|\bchances? of\b"
    r"|\bprevent(?:ing)?\b|\b(?:afraid|worried) (?:of|about) (?:getting|having)\b|\bwatch for\b|\bdo you (?:treat|see|handle)\b"
    r"|\bsi (?:me (?:da|diera)|le (?:da|diera)|alguien|algun dia|llego|llegara|tuviera|empiezo)\b|\ben caso de\b"
    r"|\bcuales son los sintomas\b|\bpuede causar\b|\briesgo de\b|\befectos secundarios\b|\bprevenir\b"
)
_PAPERWORK: Final = re.compile(
    r"\b(?:how much|costs?|price|bills?|billed|billing|charge[ds]?|invoice|copay|claims?|coverage|covers?|covered|insurance"
    r"|clinic|center|centre|program|class|classes|course|support group|brochure|pamphlet|information (?:on|about)|screening"
    r"|article|tv|the news|movie|read about|heard about|research|study|form|forms|paperwork|certificate|records?|report"
    r"|cuanto cuesta|cuanto vale|factura|cobro|cobraron|clinica|programa|seguro|cubre|folleto|clases?|grupo de apoyo|estudio"
    r"|formulario|informacion sobre|expediente)\b"
)
_REMEDY_BEFORE: Final = re.compile(
    r"\b(?:medicines?|medication|meds|pills?|refill|prescription|doctor for|specialist|medicinas?|medicamentos?|pastillas?"
    r"|receta|clinica|especialista|clase|unidad)(?: \w+)? (?:for|of|de|para|on|about|en)(?: (?:my|the|his|her|las|los|el|la|mi|su))? $"
)
_REMEDY_AFTER: Final = re.compile(
    r" (?:clinic|center|centre|unit|rehab\w*|therapy|program|specialist|medication|medicine|meds|pills?|prescription|team|nurse|class|classes"
    r"|prevention|awareness|training|bill|visit|protocol|kit|study|survivors?|screening|group|hotline number|seminar|course"
    r"|action plan|form|paperwork|guidelines)\b(?!.*\bnot (?:help|work|do))"
)
_HAPPENING: Final = re.compile(
    r"\b(?:is|are|am|hurts?|hurting|feels?|not|keeps?|\w+ing|duele|puedo|puede|esta|estoy|siento|tengo)\b"
)
_EXPERIENCE: Final = re.compile(
    r"\b(?:have|has|having|got|feel|feels|feeling|getting|experiencing|with|think|tengo|tiene|siento|siente|con|(?:it|this|that) is|creo que es)"
    r"(?: (?:a|an|the|some|really|very|bad|severe|this|these|like|i|am|having|he|she|is|it|terrible|sharp|un|una|mucho|muy|fuerte))*"
    r" $"
)


def is_in_force(
    normal: str, spans: Sequence[tuple[int, int]], start: int, end: int, *, background: bool = False
) -> bool:
    """Return whether the words at `start:end` of a normalised utterance are said of the present.

    `spans` are the clauses of the utterance (`utterance.clauses`). A `background` (surgery, a medicine) may also be
    history. Doubt is resolved upward: True.
    """
    sentence = _sentence_before(normal, start)
    first, last = _clause_of(spans, start, end)
    clause = normal[spans[first][0] : spans[last][1]]
    following = normal[spans[last][1] :]
    mention = normal[start:end]
    if _is_denied(normal, sentence, start, end):
        return False
    if not background and _is_history(clause, sentence, following, normal[spans[first][0] : start]):
        return False
    return not _is_idle_talk(clause, sentence, mention, following=normal[end:])


def _sentence_before(normal: str, start: int) -> str:
    return re.split(r" [.!?;] ", normal[:start])[-1]


def _clause_of(spans: Sequence[tuple[int, int]], start: int, end: int) -> tuple[int, int]:
    touched = [index for index, (begin, stop) in enumerate(spans) if begin < end and stop > start]
    return touched[0], touched[-1]


def _is_denied(normal: str, sentence: str, start: int, end: int) -> bool:
    if _ANSWERED_NO.match(normal, end):
        return True
    if _OWN_DENIAL.search(normal[start:end]):  # "can't breathe" denies breathing, not the trouble
        return False
    denial = _DENIED.search(sentence)
    if denial is None:
        return False
    after = " ".join(normal[end:].split()[:6])
    return "," not in denial.group() or bool(_LIST.search(f"{denial.group()} {after}"))


def _is_history(clause: str, sentence: str, following: str, before: str) -> bool:
    long_ago = _LONG_AGO.search(clause) or _ONCE.search(sentence) or _AFTERMATH.search(before)
    lately = _LATELY.search(clause) and _PAST.search(clause)
    if _ONGOING.search(before) and not _AFTERMATH.search(before):
        return False
    if not (long_ago or lately):
        return False
    return not (_NOW.search(clause) or _NOW_AFTER.search(following))


def _is_idle_talk(clause: str, sentence: str, mention: str, *, following: str) -> bool:
    if _SUPPOSED.search(f"{sentence}{mention}") and not _NOW_AFTER.search(following):
        return True
    if _HAPPENING.search(mention):
        return False
    if _REMEDY_AFTER.match(following) or _REMEDY_BEFORE.search(sentence):
        return not _NOW.search(clause)
    return bool(_PAPERWORK.search(clause)) and not _EXPERIENCE.search(sentence)
