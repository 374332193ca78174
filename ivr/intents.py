"""What the caller wants, by rule: keywords to the closed set of intents, English and Spanish together.

These rules answer until a model does and whenever it cannot. A model's answer is combined with theirs: it may name the
intent and raise the urgency, and it never lowers what the rules say.
"""

# ruff: noqa: E501 - a pattern is easier to read and to compare on one line

import re
from typing import Final

from ivr.context import is_in_force
from ivr.emergency import EMERGENCY_WORD, flags_of, urgency_of
from ivr.utterance import clauses, normalise
from schemas.dialog import Understood
from schemas.routing import Urgency

CONFIDENCE_MIN: Final = 0.5  # below it the dialog asks again
SAID_PLAINLY: Final = 0.9
NOT_UNDERSTOOD: Final = "out_of_scope"
INTENTS: Final = frozenset(
    (
        "appointment.book", "appointment.change", "appointment.cancel", "appointment.check", "refill.request",
        "refill.status", "results.request", "billing.pay", "billing.question", "billing.plan", "billing.dispute",
        "insurance.verify", "insurance.prior_auth", "referral.request", "triage.symptom", "medication.question",
        "records.request", "provider.message", "facility.info", "complaint", "agent.request", "out_of_scope",
    )
)  # fmt: skip

_VISIT: Final = r"(?:appointment|appt|visit|check ?up|physical|cita|consulta|follow up)s?"
_MEDICINE: Final = r"(?:prescriptions?|medicines?|medications?|meds|pills?|inhaler|refills?|receta|medicinas?|medicamentos?|pastillas?|resurtido)"
_BILL: Final = r"(?:bills?|balance|invoice|statement|factura|cuenta|saldo)"

_KEYWORDS: Final[tuple[tuple[str, str], ...]] = (
    ("appointment.cancel", rf"cancel\w*(?: \w+){{0,4}} {_VISIT}|{_VISIT}(?: \w+){{0,3}} cancel\w*|can not (?:make|come to)(?: \w+){{0,2}} {_VISIT}"),
    ("appointment.change", rf"(?:reschedul\w*|move|change|push back|cambiar|mover|reprogramar|posponer)(?: \w+){{0,4}} {_VISIT}|reschedul\w*|reprogramar|(?:another|different|earlier|later) (?:day|time)(?: \w+){{0,3}} {_VISIT}"),
    ("appointment.check", rf"(?:when|what time|where|confirm\w*|check|verify|a que hora|cuando|confirmar)(?: \w+){{0,4}} {_VISIT}|do i have an? {_VISIT}|prepare for(?: \w+){{0,3}} {_VISIT}"),
    ("appointment.book", rf"(?:book|make|schedul\w*|get|need|set up|want|would like|like|hacer|sacar|agendar|programar|necesito|quiero|pedir)(?: \w+){{0,5}} {_VISIT}|(?:see|be seen by) (?:a|the|my|dr) ?\w*|ver (?:al?|un|una) (?:doctora?|medico)|waiting list|{_VISIT}|come in|new patient|lista de espera"),
    ("refill.status", r"(?:status|ready|sent|approved|called in|check on|lista?|aprobad\w+)(?: \w+){0,5} (?:refill|prescription|receta|resurtido)|(?:refill|prescription|receta|medicina)(?: \w+){0,5} (?:ready|sent|approved|status|called in|lista?|aprobad\w+|enviad\w+)"),
    ("refill.request", rf"refill\w*|renew\w*(?: \w+){{0,4}} {_MEDICINE}|(?:out of|more|need|ran out of|running low on|mas|necesito|acabo|acabaron|acabando|resurtir|renovar)(?: \w+){{0,4}} (?:{_MEDICINE}|insulina?)|(?:change|new|different) (?:\w+ )?pharmacy|resurt\w+|surtir|cambiar de farmacia"),
    ("results.request", r"(?:test|lab|blood(?: work)?|biopsy|xray|mri|scan|ct|imaging|pathology|my|the) results?|results? (?:of|from|for)|resultados?"),
    ("billing.plan", r"payment plan|financial (?:assistance|aid|help)|can not (?:pay|afford)(?: \w+){0,4}|pay(?:ments)?(?: \w+){0,4} (?:installments|over time|monthly)|plan de pagos?|ayuda financiera|no puedo pagar|a plazos"),
    ("billing.dispute", rf"(?:dispute|contest|wrong|incorrect|overcharged|double charged|charged twice|collections?|mistake|error|disputar|reclamar|incorrect\w+|equivocad\w+|cobranza)(?: \w+){{0,5}} (?:{_BILL}|charges?|notice|agency|cobros?|cargos?)|(?:{_BILL}|charges?|cobro)(?: \w+){{0,4}} (?:wrong|incorrect|mistake|error|not right|incorrect\w+|equivocad\w+)|overcharged|charged (?:me )?twice|in collections|collections agency"),
    ("billing.pay", rf"(?:pay|paying|make a payment|pagar|hacer un pago)(?: \w+){{0,3}} {_BILL}|(?:make|making) a payment|pay (?:it|now|online|by)|hacer un pago|pagar"),
    ("billing.question", rf"{_BILL}|billing|charged?|charges|explanation of benefits|owe|how much (?:do|did|is|does|would|will)|costs?|cobro|cobraron|cargo|facturacion|debo|cuanto cuesta"),
    ("insurance.prior_auth", r"prior auth\w*|pre ?auth\w*|authoriz\w+|authoris\w+|autorizacion"),
    ("insurance.verify", r"insurance|coverage|covered|copay|in network|out of network|deductible|eligib\w+|medicaid|medicare|seguro|copago|cobertura|aseguranza"),
    ("referral.request", r"referral|refer me|referred|referencia|referido|derivacion"),
    ("medication.question", r"side effects?|interact\w*|(?:can|should|is it (?:ok|okay|safe)) (?:i|to|for me to) (?:\w+ )?take|missed (?:\w+ ){0,3}(?:dose|pill)|double dose|took (?:2|two|a double)(?: \w+)? (?:doses?|pills?)|how (?:do i|should i|many|much|often)(?: \w+){0,3} take|with food|efectos secundarios|puedo tomar|dosis|como (?:me )?(?:lo |la )?tomo|tomar (?:\w+ )?con"),
    ("records.request", r"medical records|my records|records|copy of|immuni[sz]ation|vaccin\w+ (?:record|card|proof)|forms?|doctor'?s? note|letter|fmla|paperwork|expediente|historial medico|formulario|carta|comprobante|cartilla"),
    ("provider.message", r"(?:leave|send|give|return\w*)(?: \w+){0,3} (?:message|call)|(?:talk|speak) (?:to|with) (?:dr|doctor|my doctor|the doctor|my nurse)|call me back|called me|returning|(?:dejar|mandar)(?: \w+){0,2} mensaje|(?:hablar) con (?:el|la|mi) (?:doctora?|dr)"),
    ("facility.info", r"(?:what|your|office|opening|business|the) hours|^hours|hours please|(?:are|is|when|what time|until|how late)(?: \w+){0,4} (?:open|close|closed|closing)|open (?:on|today|tomorrow|now|late|until)|address|located|location|directions?|where are you|how do i get (?:there|to)|parking|fax|horarios?|abiert[oa]s?|abren|cierran|direccion|ubicacion|donde (?:estan|esta|quedan|queda)|como llego|estacionamiento|a que hora (?:abren|cierran)"),
    ("complaint", r"complain\w*|complaint|unacceptable|rude|terrible service|file a grievance|queja|quejarme|grosero|grosera"),
    ("agent.request", r"agent|representative|operator|(?:real |live )?(?:person|human|someone|somebody)|(?:talk|speak) (?:to|with)|front desk|receptionist|agente|operadora?|representante|(?:una )?persona|alguien|recepcion(?:ista)?"),
)  # fmt: skip
_SYMPTOM: Final = re.compile(
    r"\b(?:\w+ache|hurts?|hurting|pains?|painful|sore|fever|cough\w*|rash|dizz\w+|nause\w+|vomit\w*|throwing up|diarrhea"
    r"|constipat\w+|swell\w*|swollen|bleed\w*|itch\w*|burning|numb\w*|tingling|congest\w+|flu|sick|cold symptoms|chills"
    r"|infect\w+|injur\w+|sprain\w*|broke my|fell|bite|bitten|burn(?:ed|t)|cut my|wound|lump|tired all|fatigue|anxi\w+"
    r"|depress\w+|panic|symptoms?|weak|palpitations|heart (?:is )?racing|exposed to|wheez\w+|feel(?:ing)? (?:bad|awful|ill"
    r"|terrible|unwell)|not feel(?:ing)? (?:well|good|right)|blood (?:sugar|pressure) is"
    r"|dolor(?:es)?|duelen?|fiebre|calentura|tos|tosiendo|ronchas|sarpullido|mare\w+|nauseas|vomit\w+|diarrea|hinch\w+|sangr\w+"
    r"|comezon|gripe|enferm[oa]|herida|me cai|se cayo|ansiedad|deprim\w+|debil|no me siento bien|me siento mal|sintomas?)\b"
)
_FOR_A_VISIT: Final = re.compile(
    r"\b(?:for|about|regarding|por|para)(?: (?:my|a|the|his|her|some|mi|el|la|un))?(?: \w+)? $"
)
_NURSE: Final = re.compile(r"\b(?:nurse|enfermera?|triage)\b")
_WORSE: Final = re.compile(
    r"(?<!not getting )(?<!not )(?<!no better or )\b(?:(?:gets?|getting|got|feels?|feeling|felt|much|lot|becoming|even|is|am) (?:(?!not )\w+ ){0,2}worse|worse(?: now| than)?"
    r"|worsening|(?<!no )empeor\w+|peor(?:ando)?)\b"
)
_PRESSING: Final = re.compile(
    r"\b(?:severe|really bad|very bad|so bad|terrible|unbearable|right away|right now|urgent|urgently|asap|as soon as possible|can not wait"
    r"|fuerte|insoportable|urgente|urgentemente|cuanto antes|chemo\w* (?:tomorrow|today))\b"
)
_COMPILED: Final = tuple((intent, re.compile(rf"\b(?:{pattern})(?!\w)")) for intent, pattern in _KEYWORDS)
_CLINICAL: Final = ("triage.symptom", "medication.question")
_VAGUE: Final = ("agent.request", "provider.message")


def understand(text: str) -> Understood:
    """Return what the rules make of an utterance. Confidence is 0 when they make nothing of it."""
    normal = normalise(text)
    wanted = _wanted(normal)
    flags = flags_of(normal)
    if flags == (EMERGENCY_WORD,) and wanted not in (None, *_CLINICAL, *_VAGUE):
        flags = ()  # "it's an emergency, my bill is wrong"
    intent = _primary(wanted, flags)
    urgency = urgency_of(flags)
    if is_worse(normal) or (intent in _CLINICAL and _PRESSING.search(normal)):
        urgency = min(urgency, Urgency.URGENT)
    return Understood(
        intent=intent or NOT_UNDERSTOOD, confidence=SAID_PLAINLY if intent else 0.0, urgency=urgency, red_flags=flags
    )


def is_worse(normal: str) -> bool:
    """Return whether a normalised utterance says that something is getting worse."""
    return _WORSE.search(normal) is not None


def _primary(wanted: str | None, flags: tuple[str, ...]) -> str | None:
    """Clinical need goes before everything else; a missed or missing medicine keeps its own name."""
    if not flags:
        return wanted
    about_medicine = set(flags) <= {"missed_critical_dose", "rash_new_medicine"}
    if about_medicine and wanted in {"medication.question", "refill.request"}:
        return wanted
    return "triage.symptom"


def _wanted(normal: str) -> str | None:
    named = _named(normal)
    if named != "medication.question" and _tells_a_symptom(normal, named):
        return "triage.symptom"
    if named in (None, *_VAGUE) and _NURSE.search(normal):
        return "triage.symptom"
    return named


def _named(normal: str) -> str | None:
    """Return what is asked for first; of one family ("I want to ... change my appointment") what stands first above."""
    found = {intent: match.start() for intent, pattern in _COMPILED if (match := pattern.search(normal))}
    if not found:
        return None
    first = min(found, key=lambda intent: (_weight(intent), found[intent]))
    return next(intent for intent in found if intent.split(".")[0] == first.split(".")[0])


def _weight(intent: str) -> int:
    """Return 0 for a question about a medicine, 2 for what is only a way of asking, 1 for everything else."""
    return 0 if intent == "medication.question" else 2 if intent in _VAGUE else 1


def _tells_a_symptom(normal: str, named: str | None) -> bool:
    spans = clauses(normal)
    for found in _SYMPTOM.finditer(normal):
        only_the_topic = named is not None and _FOR_A_VISIT.search(normal[: found.start()])
        if not only_the_topic and is_in_force(normal, spans, found.start(), found.end()):
            return True
    return False


def combined(rules: Understood, model: Understood | None) -> Understood:
    """Return the rules' and a model's reading in one: urgency and flags of either, the intent of the surer.

    A request for a person, and a clinical need that the rules found, stand whatever the model thinks.
    """
    if model is None:
        return rules
    flags = tuple(dict.fromkeys((*rules.red_flags, *model.red_flags)))
    urgency = min(rules.urgency, model.urgency, urgency_of(flags))
    if urgency is Urgency.EMERGENT or (model.red_flags and not rules.red_flags):
        intent, confidence = "triage.symptom", max(rules.confidence, model.confidence)
    elif _stands(rules) or model.intent not in INTENTS or model.confidence < CONFIDENCE_MIN:
        intent, confidence = rules.intent, rules.confidence
    else:
        intent, confidence = model.intent, model.confidence
    return Understood(intent=intent, confidence=confidence, urgency=urgency, red_flags=flags, source=model.source)


def _stands(rules: Understood) -> bool:
    return rules.intent in {"agent.request", *_CLINICAL}
