"""What simulated callers say, by intent and language. All of it is made up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Need:
    """Why people call, how often (a weight), and how they put it."""

    intent: str
    weight: float
    says: Mapping[str, tuple[str, ...]] = field(repr=False)
    menu: tuple[str, ...] = ()  # words by which a menu names it
    red_flag: bool = False
    self_service: bool = False


NEEDS: Final = (
    Need(
        "refill.request",
        24,
        {
            "en": (
                "I need a refill of my blood pressure pills",
                "can you renew my prescription please",
                "I'm running low on my allergy medicine, I'd like a refill",
                "prescription refill",
            ),
            "es": ("necesito resurtir mi receta", "quiero renovar mi receta de la presión"),
        },
        menu=("refill", "prescription", "receta"),
    ),
    Need(
        "appointment.book",
        22,
        {
            "en": (
                "I'd like to make an appointment",
                "I want to book a visit with my doctor",
                "can I schedule an appointment for next week",
                "the first available appointment please",
            ),
            "es": ("quiero hacer una cita", "necesito una cita con el doctor"),
        },
        menu=("appointment", "visit", "cita"),
    ),
    Need(
        "appointment.change",
        8,
        {
            "en": ("I have to move my appointment", "can we reschedule my appointment to another day"),
            "es": ("tengo que cambiar mi cita", "quiero mover mi cita a otro día"),
        },
        menu=("appointment", "visit", "cita"),
    ),
    Need(
        "billing.question",
        13,
        {
            "en": (
                "I have a question about my bill",
                "I don't understand the charge on my bill",
                "why did I get a bill for the lab",
            ),
            "es": ("tengo una pregunta sobre mi factura", "no entiendo el cobro de mi factura"),
        },
        menu=("bill", "factura", "pago"),
    ),
    Need(
        "facility.info",
        13,
        {
            "en": (
                "what are your hours",
                "when are you open on Saturday",
                "what is your address",
                "how do I get there",
            ),
            "es": ("cuál es su horario", "cuál es la dirección"),
        },
        menu=("hours", "horario"),
        self_service=True,
    ),
    Need(
        "triage.symptom",
        9,
        {
            "en": (
                "I've had a sore throat for two days and want to talk to a nurse",
                "my son has an earache",
                "I have a rash on my arm and want to ask a nurse",
            ),
            "es": ("me duele la garganta y quiero hablar con una enfermera", "mi hija tiene dolor de oído"),
        },
        menu=("nurse", "symptom", "enfermera", "síntoma"),
    ),
    Need(
        "triage.symptom",
        3,
        {
            "en": (
                "I have chest pain",
                "my husband has trouble breathing",
                "my chest hurts and my arm is numb",
                "she fainted and I can't wake her up",
            ),
            "es": ("tengo dolor en el pecho", "mi mamá no puede respirar"),
        },
        menu=("nurse", "symptom", "enfermera", "síntoma"),
        red_flag=True,
    ),
    Need(
        "agent.request",
        5,
        {
            "en": ("agent", "I want to talk to a person", "operator"),
            "es": ("quiero hablar con una persona", "operadora"),
        },
        menu=("person", "operator", "persona"),
    ),
    Need(
        "out_of_scope",
        3,
        {"en": ("is this the pizza place", "umm the thing with the thing"), "es": ("es la pizzería",)},
    ),
)

WORSE: Final = {"en": "it is getting worse, now I have chest pain", "es": "está peor, me duele el pecho"}
GOODBYE: Final = {"en": "no thank you, goodbye", "es": "no gracias, adiós"}
