"""Red flags, by a table of what callers say. Every flag and every rule of the label guide has rows here.

Each row is one utterance and the flags that it must raise: all of them and no other of its level or above.
"""

import re

import pytest

from ivr import flags
from ivr.emergency import red_flags, urgency_of
from schemas.routing import Urgency

PRESENT = [
    # chest pain or pressure
    ("my chest hurts", "chest_pain"),
    ("I have chest pain", "chest_pain"),
    ("I'm having really bad chest pains and I'm sweating", "chest_pain"),
    ("there's a pressure in my chest", "chest_pain"),
    ("it feels like an elephant sitting on my chest", "chest_pain"),
    ("my chest feels very tight", "chest_pain"),
    ("I think I'm having a heart attack", "chest_pain"),
    ("I'd like to book an appointment because I have chest pain", "chest_pain"),
    ("refill please and also my chest hurts", "chest_pain"),
    ("I need a refill of my nitroglycerin because I'm having chest pain", "chest_pain"),
    ("me duele el pecho", "chest_pain"),
    ("tengo dolor de pecho", "chest_pain"),
    ("mi esposo tiene una presión muy fuerte en el pecho", "chest_pain"),
    ("creo que es un infarto", "chest_pain"),
    # trouble breathing, choking, blue lips
    ("I can't breathe", "breathing"),
    ("i cant breathe", "breathing"),
    ("she can not catch her breath", "breathing"),
    ("my son is having trouble breathing", "breathing"),
    ("shortness of breath since this morning", "breathing"),
    ("he was found face down in the pool", "breathing"),
    ("my baby is choking", "breathing"),
    ("his lips are turning blue", "breathing"),
    ("I don't think he is breathing", "breathing"),
    ("he's not breathing", "breathing"),
    ("no puedo respirar", "breathing"),
    ("no, no puedo respirar bien", "breathing"),
    ("le falta el aire a mi mamá", "breathing"),
    ("mi bebé se está ahogando", "breathing"),
    ("tiene los labios morados", "breathing"),
    # signs of stroke
    ("my husband can't move his arm", "stroke"),
    ("her face is drooping on one side", "stroke"),
    ("my mother's speech is slurred", "stroke"),
    ("he's slurring his words", "stroke"),
    ("my dad is suddenly confused", "stroke"),
    ("my grandmother is acting confused and her mouth is drooping", "stroke"),
    ("I suddenly lost vision in my left eye", "stroke"),
    ("this is the worst headache of my life", "stroke"),
    ("I think my wife is having a stroke", "stroke"),
    ("mi papá no puede mover el brazo", "stroke"),
    ("tiene la cara caída de un lado", "stroke"),
    ("creo que le está dando un derrame cerebral", "stroke"),
    ("es el peor dolor de cabeza de mi vida", "stroke"),
    # unconscious, cannot be woken
    ("he passed out", "unconscious"),
    ("I feel like I'm going to pass out", "unconscious"),
    ("my wife collapsed and she's unresponsive", "unconscious"),
    ("I can't wake him up", "unconscious"),
    ("she won't wake up", "unconscious"),
    ("mi abuela se desmayó", "unconscious"),
    ("no despierta", "unconscious"),
    # seizure
    ("my daughter is having a seizure", "seizure"),
    ("he just had his first seizure", "seizure"),
    ("she is convulsing on the floor", "seizure"),
    ("mi hijo tuvo una convulsión", "seizure"),
    # heavy bleeding
    ("I'm bleeding heavily", "heavy_bleeding"),
    ("the bleeding won't stop", "heavy_bleeding"),
    ("I can't get it to stop bleeding", "heavy_bleeding"),
    ("he has been vomiting blood", "heavy_bleeding"),
    ("I coughed up some blood", "heavy_bleeding"),
    ("I have black stool and I feel dizzy", "heavy_bleeding"),
    ("his nose never stops bleeding", "heavy_bleeding"),
    ("there is so much blood", "heavy_bleeding"),
    ("está sangrando mucho", "heavy_bleeding"),
    ("no para de sangrar", "heavy_bleeding"),
    ("vomité sangre", "heavy_bleeding"),
    # allergic reaction with swelling or breathing trouble
    ("my throat is closing up", "allergic_reaction"),
    ("his tongue is swelling", "allergic_reaction"),
    ("she was stung by a bee and her face is swollen", "allergic_reaction"),
    ("I think it's anaphylaxis", "allergic_reaction"),
    ("se me hinchó la lengua", "allergic_reaction"),
    ("se me está cerrando la garganta", "allergic_reaction"),
    # suicide, harm, overdose, poisoning
    ("I want to kill myself", "suicide"),
    ("I don't want to live anymore", "suicide"),
    ("I'm thinking about suicide", "suicide"),
    ("my son says he wants to die", "suicide"),
    ("I feel like hurting myself", "suicide"),
    ("quiero morirme", "suicide"),
    ("no quiero vivir", "suicide"),
    ("mi hija se quiere matar, quiere quitarse la vida", "suicide"),
    ("I'm going to hurt someone", "harm_to_others"),
    ("quiero matar a mi vecino", "harm_to_others"),
    ("my friend overdosed", "poisoning"),
    ("my toddler swallowed a button battery", "poisoning"),
    ("she took a whole bottle of tylenol", "poisoning"),
    ("I think my dog food... my kid drank some bleach", "poisoning"),
    ("tomó demasiadas pastillas", "poisoning"),
    ("mi niño bebió cloro", "poisoning"),
    # head, neck, back injury; fall with blood thinner
    ("he fell down the stairs", "head_injury"),
    ("my mom hit her head", "head_injury"),
    ("we had a car accident and my neck hurts", "head_injury"),
    ("se golpeó la cabeza", "head_injury"),
    ("se cayó de la escalera", "head_injury"),
    ("my father fell and he takes warfarin", "fall_blood_thinner"),
    ("I'm on blood thinners and I just fell", "fall_blood_thinner"),
    ("mi mamá se cayó y toma anticoagulantes", "fall_blood_thinner"),
    # infant with fever
    ("my newborn has a fever", "infant_fever"),
    ("my 8 week old has a temperature of 101", "infant_fever"),
    ("she's two months old with a fever", "infant_fever"),
    ("mi bebé de 3 semanas tiene fiebre", "infant_fever"),
    ("el recién nacido tiene calentura", "infant_fever"),
    # pregnancy
    ("I'm pregnant and I'm bleeding", "pregnancy"),
    ("I'm 30 weeks pregnant and the baby hasn't moved since last night", "pregnancy"),
    ("I'm pregnant and I have a really severe headache and swollen feet", "pregnancy"),
    ("I'm pregnant with severe cramps", "pregnancy"),
    ("my water broke early", "pregnancy"),
    ("estoy embarazada y estoy sangrando", "pregnancy"),
    ("se me rompió la fuente", "pregnancy"),
    ("estoy embarazada y no siento al bebé", "pregnancy"),
    # sudden severe abdominal or testicular pain
    ("I have sudden severe stomach pain", "sudden_severe_pain"),
    ("my belly hurts so bad I am doubled over", "sudden_severe_pain"),
    ("my son has sudden testicular pain", "sudden_severe_pain"),
    ("tengo un dolor muy fuerte en el estómago", "sudden_severe_pain"),
    # sugar
    ("my blood sugar is 48", "blood_sugar"),
    ("his sugar is forty five", "blood_sugar"),
    ("her glucose is 2.5", "blood_sugar"),
    ("my sugar is 450 and I keep vomiting", "blood_sugar"),
    ("mi azúcar está en 50", "blood_sugar"),
    ("tiene el azúcar en 480 y está vomitando", "blood_sugar"),
    # sepsis, chemotherapy
    ("he has a fever and he is delirious", "sepsis"),
    ("fever and shaking chills", "sepsis"),
    ("I'm on chemo and I have a fever", "sepsis"),
    ("tengo fiebre y estoy en quimioterapia", "sepsis"),
    ("my fever is 102 and my skin looks mottled", "sepsis"),
    # limb
    ("my foot is cold and blue", "cold_limb"),
    ("my leg went numb", "cold_limb"),
    ("I can't feel my leg", "cold_limb"),
    ("tengo la mano fría y pálida", "cold_limb"),
    ("no siento la pierna", "cold_limb"),
    # shock, burn, chemical in the eye
    ("he got an electric shock", "burn_or_shock"),
    ("I got bleach in my eye", "burn_or_shock"),
    ("she has a large burn on her arm", "burn_or_shock"),
    ("le cayó cloro en los ojos", "burn_or_shock"),
    ("mi hijo se quemó toda la espalda", "burn_or_shock"),
    # violence
    ("my husband is hitting me", "violence"),
    ("my boyfriend threatened me and I'm scared", "violence"),
    ("I don't feel safe at home", "violence"),
    ("my brother has been stabbed", "violence"),
    ("mi esposo me está golpeando", "violence"),
    ("me va a matar", "violence"),
    # "emergency" said alone
    ("emergency", "emergency_said"),
    ("this is an emergency", "emergency_said"),
    ("I need an ambulance", "emergency_said"),
    ("es una emergencia", "emergency_said"),
    # urgent
    ("I have a fever of 104", "high_fever"),
    ("my temperature is one hundred and three point five", "high_fever"),
    ("I've had a fever for more than three days", "high_fever"),
    ("tengo fiebre de 40", "high_fever"),
    ("I can't keep anything down", "dehydration"),
    ("I think she is dehydrated", "dehydration"),
    ("no retiene nada", "dehydration"),
    ("it burns when I pee and I have chills", "urinary"),
    ("blood in my urine and my back hurts", "urinary"),
    ("me arde al orinar y tengo fiebre", "urinary"),
    ("my incision opened up", "wound"),
    ("the wound is red and it smells", "wound"),
    ("there's redness spreading up my arm", "wound"),
    ("la herida huele mal", "wound"),
    ("my calf is swollen", "calf_swelling"),
    ("I have new swelling in my left leg", "calf_swelling"),
    ("tengo la pantorrilla hinchada", "calf_swelling"),
    ("I'm having an asthma attack", "asthma"),
    ("I'm using my inhaler every two hours", "asthma"),
    ("uso el inhalador cada hora", "asthma"),
    ("my pain medicine isn't helping", "severe_pain"),
    ("I'm in severe pain", "severe_pain"),
    ("tengo un dolor insoportable en la rodilla", "severe_pain"),
    ("I got a rash after taking amoxicillin, the new medicine", "rash_new_medicine"),
    ("I started a new antibiotic and now there's a rash", "rash_new_medicine"),
    ("me salieron ronchas con el antibiótico, con la medicina nueva", "rash_new_medicine"),
    ("I missed my insulin this morning", "missed_critical_dose"),
    ("I forgot to take my blood thinner", "missed_critical_dose"),
    ("I'm out of insulin", "missed_critical_dose"),
    ("I didn't take my seizure medicine", "missed_critical_dose"),
    ("se me acabó la insulina", "missed_critical_dose"),
    ("I'm going through withdrawal", "withdrawal"),
    ("I stopped drinking and I'm shaking", "withdrawal"),
    ("tengo síndrome de abstinencia", "withdrawal"),
    ("I had surgery last week and now I have a fever", "post_operative"),
    ("there is drainage since my surgery", "post_operative"),
    ("me operaron y tengo fiebre", "post_operative"),
    ("my eye hurts", "eye"),
    ("I'm seeing new floaters", "eye"),
    ("me duelen los ojos", "eye"),
    ("my baby is listless", "child_listless"),
    ("my two year old won't drink anything, my son is refusing fluids", "child_listless"),
    ("mi hija no quiere tomar nada", "child_listless"),
    ("I was bitten by a dog", "exposure"),
    ("I found a tick on my leg", "exposure"),
    ("I had a needle stick at work", "exposure"),
    ("me mordió un perro", "exposure"),
]

DENIED = [
    "no chest pain",
    "I don't have chest pain",
    "I don't have any chest pain or trouble breathing",
    "he has no fever, chest pain, or shortness of breath",
    "she denies chest pain",
    "I have a cough without shortness of breath",
    "I'm not having chest pain",
    "I don't think it's a heart attack",
    "I'm not suicidal",
    "there's no blood in my vomit",
    "never had a seizure",
    "it is not an emergency",
    "chest pain? no",
    "no tengo dolor de pecho",
    "no me duele el pecho",
    "tengo tos sin dolor de pecho",
    "no es una emergencia",
    "no creo que sea un infarto",
    "I haven't missed my insulin",
    "not dehydrated",
]

HISTORY = [
    "I had a heart attack in 2015, I need my refill",
    "I had a heart attack in 2015 and I need my refill today",
    "I had a stroke two years ago and I need a follow up",
    "he had chest pain last year",
    "I have a history of seizures and a heart attack",
    "when I was a kid I had a seizure",
    "my father died of a stroke",
    "I'm a stroke survivor",
    "I was bitten by a dog three weeks ago and need my records",
    "tuve un infarto hace diez años",
    "tuve un derrame en 2018, necesito mi receta",
    "I used to have chest pain",
    "I need therapy after my stroke",
]

IDLE = [
    "what does an ER visit cost",
    "I want to be seen at the stroke clinic",
    "how much is the copay for a chest pain visit",
    "I have a question about the bill for my seizure",
    "I need a refill of my seizure medication",
    "do you have a class about heart attack prevention",
    "can this medicine cause chest pain",
    "what should I do if my son ever has a seizure",
    "what are the symptoms of a stroke",
    "does my insurance cover emergency room visits",
    "is chest pain covered by my insurance",
    "I need stroke rehab",
    "I need to update my emergency contact",
    "I want to get my blood work done, a lot of blood tests",
    "where do I get my flu shot, I got shot records from school",
    "I'm confused about my bill",
    "I have poison ivy",
    "necesito una cita en la clínica de derrames",
    "cuánto cuesta una visita por infarto",
    "cuáles son los síntomas de un derrame",
    "I was in the emergency room for my bill",
    "the suicide prevention hotline number please",
]

NOTHING = [
    "I'd like to make an appointment",
    "can I get a refill of lisinopril",
    "what are your hours",
    "I can't talk right now",
    "I can't wake up early, is there an afternoon appointment",
    "my sugar has been high for 2 weeks",
    "my blood sugar is 145",
    "my hands are cold in winter",
    "my phone is dying",
    "I need my blood pressure medicine",
    "they never respond to my calls, they are not responding to my messages",
    "the withdrawal from my account was wrong",
    "I lost my discharge papers from the surgery",
    "quiero una cita",
    "la enfermera no responde el teléfono",
    "I'm so angry with your billing department",
    "",
]

STILL = [
    ("I had a heart attack in 2015 and it feels the same now", "chest_pain"),
    ("I had chest pain last week and it's back", "chest_pain"),
    ("I had a stroke two years ago my face is drooping", "stroke"),
    ("I don't know what to do my husband can't breathe", "breathing"),
    ("I don't have a fever but I have chest pain", "chest_pain"),
    ("no, my chest hurts", "chest_pain"),
    ("I'm not sure but I think it's a stroke", "stroke"),
    ("no fever and chest pain", "chest_pain"),
    ("I'm having chest pain does my insurance cover the ER", "chest_pain"),
    ("my chest pain medicine is not helping", "chest_pain"),
    ("my neighbor is unconscious", "unconscious"),
    ("no me siento bien, me duele el pecho", "chest_pain"),
    ("chest pain since my surgery last week", "chest_pain"),
    ("he's seventy, history of seizures, and he is having a seizure now", "seizure"),
    ("can this medicine cause chest pain? I have it now", "chest_pain"),
    ("I can't stop the bleeding", "heavy_bleeding"),
    ("I have no one to help me and I can't breathe", "breathing"),
]


@pytest.mark.parametrize(("said", "flag"), PRESENT + STILL)
def test_a_flag_that_is_present_is_raised(said: str, flag: str) -> None:
    assert flag in red_flags(said)


@pytest.mark.parametrize("said", [*DENIED, *HISTORY, *IDLE, *NOTHING])
def test_a_mention_that_is_not_in_force_raises_nothing(said: str) -> None:
    assert red_flags(said) == ()


def test_every_flag_has_rows_in_both_languages() -> None:
    rows = {flag: [said for said, name in PRESENT if name == flag] for flag in flags.LEVELS}
    assert all(len(said) >= 2 for said in rows.values())
    assert len(PRESENT) + len(STILL) + len(DENIED) + len(HISTORY) + len(IDLE) + len(NOTHING) >= 150


def test_every_rule_names_a_flag_and_the_two_languages_agree() -> None:
    assert {rule.flag for rule in flags.RULES} == set(flags.LEVELS)
    assert set(flags.EMERGENT_ES) == set(flags.EMERGENT_EN)
    assert set(flags.URGENT_ES) == set(flags.URGENT_EN)


def test_patterns_hold_no_accent_and_no_capital_since_words_are_normalised() -> None:
    for rule in flags.RULES:
        for part in rule.parts:
            assert re.sub(r"\\[A-Z]", "", part.pattern).isascii()
            assert re.sub(r"\\[A-Z]", "", part.pattern) == re.sub(r"\\[A-Z]", "", part.pattern).lower()


def test_the_gravest_flag_comes_first() -> None:
    assert red_flags("my eye hurts and I have chest pain") == ("chest_pain", "eye")


def test_urgency_is_that_of_the_gravest_flag() -> None:
    assert urgency_of(()) is Urgency.ROUTINE
    assert urgency_of(("eye",)) is Urgency.URGENT
    assert urgency_of(("eye", "chest_pain")) is Urgency.EMERGENT


def test_a_flag_that_this_release_does_not_know_counts_as_emergent() -> None:
    assert urgency_of(("a_flag_of_a_newer_model",)) is Urgency.EMERGENT


def test_a_very_long_utterance_is_cut_and_answered() -> None:
    assert red_flags("my chest hurts " + "and then it goes on and on " * 400) == ("chest_pain",)
