from ivr.dialog import safe_instructions, unknown_number


def texts(instructions) -> list[str]:
    return [part.text for item in instructions for part in getattr(item, "prompts", (item,)) if part.kind == "say"]


def test_the_notice_and_then_the_fallback_number(tenant) -> None:
    instructions = safe_instructions(tenant)
    assert texts(instructions)[:2] == ["NOTICE", "AVISO"]
    assert (instructions[-1].kind, instructions[-1].number) == ("dial", "+15005550199")


def test_without_a_number_the_caller_holds_and_is_heard(make_tenant) -> None:
    tenant = make_tenant(languages=["en"], emergency={"notice": {"en": "NOTICE"}, "queue": "nurse"})
    (gather,) = safe_instructions(tenant)
    assert texts((gather,))[0] == "NOTICE"
    assert (gather.kind, gather.prompts[-1].kind) == ("gather", "play")


def test_without_a_tenant_there_are_words_all_the_same() -> None:
    (gather,) = safe_instructions(None)
    assert len(texts((gather,))) == 4
    assert "9 1 1" in texts((gather,))[0]


def test_a_number_that_nobody_has_is_refused_politely() -> None:
    instructions = unknown_number()
    assert instructions[-1].kind == "hang_up"
    assert all("9 1 1" in text for text in texts(instructions))
