import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.utterance import clauses, normalise


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I can't breathe!", "i can not breathe !"),
        ("I cant, I won't, it doesn\u2019t", "i can not , i will not , it does not"),
        ("She's 3 weeks old; it isnt good.", "she is 3 weeks old ; it is not good ."),
        ("Mañana, ¿está bien?", "manana , esta bien ?"),
        ("one hundred and three", "103"),
        ("a hundred three point five", "103.5"),
        ("one oh three", "103"),
        ("once a day", "once a day"),
        ("twenty", "20"),
        ("zero hundred", "0 hundred"),
        ("ninety eight point six", "98.6"),
        ("cuatrocientos cincuenta", "450"),
        ("treinta y nueve", "39"),
        ("ciento dos", "102"),
        ("one two three", "1 2 3"),
        ("twenty fifteen", "20 15"),
        ("one and two", "1 and 2"),
        ("two hundred and", "200 and"),
        ("thirty hundred", "30 hundred"),
        ("dos cientos y tengo", "2 cientos y tengo"),
        ("hundred people", "hundred people"),
        ("tres cien", "3 100"),
        ("39,5 or 103.2. Done", "39.5 or 103.2 . done"),
        ("call 9-1-1 now", "call 911 now"),
        ("", ""),
    ],
)
def test_one_spelling(text, words) -> None:
    assert normalise(text) == words


def spoken(text: str) -> list[str]:
    normal = normalise(text)
    return [normal[start:end].strip() for start, end in clauses(normal)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("I had a stroke in 2015 I need my refill", ["i had a stroke in 2015", "i need my refill"]),
        ("I have a fever, but my chest is fine", ["i have a fever", "my chest is fine"]),
        ("my arm hurts and I feel sick", ["my arm hurts", "i feel sick"]),
        ("I think I am sick", ["i think i am sick"]),
        ("", []),
    ],
)
def test_clauses(text, parts) -> None:
    assert [part for part in spoken(text) if part] == parts


@given(st.text(max_size=300))
def test_any_text_has_words_and_clauses_in_order(text) -> None:
    normal = normalise(text)
    assert "  " not in normal
    spans = clauses(normal)
    assert spans == sorted(spans)
    assert all(0 <= start < end <= len(normal) for start, end in spans)
