from datetime import time

import pytest

from ivr.speech import REQUIRED, answer_by_s, load_prompts, spoken_time
from schemas.dialog import Gather, HangUp, Play, Say
from schemas.errors import ConfigurationError

FULL = dict.fromkeys(REQUIRED, "text")


@pytest.mark.parametrize(
    ("at", "english", "spanish"),
    [
        (time(0), "midnight", "las 12 de la noche"),
        (time(0, 30), "12:30 a.m.", "las 12 y media de la noche"),
        (time(1), "1 a.m.", "la 1 de la madrugada"),
        (time(8), "8 a.m.", "las 8 de la mañana"),
        (time(12), "noon", "las 12 del mediodía"),
        (time(12, 15), "12:15 p.m.", "las 12 y cuarto de la tarde"),
        (time(13), "1 p.m.", "la 1 de la tarde"),
        (time(17, 5), "5:05 p.m.", "las 5 y 5 de la tarde"),
        (time(20), "8 p.m.", "las 8 de la noche"),
    ],
)
def test_times_are_said_as_people_say_them(at, english, spanish) -> None:
    assert spoken_time(at, "en") == english
    assert spoken_time(at, "es") == spanish


def test_an_unknown_language_speaks_the_first() -> None:
    prompts = load_prompts({"en": FULL})
    assert prompts.text("greeting", "fr") == "text"


@pytest.mark.parametrize(
    ("documents", "part"),
    [
        ({}, "texts"),
        ({"en": {**FULL, "greeting": 3}}, "is no text"),
        ({"en": {name: "x" for name in REQUIRED if name != "goodbye"}}, "'goodbye' is missing in 'en'"),
        ({"en": FULL, "es": {**FULL, "greeting": "{name}"}}, "fills in other places"),
        ({"en": {**FULL, "more": "x"}, "es": FULL}, "'more' is missing in 'es'"),
    ],
)
def test_broken_prompts_are_named(documents, part) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_prompts(documents)
    assert part in caught.value.problem


def test_a_prompt_that_only_another_language_has_is_no_error() -> None:
    prompts = load_prompts({"en": FULL, "es": {**FULL, "extra": "{x}"}}, used=["greeting"])
    assert prompts.text("extra", "es", x=1) == "1"


def test_a_prompt_that_the_flow_speaks_must_be_there() -> None:
    with pytest.raises(ConfigurationError, match="my_menu"):
        load_prompts({"en": FULL}, used=["my_menu"])


def test_our_prompts_fit_together(prompts) -> None:
    assert set(prompts.texts["en"]) == set(prompts.texts["es"])
    assert all(len(text) < 400 for table in prompts.texts.values() for text in table.values())


def test_the_next_turn_is_due_after_all_that_is_said() -> None:
    short = answer_by_s((Gather(prompts=(Say(text="a"),), timeout_s=5),))
    assert short > 25
    assert answer_by_s((Gather(prompts=(Say(text="a" * 400),), timeout_s=5),)) > short + 30
    assert answer_by_s((Play(sound="hold_music"), HangUp())) > 60
